// The guest NAME. snow-host build compiles it to NAME.wasm, snow-host run serves it, and snow-host
// test runs the cases in NAME.test.toml.
//
//   GET /NAME/hello/ada           hello ada
//   GET /NAME/orders/7            waits until order 7 is approved; after 30 seconds 504
//   POST /NAME/orders/7/approve   approves it with the request's body, or 404 if nobody waits

#include <snow.h>

// Answers at once.
static snow_outcome hello(const snow_request *request) {
  return snow_text(200, snow_join("hello ", snow_param(request, "who")));
}

// The key of an order. All guests share the host's keys, so it begins with the guest's name.
static const char *key(const char *number) {
  return snow_join("NAME/orders/", number);
}

// Waits for an approval. Returning a suspension ends this call and its instance; the host keeps the
// client's connection until somebody settles the key, or the deadline passes. Then it calls
// `approved`, in another instance, which gets nothing from this one but the state.
static snow_outcome order(const snow_request *request) {
  const char *number = snow_param_at(request, 0);
  snow_pending approval;
  if (snow_create(key(number), &approval) != SNOW_OK)
    return snow_text(503, "too many wait");
  snow_suspension suspension = {.timeout_ms = 30000, .state = snow_string_of(number)};
  return snow_suspend(&approval, 1, suspension);
}

// Answers the request that waited.
static snow_outcome approved(const snow_resumed *resumed) {
  const char *number = snow_cstring(resumed->state);
  if (resumed->timed_out)
    return snow_text(504, snow_join("nobody approved order ", number));
  const char *text = snow_join(snow_join("order ", number), ": ");
  return snow_text(200, snow_join(text, snow_cstring(snow_value_of(resumed))));
}

// Settles what another request waits for: the one that has waited longest under the key gets this
// text.
static snow_outcome approve(const snow_request *request) {
  bool somebody_waited = false;
  snow_set_next(key(snow_param_at(request, 0)), snow_value(snow_body(request)), &somebody_waited);
  if (!somebody_waited)
    return snow_text(404, "nobody waits for this order");
  return snow_text(200, "approved");
}

// A pattern is a regular expression for the whole path.
SNOW_SERVE(
    {"GET", "/NAME/hello/(?P<who>\\w+)", hello},
    {"GET", "/NAME/orders/(\\d+)", order, approved},
    {"POST", "/NAME/orders/(\\d+)/approve", approve}
)
