// The syntax that header fields share (RFC 9110, section 5.6): a value, and parameters behind
// semicolons; and what a client would like to get.

#include <string.h>

#include "snow_internal.h"

// ---- A value and its parameters ----------------------------------------------------------------

bool snow_next_part(snow_parts *parts, snow_string *part) {
  if (parts->is_over)
    return false;
  bool is_quoted = false, is_escaped = false;
  size_t end = 0;
  for (; end < parts->rest.len; end++) {
    char c = (char)parts->rest.ptr[end];
    bool was_escaped = is_escaped;
    is_escaped = false;
    if (c == '"' && !was_escaped)
      is_quoted = !is_quoted;
    else if (c == '\\' && is_quoted && !was_escaped)
      is_escaped = true;
    else if (c == parts->separator && !is_quoted)
      break;
  }
  *part = snow_trimmed(snow_until(parts->rest, end));
  parts->is_over = end == parts->rest.len;
  parts->rest = snow_from(parts->rest, end + 1);
  return true;
}

snow_string snow_value_before(snow_string field, snow_parts *parameters) {
  snow_string value;
  *parameters = (snow_parts){.rest = field, .separator = ';'};
  snow_next_part(parameters, &value);
  return value;
}

bool snow_next_parameter(snow_parts *parameters, snow_string *name, snow_string *value) {
  snow_string part;
  while (snow_next_part(parameters, &part)) {
    size_t equals = snow_place(part, '=');
    // What is no parameter is left out.
    if (equals == part.len)
      continue;
    *name = snow_trimmed(snow_until(part, equals));
    *value = snow_trimmed(snow_from(part, equals + 1));
    return true;
  }
  return false;
}

snow_string snow_unquoted(snow_string value) {
  if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"')
    return value;
  snow_string inner = snow_until(snow_from(value, 1), value.len - 2);
  uint8_t *plain = snow_alloc(inner.len);
  size_t len = 0;
  for (size_t i = 0; i < inner.len; i++) {
    // Browsers send backslashes in names of files as they are, so only `\"` is an escape.
    if (inner.ptr[i] == '\\' && i + 1 < inner.len && inner.ptr[i + 1] == '"')
      i++;
    plain[len++] = inner.ptr[i];
  }
  return (snow_string){plain, len};
}

// ---- What a client would like to get -----------------------------------------------------------

// A media type, or a range of them, and its weight in thousandths.
typedef struct {
  snow_string kind, subtype;
  bool has_parameters;
  unsigned weight;
} range;

// Reads a weight: `1`, `0.5`, `0.125`, with at most three digits behind the point. What is none is 0.
static unsigned thousandths(snow_string text) {
  size_t point = snow_place(text, '.');
  snow_string whole = snow_until(text, point), fraction = snow_from(text, point + 1);
  if ((!snow_is(whole, "0") && !snow_is(whole, "1")) || fraction.len > 3)
    return 0;
  unsigned weight = whole.ptr[0] - '0';
  for (size_t i = 0; i < 3; i++) {
    unsigned digit = i < fraction.len ? (unsigned)fraction.ptr[i] - '0' : 0;
    if (digit > 9)
      return 0;
    weight = 10 * weight + digit;
  }
  return weight <= 1000 ? weight : 0;
}

static range range_of(snow_string text) {
  snow_parts parameters;
  snow_string type = snow_value_before(text, &parameters), name, value;
  size_t slash = snow_place(type, '/');
  range range = {snow_until(type, slash), snow_from(type, slash + 1), false, 1000};
  while (snow_next_parameter(&parameters, &name, &value)) {
    if (snow_is_like(name, snow_string_of("q")))
      range.weight = thousandths(snow_unquoted(value));
    else
      range.has_parameters = true;
  }
  return range;
}

// Returns how exactly a range names a type: more is more exact, and 0 is not at all.
static unsigned exactness(const range *range, snow_string kind, snow_string subtype,
                          bool has_parameters) {
  // What a parameter means is known to nobody here: a range with some is for a type with some.
  if (range->has_parameters && !has_parameters)
    return 0;
  bool is_any = snow_is(range->subtype, "*");
  if (is_any && snow_is(range->kind, "*"))
    return 1;
  if (!snow_is_like(range->kind, kind))
    return 0;
  if (is_any)
    return 2;
  return snow_is_like(range->subtype, subtype) ? 3 + range->has_parameters : 0;
}

// Returns the weight of a media type: that of the most exact range that it is in; 0 if it is in none.
static unsigned weight_of(const snow_request *request, snow_string offered) {
  snow_parts parameters;
  snow_string type = snow_value_before(offered, &parameters), name, value, part, field;
  size_t slash = snow_place(type, '/');
  snow_string kind = snow_until(type, slash), subtype = snow_from(type, slash + 1);
  bool has_parameters = snow_next_parameter(&parameters, &name, &value);
  unsigned most_exact = 0, weight = 0;
  for (size_t at = 0; snow_next_field(request, "accept", &at, &field);) {
    for (snow_parts parts = {.rest = field, .separator = ','}; snow_next_part(&parts, &part);) {
      range range = range_of(part);
      unsigned exact = exactness(&range, kind, subtype, has_parameters);
      // Of two that are as exact, the better one.
      if (exact > most_exact || (exact == most_exact && exact > 0 && range.weight > weight)) {
        most_exact = exact;
        weight = range.weight;
      }
    }
  }
  return weight;
}

const char *snow_accepts(const snow_request *request, const char *const *offered, size_t count) {
  const char *best = NULL;
  unsigned best_weight = 0;
  if (!snow_header(request, "accept"))
    return count > 0 ? offered[0] : NULL;
  for (size_t i = 0; i < count; i++) {
    unsigned weight = weight_of(request, snow_string_of(offered[i]));
    if (weight > best_weight) {
      best = offered[i];
      best_weight = weight;
    }
  }
  return best;
}
