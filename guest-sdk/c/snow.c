// What snow.h declares, over the generated bindings.

#include "snow.h"

#include <stdlib.h>
#include <string.h>

#include "resuming_guest.h"

// The generated names are long.
typedef resuming_guest_string_t raw_string;
typedef resuming_guest_list_u8_t raw_bytes;
typedef snow_host_http_request_t raw_request;
typedef snow_host_http_response_t raw_response;
typedef snow_host_pending_handles_outcome_t raw_outcome;
typedef snow_host_pending_handles_settlement_t raw_settlement;
typedef snow_host_pending_handles_option_settlement_t raw_option_settlement;
typedef snow_host_pending_handles_own_pending_t raw_pending;
typedef snow_host_pending_handles_refusal_t raw_refusal;

// An answer or a suspension. What it holds is allocated by `malloc`, as the bindings free it when
// the host has read it; itself it is memory of the call.
struct snow_ending {
  raw_outcome outcome;
  // Whether what it holds belongs to somebody else: it was returned, or is shown to the guest.
  bool is_handed_over;
  struct snow_ending *next;
};

struct snow_request {
  raw_request raw;
};

// ---- Memory of a call --------------------------------------------------------------------------

// A piece of memory, before its bytes.
typedef struct piece {
  struct piece *next;
  max_align_t bytes[];
} piece;

// The memory of the call that is running, the endings in it, and the pendings that it owns. An
// instance has one call at a time.
static piece *pieces;
static snow_outcome endings;
static int32_t *pendings;
static size_t pending_count;
static size_t pending_room;

static void *allocated(size_t bytes) {
  // The client gets a 500, and the next call another instance.
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory)
    abort();
  return memory;
}

void *snow_alloc(size_t bytes) {
  piece *memory = allocated(sizeof(piece) + bytes);
  memory->next = pieces;
  pieces = memory;
  return memory->bytes;
}

static uint8_t *copied(const void *bytes, size_t len) {
  uint8_t *copy = allocated(len);
  if (len)
    memcpy(copy, bytes, len);
  return copy;
}

static raw_string copied_string(const char *text) {
  size_t len = strlen(text);
  return (raw_string){copied(text, len), len};
}

static raw_bytes copied_bytes(snow_string bytes) {
  return (raw_bytes){copied(bytes.ptr, bytes.len), bytes.len};
}

// Returns a text of the bindings' type. The functions that take one do not change it.
static raw_string borrowed(const char *text) {
  return (raw_string){(uint8_t *)text, strlen(text)};
}

static void own(raw_pending pending) {
  if (pending_count == pending_room) {
    pending_room = pending_room ? 2 * pending_room : 8;
    pendings = realloc(pendings, pending_room * sizeof *pendings);
    if (!pendings)
      abort();
  }
  pendings[pending_count++] = pending.__handle;
}

// Takes a pending from those that are released at the end of the call.
static bool disown(int32_t handle) {
  for (size_t i = 0; i < pending_count; i++) {
    if (pendings[i] == handle) {
      pendings[i] = pendings[--pending_count];
      return true;
    }
  }
  return false;
}

// Ends a call: what it has allocated is freed, and its pendings are released.
static void end_call(void) {
  for (snow_outcome ending = endings; ending; ending = ending->next) {
    if (!ending->is_handed_over)
      exports_snow_host_handler_outcome_free(&ending->outcome);
  }
  endings = NULL;
  for (size_t i = 0; i < pending_count; i++)
    snow_host_pending_handles_pending_drop_own((raw_pending){pendings[i]});
  pending_count = 0;
  while (pieces) {
    piece *next = pieces->next;
    free(pieces);
    pieces = next;
  }
}

// ---- Texts -------------------------------------------------------------------------------------

const char *snow_cstring(snow_string bytes) {
  char *text = snow_alloc(bytes.len + 1);
  if (bytes.len)
    memcpy(text, bytes.ptr, bytes.len);
  text[bytes.len] = 0;
  return text;
}

snow_string snow_string_of(const char *text) {
  return (snow_string){(const uint8_t *)text, strlen(text)};
}

const char *snow_join(const char *first, const char *second) {
  size_t first_len = strlen(first), second_len = strlen(second);
  char *text = snow_alloc(first_len + second_len + 1);
  memcpy(text, first, first_len);
  memcpy(text + first_len, second, second_len + 1);
  return text;
}

static const char *text_of(raw_string raw) {
  return snow_cstring((snow_string){raw.ptr, raw.len});
}

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

// ---- The request -------------------------------------------------------------------------------

const char *snow_id(const snow_request *request) { return text_of(request->raw.id); }
const char *snow_client(const snow_request *request) { return text_of(request->raw.client); }
const char *snow_scheme(const snow_request *request) { return text_of(request->raw.scheme); }
const char *snow_authority(const snow_request *request) { return text_of(request->raw.authority); }
const char *snow_method(const snow_request *request) { return text_of(request->raw.method); }
const char *snow_path(const snow_request *request) { return text_of(request->raw.path); }

const char *snow_raw_query(const snow_request *request) {
  return request->raw.query.is_some ? text_of(request->raw.query.val) : NULL;
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
      return text_of(param->value);
  }
  return "";
}

const char *snow_param_at(const snow_request *request, size_t index) {
  return index < request->raw.params.len ? text_of(request->raw.params.ptr[index].value) : "";
}

const char *snow_header(const snow_request *request, const char *name) {
  for (size_t i = 0; i < request->raw.headers.len; i++) {
    const snow_host_http_field_t *field = &request->raw.headers.ptr[i];
    if (is_named(field->name, name))
      return snow_cstring((snow_string){field->value.ptr, field->value.len});
  }
  return NULL;
}

size_t snow_header_count(const snow_request *request) { return request->raw.headers.len; }

const char *snow_header_at(const snow_request *request, size_t index, snow_string *value) {
  const snow_host_http_field_t *field = &request->raw.headers.ptr[index];
  *value = (snow_string){field->value.ptr, field->value.len};
  return text_of(field->name);
}

snow_string snow_body(const snow_request *request) {
  return (snow_string){request->raw.body.ptr, request->raw.body.len};
}

// ---- The answer --------------------------------------------------------------------------------

static snow_outcome ending(raw_outcome outcome) {
  snow_outcome ending = snow_alloc(sizeof *ending);
  *ending = (struct snow_ending){.outcome = outcome, .next = endings};
  endings = ending;
  return ending;
}

snow_outcome snow_bytes(uint16_t status, snow_string body) {
  raw_outcome outcome = {.tag = SNOW_HOST_PENDING_HANDLES_OUTCOME_RESPOND};
  outcome.val.respond = (raw_response){.status = status, .body = copied_bytes(body)};
  return ending(outcome);
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
  headers->ptr[headers->len++] =
      (snow_host_http_field_t){copied_string(name), copied_bytes(snow_string_of(value))};
  return answer;
}

// ---- Settlements -------------------------------------------------------------------------------

snow_settlement snow_value(snow_string value) {
  return (snow_settlement){.kind = SNOW_VALUE, .value = value};
}

snow_settlement snow_response(snow_outcome answer) {
  return (snow_settlement){
      .kind = SNOW_RESPONSE,
      .value = {answer->outcome.val.respond.body.ptr, answer->outcome.val.respond.body.len},
      .response = answer,
  };
}

snow_settlement snow_failed(const char *code, const char *message) {
  return (snow_settlement){.kind = SNOW_FAILED, .value = snow_string_of(message), .code = code};
}

// Returns a settlement for the host, which only reads it.
static raw_settlement lowered(snow_settlement settlement) {
  raw_settlement raw = {.tag = SNOW_HOST_PENDING_HANDLES_SETTLEMENT_VALUE};
  raw_string value = {(uint8_t *)settlement.value.ptr, settlement.value.len};
  if (settlement.kind == SNOW_RESPONSE) {
    raw.tag = SNOW_HOST_PENDING_HANDLES_SETTLEMENT_RESPONSE;
    raw.val.response = settlement.response->outcome.val.respond;
  } else if (settlement.kind == SNOW_FAILED) {
    raw.tag = SNOW_HOST_PENDING_HANDLES_SETTLEMENT_FAILED;
    raw.val.failed = (snow_host_pending_handles_failure_t){borrowed(settlement.code), value};
  } else {
    raw.val.value = (raw_bytes){value.ptr, value.len};
  }
  return raw;
}

// Returns a settlement of the host's. It refers to what the host has handed over.
static snow_settlement lifted(const raw_option_settlement *option) {
  if (!option->is_some)
    return (snow_settlement){.kind = SNOW_UNSETTLED};
  const raw_settlement *raw = &option->val;
  if (raw->tag == SNOW_HOST_PENDING_HANDLES_SETTLEMENT_RESPONSE) {
    raw_outcome outcome = {.tag = SNOW_HOST_PENDING_HANDLES_OUTCOME_RESPOND};
    outcome.val.respond = raw->val.response;
    snow_outcome answer = ending(outcome);
    answer->is_handed_over = true;
    return snow_response(answer);
  }
  if (raw->tag == SNOW_HOST_PENDING_HANDLES_SETTLEMENT_FAILED) {
    snow_settlement failed = snow_failed(text_of(raw->val.failed.code), "");
    failed.value = (snow_string){raw->val.failed.message.ptr, raw->val.failed.message.len};
    return failed;
  }
  return snow_value((snow_string){raw->val.value.ptr, raw->val.value.len});
}

// ---- Pendings ----------------------------------------------------------------------------------

// Returns what the host says, by whether it agrees.
static snow_status status(bool is_ok, raw_refusal refusal) {
  return is_ok ? SNOW_OK : (snow_status)(SNOW_UNKNOWN + refusal);
}

// Hands a pending that was created to the guest.
static snow_status created(bool is_ok, raw_refusal refusal, raw_pending raw, snow_pending *pending) {
  if (is_ok) {
    own(raw);
    pending->handle = raw.__handle;
  }
  return status(is_ok, refusal);
}

snow_status snow_create(const char *key, snow_pending *pending) {
  raw_pending raw = {0};
  raw_refusal refusal = 0;
  raw_string name = borrowed(key ? key : "");
  bool is_ok = snow_host_pending_handles_create(key ? &name : NULL, &raw, &refusal);
  return created(is_ok, refusal, raw, pending);
}

snow_status snow_timer(uint32_t after_ms, snow_pending *pending) {
  raw_pending raw = {0};
  raw_refusal refusal = 0;
  bool is_ok = snow_host_pending_handles_timer(after_ms, &raw, &refusal);
  return created(is_ok, refusal, raw, pending);
}

const char *snow_token(snow_pending pending) {
  raw_string token;
  snow_host_pending_handles_borrow_pending_t borrow = {pending.handle};
  snow_host_pending_handles_method_pending_token(borrow, &token);
  const char *text = text_of(token);
  resuming_guest_string_free(&token);
  return text;
}

snow_status snow_set_result(const char *token, snow_settlement settlement) {
  raw_string name = borrowed(token);
  raw_settlement raw = lowered(settlement);
  raw_refusal refusal = 0;
  return status(snow_host_pending_handles_set_result(&name, &raw, &refusal), refusal);
}

snow_status snow_set_next(const char *key, snow_settlement settlement, bool *somebody_waited) {
  raw_string name = borrowed(key);
  raw_settlement raw = lowered(settlement);
  raw_refusal refusal = 0;
  return status(snow_host_pending_handles_set_next(&name, &raw, somebody_waited, &refusal), refusal);
}

snow_status snow_set_all(const char *key, snow_settlement settlement, uint32_t *count) {
  raw_string name = borrowed(key);
  raw_settlement raw = lowered(settlement);
  raw_refusal refusal = 0;
  return status(snow_host_pending_handles_set_all(&name, &raw, count, &refusal), refusal);
}

uint32_t snow_waiting(const char *key) {
  raw_string name = borrowed(key);
  return snow_host_pending_handles_waiting(&name);
}

// Copies a settlement into memory of the call.
static snow_settlement kept(snow_settlement settlement) {
  uint8_t *value = snow_alloc(settlement.value.len);
  if (settlement.value.len)
    memcpy(value, settlement.value.ptr, settlement.value.len);
  settlement.value.ptr = value;
  if (settlement.kind != SNOW_RESPONSE)
    return settlement;
  const raw_response *raw = &settlement.response->outcome.val.respond;
  snow_outcome answer = snow_bytes(raw->status, settlement.value);
  for (size_t i = 0; i < raw->headers.len; i++) {
    const snow_host_http_field_t *field = &raw->headers.ptr[i];
    snow_string content = {field->value.ptr, field->value.len};
    snow_add_header(answer, text_of(field->name), snow_cstring(content));
  }
  settlement.response = answer;
  return settlement;
}

snow_status snow_wait(const snow_pending *waited, size_t count, bool any, uint32_t timeout_ms,
                      snow_settlement *settlements) {
  snow_host_pending_handles_list_borrow_pending_t handles = {
      (snow_host_pending_handles_borrow_pending_t *)waited, count};
  snow_host_pending_handles_list_option_settlement_t came = {0};
  raw_refusal refusal = 0;
  uint32_t *timeout = timeout_ms ? &timeout_ms : NULL;
  if (!snow_host_pending_handles_wait(&handles, any, timeout, &came, &refusal))
    return status(false, refusal);
  for (size_t i = 0; i < count; i++)
    settlements[i] = kept(lifted(&came.ptr[i]));
  snow_host_pending_handles_list_option_settlement_free(&came);
  return SNOW_OK;
}

snow_outcome snow_suspend(const snow_pending *waited, size_t count, snow_suspension suspension) {
  raw_outcome outcome = {.tag = SNOW_HOST_PENDING_HANDLES_OUTCOME_SUSPEND};
  snow_host_pending_handles_suspension_t *raw = &outcome.val.suspend;
  raw_pending *handles = allocated(count * sizeof *handles);
  for (size_t i = 0; i < count; i++) {
    // One that is in it twice, or of another call.
    if (!disown(waited[i].handle)) {
      snow_log(SNOW_ERROR, "a suspension has a pending twice, or one that is not of this call");
      abort();
    }
    handles[i].__handle = waited[i].handle;
  }
  raw->handles.ptr = handles;
  raw->handles.len = count;
  raw->until = suspension.any;
  raw->timeout_ms.is_some = suspension.timeout_ms != 0;
  raw->timeout_ms.val = suspension.timeout_ms;
  raw->keep_request = suspension.keep_request;
  raw->state = copied_bytes(suspension.state);
  snow_outcome answer = suspension.on_timeout;
  if (answer && answer->outcome.tag == SNOW_HOST_PENDING_HANDLES_OUTCOME_RESPOND) {
    raw->on_timeout.is_some = true;
    raw->on_timeout.val = answer->outcome.val.respond;
    answer->is_handed_over = true;
  }
  return ending(outcome);
}

snow_string snow_value_of(const snow_resumed *resumed) {
  for (size_t i = 0; i < resumed->arrival_count; i++) {
    const snow_settlement *settlement = &resumed->arrivals[i].settlement;
    if (settlement->kind == SNOW_VALUE || settlement->kind == SNOW_RESPONSE)
      return settlement->value;
  }
  return (snow_string){NULL, 0};
}

void snow_log(snow_level level, const char *message) {
  raw_string text = borrowed(message);
  snow_host_logging_log(level, &text);
}

// The bindings ask for an object file that carries the component type. The host takes the exports for
// it instead.
void __component_type_object_force_link_resuming_guest(void) {}

// ---- What the host calls -----------------------------------------------------------------------

static size_t method_count(const char *methods) {
  if (strcmp(methods, "any") == 0)
    return 0;
  size_t count = 1;
  for (const char *c = methods; *c; c++)
    count += *c == '|';
  return count;
}

void exports_snow_host_handler_routes(exports_snow_host_handler_list_route_t *ret) {
  ret->ptr = allocated(snow_route_count * sizeof *ret->ptr);
  ret->len = snow_route_count;
  for (size_t i = 0; i < snow_route_count; i++) {
    const char *rest = snow_routes[i].methods;
    resuming_guest_list_string_t *methods = &ret->ptr[i].methods;
    methods->len = method_count(rest);
    methods->ptr = allocated(methods->len * sizeof *methods->ptr);
    for (size_t j = 0; j < methods->len; j++) {
      size_t len = strcspn(rest, "|");
      methods->ptr[j] = (raw_string){copied(rest, len), len};
      rest += len + 1;
    }
    ret->ptr[i].pattern = copied_string(snow_routes[i].pattern);
  }
}

// Returns what a call ends with to the host, which frees it when it has read it.
static void end_with(uint32_t route, snow_outcome ending, raw_outcome *ret) {
  if (!ending) {
    snow_log(SNOW_ERROR, "a handler returned a null pointer");
    ending = snow_text(500, "internal server error");
  }
  if (ending->outcome.tag == SNOW_HOST_PENDING_HANDLES_OUTCOME_SUSPEND)
    ending->outcome.val.suspend.resume = snow_routes[route].resumer != NULL;
  *ret = ending->outcome;
  ending->is_handed_over = true;
  end_call();
}

void exports_snow_host_handler_handle(uint32_t route, exports_snow_host_handler_request_t *request,
                                      exports_snow_host_handler_outcome_t *ret) {
  end_with(route, snow_routes[route].handler((const snow_request *)request), ret);
  exports_snow_host_handler_request_free(request);
}

void exports_snow_host_resumer_resume(uint32_t route, exports_snow_host_resumer_cause_t cause,
                                      exports_snow_host_resumer_request_t *maybe_request,
                                      resuming_guest_list_u8_t *state,
                                      exports_snow_host_resumer_list_arrival_t *arrivals,
                                      exports_snow_host_resumer_outcome_t *ret) {
  snow_arrival *list = snow_alloc(arrivals->len * sizeof *list);
  for (size_t i = 0; i < arrivals->len; i++) {
    own(arrivals->ptr[i].handle);
    list[i].pending.handle = arrivals->ptr[i].handle.__handle;
    list[i].settlement = lifted(&arrivals->ptr[i].settlement);
  }
  snow_resumed resumed = {
      .timed_out = cause == SNOW_HOST_PENDING_HANDLES_CAUSE_DEADLINE,
      .request = (const snow_request *)maybe_request,
      .state = {state->ptr, state->len},
      .arrivals = list,
      .arrival_count = arrivals->len,
  };
  end_with(route, snow_routes[route].resumer(&resumed), ret);
  if (maybe_request)
    exports_snow_host_handler_request_free(maybe_request);
  resuming_guest_list_u8_free(state);
  // The pendings of the arrivals were released or given away with the call.
  for (size_t i = 0; i < arrivals->len; i++)
    snow_host_pending_handles_option_settlement_free(&arrivals->ptr[i].settlement);
  free(arrivals->ptr);
}
