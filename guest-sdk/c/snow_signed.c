// Texts that a client keeps and can't change: signed ones.

#include <string.h>
#include <time.h>

#include "snow_internal.h"
#include "snow_sha256.h"

// How many seconds later than this host's clock another host may have signed.
#define SKEW_S 60

// ---- Base64, as in URLs and without padding (RFC 4648, section 5) ------------------------------

const char *snow_base64(snow_string bytes) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  char *text = snow_alloc_many(bytes.len / 3 + 1, 4), *to = text;
  uint32_t bits = 0;
  int count = 0;
  for (size_t i = 0; i < bytes.len; i++) {
    bits = (bits << 8 | bytes.ptr[i]) & 0xffff;
    for (count += 8; count >= 6; count -= 6)
      *to++ = letters[bits >> (count - 6) & 63];
  }
  if (count > 0)
    *to++ = letters[bits << (6 - count) & 63];
  *to = 0;
  return text;
}

static int six_bits(uint8_t c) {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool snow_is_base64(snow_string text, snow_string *bytes) {
  // Four letters are three bytes, and two or three at the end are one or two.
  if (text.len % 4 == 1)
    return false;
  uint8_t *plain = snow_alloc(text.len);
  size_t len = 0;
  uint32_t bits = 0;
  int count = 0;
  for (size_t i = 0; i < text.len; i++) {
    int six = six_bits(text.ptr[i]);
    if (six < 0)
      return false;
    bits = (bits << 6 | (uint32_t)six) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      plain[len++] = (uint8_t)(bits >> count);
    }
  }
  *bytes = (snow_string){plain, len};
  // Else two texts would mean the same.
  return (bits & ((1u << count) - 1)) == 0;
}

// ---- Signatures --------------------------------------------------------------------------------

// Writes the code of a text under a name. The length of the name stands first, so that no other name
// and text give these bytes.
static void code_of(const snow_signing_keys *key, const char *name, snow_string text,
                    uint8_t code[SNOW_SHA256_BYTES]) {
  size_t name_len = strlen(name);
  uint8_t length[8];
  for (int i = 0; i < 8; i++)
    length[i] = (uint8_t)((uint64_t)name_len >> (56 - 8 * i));
  snow_hmac hmac;
  snow_hmac_begin(&hmac, key->secret.ptr, key->secret.len);
  snow_hmac_add(&hmac, length, sizeof length);
  snow_hmac_add(&hmac, name, name_len);
  snow_hmac_add(&hmac, text.ptr, text.len);
  snow_hmac_end(&hmac, code);
}

// Compares codes in a time that does not depend on where they differ.
static bool are_equal(const uint8_t code[SNOW_SHA256_BYTES], snow_string sent) {
  if (sent.len != SNOW_SHA256_BYTES)
    return false;
  volatile uint8_t difference = 0;
  for (size_t i = 0; i < SNOW_SHA256_BYTES; i++)
    difference |= code[i] ^ sent.ptr[i];
  return difference == 0;
}

uint64_t snow_now_s(void) {
  time_t now = time(NULL);
  return now > 0 ? (uint64_t)now : 0;
}

const char *snow_sign_at(const snow_signing_keys *keys, const char *name, const char *value,
                         uint64_t now_s) {
  if (!keys) {
    snow_log(SNOW_ERROR, "a text can't be signed: there is no signing key");
    return "";
  }
  const char *text = snow_joined("1.", snow_decimal(keys->version), ".", snow_decimal(now_s), ".",
                                 snow_base64(snow_string_of(value)), NULL);
  uint8_t code[SNOW_SHA256_BYTES];
  code_of(keys, name, snow_string_of(text), code);
  return snow_joined(text, ".", snow_base64((snow_string){code, sizeof code}), NULL);
}

// Takes what stands before the next dot; all if there is none.
static snow_string take_part(snow_string *rest) {
  size_t dot = snow_place(*rest, '.');
  snow_string part = snow_until(*rest, dot);
  *rest = snow_from(*rest, dot + 1);
  return part;
}

snow_signature snow_verify_at(const snow_signing_keys *keys, const char *name, const char *text,
                              uint64_t max_age_s, uint64_t now_s, const char **value) {
  *value = NULL;
  if (!text)
    return SNOW_MALFORMED;
  const char *last_dot = strrchr(text, '.');
  snow_string sent = snow_string_of(text), code_sent, plain;
  snow_string message = snow_until(sent, last_dot ? (size_t)(last_dot - text) : 0), rest = message;
  size_t dots = 0;
  for (size_t i = 0; i < message.len; i++)
    dots += message.ptr[i] == '.';
  snow_string format = take_part(&rest), number = take_part(&rest), time = take_part(&rest);
  uint64_t version, time_s;
  if (dots != 3 || !snow_is(format, "1") || !snow_is_whole(number, &version) ||
      version > UINT32_MAX || !snow_is_base64(snow_from(sent, message.len + 1), &code_sent))
    return SNOW_MALFORMED;
  while (keys && keys->version != version)
    keys = keys->older;
  if (!keys)
    return SNOW_UNKNOWN_KEY;
  uint8_t code[SNOW_SHA256_BYTES];
  code_of(keys, name, message, code);
  if (!are_equal(code, code_sent))
    return SNOW_FORGED;
  // From here on it is our own text.
  if (!snow_is_whole(time, &time_s))
    return SNOW_MALFORMED;
  if (time_s > now_s && time_s - now_s > SKEW_S)
    return SNOW_FROM_THE_FUTURE;
  if (now_s > time_s && now_s - time_s > max_age_s)
    return SNOW_EXPIRED;
  // A text would seem to end at a zero byte.
  if (!snow_is_base64(rest, &plain) || !snow_are_utf8(plain) || snow_has_zero(plain))
    return SNOW_MALFORMED;
  *value = snow_cstring(plain);
  return SNOW_SIGNED;
}

const char *snow_signature_words(snow_signature signature) {
  switch (signature) {
  case SNOW_SIGNED:
    return "it was signed";
  case SNOW_UNKNOWN_KEY:
    return "there is no signing key of its version";
  case SNOW_FORGED:
    return "its value, its time or its name was changed";
  case SNOW_EXPIRED:
    return "it was signed too long ago";
  case SNOW_FROM_THE_FUTURE:
    return "it was signed later than now";
  default:
    return "it is no signed text, or was cut";
  }
}

const char *snow_sign(const snow_signing_keys *keys, const char *name, const char *value) {
  return snow_sign_at(keys, name, value, snow_now_s());
}

snow_signature snow_verify(const snow_signing_keys *keys, const char *name, const char *text,
                           uint64_t max_age_s, const char **value) {
  return snow_verify_at(keys, name, text, max_age_s, snow_now_s(), value);
}

const char *snow_get_signed_cookie(const snow_request *request, const char *name,
                                   const snow_signing_keys *keys, uint64_t max_age_s) {
  const char *text = snow_get_cookie(request, name), *value;
  if (!text)
    return NULL;
  snow_signature signature = snow_verify(keys, name, text, max_age_s, &value);
  if (signature != SNOW_SIGNED) {
    const char *why = snow_signature_words(signature);
    snow_log(SNOW_DEBUG, snow_joined("the cookie \"", name, "\" is not taken: ", why, NULL));
  }
  return value;
}
