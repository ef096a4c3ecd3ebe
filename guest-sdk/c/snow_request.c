// The request, as a handler reads it.

#include <string.h>

#include "snow_internal.h"

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

// Returns whether a name in lower case is this one, in any case.
static bool is_named(raw_string raw, const char *name) {
  if (raw.len != strlen(name))
    return false;
  for (size_t i = 0; i < raw.len; i++) {
    if (raw.ptr[i] != lower(name[i]))
      return false;
  }
  return true;
}

const char *snow_id(const snow_request *request) { return snow_text_of(request->raw.id); }
const char *snow_client(const snow_request *request) { return snow_text_of(request->raw.client); }
const char *snow_scheme(const snow_request *request) { return snow_text_of(request->raw.scheme); }
const char *snow_authority(const snow_request *request) {
  return snow_text_of(request->raw.authority);
}
const char *snow_method(const snow_request *request) { return snow_text_of(request->raw.method); }
const char *snow_path(const snow_request *request) { return snow_text_of(request->raw.path); }

const char *snow_raw_query(const snow_request *request) {
  return request->raw.query.is_some ? snow_text_of(request->raw.query.val) : NULL;
}

static int digit(char c) {
  c = lower(c);
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Decodes a name or a value of a query. What is malformed is kept as it is.
static const char *decoded(const char *from, size_t len) {
  char *text = snow_alloc(len + 1), *to = text;
  for (size_t i = 0; i < len; i++) {
    if (from[i] == '%' && len - i > 2 && digit(from[i + 1]) >= 0 && digit(from[i + 2]) >= 0) {
      *to++ = (char)(16 * digit(from[i + 1]) + digit(from[i + 2]));
      i += 2;
    } else {
      *to++ = from[i] == '+' ? ' ' : from[i];
    }
  }
  *to = 0;
  return text;
}

const char *snow_query(const snow_request *request, const char *name) {
  const char *rest = snow_raw_query(request);
  while (rest) {
    size_t pair = strcspn(rest, "&");
    size_t equals = strcspn(rest, "=&");
    if (strcmp(decoded(rest, equals), name) == 0)
      return equals < pair ? decoded(rest + equals + 1, pair - equals - 1) : "";
    rest = rest[pair] ? rest + pair + 1 : NULL;
  }
  return NULL;
}

const char *snow_param(const snow_request *request, const char *name) {
  for (size_t i = 0; i < request->raw.params.len; i++) {
    const snow_host_http_param_t *param = &request->raw.params.ptr[i];
    if (param->name.is_some && param->name.val.len == strlen(name) &&
        memcmp(param->name.val.ptr, name, param->name.val.len) == 0)
      return snow_text_of(param->value);
  }
  return "";
}

const char *snow_param_at(const snow_request *request, size_t index) {
  return index < request->raw.params.len ? snow_text_of(request->raw.params.ptr[index].value) : "";
}

const char *snow_header(const snow_request *request, const char *name) {
  for (size_t i = 0; i < request->raw.headers.len; i++) {
    const raw_field *field = &request->raw.headers.ptr[i];
    if (is_named(field->name, name))
      return snow_cstring((snow_string){field->value.ptr, field->value.len});
  }
  return NULL;
}

size_t snow_header_count(const snow_request *request) { return request->raw.headers.len; }

const char *snow_header_at(const snow_request *request, size_t index, snow_string *value) {
  const raw_field *field = &request->raw.headers.ptr[index];
  *value = (snow_string){field->value.ptr, field->value.len};
  return snow_text_of(field->name);
}

snow_string snow_body(const snow_request *request) {
  return (snow_string){request->raw.body.ptr, request->raw.body.len};
}

bool snow_has_zero_byte(const snow_request *request) {
  for (size_t i = 0; i < request->raw.params.len; i++) {
    raw_string value = request->raw.params.ptr[i].value;
    if (value.len && memchr(value.ptr, 0, value.len))
      return true;
  }
  raw_string query = request->raw.query.val;
  if (!request->raw.query.is_some)
    return false;
  for (size_t i = 0; i + 2 < query.len; i++) {
    if (memcmp(query.ptr + i, "%00", 3) == 0)
      return true;
  }
  return false;
}
