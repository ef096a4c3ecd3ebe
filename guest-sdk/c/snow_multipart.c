// `multipart/form-data` (RFC 7578, and RFC 2046 for the boundaries), of a content that has arrived
// whole. Files are parts of the content that nobody copies.

#include <string.h>

#include "snow_internal.h"

// Bytes of a part's header fields.
#define HEAD_BYTES_MAX 8192
// Bytes of the header fields of all parts together.
#define HEADS_BYTES_MAX 1048576

#define BOUNDARY_BYTES_MAX 70

static snow_outcome malformed(const char *why) {
  return snow_text(400, snow_join("malformed multipart/form-data: ", why));
}

static const snow_string line_end = {(const uint8_t *)"\r\n", 2};

// Returns the place of the first such bytes, of which the first is nowhere else among them; how many
// bytes there are if there are none. So no byte is looked at for two places.
static size_t place_of(snow_string bytes, snow_string wanted) {
  size_t place = 0;
  while (place < bytes.len) {
    place += snow_place(snow_from(bytes, place), (char)wanted.ptr[0]);
    if (snow_begins(snow_from(bytes, place), wanted))
      return place;
    place++;
  }
  return bytes.len;
}

// Takes an end of a line from the beginning of bytes, if it is there.
static bool take_line_end(snow_string *bytes) {
  if (!snow_begins(*bytes, line_end))
    return false;
  *bytes = snow_from(*bytes, line_end.len);
  return true;
}

// ---- Boundaries --------------------------------------------------------------------------------

static bool is_in_boundary(char c) {
  char lower = snow_lower(c);
  return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') ||
         (c && strchr("'()+_,-./:=? ", c));
}

static bool is_boundary(snow_string boundary) {
  for (size_t i = 0; i < boundary.len; i++) {
    if (!is_in_boundary((char)boundary.ptr[i]))
      return false;
  }
  return boundary.len > 0 && boundary.len <= BOUNDARY_BYTES_MAX &&
         boundary.ptr[boundary.len - 1] != ' ';
}

// Goes on behind a boundary. `is_last` says whether it was the last one. What stands behind that one
// is for nobody.
static snow_outcome behind_boundary(snow_string *rest, bool *is_last) {
  *is_last = snow_begins(*rest, snow_string_of("--"));
  if (*is_last)
    return NULL;
  // A gateway may have added spaces.
  while (rest->len > 0 && (rest->ptr[0] == ' ' || rest->ptr[0] == '\t'))
    *rest = snow_from(*rest, 1);
  if (take_line_end(rest))
    return NULL;
  return malformed(rest->len ? "a boundary has something behind it in its line"
                             : "it is cut off behind a boundary");
}

// Goes to the first part, behind the first boundary.
static snow_outcome first_part(snow_string *rest, snow_string delimiter, bool *is_last) {
  // At the beginning no line end stands before it. What stands before it is for nobody.
  snow_string first = snow_from(delimiter, line_end.len);
  size_t place = 0;
  if (!snow_begins(*rest, first)) {
    place = place_of(*rest, delimiter);
    first = delimiter;
  }
  if (place == rest->len)
    return malformed("the boundary that `content-type` names is not there");
  *rest = snow_from(*rest, place + first.len);
  return behind_boundary(rest, is_last);
}

// ---- The header fields of a part ---------------------------------------------------------------

// What they say. A text without a pointer is not there.
typedef struct {
  snow_string name, file_name, content_type;
} head;

// Decodes the three characters that browsers write otherwise in names. The copy has a pointer, also
// if it is empty.
static snow_string decoded(snow_string name) {
  static const char *const codes[] = {"%22", "%0D", "%0A"};
  uint8_t *plain = snow_alloc(name.len);
  size_t len = 0;
  for (size_t i = 0; i < name.len; i++) {
    plain[len] = name.ptr[i];
    for (size_t code = 0; code < 3; code++) {
      if (snow_begins(snow_from(name, i), snow_string_of(codes[code]))) {
        plain[len] = "\"\r\n"[code];
        i += 2;
        break;
      }
    }
    len++;
  }
  return (snow_string){plain, len};
}

static snow_outcome read_disposition(snow_string field, head *head) {
  snow_parts parameters;
  snow_string kind = snow_value_before(field, &parameters), name, value;
  if (!snow_is_like(kind, snow_string_of("form-data")))
    return malformed("`content-disposition` of a part is not `form-data`");
  while (snow_next_parameter(&parameters, &name, &value)) {
    bool is_name = snow_is_like(name, snow_string_of("name"));
    if (!is_name && !snow_is_like(name, snow_string_of("filename")))
      continue;
    snow_string *place = is_name ? &head->name : &head->file_name;
    // Two readers may take two of them, so neither is right.
    if (place->ptr)
      return malformed("a part has two names");
    *place = decoded(snow_unquoted(value));
  }
  return NULL;
}

static snow_outcome read_line(snow_string line, head *head) {
  size_t colon = snow_place(line, ':');
  if (colon == line.len)
    return malformed("a line among the header fields of a part is none");
  snow_string field = snow_until(line, colon), value = snow_trimmed(snow_from(line, colon + 1));
  if (snow_is_like(field, snow_string_of("content-disposition")))
    return read_disposition(value, head);
  if (snow_is_like(field, snow_string_of("content-type"))) {
    snow_parts parameters;
    snow_string kind = snow_until(snow_value_before(value, &parameters), strlen("multipart/"));
    if (snow_is_like(kind, snow_string_of("multipart/")))
      return malformed("a part within a part: RFC 7578 has done away with it");
    head->content_type = value.ptr ? value : snow_string_of("");
  } else if (snow_is_like(field, snow_string_of("content-transfer-encoding"))) {
    if (!snow_is_like(value, snow_string_of("7bit")) &&
        !snow_is_like(value, snow_string_of("8bit")) &&
        !snow_is_like(value, snow_string_of("binary")))
      return malformed("a part is encoded: RFC 7578 has done away with it");
  }
  return NULL;
}

static snow_outcome read_head(snow_string fields, head *head) {
  if (!snow_are_utf8(fields))
    return malformed("the header fields of a part are not UTF-8");
  bool is_last;
  do {
    size_t end = place_of(fields, line_end);
    SNOW_TRY(read_line(snow_until(fields, end), head));
    is_last = end == fields.len;
    fields = snow_from(fields, end + line_end.len);
  } while (!is_last);
  return head->name.ptr ? NULL : malformed("a part has no name");
}

// Splits a part behind its header fields. The line end of the empty line stays with the content: in a
// part without content it is the next boundary's.
static snow_outcome take_head(snow_string *rest, snow_string *fields) {
  snow_string within = snow_until(*rest, HEAD_BYTES_MAX + 4);
  for (size_t place = 0; place + 4 <= within.len; place++) {
    if (memcmp(within.ptr + place, "\r\n\r\n", 4) == 0) {
      *fields = snow_until(*rest, place);
      *rest = snow_from(*rest, place + line_end.len);
      return NULL;
    }
  }
  if (rest->len <= HEAD_BYTES_MAX)
    return malformed("a part has no empty line behind its header fields");
  const char *most = snow_decimal(HEAD_BYTES_MAX);
  return snow_text(
      413, snow_joined("a part of the form has more than ", most, " bytes of header fields", NULL));
}

// ---- The form ----------------------------------------------------------------------------------

// Reads the part at the beginning of the rest, and goes on behind the boundary at its end.
static snow_outcome read_part(snow_reading *reading, snow_string *rest, snow_string delimiter,
                              size_t *heads_bytes) {
  snow_string fields;
  SNOW_TRY(snow_form_has_room(reading));
  SNOW_TRY(take_head(rest, &fields));
  *heads_bytes += fields.len;
  if (*heads_bytes > HEADS_BYTES_MAX) {
    const char *most = snow_decimal(HEADS_BYTES_MAX);
    return snow_text(413, snow_joined("the form has more than ", most, " bytes of header fields",
                                      NULL));
  }
  if (place_of(fields, delimiter) < fields.len)
    return malformed("a part has no empty line behind its header fields");
  size_t end = place_of(*rest, delimiter);
  if (end == rest->len)
    return malformed("it is cut off: the last boundary is missing");
  snow_string content = snow_until(*rest, end);
  *rest = snow_from(*rest, end + delimiter.len);
  take_line_end(&content);
  head head = {0};
  SNOW_TRY(read_head(fields, &head));
  if (!head.file_name.ptr)
    return snow_form_add_field(reading, head.name, content);
  const snow_string *content_type = head.content_type.ptr ? &head.content_type : NULL;
  return snow_form_add_file(reading, head.name, head.file_name, content_type, content);
}

snow_outcome snow_read_multipart(snow_reading *reading, snow_string body, snow_string boundary) {
  if (!is_boundary(boundary))
    return malformed("`content-type` has no `boundary` of 1 to 70 of its characters");
  uint8_t bytes[4 + BOUNDARY_BYTES_MAX] = "\r\n--";
  memcpy(bytes + 4, boundary.ptr, boundary.len);
  snow_string delimiter = {bytes, 4 + boundary.len};
  bool is_last = false;
  size_t heads_bytes = 0;
  SNOW_TRY(first_part(&body, delimiter, &is_last));
  while (!is_last) {
    SNOW_TRY(read_part(reading, &body, delimiter, &heads_bytes));
    SNOW_TRY(behind_boundary(&body, &is_last));
  }
  return NULL;
}
