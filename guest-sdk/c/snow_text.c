// Texts and bytes: copies, UTF-8, numbers, and pieces of what a client has sent.

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "snow_internal.h"

// ---- Copies ------------------------------------------------------------------------------------

const char *snow_cstring(snow_string bytes) {
  char *text = snow_alloc(bytes.len + 1);
  if (bytes.len)
    memcpy(text, bytes.ptr, bytes.len);
  text[bytes.len] = 0;
  return text;
}

snow_string snow_string_of(const char *text) {
  // In WebAssembly there is memory where a null pointer points to.
  return (snow_string){(const uint8_t *)text, text ? strlen(text) : 0};
}

const char *snow_join(const char *first, const char *second) {
  snow_string one = snow_string_of(first), other = snow_string_of(second);
  size_t len;
  if (__builtin_add_overflow(one.len, other.len + 1, &len))
    abort();
  char *text = snow_alloc(len);
  if (one.len)
    memcpy(text, one.ptr, one.len);
  if (other.len)
    memcpy(text + one.len, other.ptr, other.len);
  text[len - 1] = 0;
  return text;
}

const char *snow_joined(const char *first, ...) {
  va_list texts;
  size_t len = 1;
  va_start(texts, first);
  for (const char *text = first; text; text = va_arg(texts, const char *)) {
    if (__builtin_add_overflow(len, strlen(text), &len))
      abort();
  }
  va_end(texts);
  char *joined = snow_alloc(len), *to = joined;
  va_start(texts, first);
  for (const char *text = first; text; text = va_arg(texts, const char *)) {
    size_t piece = strlen(text);
    memcpy(to, text, piece);
    to += piece;
  }
  va_end(texts);
  *to = 0;
  return joined;
}

const char *snow_text_of(raw_string raw) {
  return snow_cstring((snow_string){raw.ptr, raw.len});
}

raw_string snow_borrowed(const char *text) {
  return (raw_string){(uint8_t *)text, strlen(text)};
}

// ---- UTF-8 -------------------------------------------------------------------------------------

// Returns how many bytes at the beginning of these, of which there is one at least, belong to one
// character. If they are none, it returns how many of them could have been the beginning of one: what
// one U+FFFD stands for.
static size_t character_len(snow_string bytes, bool *is_one) {
  uint8_t first = bytes.ptr[0];
  *is_one = first < 0x80;
  if (first < 0x80)
    return 1;
  size_t more = first < 0xc2 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 0;
  // Overlong forms, surrogates and what lies behind U+10FFFF are none.
  uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  for (size_t i = 1; i <= more; i++) {
    if (i == bytes.len || bytes.ptr[i] < least || bytes.ptr[i] > most)
      return i;
    least = 0x80;
    most = 0xbf;
  }
  *is_one = more > 0;
  return more + 1;
}

static snow_string behind(snow_string bytes, size_t len) {
  return (snow_string){bytes.ptr + len, bytes.len - len};
}

bool snow_are_utf8(snow_string bytes) {
  bool is_one = true;
  while (bytes.len > 0 && is_one)
    bytes = behind(bytes, character_len(bytes, &is_one));
  return is_one;
}

bool snow_is_utf8(const char *text) { return snow_are_utf8(snow_string_of(text)); }

snow_string snow_shown(snow_string bytes) {
  static const uint8_t replacement[] = {0xef, 0xbf, 0xbd};
  if (snow_are_utf8(bytes))
    return bytes;
  uint8_t *shown = snow_alloc_many(bytes.len, sizeof replacement), *to = shown;
  while (bytes.len > 0) {
    bool is_one;
    size_t len = character_len(bytes, &is_one), shown_len = is_one ? len : sizeof replacement;
    memcpy(to, is_one ? bytes.ptr : replacement, shown_len);
    to += shown_len;
    bytes = behind(bytes, len);
  }
  return (snow_string){shown, (size_t)(to - shown)};
}

// ---- Pieces ------------------------------------------------------------------------------------

char snow_lower(char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; }

bool snow_is(snow_string bytes, const char *text) {
  return bytes.len == strlen(text) && (bytes.len == 0 || memcmp(bytes.ptr, text, bytes.len) == 0);
}

bool snow_is_like(snow_string one, snow_string other) {
  if (one.len != other.len)
    return false;
  for (size_t i = 0; i < one.len; i++) {
    if (snow_lower((char)one.ptr[i]) != snow_lower((char)other.ptr[i]))
      return false;
  }
  return true;
}

bool snow_begins(snow_string bytes, snow_string prefix) {
  return bytes.len >= prefix.len &&
         (prefix.len == 0 || memcmp(bytes.ptr, prefix.ptr, prefix.len) == 0);
}

snow_string snow_from(snow_string bytes, size_t place) {
  return place < bytes.len ? behind(bytes, place) : (snow_string){NULL, 0};
}

snow_string snow_until(snow_string bytes, size_t place) {
  return (snow_string){bytes.ptr, place < bytes.len ? place : bytes.len};
}

size_t snow_place(snow_string bytes, char c) {
  const uint8_t *found = bytes.len ? memchr(bytes.ptr, c, bytes.len) : NULL;
  return found ? (size_t)(found - bytes.ptr) : bytes.len;
}

// As Rust's `trim_ascii` has it.
static bool is_space(uint8_t byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r' && byte != '\v');
}

snow_string snow_trimmed(snow_string bytes) {
  while (bytes.len > 0 && is_space(bytes.ptr[bytes.len - 1]))
    bytes.len--;
  while (bytes.len > 0 && is_space(bytes.ptr[0]))
    bytes = behind(bytes, 1);
  return bytes;
}

bool snow_has_zero(snow_string bytes) { return snow_place(bytes, 0) < bytes.len; }

// ---- Numbers -----------------------------------------------------------------------------------

bool snow_is_whole(snow_string digits, uint64_t *number) {
  uint64_t sum = 0;
  // As Rust reads them.
  if (digits.len > 1 && digits.ptr[0] == '+')
    digits = behind(digits, 1);
  for (size_t i = 0; i < digits.len; i++) {
    uint8_t digit = digits.ptr[i] - '0';
    if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
        __builtin_add_overflow(sum, digit, &sum))
      return false;
  }
  if (digits.len > 0)
    *number = sum;
  return digits.len > 0;
}

bool snow_is_number(const char *text, int64_t *number) {
  bool is_negative = *text == '-';
  uint64_t whole, most = (uint64_t)INT64_MAX + is_negative;
  if (is_negative && text[1] == '+')
    return false;
  if (!snow_is_whole(snow_string_of(text + is_negative), &whole) || whole > most)
    return false;
  *number = is_negative ? (int64_t)(0 - whole) : (int64_t)whole;
  return true;
}

const char *snow_decimal(uint64_t number) {
  char digits[21];
  size_t at = sizeof digits;
  digits[--at] = 0;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return snow_join(digits + at, "");
}

snow_outcome snow_number(const char *name, const char *text, int64_t *number) {
  if (!text || snow_is_number(text, number))
    return NULL;
  return snow_text(400, snow_joined("`", name, "`: not an integer of 64 bits", NULL));
}
