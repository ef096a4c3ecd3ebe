// Answers, what may stand in them, and settlements.

#include <stdlib.h>
#include <string.h>

#include "snow_internal.h"

snow_outcome snow_bytes(uint16_t status, snow_string body) {
  raw_outcome outcome = {.tag = SNOW_HOST_PENDING_HANDLES_OUTCOME_RESPOND};
  outcome.val.respond = (raw_response){.status = status, .body = snow_copied_bytes(body)};
  return snow_ending_of(outcome);
}

snow_outcome snow_text(uint16_t status, const char *text) {
  snow_outcome answer = snow_bytes(status, snow_string_of(text));
  return snow_add_header(answer, "content-type", "text/plain; charset=utf-8");
}

snow_outcome snow_add_header(snow_outcome answer, const char *name, const char *value) {
  if (answer->outcome.tag != SNOW_HOST_PENDING_HANDLES_OUTCOME_RESPOND)
    return answer;
  snow_host_http_list_field_t *headers = &answer->outcome.val.respond.headers;
  headers->ptr = realloc(headers->ptr, (headers->len + 1) * sizeof *headers->ptr);
  if (!headers->ptr)
    abort();
  // A name that is not UTF-8 is no name, and the host answers 500 for it.
  snow_string shown = snow_shown(snow_string_of(name));
  headers->ptr[headers->len++] = (raw_field){{snow_copied(shown.ptr, shown.len), shown.len},
                                             snow_copied_bytes(snow_string_of(value))};
  return answer;
}

snow_outcome snow_fail(const char *reason) {
  snow_log(SNOW_ERROR, reason);
  return snow_text(500, "internal server error");
}

snow_outcome snow_html(uint16_t status, const char *page) {
  snow_outcome answer = snow_bytes(status, snow_string_of(page));
  return snow_add_header(answer, "content-type", "text/html; charset=utf-8");
}

snow_outcome snow_json(uint16_t status, const char *json) {
  snow_outcome answer = snow_bytes(status, snow_string_of(json));
  return snow_add_header(answer, "content-type", "application/json");
}

// Returns whether RFC 3986 has no character that must be encoded in this.
static bool is_reference(const char *location) {
  for (const char *c = location; c && *c; c++) {
    if (*c <= ' ' || *c > '~' || strchr("\"<>\\^`{|}", *c))
      return false;
  }
  return location && *location;
}

snow_outcome snow_redirect(uint16_t status, const char *location) {
  if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) {
    const char *wanted = "a redirect has the status 301, 302, 303, 307 or 308: ";
    return snow_fail(snow_join(wanted, snow_decimal(status)));
  }
  if (!is_reference(location)) {
    const char *wanted = "a redirect needs characters that are percent-encoded where RFC 3986 "
                         "wants it: ";
    return snow_fail(snow_join(wanted, location));
  }
  return snow_add_header(snow_bytes(status, (snow_string){NULL, 0}), "location", location);
}

// ---- Texts in a page and in JSON ---------------------------------------------------------------

// Returns a text in which some bytes are written otherwise: `written` returns how, or a null pointer
// for a byte that stays. It is between `quotes`.
static const char *rewritten(snow_string text, const char *quotes,
                             const char *(*written)(uint8_t byte)) {
  size_t len = 2 * strlen(quotes) + 1;
  for (size_t i = 0; i < text.len; i++) {
    const char *instead = written(text.ptr[i]);
    if (__builtin_add_overflow(len, instead ? strlen(instead) : 1, &len))
      abort();
  }
  char *whole = snow_alloc(len), *to = stpcpy(whole, quotes);
  for (size_t i = 0; i < text.len; i++) {
    const char *instead = written(text.ptr[i]);
    if (instead)
      to = stpcpy(to, instead);
    else
      *to++ = (char)text.ptr[i];
  }
  stpcpy(to, quotes);
  return whole;
}

static const char *in_html(uint8_t byte) {
  switch (byte) {
  case '&':
    return "&amp;";
  case '<':
    return "&lt;";
  case '>':
    return "&gt;";
  case '"':
    return "&quot;";
  case '\'':
    return "&#39;";
  default:
    return NULL;
  }
}

const char *snow_html_escaped(const char *text) {
  return rewritten(snow_shown(snow_string_of(text)), "", in_html);
}

static const char *in_json(uint8_t byte) {
  // A page may hold the text in a script, where `</script>` would end it.
  static const char *const controls[] = {
      "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007",
      "\\b",     "\\t",     "\\n",     "\\u000b", "\\f",     "\\r",     "\\u000e", "\\u000f",
      "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017",
      "\\u0018", "\\u0019", "\\u001a", "\\u001b", "\\u001c", "\\u001d", "\\u001e", "\\u001f",
  };
  if (byte < 0x20)
    return controls[byte];
  return byte == '"' ? "\\\"" : byte == '\\' ? "\\\\" : byte == '<' ? "\\u003c" : NULL;
}

const char *snow_json_quoted(const char *text) {
  return rewritten(snow_shown(snow_string_of(text)), "\"", in_json);
}

// ---- Settlements -------------------------------------------------------------------------------

snow_settlement snow_value(snow_string value) {
  return (snow_settlement){.kind = SNOW_VALUE, .value = value};
}

snow_settlement snow_response(snow_outcome answer) {
  if (!answer || answer->outcome.tag != SNOW_HOST_PENDING_HANDLES_OUTCOME_RESPOND) {
    snow_log(SNOW_ERROR, "snow_response was given a suspension or a null pointer, and no answer");
    abort();
  }
  return (snow_settlement){
      .kind = SNOW_RESPONSE,
      .value = {answer->outcome.val.respond.body.ptr, answer->outcome.val.respond.body.len},
      .response = answer,
  };
}

snow_settlement snow_failed(const char *code, const char *message) {
  return (snow_settlement){.kind = SNOW_FAILED, .value = snow_string_of(message), .code = code};
}
