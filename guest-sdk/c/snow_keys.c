// Keys that sign, and the store that keeps them.

#include <string.h>
#include <unistd.h>

#include "snow_internal.h"

// The key of a bucket that holds signing keys.
#define STORED "signing-keys"

// Bytes of a secret at least: what SHA-256 makes of a longer one.
#define SECRET_BYTES_MIN 32

// How often keys are written that other requests write too.
#define WRITES_MAX 100

// ---- Keys --------------------------------------------------------------------------------------

// Returns why a key can't be one; a null pointer if it can.
static const char *fault_of(uint64_t version, snow_string secret, const snow_signing_keys *older) {
  if (secret.len < SECRET_BYTES_MIN)
    return snow_joined("a signing key has 32 random bytes or more, not ", snow_decimal(secret.len),
                       NULL);
  for (; older; older = older->older) {
    if (older->version == version)
      return snow_join("there are two signing keys of version ", snow_decimal(version));
  }
  return NULL;
}

static snow_signing_keys *key_of(uint32_t version, snow_string secret) {
  snow_signing_keys *key = snow_alloc(sizeof *key);
  *key = (snow_signing_keys){version, {(const uint8_t *)snow_cstring(secret), secret.len}, NULL};
  return key;
}

snow_outcome snow_signing_keys_new(uint32_t version, snow_string secret,
                                   const snow_signing_keys *older, const snow_signing_keys **keys) {
  *keys = NULL;
  const char *fault = fault_of(version, secret, older);
  if (fault)
    return snow_fail(fault);
  snow_signing_keys *newest = key_of(version, secret);
  newest->older = older;
  *keys = newest;
  return NULL;
}

const char *snow_keys_text(const snow_signing_keys *keys) {
  const char *text = "";
  for (; keys; keys = keys->older)
    text = snow_joined(text, snow_decimal(keys->version), " ", snow_base64(keys->secret), "\n",
                       NULL);
  return text;
}

// Takes a line, as Rust's `lines` has them.
static snow_string take_line(snow_string *rest) {
  size_t end = snow_place(*rest, '\n');
  bool has_end = end < rest->len;
  snow_string line = snow_until(*rest, end);
  *rest = snow_from(*rest, end + 1);
  if (has_end && end > 0 && line.ptr[end - 1] == '\r')
    line.len--;
  return line;
}

const snow_signing_keys *snow_keys_of(snow_string text) {
  const snow_signing_keys *keys = NULL, **last = &keys;
  while (text.len > 0) {
    snow_string line = take_line(&text), secret;
    size_t space = snow_place(line, ' ');
    uint64_t version;
    if (space == line.len || !snow_is_whole(snow_until(line, space), &version) ||
        version > UINT32_MAX || !snow_is_base64(snow_from(line, space + 1), &secret) ||
        fault_of(version, secret, keys))
      return NULL;
    snow_signing_keys *key = key_of((uint32_t)version, secret);
    *last = key;
    last = &key->older;
  }
  return keys;
}

// ---- Those that a bucket holds -----------------------------------------------------------------

static snow_outcome refused(snow_status status) {
  const char *what = "the bucket's `" STORED "`: ";
  return snow_fail(snow_join(what, snow_status_words(status)));
}

static snow_outcome read_keys(snow_string text, const snow_signing_keys **keys) {
  *keys = snow_keys_of(text);
  return *keys ? NULL : snow_fail("the bucket's `" STORED "` can't be read");
}

// Makes a random key.
static snow_outcome fresh(uint32_t version, snow_signing_keys **key) {
  uint8_t secret[SECRET_BYTES_MIN];
  if (getentropy(secret, sizeof secret) != 0)
    return snow_fail("there are no random numbers for a signing key");
  *key = key_of(version, (snow_string){secret, sizeof secret});
  return NULL;
}

snow_outcome snow_signing_keys_stored(snow_bucket bucket, const snow_signing_keys **keys) {
  *keys = NULL;
  snow_entry entry;
  snow_status status = snow_bucket_get(bucket, STORED, &entry);
  if (status == SNOW_OK && !entry.exists) {
    snow_signing_keys *key;
    SNOW_TRY(fresh(1, &key));
    snow_string text = snow_string_of(snow_keys_text(key));
    snow_write write = {.only = SNOW_ABSENT};
    status = snow_bucket_set(bucket, STORED, text, write, &entry);
    // Another request was faster, and these are its keys.
    if (status == SNOW_CONFLICT)
      status = SNOW_OK;
  }
  return status == SNOW_OK ? read_keys(entry.value, keys) : refused(status);
}

// Puts a random key before others, and keeps so many in all. Keys that can't be read sign nothing.
static snow_outcome put_before(snow_string held, size_t keep, const char **text) {
  const snow_signing_keys *older = snow_keys_of(held);
  uint32_t newest = 0;
  for (const snow_signing_keys *key = older; key; key = key->older)
    newest = key->version > newest ? key->version : newest;
  if (newest == UINT32_MAX)
    return snow_fail("there is no version for a signing key after that of the newest");
  snow_signing_keys *keys, *last;
  SNOW_TRY(fresh(newest + 1, &keys));
  last = keys;
  for (size_t count = 1; older && count < keep; count++, older = older->older) {
    snow_signing_keys *key = key_of(older->version, older->secret);
    last->older = key;
    last = key;
  }
  *text = snow_keys_text(keys);
  return NULL;
}

snow_outcome snow_signing_keys_rotate(snow_bucket bucket, size_t keep,
                                      const snow_signing_keys **keys) {
  *keys = NULL;
  snow_entry entry;
  snow_status status = snow_bucket_get(bucket, STORED, &entry);
  for (int i = 0; i < WRITES_MAX && status == SNOW_OK; i++) {
    const char *text;
    SNOW_TRY(put_before(entry.value, keep, &text));
    snow_write write = {.only = entry.exists ? SNOW_VERSION : SNOW_ABSENT,
                        .version = entry.version};
    status = snow_bucket_set(bucket, STORED, snow_string_of(text), write, &entry);
    if (status == SNOW_OK)
      return read_keys(snow_string_of(text), keys);
    if (status == SNOW_CONFLICT && i + 1 < WRITES_MAX)
      status = SNOW_OK;
  }
  return refused(status);
}
