// The guest of the measure `languages`, in C.
//
//   GET /c/hello   hello world
//   GET /c/rows    a table of 100 rows as JSON, made for each request

#include <snow.h>
#include <stdio.h>

enum { ROWS = 100, ROW_BYTES_MAX = 100 };

static snow_outcome hello(const snow_request *request) {
  (void)request;
  return snow_text(200, "hello world");
}

static snow_outcome rows(const snow_request *request) {
  (void)request;
  char *text = snow_alloc(ROWS * ROW_BYTES_MAX);
  char *end = text + sprintf(text, "{\"rows\":[");
  for (int id = 0; id < ROWS; id++)
    end += sprintf(end, "%s{\"id\":%d,\"name\":\"item %d\",\"price\":%d.5,\"tags\":[\"new\",\"shelf %d\"]}",
                   id > 0 ? "," : "", id, id, id, id % 7);
  end += sprintf(end, "]}");
  snow_string json = {(const uint8_t *)text, (size_t)(end - text)};
  return snow_add_header(snow_bytes(200, json), "content-type", "application/json");
}

SNOW_SERVE(
    {"GET", "/c/hello", hello},
    {"GET", "/c/rows", rows}
)
