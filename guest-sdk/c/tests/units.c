// What is small enough to be looked at alone: hashes, keys, numbers, answers, and configuration.

#include <string.h>

#include "../snow_sha256.h"
#include "host.h"

static const char *hexadecimal(const uint8_t digest[SNOW_SHA256_BYTES]) {
  char *text = snow_alloc(2 * SNOW_SHA256_BYTES + 1);
  for (int i = 0; i < SNOW_SHA256_BYTES; i++)
    snprintf(text + 2 * i, 3, "%02x", digest[i]);
  return text;
}

// Hashes so many copies of a text, in pieces of this length.
static const char *hash_of(const char *text, size_t copies, size_t piece) {
  size_t len = strlen(text) * copies;
  char *whole = snow_alloc(len);
  for (size_t i = 0; i < copies; i++)
    memcpy(whole + i * strlen(text), text, strlen(text));
  snow_sha256 hash;
  uint8_t digest[SNOW_SHA256_BYTES];
  snow_sha256_begin(&hash);
  for (size_t at = 0; at < len; at += piece)
    snow_sha256_add(&hash, whole + at, len - at < piece ? len - at : piece);
  snow_sha256_end(&hash, digest);
  return hexadecimal(digest);
}

// The examples of FIPS 180-4 and of NIST's page with them.
static void hashes_are_those_of_the_standard(void) {
  static const struct {
    const char *text;
    size_t copies;
    const char *digest;
  } cases[] = {
      {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopq"
       "klmnopqrlmnopqrsmnopqrstnopqrstu",
       1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
      {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  static const size_t pieces[] = {1, 3, 55, 63, 64, 65, 1000, 2000000};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (size_t j = 0; j < sizeof pieces / sizeof *pieces; j++)
      CHECK(!strcmp(hash_of(cases[i].text, cases[i].copies, pieces[j]), cases[i].digest));
  }
}

static const char *code_of(const void *key, size_t key_len, const void *text, size_t len) {
  snow_hmac code;
  uint8_t digest[SNOW_SHA256_BYTES];
  snow_hmac_begin(&code, key, key_len);
  snow_hmac_add(&code, text, len / 2);
  snow_hmac_add(&code, (const uint8_t *)text + len / 2, len - len / 2);
  snow_hmac_end(&code, digest);
  return hexadecimal(digest);
}

// The cases 1 to 4, 6 and 7 of RFC 4231.
static void codes_are_those_of_the_standard(void) {
  uint8_t key[131], text[50];
  memset(key, 0x0b, 20);
  CHECK(!strcmp(code_of(key, 20, "Hi There", 8),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
  CHECK(!strcmp(code_of("Jefe", 4, "what do ya want for nothing?", 28),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
  memset(key, 0xaa, sizeof key);
  memset(text, 0xdd, sizeof text);
  CHECK(!strcmp(code_of(key, 20, text, 50),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"));
  const char *larger = "Test Using Larger Than Block-Size Key - Hash Key First";
  CHECK(!strcmp(code_of(key, 131, larger, strlen(larger)),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
  const char *both = "This is a test using a larger than block-size key and a larger than block-size "
                     "data. The key needs to be hashed before being used by the HMAC algorithm.";
  CHECK(!strcmp(code_of(key, 131, both, strlen(both)),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"));
  for (uint8_t i = 0; i < 25; i++)
    key[i] = i + 1;
  memset(text, 0xcd, sizeof text);
  CHECK(!strcmp(code_of(key, 25, text, 50),
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"));
}

static void keys_are_made_and_replaced(void) {
  const snow_signing_keys *keys, *again;
  snow_string secret = snow_string_of("0123456789abcdef0123456789abcdef");
  snow_outcome failed = snow_signing_keys_new(1, snow_until(secret, 31), NULL, &keys);
  CHECK(failed && status_of(failed) == 500 && !keys && strstr(last_line(), "32 random bytes"));
  CHECK(!snow_signing_keys_new(1, secret, NULL, &keys));
  CHECK(snow_signing_keys_new(1, secret, keys, &again) && strstr(last_line(), "of version 1"));
  CHECK(!*snow_sign(NULL, "a", "b") && strstr(last_line(), "no signing key"));
  const char *value, *text = snow_sign(keys, "a", "b");
  CHECK(snow_verify(NULL, "a", text, 10, &value) == SNOW_UNKNOWN_KEY);
  CHECK(snow_verify(keys, "a", NULL, 10, &value) == SNOW_MALFORMED && !value);
  CHECK(snow_verify(keys, "a", text, 10, &value) == SNOW_SIGNED && !strcmp(value, "b"));

  snow_bucket bucket;
  CHECK(snow_bucket_open("shop", &bucket) == SNOW_OK);
  CHECK(!snow_signing_keys_stored(bucket, &keys) && entry_count() == 1);
  CHECK(!snow_signing_keys_stored(bucket, &again));
  CHECK(!strcmp(snow_keys_text(keys), snow_keys_text(again)));
  text = snow_sign(keys, "a", "b");
  for (int i = 0; i < 2; i++) {
    CHECK(!snow_signing_keys_rotate(bucket, 2, &keys) && keys->version == 2 + (uint32_t)i);
    bool is_known = snow_verify(keys, "a", text, 10, &value) == SNOW_SIGNED;
    CHECK(is_known == (i == 0) && keys->older && !keys->older->older);
  }
  put_entry("signing-keys", "nonsense");
  CHECK(snow_signing_keys_stored(bucket, &keys) && strstr(last_line(), "can't be read"));
  forget_entries();
  refuse_writes(true);
  CHECK(snow_signing_keys_stored(bucket, &keys) && strstr(last_line(), "the disk is full"));
  refuse_writes(false);
}

static void what_is_changed_anywhere_is_not_taken(void) {
  const snow_signing_keys *keys;
  const char *value;
  snow_string secret = snow_string_of("0123456789abcdef0123456789abcdef");
  CHECK(!snow_signing_keys_new(1, secret, NULL, &keys));
  const char *text = snow_sign_at(keys, "user", "ann", 1000);
  for (size_t at = 0; text[at]; at++) {
    char *other = strdup(text);
    for (int byte = 1; byte < 256; byte++) {
      other[at] = (char)byte;
      CHECK(byte == (uint8_t)text[at] ||
            snow_verify_at(keys, "user", other, 10, 1000, &value) != SNOW_SIGNED);
    }
    other[at] = 0;
    CHECK(snow_verify_at(keys, "user", other, 10, 1000, &value) != SNOW_SIGNED && !value);
    free(other);
  }
}

static void numbers_are_plain_decimals(void) {
  static const struct {
    const char *text;
    bool is_one;
    int64_t number;
  } cases[] = {
      {"0", true, 0},        {"-0", true, 0},          {"+7", true, 7},
      {"007", true, 7},      {"-12", true, -12},       {"9223372036854775807", true, INT64_MAX},
      {"", false, 0},        {"-", false, 0},          {"9223372036854775808", false, 0},
      {"+", false, 0},       {"1 ", false, 0},         {"-9223372036854775808", true, INT64_MIN},
      {"-+1", false, 0},     {"0x1", false, 0},        {"-9223372036854775809", false, 0},
      {"1.0", false, 0},     {"\xd9\xa1", false, 0},   {"99999999999999999999999", false, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t number = 0;
    snow_outcome refused = snow_number("page", cases[i].text, &number);
    CHECK(!refused == cases[i].is_one && number == cases[i].number);
    CHECK(!refused || status_of(refused) == 400);
  }
  int64_t page = 5;
  CHECK(!snow_number("page", NULL, &page) && page == 5);
  CHECK(!strcmp(snow_decimal(UINT64_MAX), "18446744073709551615") && !strcmp(snow_decimal(0), "0"));
}

static void answers_hold_what_they_may(void) {
  snow_outcome answer = snow_redirect(302, "/a?b=c%20d#e");
  CHECK(status_of(answer) == 302 && !strcmp(field_of(answer, "location"), "/a?b=c%20d#e"));
  CHECK(status_of(snow_redirect(200, "/")) == 500 && status_of(snow_redirect(304, "/")) == 500);
  CHECK(status_of(snow_redirect(302, NULL)) == 500);
  CHECK(!strcmp(snow_join("a", NULL), "a") && !strcmp(snow_join(NULL, NULL), ""));
  CHECK(!strcmp(snow_html_escaped(NULL), "") && !strcmp(snow_json_quoted(NULL), "\"\""));
  static const char *const bad[] = {"", "/a b", "/a\r\nset-cookie: b=c", "/\xc3\xbc", "\\\\x"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK(status_of(snow_redirect(302, bad[i])) == 500);
  CHECK(!strcmp(snow_html_escaped("<a href=\"'&\xff"), "&lt;a href=&quot;&#39;&amp;\xef\xbf\xbd"));
  CHECK(!strcmp(snow_json_quoted("a\"\\\n\x01</\xc3\xbc\xff"),
                "\"a\\\"\\\\\\n\\u0001\\u003c/\xc3\xbc\xef\xbf\xbd\""));
  CHECK(!strcmp(field_of(snow_json(200, "{}"), "content-type"), "application/json"));
  CHECK(!strcmp(field_of(snow_html(404, ""), "content-type"), "text/html; charset=utf-8"));
}

static void the_configuration_is_read_and_secrets_are_not_shown(void) {
  int64_t number = 1;
  CHECK(!strcmp(snow_config("size"), "20") && !snow_config("none") && !snow_config("\xff"));
  CHECK(!snow_config_number("size", &number) && number == 20);
  CHECK(!snow_config_number("none", &number) && number == 20);
  snow_outcome failed = snow_config_number("token", &number);
  CHECK(failed && status_of(failed) == 500 && strstr(last_line(), "`token`"));
  CHECK(!strstr(last_line(), "hunter2"));
  CHECK(!strcmp(snow_expose(snow_config_secret("token")), "hunter2"));
  CHECK(!snow_config_secret("none") && !snow_expose(NULL));
  const snow_pair *pairs;
  CHECK(snow_config_all(&pairs) == 0);
  CHECK(!strcmp(snow_url_for("/a?b"), "/a?b") && !strcmp(snow_path_for("/"), "/"));
  CHECK(!strcmp(snow_cookie_path(), "/") && snow_left_ms() == 0 && !snow_keep_deadline());
}

static void requests_to_other_servers_say_what_is_given(void) {
  snow_pending pending;
  CHECK(snow_fetch((snow_fetch_request){.url = "http://a/b"}, &pending) == SNOW_OK);
  CHECK(!strcmp(last_sent(), "GET http://a/b\n\n") && snow_owns(pending.handle));
  snow_header_field fields[] = {{"X-A", "1"}, {"x-b", "\xff"}, {"x-c", NULL}};
  snow_fetch_request all = {
      .method = "PUT",
      .url = "http://a/",
      .headers = fields,
      .header_count = 3,
      .body = snow_string_of("content"),
      .timeout_ms = 1,
      .connect_timeout_ms = 2,
      .redirects_max = 3,
      .response_bytes_max = 4,
      .collapse = "",
  };
  CHECK(snow_fetch(all, &pending) == SNOW_OK);
  CHECK(!strcmp(last_sent(), "PUT http://a/\nX-A: 1\nx-b: \xff\nx-c: \ncontent\n"
                             "timeout 1\nconnect 2\nredirects 3\nbytes 4\ncollapse \n"));
  refuse_fetches(true);
  CHECK(snow_fetch(all, &pending) == SNOW_LIMIT && !snow_owns(pending.handle));
  refuse_fetches(false);

  snow_header_field odd[] = {{"x-a", "1"}, {"x-\xff", "2"}};
  snow_fetch_request not_text[] = {
      {.url = "http://a/\xff"},
      {.url = "http://a/", .method = "\xff"},
      {.url = "http://a/", .collapse = "\xff"},
      {.url = "http://a/", .headers = odd, .header_count = 2},
  };
  for (size_t i = 0; i < sizeof not_text / sizeof *not_text; i++)
    CHECK(snow_fetch(not_text[i], &pending) == SNOW_NOT_UTF8 && pending.handle == 0);

  snow_outcome answer = snow_add_header(snow_text(404, "gone"), "X-A", "b");
  snow_string value, body = snow_answer_body(answer);
  CHECK(snow_answer_status(answer) == 404 && body.len == 4 && !memcmp(body.ptr, "gone", 4));
  CHECK(!strcmp(snow_answer_header(answer, "x-a"), "b") && !snow_answer_header(answer, "x-b"));
  CHECK(snow_answer_header_count(answer) == 2);
  CHECK(!strcmp(snow_answer_header_at(answer, 1, &value), "X-A") && value.len == 1);
  CHECK(snow_answer_status(NULL) == 0 && snow_answer_header_count(NULL) == 0);
  CHECK(snow_answer_body(NULL).len == 0 && !snow_answer_header(NULL, "x-a"));
}

int main(void) {
  hashes_are_those_of_the_standard();
  codes_are_those_of_the_standard();
  keys_are_made_and_replaced();
  what_is_changed_anywhere_is_not_taken();
  numbers_are_plain_decimals();
  answers_hold_what_they_may();
  the_configuration_is_read_and_secrets_are_not_shown();
  requests_to_other_servers_say_what_is_given();
  snow_end_call();
  return 0;
}
