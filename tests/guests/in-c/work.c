// Databases and jobs.

#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Databases ---------------------------------------------------------------------------------

// Ends the check at the first step that is not as it should be.
#define MUST(condition)                                             \
  if (!(condition))                                                 \
    return snow_text(500, snow_join(#condition, snow_sql_words()));

static bool is(const char *found, const char *expected) {
  return found && strcmp(found, expected) == 0;
}

static snow_outcome check_values(snow_database app) {
  snow_string three = {(const uint8_t *)"a\0b", 3};
  snow_rows rows;
  snow_statement given = SNOW_STATEMENT(
      "select $1 as a, $2 as b, $3 as c, $4 as d, $5 as e, $6 as f", snow_sql_null(),
      snow_sql_boolean(true), snow_sql_integer(-7), snow_sql_real(0.5), snow_sql_text("12"),
      snow_sql_blob(three));
  MUST(snow_database_query(app, given, &rows) == SNOW_OK);
  MUST(rows.row_count == 1 && rows.column_count == 6 && is(rows.columns[5], "f"));
  bool boolean = false;
  int64_t number = 0;
  double real = 0;
  MUST(snow_row_value(&rows, 0, "a").kind == SNOW_SQL_NULL && !snow_row_text(&rows, 0, "a"));
  MUST(snow_row_boolean(&rows, 0, "b", &boolean) && boolean);
  MUST(snow_row_integer(&rows, 0, "c", &number) && number == -7);
  MUST(snow_row_real(&rows, 0, "d", &real) && real == 0.5);
  MUST(is(snow_row_text(&rows, 0, "e"), "12") && snow_row_integer(&rows, 0, "e", &number));
  snow_sql_value bytes = snow_row_value(&rows, 0, "f");
  MUST(bytes.kind == SNOW_SQL_BLOB && bytes.bytes.len == 3 && !memcmp(bytes.bytes.ptr, "a\0b", 3));
  MUST(!snow_row_integer(&rows, 1, "c", &number) && !snow_row_integer(&rows, 0, "f", &number));
  return NULL;
}

static snow_outcome check_transactions(snow_database app) {
  snow_rows results[2], names;
  const char *insert = "insert into t (name) values ($1)";
  snow_statement both[] = {SNOW_STATEMENT(insert, snow_sql_text("a")),
                           SNOW_STATEMENT(insert, snow_sql_text("b"))};
  MUST(snow_database_transact(app, both, 2, results) == SNOW_OK);
  MUST(results[1].has_last_id && results[1].last_id == 3);
  snow_statement neither[] = {SNOW_STATEMENT(insert, snow_sql_text("c")), both[0]};
  MUST(snow_database_transact(app, neither, 2, results) == SNOW_DATABASE_ERROR);
  MUST(is(snow_sql_code(), "23505") && snow_sql_is_duplicate());
  snow_statement select = SNOW_STATEMENT("select name from t order by id");
  MUST(snow_database_query(app, select, &names) == SNOW_OK && names.row_count == 3);
  MUST(is(snow_row_text(&names, 2, "name"), "b"));
  return NULL;
}

snow_outcome work_sql(const snow_request *request) {
  (void)request;
  snow_database app, other;
  snow_dialect dialect;
  snow_rows rows;
  snow_pending pending;
  MUST(snow_database_open("app", &app) == SNOW_OK);
  MUST(snow_database_open("another", &other) == SNOW_DENIED);
  MUST(snow_database_query(other, SNOW_STATEMENT("select 1"), NULL) == SNOW_DENIED);
  MUST(snow_database_open("a\xff", &other) == SNOW_NOT_UTF8);
  MUST(snow_database_dialect(app, &dialect) == SNOW_OK && dialect == SNOW_SQLITE);
  const char *create = "create table t (id integer primary key, name text unique)";
  MUST(snow_database_query(app, SNOW_STATEMENT("drop table if exists t"), NULL) == SNOW_OK);
  MUST(snow_database_query(app, SNOW_STATEMENT(create), NULL) == SNOW_OK);
  snow_statement insert =
      SNOW_STATEMENT("insert into t (name) values ($1)", snow_sql_text("o'brien"));
  MUST(snow_database_query(app, insert, &rows) == SNOW_OK);
  MUST(rows.affected == 1 && rows.has_last_id && rows.last_id == 1 && rows.row_count == 0);
  SNOW_TRY(check_values(app));
  SNOW_TRY(check_transactions(app));
  MUST(snow_database_query(app, SNOW_STATEMENT("select \xff"), NULL) == SNOW_NOT_UTF8);
  MUST(snow_database_listen(app, "news", &pending) == SNOW_DATABASE_ERROR);
  MUST(is(snow_sql_code(), "0A000"));
  const char *many =
      "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n";
  MUST(snow_database_query(app, SNOW_STATEMENT(many), &rows) == SNOW_LIMIT && rows.row_count == 0);
  return snow_text(200, snow_sql_words());
}

// Carries out the statement in the content, and lets an error be the answer.
snow_outcome work_plain(const snow_request *request) {
  snow_database app;
  snow_rows rows;
  snow_statement sent = SNOW_STATEMENT(snow_cstring(snow_body(request)));
  if (snow_database_open("app", &app) != SNOW_OK ||
      snow_database_query(app, sent, &rows) != SNOW_OK)
    return snow_sql_answer();
  char text[24];
  snprintf(text, sizeof text, "%zu", rows.row_count);
  return snow_text(200, text);
}

// Is answered with the payload of the next notification.
snow_outcome work_listen(const snow_request *request) {
  (void)request;
  snow_database app;
  snow_pending pending;
  if (snow_database_open("app", &app) != SNOW_OK ||
      snow_database_listen(app, "news", &pending) != SNOW_OK)
    return snow_sql_answer();
  return snow_suspend(&pending, 1, (snow_suspension){0});
}

snow_outcome work_notify(const snow_request *request) {
  snow_database app;
  const char *payload = snow_cstring(snow_body(request));
  snow_statement notify = SNOW_STATEMENT("select pg_notify('news', $1)", snow_sql_text(payload));
  if (snow_database_open("app", &app) != SNOW_OK ||
      snow_database_query(app, notify, NULL) != SNOW_OK)
    return snow_sql_answer();
  return snow_text(200, "told");
}

// ---- Starting jobs -----------------------------------------------------------------------------

static snow_string payload_of(const snow_request *request) {
  const char *query = snow_raw_query(request);
  return query ? snow_string_of(query) : snow_body(request);
}

static snow_outcome refused(snow_status status) {
  char text[24];
  snprintf(text, sizeof text, "%d ", status);
  return snow_text(503, snow_join(text, snow_job_words()));
}

static snow_outcome said(const snow_settlement *came) {
  if (came->kind == SNOW_UNSETTLED)
    return snow_text(504, "late");
  const char *text = snow_cstring(came->value);
  if (came->kind == SNOW_FAILED)
    text = snow_join(snow_join("failed ", came->code), snow_join(": ", text));
  return snow_text(200, text);
}

// Starts a job and waits for it without an instance.
snow_outcome work_job(const snow_request *request) {
  snow_pending pending;
  snow_status status = snow_job_start(snow_param(request, "name"), payload_of(request), &pending);
  if (status != SNOW_OK)
    return refused(status);
  return snow_suspend(&pending, 1, (snow_suspension){.timeout_ms = 60000});
}

snow_outcome work_ended(const snow_resumed *resumed) {
  return said(&resumed->arrivals[0].settlement);
}

// Starts a job and waits for it in place.
snow_outcome work_job_in_place(const snow_request *request) {
  snow_pending pending;
  snow_settlement came;
  snow_status status = snow_job_start(snow_param(request, "name"), payload_of(request), &pending);
  if (status != SNOW_OK)
    return refused(status);
  if (snow_wait(&pending, 1, false, 60000, &came) != SNOW_OK)
    return snow_text(503, "refused");
  return said(&came);
}

// Keeps a job that is tried three times at most.
snow_outcome work_enqueue(const snow_request *request) {
  const char *id;
  snow_durable how = {.delay_ms = 1, .attempts_max = 3};
  snow_status status =
      snow_job_enqueue(snow_param(request, "name"), payload_of(request), how, &id);
  return status == SNOW_OK ? snow_text(200, id) : refused(status);
}

static int64_t add(const char *key, int64_t by) {
  snow_bucket bucket;
  int64_t sum = -1;
  if (snow_bucket_open("default", &bucket) != SNOW_OK)
    return -1;
  snow_bucket_increment(bucket, key, by, &sum);
  return sum;
}

// Says how often something was done.
snow_outcome work_count(const snow_request *request) {
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)add(snow_param(request, "key"), 0));
  return snow_text(200, text);
}

// ---- Jobs --------------------------------------------------------------------------------------

static snow_settlement echo(const snow_job *job) { return snow_value(job->payload); }

static snow_settlement about(const snow_job *job) {
  char text[100];
  bool is_id = strlen(job->id) == 32, is_due = job->due_ms > 1700000000000;
  snprintf(text, sizeof text, "%s %u/%u %s %s", job->name, job->attempt, job->attempts_max,
           is_id ? "true" : "false", is_due ? "true" : "false");
  return snow_value(snow_string_of(snow_join(text, NULL)));
}

// Leaves a pending, a bucket and a database behind, and fails.
static snow_settlement fails(const snow_job *job) {
  snow_pending pending;
  snow_database app;
  if (snow_create(NULL, &pending) != SNOW_OK)
    return snow_failed("other", "no pending");
  add("fail", 1);
  snow_database_open("app", &app);
  return snow_failed("mine", snow_cstring(job->payload));
}

// Succeeds in the third attempt.
static snow_settlement flaky(const snow_job *job) {
  add("flaky", 1);
  return job->attempt < 3 ? snow_failed("flaky", "not yet") : snow_value(snow_string_of(""));
}

static snow_settlement vain(const snow_job *job) {
  (void)job;
  add("vain", 1);
  return snow_failed(SNOW_GIVE_UP, "it makes no sense");
}

static snow_settlement traps(const snow_job *job) {
  (void)job;
  abort();
}

// Starts another job, and waits for it in place.
static snow_settlement nested(const snow_job *job) {
  snow_pending inner;
  snow_settlement came;
  if (snow_job_start("echo", job->payload, &inner) != SNOW_OK ||
      snow_wait(&inner, 1, false, 60000, &came) != SNOW_OK || came.kind != SNOW_VALUE)
    return snow_failed("refused", snow_job_words());
  return snow_value(snow_string_of(snow_join("nested ", snow_cstring(came.value))));
}

SNOW_JOBS(
    {"echo", echo},
    {"about", about},
    {"fail", fails},
    {"flaky", flaky},
    {"vain", vain},
    {"trap", traps},
    {"nested", nested}
)
