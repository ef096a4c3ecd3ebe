// Requests to other servers.

#include <snow.h>
#include <stdio.h>

#include "asks.h"

// Sends a request to the URL in the content, and passes the answer on.
snow_outcome asks_get(const snow_request *request) {
  snow_pending pending;
  snow_fetch_request asked = {.url = snow_cstring(snow_body(request))};
  if (snow_fetch(asked, &pending) != SNOW_OK)
    return snow_text(503, "refused");
  return snow_suspend(&pending, 1, (snow_suspension){0});
}

// Sends a request with everything that one can have, and says what came.
snow_outcome asks_read(const snow_request *request) {
  snow_pending pending;
  snow_header_field headers[] = {{"x-of", "in-c"}};
  snow_fetch_request asked = {
      .method = "PUT",
      .url = snow_cstring(snow_body(request)),
      .headers = headers,
      .header_count = 1,
      .body = snow_string_of("content"),
      .timeout_ms = 20000,
      .connect_timeout_ms = 10000,
      .redirects_max = 1,
      .response_bytes_max = 100,
      .collapse = "equal",
  };
  if (snow_fetch(asked, &pending) != SNOW_OK)
    return snow_text(503, "refused");
  return snow_suspend(&pending, 1, (snow_suspension){0});
}

snow_outcome asks_has_read(const snow_resumed *resumed) {
  const snow_settlement *came = &resumed->arrivals[0].settlement;
  if (came->kind == SNOW_FAILED)
    return snow_text(502, came->code);
  if (came->kind != SNOW_RESPONSE || !snow_answer_header(came->response, "X-Answered"))
    return snow_text(500, "no response");
  char status[16];
  snprintf(status, sizeof status, "%d ", snow_answer_status(came->response));
  return snow_text(200, snow_join(status, snow_cstring(snow_answer_body(came->response))));
}
