// A guest of the tests: what C's SDK does, a route for each.

#include <snow.h>
#include <stdio.h>
#include <string.h>

#include "asks.h"
#include "web.h"
#include "work.h"

// Answers are used again: one that came is given another header field, settles what a third request
// waits for, and is returned.
static snow_outcome relay(const snow_request *request) {
  (void)request;
  snow_pending pending;
  if (snow_create("in-c-relay", &pending) != SNOW_OK)
    return snow_text(503, "too many wait");
  return snow_suspend(&pending, 1, (snow_suspension){.timeout_ms = 60000});
}

static snow_outcome relayed(const snow_resumed *resumed) {
  const snow_settlement *came = &resumed->arrivals[0].settlement;
  if (resumed->timed_out || came->kind != SNOW_RESPONSE)
    return snow_text(504, "no answer came");
  snow_add_header(came->response, "x-relayed", "in-c");
  uint32_t count = 0;
  snow_set_all("in-c-copy", *came, &count);
  return came->response;
}

static snow_outcome reply(const snow_request *request) {
  (void)request;
  snow_outcome answer = snow_add_header(snow_text(201, "a reply"), "x-of", "in-c");
  bool somebody_waited = false;
  snow_set_next("in-c-relay", snow_response(answer), &somebody_waited);
  return somebody_waited ? answer : snow_text(409, "nobody waits");
}

// Is answered by the host: with what settles it, or at once, at its deadline.
static snow_outcome copy(const snow_request *request) {
  (void)request;
  snow_pending pending;
  if (snow_create("in-c-copy", &pending) != SNOW_OK)
    return snow_text(503, "too many wait");
  return snow_suspend(&pending, 1, (snow_suspension){.timeout_ms = 60000});
}

// One answer settles two pendings, came from both, is the answer at two deadlines of which one is
// never waited for, and gets a field afterwards.
static snow_outcome twice(const snow_request *request) {
  (void)request;
  snow_outcome answer = snow_add_header(snow_text(202, "twice"), "x-of", "in-c");
  snow_pending pendings[2];
  for (int i = 0; i < 2; i++) {
    if (snow_create(NULL, &pendings[i]) != SNOW_OK ||
        snow_set_result(snow_token(pendings[i]), snow_response(answer)) != SNOW_OK)
      return snow_text(503, "refused");
  }
  snow_settlement came[2];
  if (snow_wait(pendings, 2, false, 1000, came) != SNOW_OK || came[1].kind != SNOW_RESPONSE)
    return snow_text(500, "it did not come");
  snow_pending nobody;
  if (snow_create(NULL, &nobody) != SNOW_OK)
    return snow_text(503, "refused");
  snow_suspension suspension = {.timeout_ms = 1, .on_timeout = came[1].response};
  snow_suspend(&nobody, 1, suspension);
  snow_outcome late = snow_suspend(&nobody, 1, suspension);
  snow_add_header(came[1].response, "x-not-sent", "1");
  return late;
}

// Texts of the request.
static snow_outcome file(const snow_request *request) {
  const char *value = snow_query(request, "value");
  return snow_text(200, snow_join(snow_param(request, "name"), value ? value : ""));
}

// What has come is looked at without a wait.
static snow_outcome poll(const snow_request *request) {
  (void)request;
  snow_pending pending;
  snow_settlement before, after;
  if (snow_create(NULL, &pending) != SNOW_OK || snow_poll(&pending, 1, &before) != SNOW_OK)
    return snow_text(503, "refused");
  snow_set_result(snow_token(pending), snow_value(snow_string_of("now")));
  snow_poll(&pending, 1, &after);
  if (before.kind != SNOW_UNSETTLED || after.kind != SNOW_VALUE)
    return snow_text(500, "before or after");
  return snow_text(200, snow_cstring(after.value));
}

// More pendings than a call may have at one time.
static snow_outcome released(const snow_request *request) {
  (void)request;
  const char *token = "";
  for (int i = 0; i < 200; i++) {
    snow_pending pending;
    if (snow_create(NULL, &pending) != SNOW_OK)
      return snow_text(503, "too many");
    token = snow_token(pending);
    snow_release(pending);
  }
  bool is_unknown = snow_set_result(token, snow_value(snow_string_of(""))) == SNOW_UNKNOWN;
  return snow_text(200, is_unknown ? "released" : "kept");
}

// Goes on after a refusal as if there were a pending.
static snow_outcome refused(const snow_request *request) {
  (void)request;
  snow_pending pending;
  while (snow_create(NULL, &pending) == SNOW_OK)
    continue;
  snow_settlement came;
  snow_release(pending);
  if (*snow_token(pending) || snow_poll(&pending, 1, &came) != SNOW_UNKNOWN)
    return snow_text(200, "it was a pending");
  return snow_suspend(&pending, 1, (snow_suspension){0});
}

static snow_outcome same(const snow_request *request) {
  (void)request;
  snow_pending pending;
  if (snow_create(NULL, &pending) != SNOW_OK)
    return snow_text(503, "too many");
  snow_pending both[] = {pending, pending};
  return snow_suspend(both, 2, (snow_suspension){0});
}

// Uses the content, which need not be UTF-8, wherever the host takes a text.
static snow_outcome text(const snow_request *request) {
  const char *body = snow_cstring(snow_body(request));
  snow_log(SNOW_WARN, snow_join("logged: ", body));
  snow_pending pending, other;
  snow_settlement failure = snow_failed(body, body), came;
  bool waited = false;
  uint32_t count = 0;
  bool refused = snow_create(body, &pending) == SNOW_NOT_UTF8 &&
                 snow_set_result(body, failure) == SNOW_NOT_UTF8 &&
                 snow_set_next(body, failure, &waited) == SNOW_NOT_UTF8 &&
                 snow_set_all(body, failure, &count) == SNOW_NOT_UTF8 && snow_waiting(body) == 0;
  if (snow_create(NULL, &other) != SNOW_OK || snow_set_result(snow_token(other), failure) != SNOW_OK ||
      snow_poll(&other, 1, &came) != SNOW_OK)
    return snow_text(503, "refused");
  return snow_text(200, refused ? snow_join("refused ", came.code) : "taken");
}

static bool is(snow_string bytes, const char *text) {
  return strcmp(snow_cstring(bytes), text) == 0;
}

// Ends a check of the store at the first step that is not as it should be.
#define MUST(condition)                                       \
  if (!(condition))                                           \
    return snow_text(500, snow_join(#condition, snow_store_words()));

static snow_outcome store(const snow_request *request) {
  (void)request;
  snow_bucket own, other;
  MUST(snow_bucket_open("in-c/store", &own) == SNOW_OK);
  MUST(snow_bucket_open("another", &other) == SNOW_DENIED);
  snow_entry entry;
  MUST(snow_bucket_get(other, "a", &entry) == SNOW_DENIED);
  MUST(snow_bucket_get(own, "a\xff", &entry) == SNOW_NOT_UTF8);
  bool existed;
  snow_bucket_delete(own, "a", (snow_write){0}, &existed, NULL);
  MUST(snow_bucket_get(own, "a", &entry) == SNOW_OK && !entry.exists);

  snow_string one = snow_string_of("one"), two = snow_string_of("two");
  snow_write if_absent = {.only = SNOW_ABSENT, .expires_ms = 60000};
  MUST(snow_bucket_set(own, "a", one, if_absent, &entry) == SNOW_OK && entry.version > 0);
  snow_write if_same = {.only = SNOW_VERSION, .version = entry.version};
  MUST(snow_bucket_set(own, "a", two, if_absent, &entry) == SNOW_CONFLICT && is(entry.value, "one"));
  MUST(snow_bucket_set(own, "a", two, if_same, NULL) == SNOW_OK);
  MUST(snow_bucket_delete(own, "a", if_same, &existed, &entry) == SNOW_CONFLICT && !existed);
  MUST(is(entry.value, "two") && entry.version > if_same.version);
  MUST(snow_bucket_get(own, "a", &entry) == SNOW_OK && is(entry.value, "two"));

  snow_pending pending;
  snow_settlement came;
  MUST(snow_bucket_changed(own, "a", &entry, &pending) == SNOW_OK);
  MUST(snow_bucket_set(own, "a", one, (snow_write){0}, NULL) == SNOW_OK);
  MUST(snow_wait(&pending, 1, false, 10000, &came) == SNOW_OK && is(came.value, "one"));
  MUST(snow_bucket_changed(own, "none", NULL, &pending) == SNOW_OK);
  MUST(snow_poll(&pending, 1, &came) == SNOW_OK && came.kind == SNOW_UNSETTLED);

  int64_t sum;
  MUST(snow_bucket_increment(own, "a", 1, &sum) == SNOW_NOT_AN_INTEGER);
  snow_bucket_delete(own, "sum", (snow_write){0}, &existed, NULL);
  MUST(snow_bucket_increment(own, "sum", -7, &sum) == SNOW_OK && sum == -7);

  char key[2000] = {0};
  for (int i = 0; i < 300; i++) {
    snprintf(key, sizeof key, "n%03d", i);
    MUST(snow_bucket_set(own, key, one, (snow_write){0}, NULL) == SNOW_OK);
  }
  size_t count = 0;
  snow_keys page = {0};
  do {
    MUST(snow_bucket_keys(own, "n", &page) == SNOW_OK);
    for (size_t i = 0; i < page.count; i++) {
      snprintf(key, sizeof key, "n%03d", (int)count++);
      MUST(is(page.keys[i], key));
    }
  } while (page.has_more);
  MUST(count == 300);

  memset(key, 'k', sizeof key - 1);
  MUST(snow_bucket_set(own, key, one, (snow_write){0}, NULL) == SNOW_LIMIT);
  return snow_text(200, snow_store_words());
}

static snow_outcome field(const snow_request *request) {
  return snow_add_header(snow_text(200, ""), snow_cstring(snow_body(request)), "x");
}

SNOW_SERVE(
    {"POST", "/in-c/text", text},
    {"POST", "/in-c/field", field},
    {"GET", "/in-c/store", store},
    {"GET", "/in-c/relay", relay, relayed},
    {"GET", "/in-c/reply", reply},
    {"GET", "/in-c/copy", copy},
    {"GET", "/in-c/twice", twice},
    {"GET", "/in-c/file/(?P<name>.*\\.txt)", file},
    {"GET", "/in-c/poll", poll},
    {"GET", "/in-c/released", released},
    {"GET", "/in-c/refused", refused},
    {"GET", "/in-c/same", same},
    {"POST", "/in-c/form", web_form},
    {"GET", "/in-c/user", web_user},
    {"GET", "/in-c/login", web_login_page},
    {"POST", "/in-c/login", web_login},
    {"POST", "/in-c/logout", web_logout},
    {"GET", "/in-c/signed", web_read_signed},
    {"GET", "/in-c/sign", web_sign},
    {"GET", "/in-c/kinds", web_kinds},
    {"GET", "/in-c/page/(?P<number>.*)", web_page},
    {"POST", "/in-c/bad-cookie", web_bad_cookie},
    {"GET", "/in-c/config/(?P<name>.+)", web_config},
    {"GET", "/in-c/links", web_links},
    {"GET", "/in-c/wait", web_wait, web_waited},
    {"POST", "/in-c/next", web_next},
    {"POST", "/in-c/get", asks_get},
    {"POST", "/in-c/read", asks_read, asks_has_read},
    {"GET", "/in-c/sql", work_sql},
    {"POST", "/in-c/sql/plain", work_plain},
    {"GET", "/in-c/sql/listen", work_listen},
    {"POST", "/in-c/sql/notify", work_notify},
    {"GET", "/in-c/job/(?P<name>.+)", work_job, work_ended},
    {"POST", "/in-c/job/(?P<name>.+)", work_job_in_place},
    {"POST", "/in-c/enqueue/(?P<name>.+)", work_enqueue},
    {"GET", "/in-c/count/(?P<key>.+)", work_count}
)
