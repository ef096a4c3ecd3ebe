// The memory of a call, and the log.

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

const char *snow_words = "";
void (*snow_close_databases)(void);

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
  if (bytes > SIZE_MAX - sizeof(piece))
    abort();
  piece *memory = snow_malloc(sizeof(piece) + bytes);
  memory->next = pieces;
  pieces = memory;
  return memory->bytes;
}

void *snow_alloc_many(size_t count, size_t bytes) {
  size_t all;
  if (__builtin_mul_overflow(count, bytes, &all))
    abort();
  return snow_alloc(all);
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

snow_status snow_status_of(bool is_ok, raw_refusal refusal) {
  return is_ok ? SNOW_OK : (snow_status)(SNOW_UNKNOWN + refusal);
}

snow_status snow_created(bool is_ok, raw_refusal refusal, raw_pending raw, snow_pending *pending) {
  pending->handle = is_ok ? raw.__handle : SNOW_NO_PENDING;
  if (is_ok)
    snow_own(raw.__handle);
  return snow_status_of(is_ok, refusal);
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
  if (snow_close_databases)
    snow_close_databases();
  snow_words = "";
  while (pieces) {
    piece *next = pieces->next;
    free(pieces);
    pieces = next;
  }
}

// ---- The log -----------------------------------------------------------------------------------

void snow_log(snow_level level, const char *message) {
  snow_string shown = snow_shown(snow_string_of(message));
  raw_string text = {(uint8_t *)shown.ptr, shown.len};
  snow_host_logging_log(level, &text);
}
