// Databases: statements, and what they return.

#include <stdlib.h>
#include <string.h>

#include "snow_internal.h"

typedef snow_host_sql_sql_error_t raw_error;
typedef snow_host_sql_borrow_database_t raw_database;
typedef snow_host_sql_statement_t raw_statement;
typedef snow_host_sql_rows_t raw_rows;
typedef snow_host_sql_value_t raw_value;

// What the last function here said, and SQLSTATE, which is empty if it is no error of a database.
static snow_status last;
static const char *code = "";

// ---- Errors ------------------------------------------------------------------------------------

// Returns what a function says, and keeps it.
static snow_status said(snow_status status) { return last = status; }

static snow_status refused(raw_error *error) {
  snow_status status = SNOW_DENIED;
  switch (error->tag) {
  case SNOW_HOST_SQL_SQL_ERROR_DENIED:
    snow_words = "the host does not let this guest use the database here";
    break;
  case SNOW_HOST_SQL_SQL_ERROR_LIMIT:
    snow_words = snow_text_of(error->val.limit);
    status = SNOW_LIMIT;
    break;
  case SNOW_HOST_SQL_SQL_ERROR_OVERLOADED:
    snow_words = snow_text_of(error->val.overloaded);
    status = SNOW_OVERLOADED;
    break;
  case SNOW_HOST_SQL_SQL_ERROR_FAILED:
    code = snow_text_of(error->val.failed.code);
    snow_words = snow_text_of(error->val.failed.message);
    status = SNOW_DATABASE_ERROR;
    break;
  case SNOW_HOST_SQL_SQL_ERROR_UNAVAILABLE:
    snow_words = snow_text_of(error->val.unavailable);
    status = SNOW_UNAVAILABLE;
    break;
  case SNOW_HOST_SQL_SQL_ERROR_TIMED_OUT:
    snow_words = "the database took too long";
    status = SNOW_TIMED_OUT;
    break;
  }
  snow_host_sql_sql_error_free(error);
  return said(status);
}

static snow_status not_utf8(void) {
  snow_words = "a text for the database is not UTF-8";
  return said(SNOW_NOT_UTF8);
}

const char *snow_sql_words(void) { return snow_words; }

const char *snow_sql_code(void) { return code; }

bool snow_sql_is_duplicate(void) {
  // MySQL has one code for all that a row may not be.
  bool is_of_mysql = !strcmp(code, "23000") && strstr(snow_words, "Duplicate entry");
  return is_of_mysql || !strcmp(code, "23505");
}

snow_outcome snow_sql_answer(void) {
  const char *reason = *code ? snow_joined(snow_words, " (", code, ")", NULL) : snow_words;
  if (last != SNOW_UNAVAILABLE && last != SNOW_TIMED_OUT && last != SNOW_OVERLOADED)
    return snow_fail(reason);
  snow_log(SNOW_ERROR, reason);
  return snow_text(503, "service unavailable");
}

// ---- The call ----------------------------------------------------------------------------------

// The databases of the call that is running.
static int32_t *opened;
static size_t opened_count, opened_room;

static void close_all(void) {
  for (size_t i = 0; i < opened_count; i++)
    snow_host_sql_database_drop_own((snow_host_sql_own_database_t){opened[i]});
  opened_count = 0;
  last = SNOW_OK;
  code = "";
}

static void own(int32_t handle) {
  snow_close_databases = close_all;
  if (opened_count == opened_room) {
    opened_room = opened_room ? 2 * opened_room : 8;
    opened = realloc(opened, opened_room * sizeof *opened);
    if (!opened)
      abort();
  }
  opened[opened_count++] = handle;
}

// Begins a function. Returns whether it can be asked of the host, which ends a call that names a
// database of another one.
static bool begins(snow_database database) {
  snow_words = code = "";
  last = SNOW_OK;
  for (size_t i = 0; i < opened_count; i++) {
    if (opened[i] == database.handle)
      return true;
  }
  snow_words = "the database is not of this call, or the host has refused to open it";
  said(SNOW_DENIED);
  return false;
}

// ---- Values ------------------------------------------------------------------------------------

snow_sql_value snow_sql_null(void) { return (snow_sql_value){.kind = SNOW_SQL_NULL}; }

snow_sql_value snow_sql_boolean(bool is) {
  return (snow_sql_value){.kind = SNOW_SQL_BOOLEAN, .boolean = is};
}

snow_sql_value snow_sql_integer(int64_t number) {
  return (snow_sql_value){.kind = SNOW_SQL_INTEGER, .integer = number};
}

snow_sql_value snow_sql_real(double number) {
  return (snow_sql_value){.kind = SNOW_SQL_REAL, .real = number};
}

snow_sql_value snow_sql_text(const char *text) {
  if (!text)
    return snow_sql_null();
  return (snow_sql_value){.kind = SNOW_SQL_TEXT, .bytes = snow_string_of(text)};
}

snow_sql_value snow_sql_blob(snow_string bytes) {
  return (snow_sql_value){.kind = SNOW_SQL_BLOB, .bytes = bytes};
}

static raw_value lowered(const snow_sql_value *value) {
  raw_value raw = {.tag = SNOW_HOST_SQL_VALUE_NULL};
  switch (value->kind) {
  case SNOW_SQL_NULL:
    break;
  case SNOW_SQL_BOOLEAN:
    raw.tag = SNOW_HOST_SQL_VALUE_BOOLEAN;
    raw.val.boolean = value->boolean;
    break;
  case SNOW_SQL_INTEGER:
    raw.tag = SNOW_HOST_SQL_VALUE_INTEGER;
    raw.val.integer = value->integer;
    break;
  case SNOW_SQL_REAL:
    raw.tag = SNOW_HOST_SQL_VALUE_REAL;
    raw.val.real = value->real;
    break;
  case SNOW_SQL_TEXT:
    raw.tag = SNOW_HOST_SQL_VALUE_TEXT;
    raw.val.text = (raw_string){(uint8_t *)value->bytes.ptr, value->bytes.len};
    break;
  case SNOW_SQL_BLOB:
    raw.tag = SNOW_HOST_SQL_VALUE_BLOB;
    raw.val.blob = (raw_bytes){(uint8_t *)value->bytes.ptr, value->bytes.len};
    break;
  }
  return raw;
}

static snow_string kept(const uint8_t *ptr, size_t len) {
  return (snow_string){(const uint8_t *)snow_cstring((snow_string){ptr, len}), len};
}

static snow_sql_value lifted(const raw_value *raw) {
  switch (raw->tag) {
  case SNOW_HOST_SQL_VALUE_BOOLEAN:
    return snow_sql_boolean(raw->val.boolean);
  case SNOW_HOST_SQL_VALUE_INTEGER:
    return snow_sql_integer(raw->val.integer);
  case SNOW_HOST_SQL_VALUE_REAL:
    return snow_sql_real(raw->val.real);
  case SNOW_HOST_SQL_VALUE_TEXT: {
    snow_string bytes = kept(raw->val.text.ptr, raw->val.text.len);
    return (snow_sql_value){.kind = SNOW_SQL_TEXT, .bytes = bytes};
  }
  case SNOW_HOST_SQL_VALUE_BLOB:
    return snow_sql_blob(kept(raw->val.blob.ptr, raw->val.blob.len));
  default:
    return snow_sql_null();
  }
}

// ---- Statements --------------------------------------------------------------------------------

// Makes a statement that the host only reads. Returns false if a text of it is not UTF-8.
static bool lower(snow_statement statement, raw_statement *raw) {
  if (!snow_is_utf8(statement.text))
    return false;
  raw_value *values = snow_alloc_many(statement.parameter_count, sizeof *values);
  for (size_t i = 0; i < statement.parameter_count; i++) {
    const snow_sql_value *value = &statement.parameters[i];
    if (value->kind == SNOW_SQL_TEXT && !snow_are_utf8(value->bytes))
      return false;
    values[i] = lowered(value);
  }
  *raw = (raw_statement){snow_borrowed(statement.text), {values, statement.parameter_count}};
  return true;
}

static snow_rows lift(const raw_rows *raw) {
  size_t columns = raw->columns.len, rows = raw->rows.len, count;
  if (__builtin_mul_overflow(columns, rows, &count))
    abort();
  const char **names = snow_alloc_many(columns, sizeof *names);
  for (size_t i = 0; i < columns; i++)
    names[i] = snow_text_of(raw->columns.ptr[i]);
  snow_sql_value *values = snow_alloc_many(count, sizeof *values);
  for (size_t i = 0; i < count; i++) {
    const snow_host_sql_list_value_t *row = &raw->rows.ptr[i / columns];
    values[i] = i % columns < row->len ? lifted(&row->ptr[i % columns]) : snow_sql_null();
  }
  return (snow_rows){
      .columns = names,
      .column_count = columns,
      .values = values,
      .row_count = rows,
      .affected = raw->affected,
      .has_last_id = raw->last_id.is_some,
      .last_id = raw->last_id.is_some ? raw->last_id.val : 0,
  };
}

snow_status snow_database_open(const char *name, snow_database *database) {
  snow_words = code = "";
  database->handle = 0;
  if (!snow_is_utf8(name))
    return not_utf8();
  raw_string text = snow_borrowed(name);
  snow_host_sql_own_database_t raw;
  raw_error error;
  if (!snow_host_sql_static_database_open(&text, &raw, &error))
    return refused(&error);
  own(raw.__handle);
  database->handle = raw.__handle;
  return said(SNOW_OK);
}

snow_status snow_database_dialect(snow_database database, snow_dialect *dialect) {
  *dialect = SNOW_POSTGRES;
  if (!begins(database))
    return SNOW_DENIED;
  snow_host_sql_dialect_t raw;
  raw_error error;
  if (!snow_host_sql_method_database_dialect((raw_database){database.handle}, &raw, &error))
    return refused(&error);
  *dialect = (snow_dialect)raw;
  return SNOW_OK;
}

snow_status snow_database_query(snow_database database, snow_statement statement, snow_rows *rows) {
  if (rows)
    *rows = (snow_rows){0};
  if (!begins(database))
    return SNOW_DENIED;
  raw_statement raw;
  if (!lower(statement, &raw))
    return not_utf8();
  raw_rows returned;
  raw_error error;
  if (!snow_host_sql_method_database_query((raw_database){database.handle}, &raw, &returned,
                                           &error))
    return refused(&error);
  if (rows)
    *rows = lift(&returned);
  snow_host_sql_rows_free(&returned);
  return SNOW_OK;
}

snow_status snow_database_transact(snow_database database, const snow_statement *statements,
                                   size_t count, snow_rows *results) {
  for (size_t i = 0; results && i < count; i++)
    results[i] = (snow_rows){0};
  if (!begins(database))
    return SNOW_DENIED;
  raw_statement *raw = snow_alloc_many(count, sizeof *raw);
  for (size_t i = 0; i < count; i++) {
    if (!lower(statements[i], &raw[i]))
      return not_utf8();
  }
  snow_host_sql_list_statement_t list = {raw, count};
  snow_host_sql_list_rows_t returned;
  raw_error error;
  if (!snow_host_sql_method_database_transact((raw_database){database.handle}, &list, &returned,
                                              &error))
    return refused(&error);
  for (size_t i = 0; results && i < count && i < returned.len; i++)
    results[i] = lift(&returned.ptr[i]);
  snow_host_sql_list_rows_free(&returned);
  return SNOW_OK;
}

snow_status snow_database_listen(snow_database database, const char *channel,
                                 snow_pending *pending) {
  pending->handle = SNOW_NO_PENDING;
  if (!begins(database))
    return SNOW_DENIED;
  if (!snow_is_utf8(channel))
    return not_utf8();
  raw_string text = snow_borrowed(channel);
  raw_pending raw;
  raw_error error;
  if (!snow_host_sql_method_database_listen((raw_database){database.handle}, &text, &raw, &error))
    return refused(&error);
  return snow_created(true, 0, raw, pending);
}
