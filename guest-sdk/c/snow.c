// The memory of a call, texts, answers and the log.

#include <stdlib.h>
#include <string.h>

#include "snow_internal.h"

// ---- Memory of a call --------------------------------------------------------------------------

// A piece of memory, before its bytes.
typedef struct piece {
  struct piece *next;
  max_align_t bytes[];
} piece;

// The memory of the call that is running, the endings in it, and the pendings and buckets that it
// owns. An instance has one call at a time.
static piece *pieces;
static snow_outcome endings;

// Handles of the host's.
typedef struct {
  int32_t *list;
  size_t count;
  size_t room;
} handles;

static handles pendings, buckets;

void *snow_malloc(size_t bytes) {
  if (bytes == 0)
    return NULL;
  // The client gets a 500, and the next call another instance.
  void *memory = malloc(bytes);
  if (!memory)
    abort();
  return memory;
}

void *snow_alloc(size_t bytes) {
  piece *memory = snow_malloc(sizeof(piece) + bytes);
  memory->next = pieces;
  pieces = memory;
  return memory->bytes;
}

uint8_t *snow_copied(const void *bytes, size_t len) {
  uint8_t *copy = snow_malloc(len);
  if (len)
    memcpy(copy, bytes, len);
  return copy;
}

raw_string snow_copied_text(const char *text) {
  size_t len = strlen(text);
  return (raw_string){snow_copied(text, len), len};
}

raw_bytes snow_copied_bytes(snow_string bytes) {
  return (raw_bytes){snow_copied(bytes.ptr, bytes.len), bytes.len};
}

raw_response snow_copied_response(const raw_response *response) {
  size_t count = response->headers.len;
  raw_field *fields = snow_malloc(count * sizeof *fields);
  for (size_t i = 0; i < count; i++) {
    const raw_field *field = &response->headers.ptr[i];
    fields[i].name = (raw_string){snow_copied(field->name.ptr, field->name.len), field->name.len};
    fields[i].value = snow_copied_bytes((snow_string){field->value.ptr, field->value.len});
  }
  return (raw_response){
      .status = response->status,
      .headers = {fields, count},
      .body = {snow_copied(response->body.ptr, response->body.len), response->body.len},
  };
}

snow_outcome snow_ending_of(raw_outcome outcome) {
  snow_outcome ending = snow_alloc(sizeof *ending);
  *ending = (struct snow_ending){.outcome = outcome, .next = endings};
  endings = ending;
  return ending;
}

static void add(handles *to, int32_t handle) {
  if (to->count == to->room) {
    to->room = to->room ? 2 * to->room : 8;
    to->list = realloc(to->list, to->room * sizeof *to->list);
    if (!to->list)
      abort();
  }
  to->list[to->count++] = handle;
}

// Returns the place of a handle among others; their number if it is none of them.
static size_t place_of(const handles *among, int32_t handle) {
  size_t place = 0;
  while (place < among->count && among->list[place] != handle)
    place++;
  return place;
}

void snow_own(int32_t handle) { add(&pendings, handle); }

bool snow_owns(int32_t handle) { return place_of(&pendings, handle) < pendings.count; }

bool snow_disown(int32_t handle) {
  size_t place = place_of(&pendings, handle);
  if (place == pendings.count)
    return false;
  pendings.list[place] = pendings.list[--pendings.count];
  return true;
}

void snow_own_bucket(int32_t handle) { add(&buckets, handle); }

bool snow_owns_bucket(int32_t handle) { return place_of(&buckets, handle) < buckets.count; }

void snow_end_call(void) {
  for (snow_outcome ending = endings; ending; ending = ending->next) {
    if (!ending->is_returned)
      exports_snow_host_handler_outcome_free(&ending->outcome);
  }
  endings = NULL;
  for (size_t i = 0; i < pendings.count; i++)
    snow_host_pending_handles_pending_drop_own((raw_pending){pendings.list[i]});
  for (size_t i = 0; i < buckets.count; i++)
    snow_host_store_bucket_drop_own((snow_host_store_own_bucket_t){buckets.list[i]});
  pendings.count = buckets.count = 0;
  snow_forget_words();
  while (pieces) {
    piece *next = pieces->next;
    free(pieces);
    pieces = next;
  }
}

// ---- Texts -------------------------------------------------------------------------------------

const char *snow_cstring(snow_string bytes) {
  char *text = snow_alloc(bytes.len + 1);
  if (bytes.len)
    memcpy(text, bytes.ptr, bytes.len);
  text[bytes.len] = 0;
  return text;
}

snow_string snow_string_of(const char *text) {
  return (snow_string){(const uint8_t *)text, strlen(text)};
}

const char *snow_join(const char *first, const char *second) {
  size_t first_len = strlen(first), second_len = strlen(second);
  char *text = snow_alloc(first_len + second_len + 1);
  memcpy(text, first, first_len);
  memcpy(text + first_len, second, second_len + 1);
  return text;
}

const char *snow_text_of(raw_string raw) {
  return snow_cstring((snow_string){raw.ptr, raw.len});
}

raw_string snow_borrowed(const char *text) {
  return (raw_string){(uint8_t *)text, strlen(text)};
}

// Returns how many bytes the character at the beginning of these has in UTF-8; 0 if it is none.
static size_t character_len(const uint8_t *bytes, size_t len) {
  uint8_t first = bytes[0];
  if (first < 0x80)
    return 1;
  size_t more = first < 0xc2 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 0;
  if (more == 0 || more >= len)
    return 0;
  // Overlong forms, surrogates and what lies behind U+10FFFF are none.
  uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (bytes[1] < least || bytes[1] > most)
    return 0;
  for (size_t i = 2; i <= more; i++) {
    if ((bytes[i] & 0xc0) != 0x80)
      return 0;
  }
  return more + 1;
}

// Returns how many bytes at the beginning are UTF-8.
static size_t utf8_len(snow_string bytes) {
  size_t at = 0, len = 1;
  while (at < bytes.len && len > 0) {
    len = character_len(bytes.ptr + at, bytes.len - at);
    at += len;
  }
  return at;
}

bool snow_is_utf8(const char *text) {
  snow_string bytes = snow_string_of(text);
  return utf8_len(bytes) == bytes.len;
}

snow_string snow_shown(snow_string bytes) {
  static const uint8_t replacement[] = {0xef, 0xbf, 0xbd};
  if (utf8_len(bytes) == bytes.len)
    return bytes;
  uint8_t *shown = snow_alloc(sizeof replacement * bytes.len), *to = shown;
  for (size_t at = 0; at < bytes.len;) {
    size_t len = character_len(bytes.ptr + at, bytes.len - at);
    memcpy(to, len ? bytes.ptr + at : replacement, len ? len : sizeof replacement);
    to += len ? len : sizeof replacement;
    at += len ? len : 1;
  }
  return (snow_string){shown, (size_t)(to - shown)};
}

// ---- The answer --------------------------------------------------------------------------------

snow_outcome snow_bytes(uint16_t status, snow_string body) {
  raw_outcome outcome = {.tag = SNOW_HOST_PENDING_HANDLES_OUTCOME_RESPOND};
  outcome.val.respond = (raw_response){.status = status, .body = snow_copied_bytes(body)};
  return snow_ending_of(outcome);
}

snow_outcome snow_text(uint16_t status, const char *text) {
  snow_outcome answer = snow_bytes(status, snow_string_of(text));
  return snow_add_header(answer, "content-type", "text/plain; charset=utf-8");
}

snow_outcome snow_add_header(snow_outcome answer, const char *name, const char *value) {
  if (answer->outcome.tag != SNOW_HOST_PENDING_HANDLES_OUTCOME_RESPOND)
    return answer;
  snow_host_http_list_field_t *headers = &answer->outcome.val.respond.headers;
  headers->ptr = realloc(headers->ptr, (headers->len + 1) * sizeof *headers->ptr);
  if (!headers->ptr)
    abort();
  // A name that is not UTF-8 is no name, and the host answers 500 for it.
  snow_string shown = snow_shown(snow_string_of(name));
  headers->ptr[headers->len++] = (raw_field){{snow_copied(shown.ptr, shown.len), shown.len},
                                             snow_copied_bytes(snow_string_of(value))};
  return answer;
}

// ---- The log -----------------------------------------------------------------------------------

void snow_log(snow_level level, const char *message) {
  snow_string shown = snow_shown(snow_string_of(message));
  raw_string text = {(uint8_t *)shown.ptr, shown.len};
  snow_host_logging_log(level, &text);
}
