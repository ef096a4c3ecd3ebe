// The store: buckets of keys, each with a value.

#include <stdlib.h>

#include "snow_internal.h"

typedef snow_host_store_store_error_t raw_error;
typedef snow_host_store_borrow_bucket_t raw_bucket;

static snow_entry lifted(const snow_host_store_option_entry_t *option) {
  if (!option->is_some)
    return (snow_entry){.exists = false};
  snow_string value = {option->val.value.ptr, option->val.value.len};
  return (snow_entry){
      .exists = true,
      .value = {(const uint8_t *)snow_cstring(value), value.len},
      .version = option->val.version,
  };
}

// Returns why the host refused. Writes what the key holds to `held` if that is the reason.
static snow_status refused(raw_error *error, snow_entry *held) {
  snow_status status = SNOW_DENIED;
  switch (error->tag) {
  case SNOW_HOST_STORE_STORE_ERROR_CONFLICT:
    if (held)
      *held = lifted(&error->val.conflict);
    status = SNOW_CONFLICT;
    break;
  case SNOW_HOST_STORE_STORE_ERROR_LIMIT:
    snow_words = snow_text_of(error->val.limit);
    status = SNOW_LIMIT;
    break;
  case SNOW_HOST_STORE_STORE_ERROR_NOT_AN_INTEGER:
    status = SNOW_NOT_AN_INTEGER;
    break;
  case SNOW_HOST_STORE_STORE_ERROR_UNAVAILABLE:
    snow_words = snow_text_of(error->val.unavailable);
    status = SNOW_UNAVAILABLE;
    break;
  }
  snow_host_store_store_error_free(error);
  return status;
}

// Returns why a function can't be asked of the host, which ends a call that names a bucket of
// another one, or a key that is not UTF-8.
static snow_status checked(snow_bucket bucket, const char *key) {
  snow_words = "";
  if (!snow_owns_bucket(bucket.handle)) {
    snow_log(SNOW_ERROR, "the bucket is not of this call, or the host has refused to open it");
    return SNOW_DENIED;
  }
  return snow_is_utf8(key) ? SNOW_OK : SNOW_NOT_UTF8;
}

static snow_host_store_condition_t lowered(snow_write write) {
  snow_host_store_condition_t condition = {.tag = write.only};
  condition.val.version = write.version;
  return condition;
}

const char *snow_store_words(void) { return snow_words; }

const char *snow_status_words(snow_status status) {
  switch (status) {
  case SNOW_DENIED:
    return "the host does not let this guest use the bucket";
  case SNOW_CONFLICT:
    return "too many requests write at a time";
  case SNOW_NOT_UTF8:
    return "the name is not UTF-8";
  default:
    return snow_words;
  }
}

snow_status snow_bucket_open(const char *name, snow_bucket *bucket) {
  snow_words = "";
  bucket->handle = 0;
  if (!snow_is_utf8(name))
    return SNOW_NOT_UTF8;
  raw_string text = snow_borrowed(name);
  snow_host_store_own_bucket_t raw;
  raw_error error;
  if (!snow_host_store_static_bucket_open(&text, &raw, &error))
    return refused(&error, NULL);
  snow_own_bucket(raw.__handle);
  bucket->handle = raw.__handle;
  return SNOW_OK;
}

snow_status snow_bucket_get(snow_bucket bucket, const char *key, snow_entry *entry) {
  *entry = (snow_entry){.exists = false};
  snow_status status = checked(bucket, key);
  if (status != SNOW_OK)
    return status;
  raw_string text = snow_borrowed(key);
  snow_host_store_option_entry_t raw;
  raw_error error;
  if (!snow_host_store_method_bucket_get((raw_bucket){bucket.handle}, &text, &raw, &error))
    return refused(&error, NULL);
  *entry = lifted(&raw);
  snow_host_store_option_entry_free(&raw);
  return SNOW_OK;
}

snow_status snow_bucket_set(snow_bucket bucket, const char *key, snow_string value, snow_write write,
                            snow_entry *held) {
  snow_status status = checked(bucket, key);
  if (status != SNOW_OK)
    return status;
  raw_string text = snow_borrowed(key);
  raw_bytes bytes = {(uint8_t *)value.ptr, value.len};
  snow_host_store_set_options_t options = {
      .expires_ms = {write.expires_ms != 0, write.expires_ms},
      .only = lowered(write),
  };
  uint64_t version;
  raw_error error;
  if (!snow_host_store_method_bucket_set((raw_bucket){bucket.handle}, &text, &bytes, &options,
                                         &version, &error))
    return refused(&error, held);
  if (held)
    *held = (snow_entry){.exists = true, .value = value, .version = version};
  return SNOW_OK;
}

snow_status snow_bucket_delete(snow_bucket bucket, const char *key, snow_write write, bool *existed,
                               snow_entry *held) {
  *existed = false;
  snow_status status = checked(bucket, key);
  if (status != SNOW_OK)
    return status;
  raw_string text = snow_borrowed(key);
  snow_host_store_condition_t only = lowered(write);
  raw_error error;
  if (!snow_host_store_method_bucket_delete((raw_bucket){bucket.handle}, &text, &only, existed,
                                            &error))
    return refused(&error, held);
  return SNOW_OK;
}

snow_status snow_bucket_increment(snow_bucket bucket, const char *key, int64_t by, int64_t *sum) {
  *sum = 0;
  snow_status status = checked(bucket, key);
  if (status != SNOW_OK)
    return status;
  raw_string text = snow_borrowed(key);
  raw_error error;
  if (!snow_host_store_method_bucket_increment((raw_bucket){bucket.handle}, &text, by, sum, &error))
    return refused(&error, NULL);
  return SNOW_OK;
}

snow_status snow_bucket_keys(snow_bucket bucket, const char *prefix, snow_keys *page) {
  bool is_first = !page->is_begun;
  snow_string after = page->next;
  *page = (snow_keys){.is_begun = true};
  snow_status status = checked(bucket, prefix);
  if (status != SNOW_OK)
    return status;
  raw_string text = snow_borrowed(prefix), last = {(uint8_t *)after.ptr, after.len};
  snow_host_store_page_t raw;
  raw_error error;
  if (!snow_host_store_method_bucket_list((raw_bucket){bucket.handle}, &text,
                                          is_first ? NULL : &last, UINT32_MAX, &raw, &error))
    return refused(&error, NULL);
  snow_string *keys = snow_alloc(raw.keys.len * sizeof *keys);
  for (size_t i = 0; i < raw.keys.len; i++)
    keys[i] = (snow_string){(const uint8_t *)snow_text_of(raw.keys.ptr[i]), raw.keys.ptr[i].len};
  page->keys = keys;
  page->count = raw.keys.len;
  page->has_more = raw.next.is_some;
  if (raw.next.is_some)
    page->next = (snow_string){(const uint8_t *)snow_text_of(raw.next.val), raw.next.val.len};
  snow_host_store_page_free(&raw);
  return SNOW_OK;
}

snow_status snow_bucket_changed(snow_bucket bucket, const char *key, const snow_entry *seen,
                                snow_pending *pending) {
  pending->handle = 0;
  snow_status status = checked(bucket, key);
  if (status != SNOW_OK)
    return status;
  raw_string text = snow_borrowed(key);
  uint64_t since = seen && seen->exists ? seen->version : 0;
  snow_host_store_own_pending_t raw;
  raw_error error;
  if (!snow_host_store_method_bucket_changed((raw_bucket){bucket.handle}, &text,
                                             seen && seen->exists ? &since : NULL, &raw, &error))
    return refused(&error, NULL);
  snow_own(raw.__handle);
  pending->handle = raw.__handle;
  return SNOW_OK;
}
