// Requests to other servers, and what is read of their answers.

#include "snow_internal.h"

// Returns whether the host can be given the texts of a request.
static bool are_texts(const snow_fetch_request *request) {
  bool are = snow_is_utf8(request->url) && (!request->method || snow_is_utf8(request->method)) &&
             (!request->collapse || snow_is_utf8(request->collapse));
  for (size_t i = 0; are && i < request->header_count; i++)
    are = snow_is_utf8(request->headers[i].name);
  return are;
}

static resuming_guest_option_u32_t some(uint32_t value) {
  return (resuming_guest_option_u32_t){value != 0, value};
}

snow_status snow_fetch(snow_fetch_request request, snow_pending *pending) {
  pending->handle = SNOW_NO_PENDING;
  request.url = request.url ? request.url : "";
  if (!are_texts(&request))
    return SNOW_NOT_UTF8;
  // The host only reads it, so nothing is copied.
  raw_field *fields = snow_alloc_many(request.header_count, sizeof *fields);
  for (size_t i = 0; i < request.header_count; i++) {
    snow_string value = snow_string_of(request.headers[i].value);
    fields[i] = (raw_field){snow_borrowed(request.headers[i].name),
                            {(uint8_t *)value.ptr, value.len}};
  }
  snow_host_fetch_outgoing_t raw = {
      .method = snow_borrowed(request.method ? request.method : "GET"),
      .url = snow_borrowed(request.url),
      .headers = {fields, request.header_count},
      .body = {(uint8_t *)request.body.ptr, request.body.len},
  };
  raw.options.is_some = request.timeout_ms || request.connect_timeout_ms ||
                        request.redirects_max || request.response_bytes_max || request.collapse;
  raw.options.val.timeout_ms = some(request.timeout_ms);
  raw.options.val.connect_timeout_ms = some(request.connect_timeout_ms);
  raw.options.val.redirects_max.is_some = request.redirects_max != 0;
  raw.options.val.redirects_max.val = request.redirects_max;
  raw.options.val.response_bytes_max = some(request.response_bytes_max);
  raw.options.val.collapse.is_some = request.collapse != NULL;
  raw.options.val.collapse.val = snow_borrowed(request.collapse ? request.collapse : "");
  raw_pending created = {0};
  raw_refusal refusal = 0;
  bool is_ok = snow_host_fetch_start(&raw, &created, &refusal);
  return snow_created(is_ok, refusal, created, pending);
}

// ---- What has come -----------------------------------------------------------------------------

// Returns the answer, if it is one and no suspension.
static const raw_response *response_of(snow_outcome answer) {
  bool is_answer = answer && answer->outcome.tag == SNOW_HOST_PENDING_HANDLES_OUTCOME_RESPOND;
  return is_answer ? &answer->outcome.val.respond : NULL;
}

uint16_t snow_answer_status(snow_outcome answer) {
  const raw_response *response = response_of(answer);
  return response ? response->status : 0;
}

snow_string snow_answer_body(snow_outcome answer) {
  const raw_response *response = response_of(answer);
  return response ? (snow_string){response->body.ptr, response->body.len} : (snow_string){NULL, 0};
}

size_t snow_answer_header_count(snow_outcome answer) {
  const raw_response *response = response_of(answer);
  return response ? response->headers.len : 0;
}

const char *snow_answer_header_at(snow_outcome answer, size_t index, snow_string *value) {
  const raw_field *field = &response_of(answer)->headers.ptr[index];
  *value = (snow_string){field->value.ptr, field->value.len};
  return snow_text_of(field->name);
}

const char *snow_answer_header(snow_outcome answer, const char *name) {
  snow_string wanted = snow_string_of(name);
  for (size_t i = 0; i < snow_answer_header_count(answer); i++) {
    const raw_field *field = &response_of(answer)->headers.ptr[i];
    if (snow_is_like((snow_string){field->name.ptr, field->name.len}, wanted))
      return snow_cstring((snow_string){field->value.ptr, field->value.len});
  }
  return NULL;
}
