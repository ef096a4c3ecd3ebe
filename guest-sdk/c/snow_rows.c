// What is read of the rows that a statement returned.

#include <stdlib.h>
#include <string.h>

#include "snow_internal.h"

snow_sql_value snow_row_value(const snow_rows *rows, size_t row, const char *column) {
  for (size_t i = 0; row < rows->row_count && i < rows->column_count; i++) {
    if (!strcmp(rows->columns[i], column))
      return rows->values[row * rows->column_count + i];
  }
  return snow_sql_null();
}

const char *snow_row_text(const snow_rows *rows, size_t row, const char *column) {
  snow_sql_value value = snow_row_value(rows, row, column);
  return value.kind == SNOW_SQL_TEXT ? (const char *)value.bytes.ptr : NULL;
}

bool snow_row_integer(const snow_rows *rows, size_t row, const char *column, int64_t *number) {
  snow_sql_value value = snow_row_value(rows, row, column);
  if (value.kind == SNOW_SQL_INTEGER) {
    *number = value.integer;
    return true;
  }
  return value.kind == SNOW_SQL_TEXT && !snow_has_zero(value.bytes) &&
         snow_is_number((const char *)value.bytes.ptr, number);
}

bool snow_row_real(const snow_rows *rows, size_t row, const char *column, double *number) {
  snow_sql_value value = snow_row_value(rows, row, column);
  if (value.kind == SNOW_SQL_TEXT) {
    const char *text = (const char *)value.bytes.ptr;
    char *end;
    double read = strtod(text, &end);
    if (!value.bytes.len || end != text + value.bytes.len)
      return false;
    *number = read;
    return true;
  }
  if (value.kind != SNOW_SQL_REAL && value.kind != SNOW_SQL_INTEGER)
    return false;
  *number = value.kind == SNOW_SQL_REAL ? value.real : (double)value.integer;
  return true;
}

bool snow_row_boolean(const snow_rows *rows, size_t row, const char *column, bool *is) {
  snow_sql_value value = snow_row_value(rows, row, column);
  bool is_digit = value.kind == SNOW_SQL_INTEGER && (value.integer == 0 || value.integer == 1);
  if (value.kind != SNOW_SQL_BOOLEAN && !is_digit)
    return false;
  *is = is_digit ? value.integer == 1 : value.boolean;
  return true;
}
