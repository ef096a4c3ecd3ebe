// What a guest knows of its clients and of its deployer: forms, cookies, sessions, configuration,
// links, and the times of a wait.

#include "web.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// Returns a text of three with spaces between them.
static const char *words(const char *first, const char *second, const char *third) {
  return snow_join(snow_join(snow_join(first, " "), snow_join(second, " ")), third);
}

static const char *decimal(int64_t number) {
  char text[24];
  snprintf(text, sizeof text, "%" PRId64, number);
  return snow_join(text, "");
}

static const char *or_none(const char *text) { return text ? text : "none"; }

// ---- Forms -------------------------------------------------------------------------------------

snow_outcome web_form(const snow_request *request) {
  snow_form form;
  const char *name;
  int64_t age = 0;
  SNOW_TRY(snow_read_form(request, (snow_form_limits){.value_bytes_max = 2000}, &form));
  SNOW_TRY(snow_form_required(&form, "name", &name));
  SNOW_TRY(snow_number("age", snow_form_value(&form, "age"), &age));
  const snow_file *photo = snow_form_file(&form, "photo");
  const char *sent = "";
  if (photo)
    sent = snow_join(" ", words(photo->name, or_none(photo->content_type),
                                decimal((int64_t)photo->bytes.len)));
  return snow_text(200, snow_join(snow_join(name, " "), snow_join(decimal(age), sent)));
}

// ---- Sessions ----------------------------------------------------------------------------------

static snow_outcome session_of(const snow_request *request, snow_session **session) {
  snow_bucket bucket;
  const snow_signing_keys *keys;
  if (snow_bucket_open("default", &bucket) != SNOW_OK)
    return snow_fail("there is no bucket");
  SNOW_TRY(snow_signing_keys_stored(bucket, &keys));
  snow_sessions sessions = {.bucket = "in-c/sessions", .lifetime_s = 3600, .keys = keys};
  return snow_session_of(request, sessions, session);
}

snow_outcome web_user(const snow_request *request) {
  snow_session *session;
  SNOW_TRY(session_of(request, &session));
  const char *name = snow_session_get(session, "user");
  return snow_session_save(session, snow_text(200, name ? name : "nobody"));
}

snow_outcome web_login_page(const snow_request *request) {
  snow_session *session;
  const char *token;
  SNOW_TRY(session_of(request, &session));
  SNOW_TRY(snow_csrf_token(session, &token));
  return snow_session_save(session, snow_text(200, token));
}

snow_outcome web_login(const snow_request *request) {
  snow_session *session;
  snow_form form;
  const char *name;
  SNOW_TRY(session_of(request, &session));
  SNOW_TRY(snow_read_form(request, (snow_form_limits){0}, &form));
  SNOW_TRY(snow_check_csrf(session, snow_form_value(&form, "csrf")));
  SNOW_TRY(snow_form_required(&form, "user", &name));
  SNOW_TRY(snow_session_renew(session));
  SNOW_TRY(snow_session_set(session, "user", name));
  return snow_session_save(session, snow_redirect(303, snow_path_for("/in-c/user")));
}

snow_outcome web_logout(const snow_request *request) {
  snow_session *session;
  SNOW_TRY(session_of(request, &session));
  snow_session_destroy(session);
  return snow_session_save(session, snow_text(200, "bye"));
}

// ---- Signed cookies, of keys that a guest in Rust has too --------------------------------------

static snow_outcome shared_keys(const snow_signing_keys **keys) {
  snow_bucket bucket;
  if (snow_bucket_open("tornado", &bucket) != SNOW_OK)
    return snow_fail("the bucket `tornado` is not granted");
  return snow_signing_keys_stored(bucket, keys);
}

snow_outcome web_read_signed(const snow_request *request) {
  const snow_signing_keys *keys;
  SNOW_TRY(shared_keys(&keys));
  return snow_text(200, or_none(snow_get_signed_cookie(request, "name", keys, 3600)));
}

snow_outcome web_sign(const snow_request *request) {
  (void)request;
  const snow_signing_keys *keys;
  SNOW_TRY(shared_keys(&keys));
  snow_cookie cookie = {.name = "name", .value = snow_sign(keys, "name", "Bob")};
  return snow_set_cookie(snow_text(200, "signed"), cookie);
}

// ---- Answers -----------------------------------------------------------------------------------

snow_outcome web_kinds(const snow_request *request) {
  static const char *const offered[] = {"application/json", "text/html"};
  const char *best = snow_accepts(request, offered, 2);
  if (!best)
    return snow_text(406, "none");
  const char *seen = or_none(snow_get_cookie(request, "seen"));
  snow_outcome answer = strcmp(best, "text/html") == 0
                            ? snow_html(200, snow_html_escaped(seen))
                            : snow_json(200, snow_json_quoted(seen));
  return snow_add_header(answer, "vary", "accept");
}

snow_outcome web_page(const snow_request *request) {
  int64_t number = 0;
  SNOW_TRY(snow_number("number", snow_param(request, "number"), &number));
  return snow_text(200, decimal(number));
}

snow_outcome web_bad_cookie(const snow_request *request) {
  const char *value = snow_cstring(snow_body(request));
  return snow_set_cookie(snow_text(200, "set"), (snow_cookie){.name = "a", .value = value});
}

// ---- Configuration and links -------------------------------------------------------------------

snow_outcome web_config(const snow_request *request) {
  const char *name = snow_param(request, "name"), *all = "";
  int64_t number = 0;
  SNOW_TRY(snow_config_number("number", &number));
  const snow_secret *secret = snow_config_secret(name);
  const snow_pair *pairs;
  size_t count = snow_config_all(&pairs);
  for (size_t i = 0; i < count; i++)
    all = snow_join(all, snow_join(pairs[i].name, snow_join("=", snow_join(pairs[i].value, ";"))));
  const char *found = words(or_none(snow_config(name)), or_none(snow_expose(secret)), decimal(number));
  return snow_text(200, words(found, all, ""));
}

snow_outcome web_links(const snow_request *request) {
  (void)request;
  const char *found = words(snow_url_for("/orders?a=b"), snow_path_for("/orders"),
                            or_none(snow_base_url()));
  snow_cookie cookie = {.name = "a", .value = "b", .path = snow_cookie_path()};
  return snow_set_cookie(snow_text(200, found), cookie);
}

// ---- The times of a wait -----------------------------------------------------------------------

// How often it was resumed, and how long it has waited in all.
typedef struct {
  int64_t times, ms;
} waits;

static snow_outcome wait_for(waits so_far, uint32_t timeout_ms) {
  snow_pending pending;
  if (snow_create("in-c-wait", &pending) != SNOW_OK)
    return snow_text(503, "too many wait");
  snow_string state = {(const uint8_t *)&so_far, sizeof so_far};
  return snow_suspend(&pending, 1, (snow_suspension){.timeout_ms = timeout_ms, .state = state});
}

snow_outcome web_wait(const snow_request *request) {
  int64_t ms = 0;
  SNOW_TRY(snow_number("ms", snow_query(request, "ms"), &ms));
  bool is_kept = snow_keep_deadline();
  return is_kept ? snow_text(500, "a handler has no deadline") : wait_for((waits){0}, (uint32_t)ms);
}

snow_outcome web_waited(const snow_resumed *resumed) {
  waits so_far;
  memcpy(&so_far, resumed->state.ptr, sizeof so_far);
  so_far.times++;
  so_far.ms += snow_waited_ms();
  bool is_asked = strcmp(snow_cstring(snow_value_of(resumed)), "how long") == 0;
  if (resumed->timed_out || is_asked)
    return snow_text(200, words(decimal(so_far.times), decimal(so_far.ms), decimal(snow_left_ms())));
  if (!snow_keep_deadline())
    return snow_text(500, "there was a deadline to keep");
  return wait_for(so_far, 600000);
}

snow_outcome web_next(const snow_request *request) {
  bool somebody_waited = false;
  snow_set_next("in-c-wait", snow_value(snow_body(request)), &somebody_waited);
  return snow_text(200, somebody_waited ? "true" : "false");
}
