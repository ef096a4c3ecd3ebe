// The functions of the bindings for databases and jobs, as far as these tests call them: one database
// that returns the same rows to each statement, and a list of what was asked.

#include "host.h"

#include <string.h>

static char asked[4096], job[256];
static size_t open_count;
static int refused_tag = -1, refused_job = -1;
static const char *refused_code, *refused_words, *job_words;

static void note(const char *text, size_t len) {
  CHECK(strlen(asked) + len < sizeof asked);
  strncat(asked, text, len);
}

void reset_database(void) { *asked = 0; }
const char *last_statements(void) { return asked; }
size_t open_database_count(void) { return open_count; }
const char *last_job(void) { return job; }

void refuse_statement(uint8_t tag, const char *code, const char *words) {
  refused_tag = tag;
  refused_code = code;
  refused_words = words;
}

void refuse_job(uint8_t tag, const char *words) {
  refused_job = tag;
  job_words = words;
}

// ---- Databases ---------------------------------------------------------------------------------

// Returns whether the next statement is refused, and writes why.
static bool is_refused(snow_host_sql_sql_error_t *error) {
  if (refused_tag < 0)
    return false;
  error->tag = (uint8_t)refused_tag;
  if (refused_tag == SNOW_HOST_SQL_SQL_ERROR_FAILED)
    error->val.failed = (snow_host_sql_failure_t){snow_copied_text(refused_code),
                                                  snow_copied_text(refused_words)};
  else if (refused_words)
    error->val.limit = snow_copied_text(refused_words);
  refused_tag = -1;
  return true;
}

bool snow_host_sql_static_database_open(raw_string *name, snow_host_sql_own_database_t *ret,
                                        snow_host_sql_sql_error_t *err) {
  err->tag = SNOW_HOST_SQL_SQL_ERROR_DENIED;
  ret->__handle = 7;
  bool is_granted = snow_is((snow_string){name->ptr, name->len}, "app");
  open_count += is_granted;
  return is_granted;
}

bool snow_host_sql_method_database_dialect(snow_host_sql_borrow_database_t self,
                                           snow_host_sql_dialect_t *ret,
                                           snow_host_sql_sql_error_t *err) {
  CHECK(self.__handle == 7);
  *ret = SNOW_HOST_SQL_DIALECT_SQLITE;
  return !is_refused(err);
}

static void note_statement(const snow_host_sql_statement_t *statement) {
  note((char *)statement->text.ptr, statement->text.len);
  for (size_t i = 0; i < statement->parameters.len; i++) {
    const snow_host_sql_value_t *value = &statement->parameters.ptr[i];
    char text[64] = " null";
    switch (value->tag) {
    case SNOW_HOST_SQL_VALUE_BOOLEAN:
      snprintf(text, sizeof text, " %s", value->val.boolean ? "true" : "false");
      break;
    case SNOW_HOST_SQL_VALUE_INTEGER:
      snprintf(text, sizeof text, " %lld", (long long)value->val.integer);
      break;
    case SNOW_HOST_SQL_VALUE_REAL:
      snprintf(text, sizeof text, " %g", value->val.real);
      break;
    case SNOW_HOST_SQL_VALUE_TEXT:
      snprintf(text, sizeof text, " '%.*s'", (int)value->val.text.len, value->val.text.ptr);
      break;
    case SNOW_HOST_SQL_VALUE_BLOB:
      snprintf(text, sizeof text, " %zu bytes", value->val.blob.len);
      break;
    }
    note(text, strlen(text));
  }
  note("\n", 1);
}

static snow_host_sql_value_t text_value(const char *text) {
  snow_host_sql_value_t value = {.tag = SNOW_HOST_SQL_VALUE_TEXT};
  value.val.text = snow_copied_text(text);
  return value;
}

// Two rows: one of each type, and one that is too short.
static snow_host_sql_rows_t two_rows(void) {
  static const char *const names[] = {"id", "name", "price", "is", "data", "none"};
  enum { COLUMNS = sizeof names / sizeof *names };
  snow_host_sql_rows_t rows = {.affected = 3, .last_id = {true, 9}};
  rows.columns.len = COLUMNS;
  rows.columns.ptr = snow_malloc(COLUMNS * sizeof *rows.columns.ptr);
  for (size_t i = 0; i < COLUMNS; i++)
    rows.columns.ptr[i] = snow_copied_text(names[i]);
  snow_host_sql_value_t *first = snow_malloc(COLUMNS * sizeof *first);
  memset(first, 0, COLUMNS * sizeof *first);
  first[0].tag = SNOW_HOST_SQL_VALUE_INTEGER;
  first[0].val.integer = -7;
  first[1] = text_value("tea");
  first[2] = text_value("2.50");
  first[3].tag = SNOW_HOST_SQL_VALUE_BOOLEAN;
  first[3].val.boolean = true;
  first[4].tag = SNOW_HOST_SQL_VALUE_BLOB;
  first[4].val.blob = snow_copied_bytes((snow_string){(const uint8_t *)"a\0b", 3});
  snow_host_sql_value_t *second = snow_malloc(2 * sizeof *second);
  second[0] = text_value("12");
  second[1].tag = SNOW_HOST_SQL_VALUE_REAL;
  second[1].val.real = 0.5;
  rows.rows.len = 2;
  rows.rows.ptr = snow_malloc(2 * sizeof *rows.rows.ptr);
  rows.rows.ptr[0] = (snow_host_sql_list_value_t){first, COLUMNS};
  rows.rows.ptr[1] = (snow_host_sql_list_value_t){second, 2};
  return rows;
}

bool snow_host_sql_method_database_query(snow_host_sql_borrow_database_t self,
                                         snow_host_sql_statement_t *statement,
                                         snow_host_sql_rows_t *ret,
                                         snow_host_sql_sql_error_t *err) {
  CHECK(self.__handle == 7);
  note_statement(statement);
  if (is_refused(err))
    return false;
  *ret = two_rows();
  return true;
}

bool snow_host_sql_method_database_transact(snow_host_sql_borrow_database_t self,
                                            snow_host_sql_list_statement_t *statements,
                                            snow_host_sql_list_rows_t *ret,
                                            snow_host_sql_sql_error_t *err) {
  CHECK(self.__handle == 7);
  for (size_t i = 0; i < statements->len; i++)
    note_statement(&statements->ptr[i]);
  if (is_refused(err))
    return false;
  ret->len = statements->len;
  ret->ptr = snow_malloc(ret->len * sizeof *ret->ptr);
  for (size_t i = 0; i < ret->len; i++)
    ret->ptr[i] = two_rows();
  return true;
}

bool snow_host_sql_method_database_listen(snow_host_sql_borrow_database_t self,
                                          raw_string *channel, raw_pending *ret,
                                          snow_host_sql_sql_error_t *err) {
  CHECK(self.__handle == 7);
  note((char *)channel->ptr, channel->len);
  ret->__handle = 8;
  return !is_refused(err);
}

void snow_host_sql_rows_free(snow_host_sql_rows_t *rows) {
  for (size_t i = 0; i < rows->columns.len; i++)
    free(rows->columns.ptr[i].ptr);
  free(rows->columns.ptr);
  for (size_t i = 0; i < rows->rows.len; i++) {
    for (size_t j = 0; j < rows->rows.ptr[i].len; j++) {
      snow_host_sql_value_t *value = &rows->rows.ptr[i].ptr[j];
      if (value->tag == SNOW_HOST_SQL_VALUE_TEXT)
        free(value->val.text.ptr);
      if (value->tag == SNOW_HOST_SQL_VALUE_BLOB)
        free(value->val.blob.ptr);
    }
    free(rows->rows.ptr[i].ptr);
  }
  free(rows->rows.ptr);
}

void snow_host_sql_list_rows_free(snow_host_sql_list_rows_t *list) {
  for (size_t i = 0; i < list->len; i++)
    snow_host_sql_rows_free(&list->ptr[i]);
  free(list->ptr);
}

void snow_host_sql_sql_error_free(snow_host_sql_sql_error_t *error) {
  switch (error->tag) {
  case SNOW_HOST_SQL_SQL_ERROR_FAILED:
    free(error->val.failed.code.ptr);
    free(error->val.failed.message.ptr);
    break;
  case SNOW_HOST_SQL_SQL_ERROR_LIMIT:
  case SNOW_HOST_SQL_SQL_ERROR_OVERLOADED:
  case SNOW_HOST_SQL_SQL_ERROR_UNAVAILABLE:
    free(error->val.limit.ptr);
    break;
  }
}

void snow_host_sql_database_drop_own(snow_host_sql_own_database_t handle) {
  CHECK(handle.__handle == 7 && open_count > 0);
  open_count--;
}

// ---- Jobs --------------------------------------------------------------------------------------

static bool is_job_refused(snow_host_jobs_job_error_t *error) {
  if (refused_job < 0)
    return false;
  error->tag = (uint8_t)refused_job;
  if (job_words)
    error->val.limit = snow_copied_text(job_words);
  refused_job = -1;
  return true;
}

bool snow_host_jobs_start(raw_string *name, raw_bytes *payload, raw_pending *ret,
                          snow_host_jobs_job_error_t *err) {
  snprintf(job, sizeof job, "%.*s %.*s", (int)name->len, name->ptr, (int)payload->len,
           payload->len ? (char *)payload->ptr : "");
  ret->__handle = 9;
  return !is_job_refused(err);
}

bool snow_host_jobs_enqueue(raw_string *name, raw_bytes *payload, snow_host_jobs_durable_t *how,
                            raw_string *ret, snow_host_jobs_job_error_t *err) {
  snprintf(job, sizeof job, "%.*s %.*s %u %u", (int)name->len, name->ptr, (int)payload->len,
           payload->len ? (char *)payload->ptr : "", how->delay_ms, how->attempts_max);
  if (is_job_refused(err))
    return false;
  *ret = snow_copied_text("0123");
  return true;
}

void snow_host_jobs_job_error_free(snow_host_jobs_job_error_t *error) {
  if (error->tag >= SNOW_HOST_JOBS_JOB_ERROR_LIMIT)
    free(error->val.limit.ptr);
}
