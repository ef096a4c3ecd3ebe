// Pendings: what they are settled with, and the two ways to wait for them.

#include "snow_internal.h"

// ---- Settlements -------------------------------------------------------------------------------

// Returns a settlement for the host, which only reads it.
static raw_settlement lowered(snow_settlement settlement) {
  raw_settlement raw = {.tag = SNOW_HOST_PENDING_HANDLES_SETTLEMENT_VALUE};
  raw_string value = {(uint8_t *)settlement.value.ptr, settlement.value.len};
  if (settlement.kind == SNOW_RESPONSE) {
    raw.tag = SNOW_HOST_PENDING_HANDLES_SETTLEMENT_RESPONSE;
    raw.val.response = settlement.response->outcome.val.respond;
  } else if (settlement.kind == SNOW_FAILED) {
    raw.tag = SNOW_HOST_PENDING_HANDLES_SETTLEMENT_FAILED;
    snow_string code = snow_shown(snow_string_of(settlement.code));
    snow_string message = snow_shown(settlement.value);
    raw.val.failed = (snow_host_pending_handles_failure_t){
        {(uint8_t *)code.ptr, code.len}, {(uint8_t *)message.ptr, message.len}};
  } else {
    raw.val.value = (raw_bytes){value.ptr, value.len};
  }
  return raw;
}

// Returns bytes that live until the end of the call.
static snow_string kept(const uint8_t *ptr, size_t len) {
  return (snow_string){(const uint8_t *)snow_cstring((snow_string){ptr, len}), len};
}

snow_settlement snow_lifted(const raw_option_settlement *option) {
  if (!option->is_some)
    return (snow_settlement){.kind = SNOW_UNSETTLED};
  const raw_settlement *raw = &option->val;
  if (raw->tag == SNOW_HOST_PENDING_HANDLES_SETTLEMENT_RESPONSE) {
    raw_outcome outcome = {.tag = SNOW_HOST_PENDING_HANDLES_OUTCOME_RESPOND};
    outcome.val.respond = snow_copied_response(&raw->val.response);
    return snow_response(snow_ending_of(outcome));
  }
  if (raw->tag == SNOW_HOST_PENDING_HANDLES_SETTLEMENT_FAILED) {
    snow_settlement failed = snow_failed(snow_text_of(raw->val.failed.code), "");
    failed.value = kept(raw->val.failed.message.ptr, raw->val.failed.message.len);
    return failed;
  }
  return snow_value(kept(raw->val.value.ptr, raw->val.value.len));
}

// ---- Pendings ----------------------------------------------------------------------------------

snow_status snow_create(const char *key, snow_pending *pending) {
  raw_pending raw = {0};
  raw_refusal refusal = 0;
  pending->handle = SNOW_NO_PENDING;
  if (key && !snow_is_utf8(key))
    return SNOW_NOT_UTF8;
  raw_string name = snow_borrowed(key ? key : "");
  bool is_ok = snow_host_pending_handles_create(key ? &name : NULL, &raw, &refusal);
  return snow_created(is_ok, refusal, raw, pending);
}

snow_status snow_timer(uint32_t after_ms, snow_pending *pending) {
  raw_pending raw = {0};
  raw_refusal refusal = 0;
  bool is_ok = snow_host_pending_handles_timer(after_ms, &raw, &refusal);
  return snow_created(is_ok, refusal, raw, pending);
}

// Returns whether a pending is one of this call. The host ends a call that names another one.
static bool is_usable(snow_pending pending, const char *function) {
  if (snow_owns(pending.handle))
    return true;
  const char *reason = " was given a pending that is not of this call, or that was refused";
  snow_log(SNOW_ERROR, snow_join(function, reason));
  return false;
}

const char *snow_token(snow_pending pending) {
  if (!is_usable(pending, "snow_token"))
    return "";
  raw_string token;
  snow_host_pending_handles_borrow_pending_t borrow = {pending.handle};
  snow_host_pending_handles_method_pending_token(borrow, &token);
  const char *text = snow_text_of(token);
  resuming_guest_string_free(&token);
  return text;
}

void snow_release(snow_pending pending) {
  if (snow_disown(pending.handle))
    snow_host_pending_handles_pending_drop_own((raw_pending){pending.handle});
}

snow_status snow_set_result(const char *token, snow_settlement settlement) {
  if (!snow_is_utf8(token))
    return SNOW_NOT_UTF8;
  raw_string name = snow_borrowed(token);
  raw_settlement raw = lowered(settlement);
  raw_refusal refusal = 0;
  return snow_status_of(snow_host_pending_handles_set_result(&name, &raw, &refusal), refusal);
}

snow_status snow_set_next(const char *key, snow_settlement settlement, bool *somebody_waited) {
  if (!snow_is_utf8(key))
    return SNOW_NOT_UTF8;
  raw_string name = snow_borrowed(key);
  raw_settlement raw = lowered(settlement);
  raw_refusal refusal = 0;
  return snow_status_of(snow_host_pending_handles_set_next(&name, &raw, somebody_waited, &refusal), refusal);
}

snow_status snow_set_all(const char *key, snow_settlement settlement, uint32_t *count) {
  if (!snow_is_utf8(key))
    return SNOW_NOT_UTF8;
  raw_string name = snow_borrowed(key);
  raw_settlement raw = lowered(settlement);
  raw_refusal refusal = 0;
  return snow_status_of(snow_host_pending_handles_set_all(&name, &raw, count, &refusal), refusal);
}

uint32_t snow_waiting(const char *key) {
  if (!snow_is_utf8(key))
    return 0;
  raw_string name = snow_borrowed(key);
  return snow_host_pending_handles_waiting(&name);
}

// ---- Waiting -----------------------------------------------------------------------------------

static snow_status wait_for(const snow_pending *pendings, size_t count, bool any,
                            uint32_t *timeout_ms, snow_settlement *settlements) {
  for (size_t i = 0; i < count; i++) {
    if (!is_usable(pendings[i], "snow_wait or snow_poll"))
      return SNOW_UNKNOWN;
  }
  snow_host_pending_handles_list_borrow_pending_t handles = {
      (snow_host_pending_handles_borrow_pending_t *)pendings, count};
  snow_host_pending_handles_list_option_settlement_t came = {0};
  raw_refusal refusal = 0;
  if (!snow_host_pending_handles_wait(&handles, any, timeout_ms, &came, &refusal))
    return snow_status_of(false, refusal);
  for (size_t i = 0; i < count; i++)
    settlements[i] = snow_lifted(&came.ptr[i]);
  snow_host_pending_handles_list_option_settlement_free(&came);
  return SNOW_OK;
}

snow_status snow_wait(const snow_pending *pendings, size_t count, bool any, uint32_t timeout_ms,
                      snow_settlement *settlements) {
  return wait_for(pendings, count, any, timeout_ms ? &timeout_ms : NULL, settlements);
}

snow_status snow_poll(const snow_pending *pendings, size_t count, snow_settlement *settlements) {
  uint32_t no_time = 0;
  return wait_for(pendings, count, false, &no_time, settlements);
}

snow_outcome snow_suspend(const snow_pending *pendings, size_t count, snow_suspension suspension) {
  raw_outcome outcome = {.tag = SNOW_HOST_PENDING_HANDLES_OUTCOME_SUSPEND};
  snow_host_pending_handles_suspension_t *raw = &outcome.val.suspend;
  // They stay the call's until the suspension is returned.
  raw->handles.ptr = (raw_pending *)snow_copied(pendings, count * sizeof *pendings);
  raw->handles.len = count;
  raw->until = suspension.any;
  raw->timeout_ms.is_some = suspension.timeout_ms != 0;
  raw->timeout_ms.val = suspension.timeout_ms;
  raw->keep_request = suspension.keep_request;
  raw->state = snow_copied_bytes(suspension.state);
  snow_outcome answer = suspension.on_timeout;
  if (answer && answer->outcome.tag == SNOW_HOST_PENDING_HANDLES_OUTCOME_RESPOND) {
    raw->on_timeout.is_some = true;
    raw->on_timeout.val = snow_copied_response(&answer->outcome.val.respond);
  }
  return snow_ending_of(outcome);
}

snow_string snow_value_of(const snow_resumed *resumed) {
  for (size_t i = 0; i < resumed->arrival_count; i++) {
    const snow_settlement *settlement = &resumed->arrivals[i].settlement;
    if (settlement->kind == SNOW_VALUE || settlement->kind == SNOW_RESPONSE)
      return settlement->value;
  }
  return (snow_string){NULL, 0};
}
