// What the host calls.

#include <stdlib.h>
#include <string.h>

#include "snow_internal.h"

// The bindings ask for an object file that carries the component type. The host takes the exports
// for it instead.
void __component_type_object_force_link_resuming_guest(void) {}

static size_t method_count(const char *methods) {
  if (strcmp(methods, "any") == 0)
    return 0;
  size_t count = 1;
  for (const char *c = methods; *c; c++)
    count += *c == '|';
  return count;
}

void exports_snow_host_handler_routes(exports_snow_host_handler_list_route_t *ret) {
  ret->ptr = snow_malloc(snow_route_count * sizeof *ret->ptr);
  ret->len = snow_route_count;
  for (size_t i = 0; i < snow_route_count; i++) {
    const char *rest = snow_routes[i].methods;
    resuming_guest_list_string_t *methods = &ret->ptr[i].methods;
    methods->len = method_count(rest);
    methods->ptr = snow_malloc(methods->len * sizeof *methods->ptr);
    for (size_t j = 0; j < methods->len; j++) {
      size_t len = strcspn(rest, "|");
      methods->ptr[j] = (raw_string){snow_copied(rest, len), len};
      rest += len + 1;
    }
    ret->ptr[i].pattern = snow_copied_text(snow_routes[i].pattern);
  }
}

// Gives the pendings of a suspension away to the host. Returns false, and gives none away, if one
// of them is there twice, or is not of this call.
static bool give_away(const snow_host_pending_handles_list_own_pending_t *handles) {
  for (size_t i = 0; i < handles->len; i++) {
    if (snow_disown(handles->ptr[i].__handle))
      continue;
    while (i > 0)
      snow_own(handles->ptr[--i].__handle);
    return false;
  }
  return true;
}

// Returns what a call ends with to the host. The bindings free it when the host has read it.
static void end_with(uint32_t route, snow_outcome ending, raw_outcome *ret) {
  if (!ending)
    ending = snow_fail("a handler returned a null pointer");
  if (ending->outcome.tag == SNOW_HOST_PENDING_HANDLES_OUTCOME_SUSPEND) {
    ending->outcome.val.suspend.resume = snow_routes[route].resumer != NULL;
    if (!give_away(&ending->outcome.val.suspend.handles))
      ending = snow_fail("a suspension has a pending twice, or one that is not of this call");
  }
  *ret = ending->outcome;
  ending->is_returned = true;
  snow_end_call();
}

void exports_snow_host_handler_handle(uint32_t route, exports_snow_host_handler_request_t *raw,
                                      exports_snow_host_handler_outcome_t *ret) {
  const snow_request *request = (const snow_request *)raw;
  // A text in C would end there: `secret%00.txt`, which a pattern for `.txt` lets pass, would be
  // `secret`.
  snow_outcome ending = snow_has_zero_byte(request)
                            ? snow_text(400, "the path or the query has a zero byte (%00)")
                            : snow_routes[route].handler(request);
  end_with(route, ending, ret);
  exports_snow_host_handler_request_free(raw);
}

void exports_snow_host_resumer_resume(uint32_t route, exports_snow_host_resumer_cause_t cause,
                                      exports_snow_host_resumer_request_t *maybe_request,
                                      resuming_guest_list_u8_t *state,
                                      exports_snow_host_resumer_list_arrival_t *arrivals,
                                      exports_snow_host_resumer_outcome_t *ret) {
  snow_arrival *list = snow_alloc(arrivals->len * sizeof *list);
  for (size_t i = 0; i < arrivals->len; i++) {
    raw_option_settlement *settlement = &arrivals->ptr[i].settlement;
    snow_own(arrivals->ptr[i].handle.__handle);
    list[i].pending.handle = arrivals->ptr[i].handle.__handle;
    list[i].settlement = snow_lifted(settlement);
    snow_host_pending_handles_option_settlement_free(settlement);
  }
  snow_resumed resumed = {
      .timed_out = cause == SNOW_HOST_PENDING_HANDLES_CAUSE_DEADLINE,
      .request = (const snow_request *)maybe_request,
      .state = {state->ptr, state->len},
      .arrivals = list,
      .arrival_count = arrivals->len,
  };
  if (arrivals->len)
    free(arrivals->ptr);
  end_with(route, snow_routes[route].resumer(&resumed), ret);
  if (maybe_request)
    exports_snow_host_handler_request_free(maybe_request);
  resuming_guest_list_u8_free(state);
}
