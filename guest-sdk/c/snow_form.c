// Forms: what a browser sends when its user submits one.

#include <string.h>

#include "snow_internal.h"

// ---- What is read ------------------------------------------------------------------------------

// Returns the room for one thing more behind those of a list, which grows.
static void *one_more(void *list, size_t *count, size_t *room, size_t bytes) {
  if (*count < *room)
    return list;
  size_t grown = *room ? 2 * *room : 8;
  void *larger = snow_alloc_many(grown, bytes);
  if (*count)
    memcpy(larger, list, *count * bytes);
  *room = grown;
  return larger;
}

snow_outcome snow_form_has_room(const snow_reading *reading) {
  if (reading->field_count + reading->file_count < reading->limits.parts_max)
    return NULL;
  const char *most = snow_decimal(reading->limits.parts_max);
  return snow_text(413, snow_joined("the form has more than ", most, " fields", NULL));
}

// Refuses a part of more bytes than it may have.
static snow_outcome within(const char *name, size_t bytes, size_t bytes_max) {
  if (bytes <= bytes_max)
    return NULL;
  const char *most = snow_decimal(bytes_max);
  return snow_text(413, snow_joined("`", name, "` has more than ", most, " bytes", NULL));
}

// Copies a text of a form. In C a text would seem to end at a zero byte, after whoever is in front of
// the guest has looked at all of it.
static snow_outcome text_of(snow_string bytes, const char **text) {
  if (snow_has_zero(bytes))
    return snow_text(400, "the form has a zero byte in a name or a value");
  *text = snow_cstring(bytes);
  return NULL;
}

snow_outcome snow_form_add_field(snow_reading *reading, snow_string name, snow_string value) {
  snow_pair field;
  SNOW_TRY(text_of(name, &field.name));
  SNOW_TRY(within(field.name, value.len, reading->limits.value_bytes_max));
  SNOW_TRY(text_of(snow_shown(value), &field.value));
  reading->fields =
      one_more(reading->fields, &reading->field_count, &reading->field_room, sizeof field);
  reading->fields[reading->field_count++] = field;
  return NULL;
}

snow_outcome snow_form_add_file(snow_reading *reading, snow_string field, snow_string name,
                                const snow_string *content_type, snow_string bytes) {
  snow_file file = {.bytes = bytes};
  SNOW_TRY(text_of(field, &file.field));
  SNOW_TRY(within(file.field, bytes.len, reading->limits.file_bytes_max));
  SNOW_TRY(text_of(name, &file.name));
  if (content_type)
    SNOW_TRY(text_of(*content_type, &file.content_type));
  reading->files = one_more(reading->files, &reading->file_count, &reading->file_room, sizeof file);
  reading->files[reading->file_count++] = file;
  return NULL;
}

static snow_outcome read_urlencoded(snow_reading *reading, snow_string body) {
  if (!snow_are_utf8(body))
    return snow_text(400, "the form is not UTF-8");
  snow_string name, value;
  while (snow_next_pair(&body, &name, &value)) {
    SNOW_TRY(snow_form_has_room(reading));
    name = snow_shown(snow_decoded(name));
    value = snow_shown(snow_decoded(value));
    SNOW_TRY(snow_form_add_field(reading, name, value));
  }
  return NULL;
}

// Returns the boundary that a `content-type` names; nothing if it names none.
static snow_string boundary_of(snow_parts *parameters) {
  snow_string name, value;
  while (snow_next_parameter(parameters, &name, &value)) {
    if (snow_is_like(name, snow_string_of("boundary")))
      return snow_unquoted(value);
  }
  return (snow_string){NULL, 0};
}

// Refuses a content of another type.
static snow_outcome refused(snow_string kind) {
  const char *wanted =
      "the content must be `application/x-www-form-urlencoded` or `multipart/form-data`, not ";
  return snow_text(415, snow_join(wanted, snow_json_quoted(snow_cstring(kind))));
}

snow_outcome snow_read_form(const snow_request *request, snow_form_limits limits, snow_form *form) {
  snow_reading reading = {.limits = limits};
  if (limits.parts_max == 0)
    reading.limits.parts_max = 1000;
  if (limits.value_bytes_max == 0)
    reading.limits.value_bytes_max = 1 << 20;
  if (limits.file_bytes_max == 0)
    reading.limits.file_bytes_max = 1 << 24;
  *form = (snow_form){0};
  size_t at = 0;
  snow_string field = {NULL, 0};
  snow_next_field(request, "content-type", &at, &field);
  snow_parts parameters;
  snow_string kind = snow_value_before(field, &parameters), body = snow_body(request);
  if (snow_is_like(kind, snow_string_of("application/x-www-form-urlencoded")))
    SNOW_TRY(read_urlencoded(&reading, body));
  else if (snow_is_like(kind, snow_string_of("multipart/form-data")))
    SNOW_TRY(snow_read_multipart(&reading, body, boundary_of(&parameters)));
  else
    return refused(kind);
  *form = (snow_form){reading.fields, reading.field_count, reading.files, reading.file_count};
  return NULL;
}

// ---- What was read -----------------------------------------------------------------------------

const char *snow_form_value(const snow_form *form, const char *name) {
  for (size_t i = 0; i < form->field_count; i++) {
    if (strcmp(form->fields[i].name, name) == 0)
      return form->fields[i].value;
  }
  return NULL;
}

snow_outcome snow_form_required(const snow_form *form, const char *name, const char **value) {
  *value = snow_form_value(form, name);
  return *value ? NULL : snow_text(400, snow_joined("`", name, "` is missing in the form", NULL));
}

const snow_file *snow_form_file(const snow_form *form, const char *name) {
  for (size_t i = 0; i < form->file_count; i++) {
    if (strcmp(form->files[i].field, name) == 0)
      return &form->files[i];
  }
  return NULL;
}
