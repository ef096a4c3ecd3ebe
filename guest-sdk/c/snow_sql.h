// A part of snow.h, which includes it: databases, PostgreSQL, MySQL and MariaDB, and SQLite.
//
//   snow_database app;
//   snow_rows rows;
//   if (snow_database_open("app", &app) != SNOW_OK ||
//       snow_database_query(app, SNOW_STATEMENT("select name from users where id = $1",
//                                               snow_sql_integer(7)), &rows) != SNOW_OK)
//     return snow_sql_answer();
//   const char *name = rows.row_count ? snow_row_text(&rows, 0, "name") : NULL;
//
// The deployer names databases in snow.toml (`[database.app]`) and grants them to guests
// (`databases` of a guest's table). A statement waits in place until its result is there. Values of
// clients go into placeholders (`$1`, `$2` and so on, in every database), and never into the text.
//
// Who owns what is as in snow.h: what a function here returns lives until the end of the call, and
// what it is given stays the caller's.
#ifndef SNOW_SQL_H
#define SNOW_SQL_H

#include "snow.h"

#ifdef __cplusplus
extern "C" {
#endif

// A database. It belongs to the call that opened it.
typedef struct {
  int32_t handle;
} snow_database;

// What a database speaks. SNOW_MYSQL is MariaDB too.
typedef enum { SNOW_POSTGRES, SNOW_MYSQL, SNOW_SQLITE } snow_dialect;

// ---- Values ------------------------------------------------------------------------------------

typedef enum {
  SNOW_SQL_NULL,
  SNOW_SQL_BOOLEAN,
  SNOW_SQL_INTEGER,
  SNOW_SQL_REAL,
  // Decimals, dates, times, UUIDs, JSON and all other types are texts too, both ways.
  SNOW_SQL_TEXT,
  SNOW_SQL_BLOB,
} snow_sql_kind;

// A value of a column or for a placeholder. All zeros is null.
typedef struct {
  snow_sql_kind kind;
  // True or false, for SNOW_SQL_BOOLEAN; MySQL, MariaDB and SQLite have 1 and 0 for them.
  bool boolean;
  int64_t integer;
  double real;
  // Of SNOW_SQL_TEXT and SNOW_SQL_BLOB. Behind those that came stands a zero byte.
  snow_string bytes;
} snow_sql_value;

snow_sql_value snow_sql_null(void);
snow_sql_value snow_sql_boolean(bool is);
snow_sql_value snow_sql_integer(int64_t number);
snow_sql_value snow_sql_real(double number);
// Makes a text; null for a null pointer. It refers to the text, which has to live until it is used.
snow_sql_value snow_sql_text(const char *text);
// Makes a value of bytes. It refers to them, too.
snow_sql_value snow_sql_blob(snow_string bytes);

// A statement with a value for each of its placeholders.
typedef struct {
  const char *text;
  const snow_sql_value *parameters;
  size_t parameter_count;
} snow_statement;

// Makes a statement of a text and its values, as many as there are. It lives until the end of the
// block that it stands in.
#define SNOW_STATEMENT(...) SNOW_STATEMENT_OF(__VA_ARGS__, snow_sql_null())
#define SNOW_STATEMENT_OF(text, ...)                            \
  ((snow_statement){(text), (const snow_sql_value[]){__VA_ARGS__}, \
                    sizeof((const snow_sql_value[]){__VA_ARGS__}) / sizeof(snow_sql_value) - 1})

// ---- Databases ---------------------------------------------------------------------------------
//
// Each of these says SNOW_DENIED (no grant), SNOW_LIMIT (this is too much), SNOW_OVERLOADED (others
// have too much under way), SNOW_DATABASE_ERROR (the database refuses it), SNOW_UNAVAILABLE (it
// can't be reached, or was lost amid the statement), SNOW_TIMED_OUT (it took too long) or
// SNOW_NOT_UTF8 (the name, the statement or a text for it). After SNOW_UNAVAILABLE and
// SNOW_TIMED_OUT nobody knows whether the statement was carried out.

// Opens a database by its name in snow.toml. Connections are made when there is a statement.
snow_status snow_database_open(const char *name, snow_database *database);
// Says what the database speaks, for a guest that is to run with several.
snow_status snow_database_dialect(snow_database database, snow_dialect *dialect);

// What a statement returned.
typedef struct {
  // The names of the columns; none if it returns no rows.
  const char *const *columns;
  size_t column_count;
  // The values, row by row, a value for each column.
  const snow_sql_value *values;
  size_t row_count;
  // How many rows it has changed.
  uint64_t affected;
  // The value that was made for a column that numbers its rows (AUTO_INCREMENT, or the rowid of
  // SQLite). PostgreSQL has RETURNING instead.
  bool has_last_id;
  int64_t last_id;
} snow_rows;

// Carries out one statement. `rows` may be a null pointer.
snow_status snow_database_query(snow_database database, snow_statement statement, snow_rows *rows);
// Carries out statements in one transaction, all of them or none. Writes what each returned to
// `results`, which has as many places or is a null pointer.
snow_status snow_database_transact(snow_database database, const snow_statement *statements,
                                   size_t count, snow_rows *results);
// Creates a pending that is settled with the payload of the next notification on a channel of
// PostgreSQL. Listen first, look at the data then, and suspend if there is nothing new: nothing is
// missed. If the connection to the database is lost, it is a failure with the code `unavailable`.
// SNOW_DATABASE_ERROR with 0A000 for other databases.
snow_status snow_database_listen(snow_database database, const char *channel,
                                 snow_pending *pending);

// Returns in words why the last function here has failed; empty if it has not.
const char *snow_sql_words(void);
// Returns SQLSTATE after SNOW_DATABASE_ERROR, such as 23505 for a value that is there already; else
// an empty text. For SQLite it is the nearest one of PostgreSQL.
const char *snow_sql_code(void);
// Returns whether the last function here has failed because a value was there already that may be
// there once, in any database.
bool snow_sql_is_duplicate(void);
// Answers for the last function here that has failed, and logs why: 503 if others or the database
// are the reason and the client may try again, else 500.
snow_outcome snow_sql_answer(void);

// ---- Rows --------------------------------------------------------------------------------------
//
// A column is found by its name. There is none, and nothing is read, behind the last row.

// Returns a value; null if there is none.
snow_sql_value snow_row_value(const snow_rows *rows, size_t row, const char *column);
// Returns a text; a null pointer if it is none. Where it has a zero byte inside, it seems to end
// there.
const char *snow_row_text(const snow_rows *rows, size_t row, const char *column);
// Reads a whole number, or a text of one. Returns whether it is one.
bool snow_row_integer(const snow_rows *rows, size_t row, const char *column, int64_t *number);
// Reads a number, or a text of one, as decimals are. Returns whether it is one.
bool snow_row_real(const snow_rows *rows, size_t row, const char *column, double *number);
// Reads a boolean, or 0 and 1. Returns whether it is one.
bool snow_row_boolean(const snow_rows *rows, size_t row, const char *column, bool *is);

#ifdef __cplusplus
}
#endif

#endif
