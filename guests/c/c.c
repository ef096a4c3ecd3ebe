// The example in C: what the examples of all languages do.
//
//   GET /c/hello    hello from c
//   POST /c/echo    the content that was sent, under its own content-type
//   GET /c/req      waits until somebody stops it, and answers what it is given
//   GET /c/stop     stops the one that has waited longest, whichever guest holds it: ?value=...
//   GET /c/random   a random number
//   GET /c/now      the time (RFC 3339)
//   GET /c/count    how often this was asked, which the store keeps
//   GET /c/get      the answer of another server, as it came: ?url=...

#include <inttypes.h>
#include <snow.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

// The key under which the examples of all languages wait.
static const char *const requests = "requests-any";

static snow_outcome hello(const snow_request *request) {
  (void)request;
  return snow_text(200, "hello from c");
}

static snow_outcome echo(const snow_request *request) {
  const char *kind = snow_header(request, "content-type");
  snow_outcome answer = snow_bytes(200, snow_body(request));
  return snow_add_header(answer, "content-type", kind ? kind : "application/octet-stream");
}

static snow_outcome req(const snow_request *request) {
  (void)request;
  snow_pending pending;
  if (snow_create(requests, &pending) != SNOW_OK)
    return snow_text(503, "too many wait");
  return snow_suspend(&pending, 1, (snow_suspension){.timeout_ms = 60000});
}

static snow_outcome stopped(const snow_resumed *resumed) {
  if (resumed->timed_out)
    return snow_text(504, "nobody came");
  return snow_text(200, snow_cstring(snow_value_of(resumed)));
}

static snow_outcome stop(const snow_request *request) {
  const char *value = snow_query(request, "value");
  bool somebody_waited = false;
  snow_set_next(requests, snow_value(snow_string_of(value ? value : "")), &somebody_waited);
  return somebody_waited ? snow_text(200, "stop") : snow_text(409, "nobody is waiting");
}

static snow_outcome random_number(const snow_request *request) {
  (void)request;
  uint64_t number;
  if (getentropy(&number, sizeof number) != 0)
    return snow_text(500, "there are no random numbers");
  char text[24];
  snprintf(text, sizeof text, "%" PRIu64, number);
  return snow_text(200, text);
}

static snow_outcome now(const snow_request *request) {
  (void)request;
  time_t seconds = time(NULL);
  struct tm fields;
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &fields));
  return snow_text(200, text);
}

static snow_outcome count(const snow_request *request) {
  (void)request;
  snow_bucket bucket;
  int64_t sum = 0;
  if (snow_bucket_open("default", &bucket) != SNOW_OK ||
      snow_bucket_increment(bucket, "count", 1, &sum) != SNOW_OK)
    return snow_text(503, "the store has refused");
  char text[24];
  snprintf(text, sizeof text, "%" PRId64, sum);
  return snow_text(200, text);
}

static snow_outcome get(const snow_request *request) {
  const char *url = snow_query(request, "url");
  snow_pending pending;
  snow_status status = snow_fetch((snow_fetch_request){.url = url ? url : ""}, &pending);
  if (status == SNOW_NOT_UTF8)
    return snow_text(400, "the URL is not UTF-8");
  if (status != SNOW_OK)
    return snow_text(503, "too many wait");
  // Without a resumer the host sends the answer to the client, and a failure is a 502.
  return snow_suspend(&pending, 1, (snow_suspension){0});
}

SNOW_SERVE(
    {"GET", "/c/hello", hello},
    {"POST", "/c/echo", echo},
    {"GET", "/c/req", req, stopped},
    {"GET", "/c/stop", stop},
    {"GET", "/c/random", random_number},
    {"GET", "/c/now", now},
    {"GET", "/c/count", count},
    {"GET", "/c/get", get}
)
