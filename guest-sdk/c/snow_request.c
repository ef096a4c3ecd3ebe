// The request, as a handler reads it.

#include <string.h>

#include "snow_internal.h"

// Returns whether a name in lower case is this one, in any case.
static bool is_named(raw_string raw, const char *name) {
  return snow_is_like((snow_string){raw.ptr, raw.len}, snow_string_of(name));
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

static int digit(uint8_t byte) {
  char c = snow_lower((char)byte);
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

snow_string snow_decoded(snow_string sent) {
  uint8_t *decoded = snow_alloc(sent.len), *to = decoded;
  for (size_t i = 0; i < sent.len; i++) {
    const uint8_t *from = sent.ptr + i;
    // What is malformed is kept as it is.
    if (*from == '%' && sent.len - i > 2 && digit(from[1]) >= 0 && digit(from[2]) >= 0) {
      *to++ = (uint8_t)(16 * digit(from[1]) + digit(from[2]));
      i += 2;
    } else {
      *to++ = *from == '+' ? ' ' : *from;
    }
  }
  return (snow_string){decoded, (size_t)(to - decoded)};
}

bool snow_next_pair(snow_string *rest, snow_string *name, snow_string *value) {
  snow_string pair = {NULL, 0};
  while (rest->len > 0 && pair.len == 0) {
    size_t end = snow_place(*rest, '&');
    pair = snow_until(*rest, end);
    *rest = snow_from(*rest, end + 1);
  }
  size_t equals = snow_place(pair, '=');
  *name = snow_until(pair, equals);
  *value = snow_from(pair, equals + 1);
  return pair.len > 0;
}

const char *snow_query(const snow_request *request, const char *wanted) {
  raw_string query = request->raw.query.val;
  snow_string rest = {query.ptr, request->raw.query.is_some ? query.len : 0}, name, value;
  while (snow_next_pair(&rest, &name, &value)) {
    if (snow_is(snow_decoded(name), wanted))
      return snow_cstring(snow_decoded(value));
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

bool snow_next_field(const snow_request *request, const char *name, size_t *at,
                     snow_string *value) {
  while (*at < request->raw.headers.len) {
    const raw_field *field = &request->raw.headers.ptr[(*at)++];
    if (is_named(field->name, name)) {
      *value = (snow_string){field->value.ptr, field->value.len};
      return true;
    }
  }
  return false;
}

const char *snow_header(const snow_request *request, const char *name) {
  size_t at = 0;
  snow_string value;
  return snow_next_field(request, name, &at, &value) ? snow_cstring(value) : NULL;
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
