// Databases and jobs: what is sent to the host, what is read of what it returns, and every error.

#include <string.h>

#include "host.h"

static snow_string bytes_of(const char *text) { return snow_string_of(text); }

// ---- Databases ---------------------------------------------------------------------------------

static void statements_are_sent_with_their_values(void) {
  snow_database app;
  snow_rows rows;
  reset_database();
  CHECK(snow_database_open("app", &app) == SNOW_OK);
  snow_statement all = SNOW_STATEMENT(
      "insert", snow_sql_null(), snow_sql_boolean(true), snow_sql_integer(INT64_MIN),
      snow_sql_real(0.5), snow_sql_text("a"), snow_sql_text(NULL), snow_sql_blob(bytes_of("abc")));
  CHECK(all.parameter_count == 7);
  CHECK(snow_database_query(app, all, &rows) == SNOW_OK);
  CHECK(snow_database_query(app, SNOW_STATEMENT("select"), NULL) == SNOW_OK);
  CHECK(!strcmp(last_statements(),
                "insert null true -9223372036854775808 0.5 'a' null 3 bytes\nselect\n"));

  reset_database();
  snow_statement both[] = {SNOW_STATEMENT("one", snow_sql_integer(1)), SNOW_STATEMENT("two")};
  snow_rows results[2];
  CHECK(snow_database_transact(app, both, 2, results) == SNOW_OK);
  CHECK(results[1].affected == 3 && results[1].row_count == 2);
  CHECK(snow_database_transact(app, both, 2, NULL) == SNOW_OK);
  CHECK(!strcmp(last_statements(), "one 1\ntwo\none 1\ntwo\n"));

  snow_dialect dialect;
  CHECK(snow_database_dialect(app, &dialect) == SNOW_OK && dialect == SNOW_SQLITE);
  snow_pending pending;
  CHECK(snow_database_listen(app, "news", &pending) == SNOW_OK && snow_owns(pending.handle));
  CHECK(open_database_count() == 1);
  snow_end_call();
  CHECK(open_database_count() == 0);
  CHECK(snow_database_query(app, SNOW_STATEMENT("select"), NULL) == SNOW_DENIED);
  snow_end_call();
}

static void columns_are_read_by_name_and_type(void) {
  snow_database app;
  snow_rows rows;
  CHECK(snow_database_open("app", &app) == SNOW_OK);
  CHECK(snow_database_query(app, SNOW_STATEMENT("select"), &rows) == SNOW_OK);
  CHECK(rows.column_count == 6 && rows.row_count == 2 && !strcmp(rows.columns[1], "name"));
  CHECK(rows.affected == 3 && rows.has_last_id && rows.last_id == 9);

  int64_t number = 0;
  double real = 0;
  bool is = false;
  CHECK(snow_row_integer(&rows, 0, "id", &number) && number == -7);
  CHECK(snow_row_integer(&rows, 1, "id", &number) && number == 12);
  CHECK(!strcmp(snow_row_text(&rows, 0, "name"), "tea"));
  CHECK(snow_row_real(&rows, 0, "price", &real) && real == 2.5);
  CHECK(snow_row_real(&rows, 0, "id", &real) && real == -7);
  CHECK(snow_row_real(&rows, 1, "name", &real) && real == 0.5);
  CHECK(snow_row_boolean(&rows, 0, "is", &is) && is);
  snow_sql_value data = snow_row_value(&rows, 0, "data");
  CHECK(data.kind == SNOW_SQL_BLOB && data.bytes.len == 3 && !memcmp(data.bytes.ptr, "a\0b", 4));

  // What is not there, or of another type, is not read.
  number = 1, real = 1;
  CHECK(!snow_row_integer(&rows, 0, "name", &number) && number == 1);
  CHECK(!snow_row_integer(&rows, 0, "none", &number) && !snow_row_integer(&rows, 0, "x", &number));
  CHECK(!snow_row_integer(&rows, 2, "id", &number) && !snow_row_integer(&rows, 1, "is", &number));
  CHECK(!snow_row_real(&rows, 0, "name", &real) && real == 1);
  CHECK(!snow_row_real(&rows, 0, "data", &real));
  CHECK(!snow_row_boolean(&rows, 0, "id", &is) && !snow_row_text(&rows, 0, "id"));
  CHECK(snow_row_value(&rows, 0, "none").kind == SNOW_SQL_NULL);
  CHECK(snow_row_value(&rows, 1, "price").kind == SNOW_SQL_NULL);
  snow_end_call();
}

static void each_error_of_a_database_is_told(void) {
  static const struct {
    uint8_t tag;
    const char *code, *words;
    snow_status status;
    uint16_t answer;
    bool is_duplicate;
  } cases[] = {
      {SNOW_HOST_SQL_SQL_ERROR_DENIED, "", NULL, SNOW_DENIED, 500, false},
      {SNOW_HOST_SQL_SQL_ERROR_LIMIT, "", "sql_rows_max", SNOW_LIMIT, 500, false},
      {SNOW_HOST_SQL_SQL_ERROR_OVERLOADED, "", "sql_queue_max", SNOW_OVERLOADED, 503, false},
      {SNOW_HOST_SQL_SQL_ERROR_FAILED, "23505", "it is there", SNOW_DATABASE_ERROR, 500, true},
      {SNOW_HOST_SQL_SQL_ERROR_FAILED, "23000", "Duplicate entry", SNOW_DATABASE_ERROR, 500, true},
      {SNOW_HOST_SQL_SQL_ERROR_FAILED, "23000", "not null", SNOW_DATABASE_ERROR, 500, false},
      {SNOW_HOST_SQL_SQL_ERROR_UNAVAILABLE, "", "it is off", SNOW_UNAVAILABLE, 503, false},
      {SNOW_HOST_SQL_SQL_ERROR_TIMED_OUT, "", NULL, SNOW_TIMED_OUT, 503, false},
  };
  snow_database app, other;
  CHECK(snow_database_open("app", &app) == SNOW_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    snow_rows rows;
    refuse_statement(cases[i].tag, cases[i].code, cases[i].words);
    CHECK(snow_database_query(app, SNOW_STATEMENT("select"), &rows) == cases[i].status);
    CHECK(rows.row_count == 0 && !strcmp(snow_sql_code(), cases[i].code));
    CHECK(cases[i].words ? !strcmp(snow_sql_words(), cases[i].words) : *snow_sql_words());
    CHECK(snow_sql_is_duplicate() == cases[i].is_duplicate);
    CHECK(status_of(snow_sql_answer()) == cases[i].answer);
    CHECK(strstr(last_line(), snow_sql_words()) && strstr(last_line(), cases[i].code));
  }
  CHECK(snow_database_query(app, SNOW_STATEMENT("select"), NULL) == SNOW_OK);
  CHECK(!*snow_sql_words() && !*snow_sql_code());

  reset_database();
  snow_pending pending;
  snow_statement bad[] = {SNOW_STATEMENT("select"), SNOW_STATEMENT("\xff")};
  CHECK(snow_database_open("\xff", &other) == SNOW_NOT_UTF8);
  CHECK(snow_database_query(app, bad[1], NULL) == SNOW_NOT_UTF8);
  bad[0] = SNOW_STATEMENT("a", snow_sql_text("\xff"));
  CHECK(snow_database_query(app, bad[0], NULL) == SNOW_NOT_UTF8);
  CHECK(snow_database_transact(app, bad, 2, NULL) == SNOW_NOT_UTF8);
  CHECK(snow_database_listen(app, "\xff", &pending) == SNOW_NOT_UTF8 && !snow_owns(pending.handle));
  CHECK(status_of(snow_sql_answer()) == 500 && !*last_statements());

  CHECK(snow_database_open("another", &other) == SNOW_DENIED);
  CHECK(snow_database_query(other, SNOW_STATEMENT("select"), NULL) == SNOW_DENIED);
  CHECK(snow_database_transact(other, bad, 1, NULL) == SNOW_DENIED);
  CHECK(snow_database_listen(other, "news", &pending) == SNOW_DENIED && *snow_sql_words());
  snow_end_call();
  CHECK(!*snow_sql_words());
}

// ---- Jobs --------------------------------------------------------------------------------------

static snow_settlement echo(const snow_job *job) { return snow_value(job->payload); }

static snow_settlement about(const snow_job *job) {
  CHECK(job->attempt == 2 && job->attempts_max == 3 && job->due_ms == UINT64_MAX);
  return snow_value(snow_string_of(snow_join(job->id, job->name)));
}

static snow_settlement fails(const snow_job *job) {
  (void)job;
  return snow_failed("mine\xff", "why\xff");
}

static snow_settlement gives_up(const snow_job *job) {
  (void)job;
  return snow_failed(SNOW_GIVE_UP, "in vain");
}

static snow_settlement answers(const snow_job *job) {
  (void)job;
  return snow_response(snow_text(200, "no value"));
}

static snow_settlement nothing(const snow_job *job) {
  (void)job;
  return (snow_settlement){.kind = SNOW_UNSETTLED};
}

SNOW_JOBS({"echo", echo}, {"about", about}, {"fails", fails}, {"gives_up", gives_up},
          {"answers", answers}, {"nothing", nothing})

// Runs a job as the host does, and checks what it ends with.
static void ends_with(const char *name, const char *payload, bool is_failed, const char *value,
                      const char *message) {
  raw_string id = snow_copied_text("id-"), text = snow_copied_text(name),
             bytes = snow_copied_text(payload);
  const snow_job_end *end = snow_export_run(id.ptr, id.len, text.ptr, text.len, bytes.ptr,
                                            bytes.len, 2, 3, UINT64_MAX);
  CHECK(end->is_failed == is_failed && snow_is(end->value, value));
  CHECK(snow_is(end->message, message));
  snow_export_run_post(end);
}

static void a_job_is_found_by_its_name(void) {
  ends_with("echo", "payload", false, "payload", "");
  ends_with("echo", "", false, "", "");
  ends_with("about", "", false, "id-about", "");
  ends_with("fails", "", true, "mine\xef\xbf\xbd", "why\xef\xbf\xbd");
  ends_with("gives_up", "", true, "give-up", "in vain");
  ends_with("answers", "", true, "failed", "the job returned no value");
  ends_with("nothing", "", true, "failed", "the job returned no value");
  CHECK(strstr(last_line(), "\"nothing\""));
  ends_with("other", "", true, "unknown-job", "there is no job \"other\"");
  ends_with("", "", true, "unknown-job", "there is no job \"\"");
}

static void jobs_are_started_and_kept(void) {
  snow_pending pending;
  const char *id;
  CHECK(snow_job_start("fib", bytes_of("30"), &pending) == SNOW_OK && snow_owns(pending.handle));
  CHECK(!strcmp(last_job(), "fib 30"));
  CHECK(snow_job_enqueue("mail", bytes_of(NULL), (snow_durable){0}, &id) == SNOW_OK);
  CHECK(!strcmp(last_job(), "mail  0 20") && !strcmp(id, "0123"));
  CHECK(snow_job_enqueue("mail", bytes_of("a"), (snow_durable){500, 3}, NULL) == SNOW_OK);
  CHECK(!strcmp(last_job(), "mail a 500 3"));

  refuse_job(SNOW_HOST_JOBS_JOB_ERROR_DENIED, NULL);
  CHECK(snow_job_start("fib", bytes_of(""), &pending) == SNOW_DENIED && !snow_owns(pending.handle));
  refuse_job(SNOW_HOST_JOBS_JOB_ERROR_NO_RUNNER, NULL);
  CHECK(snow_job_enqueue("fib", bytes_of(""), (snow_durable){0}, &id) == SNOW_NO_RUNNER && !*id);
  refuse_job(SNOW_HOST_JOBS_JOB_ERROR_LIMIT, "jobs_queued_max");
  CHECK(snow_job_start("fib", bytes_of(""), &pending) == SNOW_LIMIT);
  CHECK(!strcmp(snow_job_words(), "jobs_queued_max"));
  refuse_job(SNOW_HOST_JOBS_JOB_ERROR_UNAVAILABLE, "the disk is full");
  CHECK(snow_job_enqueue("fib", bytes_of(""), (snow_durable){0}, NULL) == SNOW_UNAVAILABLE);
  CHECK(!strcmp(snow_job_words(), "the disk is full"));
  CHECK(snow_job_start("\xff", bytes_of(""), &pending) == SNOW_NOT_UTF8 && !*snow_job_words());
  CHECK(snow_job_enqueue("\xff", bytes_of(""), (snow_durable){0}, NULL) == SNOW_NOT_UTF8);
  snow_end_call();
}

int main(void) {
  statements_are_sent_with_their_values();
  columns_are_read_by_name_and_type();
  each_error_of_a_database_is_told();
  a_job_is_found_by_its_name();
  jobs_are_started_and_kept();
  return 0;
}
