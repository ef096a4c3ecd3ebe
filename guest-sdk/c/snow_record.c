// How sessions lie in the store: `1700000000 name=value&name=value`.

#include <stdlib.h>
#include <string.h>

#include "snow_internal.h"

// Compares names by their bytes.
static int compared(snow_string one, snow_string other) {
  size_t shorter = one.len < other.len ? one.len : other.len;
  int order = shorter ? memcmp(one.ptr, other.ptr, shorter) : 0;
  return order ? order : (one.len > other.len) - (one.len < other.len);
}

// ---- Fields in the order of their names --------------------------------------------------------

// Finds the place of a name, or where it would be. Returns whether it is there.
static bool find(const snow_record *record, snow_string name, size_t *place) {
  size_t from = 0, to = record->count;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    int order = compared(record->fields[middle].name, name);
    if (order == 0) {
      *place = middle;
      return true;
    }
    if (order < 0)
      from = middle + 1;
    else
      to = middle;
  }
  *place = from;
  return false;
}

const snow_string *snow_record_get(const snow_record *record, snow_string name) {
  size_t place;
  return find(record, name, &place) ? &record->fields[place].value : NULL;
}

static void grow(snow_record *record) {
  if (record->count < record->room)
    return;
  record->room = record->room ? 2 * record->room : 8;
  snow_change *larger = snow_alloc_many(record->room, sizeof *larger);
  if (record->count)
    memcpy(larger, record->fields, record->count * sizeof *larger);
  record->fields = larger;
}

void snow_record_set(snow_record *record, snow_string name, snow_string value) {
  size_t place;
  if (!find(record, name, &place)) {
    grow(record);
    snow_change *at = record->fields + place;
    memmove(at + 1, at, (record->count - place) * sizeof *at);
    record->count++;
  }
  record->fields[place] = (snow_change){name, value, false};
}

bool snow_record_remove(snow_record *record, snow_string name) {
  size_t place;
  if (!find(record, name, &place))
    return false;
  record->count--;
  snow_change *at = record->fields + place;
  memmove(at, at + 1, (record->count - place) * sizeof *at);
  return true;
}

void snow_record_add(snow_record *record, snow_change change) {
  grow(record);
  record->fields[record->count++] = change;
}

void snow_record_apply(snow_record *record, const snow_record *changes) {
  for (size_t i = 0; i < changes->count; i++) {
    const snow_change *change = changes->fields + i;
    if (change->is_removal)
      snow_record_remove(record, change->name);
    else
      snow_record_set(record, change->name, change->value);
  }
}

snow_record snow_record_copy(const snow_record *record) {
  snow_record copy = *record;
  copy.room = 0;
  copy.fields = NULL;
  if (record->count) {
    copy.fields = snow_alloc_many(record->count, sizeof *copy.fields);
    memcpy(copy.fields, record->fields, record->count * sizeof *copy.fields);
    copy.room = record->count;
  }
  return copy;
}

// ---- As a text ---------------------------------------------------------------------------------

// Orders fields by name, and those of one name as they stand in the text.
static int in_order(const void *one, const void *other) {
  const snow_change *left = one, *right = other;
  int order = compared(left->name, right->name);
  return order ? order : (left->value.ptr > right->value.ptr) - (left->value.ptr < right->value.ptr);
}

// Decodes the value of a field. What is not UTF-8 in it is U+FFFD.
static snow_string decoded(snow_string sent) { return snow_shown(snow_decoded(sent)); }

bool snow_record_of(snow_string text, snow_record *record) {
  *record = (snow_record){0};
  text = snow_shown(text);
  size_t space = snow_place(text, ' ');
  if (space == text.len || !snow_is_whole(snow_until(text, space), &record->written))
    return false;
  snow_string rest = snow_from(text, space + 1), name, value;
  bool is_sorted = true;
  while (snow_next_pair(&rest, &name, &value)) {
    // The value is decoded later: until then it tells which of two fields came first. An empty one
    // would not, and stands for the end of its name, in the text.
    value.ptr = value.len ? value.ptr : name.ptr + name.len;
    name = decoded(name);
    if (record->count)
      is_sorted = is_sorted && compared(record->fields[record->count - 1].name, name) < 0;
    snow_record_add(record, (snow_change){name, value, false});
  }
  if (!is_sorted)
    qsort(record->fields, record->count, sizeof *record->fields, in_order);
  size_t kept = 0;
  for (size_t i = 0; i < record->count; i++) {
    snow_change *field = record->fields + i;
    // The last one of a name counts.
    if (i + 1 < record->count && compared(field->name, field[1].name) == 0)
      continue;
    record->fields[kept++] = (snow_change){field->name, decoded(field->value), false};
  }
  record->count = kept;
  return true;
}

static char *encoded(char *to, snow_string bytes) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < bytes.len; i++) {
    uint8_t byte = bytes.ptr[i];
    char lower = snow_lower((char)byte);
    if ((byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z') ||
        (byte && strchr("-._~", byte))) {
      *to++ = (char)byte;
    } else {
      *to++ = '%';
      *to++ = digits[byte >> 4];
      *to++ = digits[byte & 15];
    }
  }
  return to;
}

const char *snow_record_text(const snow_record *record) {
  const char *written = snow_decimal(record->written);
  size_t len = strlen(written) + 2;
  for (size_t i = 0; i < record->count; i++) {
    const snow_change *field = record->fields + i;
    size_t bytes;
    if (__builtin_add_overflow(field->name.len, field->value.len, &bytes) ||
        __builtin_mul_overflow(bytes, 3, &bytes) || __builtin_add_overflow(len, bytes, &len) ||
        __builtin_add_overflow(len, 2, &len))
      abort();
  }
  char *text = snow_alloc(len), *to = stpcpy(text, written);
  *to++ = ' ';
  for (size_t i = 0; i < record->count; i++) {
    if (i > 0)
      *to++ = '&';
    to = encoded(to, record->fields[i].name);
    *to++ = '=';
    to = encoded(to, record->fields[i].value);
  }
  *to = 0;
  return text;
}
