// Every reader of what a client sends, with requests that are made of pieces of right ones: it stays
// within its bytes, which the compiler's checks watch, holds memory in proportion to them, and reads
// what was written. Without arguments it reads megabytes too.
//
// `fuzz SEED ROUNDS` tries so many from there on. A failure prints its round, and `fuzz ROUND 1` does
// that alone.

#include <string.h>

#include "host.h"

// What the compiler's runtime says to be allocated, where it counts.
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

// Is called by it before it ends the test.
void __asan_on_error(void) { fprintf(stderr, "round %llu\n", (unsigned long long)test_round); }

static uint64_t state;

// A number below another one, by xorshift.
static size_t below(size_t end) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (size_t)(state >> 11) % end;
}

#define ROOM 4096

// A text that grows within its room.
typedef struct {
  size_t len;
  uint8_t bytes[ROOM];
} text;

static void add_bytes(text *to, const void *bytes, size_t len) {
  len = len < ROOM - to->len ? len : ROOM - to->len;
  memcpy(to->bytes + to->len, bytes, len);
  to->len += len;
}

static void add(text *to, const char *piece) { add_bytes(to, piece, strlen(piece)); }

static snow_string all(const text *of) { return (snow_string){of->bytes, of->len}; }

static const char *const pieces[] = {
    "\r\n", "--xyz", "\r\n--xyz", "--xyz--", "\r\n\r\n", "\r", "\n", "--", "-", ":", ";", "=", "\"",
    "\\", "\\\"", ",", "&", "%", "%2", "%22", "%0D", "%ff", "%00", "%41", "+", " ", "\t", "a", "b",
    "xyz", "content-disposition: form-data; name=a", "content-disposition", "form-data", "name=\"a\"",
    "; filename=b", "filename=", "name=", "content-type: text/plain", "content-type", "multipart/",
    "content-transfer-encoding: 7bit", "multipart/form-data; boundary=xyz", "boundary=", "q=0.5",
    "application/x-www-form-urlencoded", "text/html", "text/*", "*/*", "*", "/", "q=1.000", "q=",
    "\xff", "\xc3", "\xc3\xbc", "\xf0\x9f\x98\x80", "\xed\xa0\x80", "1", ".", "1.1.1000.", "YW5u",
    "1700000000 ", "session=", "x=y", "18446744073709551616", "0123456789abcdef0123456789abcdef"};

// Makes a text of pieces, of which some bytes are changed.
static void make(text *to, size_t most) {
  for (size_t count = below(most); count > 0; count--)
    add(to, pieces[below(sizeof pieces / sizeof *pieces)]);
  while (to->len > 0 && below(4) == 0)
    to->bytes[below(to->len)] = (uint8_t)below(256);
  if (below(4) == 0)
    to->len -= below(to->len + 1);
}

static size_t allocated(void) {
  return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : 0;
}

// Bytes that may be held for each that was sent, and for each part. The compiler's checks add to each
// piece of memory.
#define HELD_FOR_BYTE 32
#define HELD_AT_LEAST 65536

static void check_held(size_t before, size_t sent) {
  size_t now = allocated();
  CHECK(now <= before + HELD_FOR_BYTE * sent + HELD_AT_LEAST);
}

static bool is_within(snow_string bytes, snow_string body) {
  return bytes.len == 0 ||
         (bytes.ptr >= body.ptr && bytes.len <= (size_t)(body.ptr + body.len - bytes.ptr));
}

static void read_any_form(void) {
  static const char *const kinds[] = {"multipart/form-data; boundary=xyz",
                                      "application/x-www-form-urlencoded"};
  text kind = {0}, body = {0};
  size_t which = below(8);
  if (which > 0)
    add(&kind, kinds[which % 2]);
  else
    make(&kind, 6);
  if (below(2))
    add(&body, "--xyz\r\ncontent-disposition: form-data; name=a");
  make(&body, 60);
  snow_request *request = new_request();
  add_field(request, "content-type", all(&kind));
  set_body(request, all(&body));
  size_t before = allocated();
  snow_form_limits limits = {below(3) ? 0 : 1 + below(4), below(3) ? 0 : 1 + below(9), 0};
  snow_form form;
  snow_outcome refused = snow_read_form(request, limits, &form);
  check_held(before, body.len + kind.len);
  if (refused) {
    uint16_t status = status_of(refused);
    CHECK(status == 400 || status == 413 || status == 415);
    CHECK(form.field_count == 0 && form.file_count == 0 && snow_are_utf8(body_of(refused)));
  }
  CHECK(!limits.parts_max || form.field_count + form.file_count <= limits.parts_max);
  for (size_t i = 0; i < form.field_count; i++) {
    CHECK(snow_is_utf8(form.fields[i].name) && snow_is_utf8(form.fields[i].value));
    // A byte that is not UTF-8 is three in its place.
    CHECK(!limits.value_bytes_max || strlen(form.fields[i].value) <= 3 * limits.value_bytes_max);
  }
  for (size_t i = 0; i < form.file_count; i++) {
    const snow_file *file = &form.files[i];
    CHECK(snow_is_utf8(file->field) && snow_is_utf8(file->name));
    CHECK(!file->content_type || snow_is_utf8(file->content_type));
    CHECK(is_within(file->bytes, snow_body(request)));
  }
  release_request(request);
}

// Makes a value of bytes that a form can have: UTF-8, without a zero byte.
static const char *value_of(void) {
  text value = {0};
  make(&value, 6);
  const char *shown = snow_cstring(snow_shown(all(&value)));
  return shown;
}

// Writes a form as a browser would, and reads it.
static void read_what_was_written(void) {
  text body = {0};
  const char *values[4];
  size_t count = below(5);
  for (size_t i = 0; i < count; i++) {
    values[i] = value_of();
    // A browser would choose another boundary.
    if (strstr(values[i], "--xyz"))
      values[i] = "";
    add(&body, "--xyz\r\nContent-Disposition: form-data; name=\"f");
    add(&body, snow_decimal(i));
    add(&body, i % 2 ? "\"; filename=\"\"\r\nContent-Type: a/b\r\n\r\n" : "\"\r\n\r\n");
    add(&body, values[i]);
    add(&body, "\r\n");
  }
  add(&body, "--xyz--\r\n");
  CHECK(body.len < ROOM);
  snow_request *request = new_request();
  add_field(request, "content-type", snow_string_of("multipart/form-data; boundary=xyz"));
  set_body(request, all(&body));
  snow_form form;
  CHECK(!snow_read_form(request, (snow_form_limits){0}, &form));
  CHECK(form.field_count == (count + 1) / 2 && form.file_count == count / 2);
  for (size_t i = 0; i < count; i++) {
    if (i % 2)
      CHECK(snow_is(form.files[i / 2].bytes, values[i]));
    else
      CHECK(strcmp(form.fields[i / 2].value, values[i]) == 0);
  }
  release_request(request);
}

static void read_any_header(void) {
  static const char *const offered[] = {"application/json", "text/html", "text/plain;a=b", "a"};
  text first = {0}, second = {0};
  make(&first, 30);
  make(&second, 3);
  snow_request *request = new_request();
  for (int i = 0; i < 2; i++) {
    add_field(request, i ? "accept" : "cookie", all(&first));
    add_field(request, i ? "accept" : "cookie", all(&second));
  }
  size_t before = allocated();
  const char *best = snow_accepts(request, offered, 4);
  bool is_known = !best;
  for (size_t i = 0; i < 4; i++)
    is_known = is_known || best == offered[i];
  CHECK(is_known);
  snow_cookies cookies = {0};
  while (snow_next_cookie(request, &cookies)) {
    CHECK(snow_is_utf8(cookies.name) && snow_is_utf8(cookies.value));
    CHECK(strlen(cookies.name) + strlen(cookies.value) <= first.len + second.len);
  }
  check_held(before, 8 * (first.len + second.len));
  snow_session *session;
  snow_outcome failed =
      snow_session_of(request, (snow_sessions){.bucket = "shop/sessions"}, &session);
  CHECK(!failed);
  release_request(request);
}

// Sets a cookie of anything. What is set is one field, which is read as it was set.
static void set_any_cookie(void) {
  text texts[4] = {0};
  for (int i = 0; i < 4; i++)
    make(&texts[i], i < 2 ? 3 : 2);
  snow_cookie cookie = {
      .name = snow_cstring(all(&texts[0])),
      .value = snow_cstring(all(&texts[1])),
      .path = below(2) ? snow_joined("/", snow_cstring(all(&texts[2])), NULL) : NULL,
      .domain = below(4) ? NULL : snow_cstring(all(&texts[3])),
      .max_age_s = below(3),
      .secure = below(2),
      .same_site = (snow_same_site)below(4),
  };
  snow_outcome answer = snow_set_cookie(snow_text(200, ""), cookie);
  const char *field = field_of(answer, "set-cookie");
  CHECK(!field == (status_of(answer) == 500));
  if (!field)
    return;
  for (const char *c = field; *c; c++)
    CHECK(*c >= ' ' && *c <= '~');
  snow_string pair = snow_until(snow_string_of(field), strcspn(field, ";"));
  snow_request *request = new_request();
  add_field(request, "cookie", pair);
  const char *found = snow_get_cookie(request, cookie.name);
  CHECK(found && strcmp(found, cookie.value) == 0);
  release_request(request);
}

static void read_any_text(void) {
  text any = {0};
  make(&any, 20);
  // Memory that ends where the text does.
  snow_string sent = {snow_copied(any.bytes, any.len), any.len}, plain;
  snow_record record, again;
  size_t before = allocated();
  if (snow_record_of(sent, &record)) {
    const char *written = snow_record_text(&record);
    CHECK(snow_record_of(snow_string_of(written), &again) && again.count == record.count);
    CHECK(strcmp(snow_record_text(&again), written) == 0);
  }
  check_held(before, 8 * sent.len);
  const snow_signing_keys *keys = snow_keys_of(sent);
  CHECK(!keys || snow_keys_of(snow_string_of(snow_keys_text(keys))));
  CHECK(strlen(snow_base64(sent)) == (4 * sent.len + 2) / 3);
  CHECK(snow_is_base64(snow_string_of(snow_base64(sent)), &plain) && plain.len == sent.len);
  CHECK(sent.len == 0 || memcmp(plain.ptr, sent.ptr, sent.len) == 0);
  if (snow_is_base64(sent, &plain))
    CHECK(snow_is(sent, snow_base64(plain)));
  CHECK(snow_are_utf8(snow_shown(sent)));
  snow_string secret = snow_string_of("0123456789abcdef0123456789abcdef");
  const char *value;
  CHECK(!snow_signing_keys_new(1, secret, NULL, &keys));
  CHECK(snow_verify_at(keys, "a", snow_cstring(sent), 10, 1000, &value) != SNOW_SIGNED);
  free((void *)sent.ptr);
}

// Sets and removes fields of a session, beside a list in which each name has its place.
static void change_any_record(void) {
  snow_record record = {0}, changes = {0}, again;
  const char *held[26] = {0};
  for (size_t i = below(100); i > 0; i--) {
    size_t place = below(26);
    char name[] = {(char)('a' + place), 0};
    snow_string copy = snow_string_of(snow_join(name, ""));
    bool is_removal = below(3) == 0;
    const char *value = is_removal ? NULL : snow_decimal(i);
    if (is_removal)
      CHECK(snow_record_remove(&record, copy) == (held[place] != NULL));
    else
      snow_record_set(&record, copy, snow_string_of(value));
    snow_change change = {copy, snow_string_of(value ? value : ""), is_removal};
    snow_record_add(&changes, change);
    held[place] = value;
  }
  again = snow_record_copy(&(snow_record){0});
  snow_record_apply(&again, &changes);
  CHECK(strcmp(snow_record_text(&record), snow_record_text(&again)) == 0);
  for (size_t place = 0; place < 26; place++) {
    char name[] = {(char)('a' + place), 0};
    const snow_string *found = snow_record_get(&record, snow_string_of(name));
    CHECK(found ? held[place] && snow_is(*found, held[place]) : !held[place]);
  }
}

// Megabytes of what takes longest to be found wrong. If a step looked again at what it has seen, they
// would take hours.
static void long_contents_take_as_many_steps(void) {
  static const struct {
    const char *kind, *first, *repeated;
  } cases[] = {
      {"multipart/form-data; boundary=xyz", "", "\r\n--xy"},
      {"multipart/form-data; boundary=xyz", "--xyz\r\n", "\r\n--xy"},
      {"multipart/form-data; boundary=xyz", "--xyz\r\n", "content-disposition: form-data;\r\n"},
      {"multipart/form-data; boundary=xyz", "--xyz\r\na:b\r\n\r\n", "\r\n--xy"},
      {"multipart/form-data; boundary=xyz", "--xyz\r\na:b\r\n\r\n", "\r"},
      {"multipart/form-data; boundary=xyz", "--xyz", " "},
      {"multipart/form-data; boundary=xyz", "",
       "--xyz\r\ncontent-disposition: form-data; name=a\r\n\r\n\xff\r\n"},
      {"application/x-www-form-urlencoded", "", "&"},
      {"application/x-www-form-urlencoded", "", "a=b&"},
      {"application/x-www-form-urlencoded", "a=", "%ff"},
      {"application/x-www-form-urlencoded", "a=", "\xc3\xbc"},
  };
  size_t len = 8 << 20;
  uint8_t *bytes = malloc(len);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t first = strlen(cases[i].first), repeated = strlen(cases[i].repeated);
    memcpy(bytes, cases[i].first, first);
    for (size_t at = first; at < len; at += repeated)
      memcpy(bytes + at, cases[i].repeated, len - at < repeated ? len - at : repeated);
    snow_request *request = new_request();
    add_field(request, "content-type", snow_string_of(cases[i].kind));
    set_body(request, (snow_string){bytes, len});
    snow_form form;
    size_t before = allocated();
    snow_form_limits limits = {SIZE_MAX, SIZE_MAX, SIZE_MAX};
    if (i % 2 == 0)
      limits = (snow_form_limits){0};
    snow_outcome refused = snow_read_form(request, limits, &form);
    CHECK(!refused || status_of(refused) >= 400);
    CHECK(allocated() <= before + 128 * len);
    release_request(request);
    snow_end_call();
  }
  memcpy(bytes, "1 ", 2);
  for (size_t at = 2; at + 4 <= len; at += 3)
    snprintf((char *)bytes + at, 4, "%c=&", (char)('z' - at / 3 % 26));
  snow_record record;
  CHECK(snow_record_of((snow_string){bytes, len - 8}, &record) && record.count == 26);
  free(bytes);
  snow_end_call();
}

int main(int count, char **words) {
  uint64_t seed = count > 1 ? strtoull(words[1], NULL, 10) : 1;
  uint64_t rounds = count > 2 ? strtoull(words[2], NULL, 10) : 20000;
  static void (*const tests[])(void) = {read_any_form,   read_what_was_written, read_any_header,
                                        set_any_cookie, read_any_text,         change_any_record};
  if (count <= 2)
    long_contents_take_as_many_steps();
  for (uint64_t round = seed; round < seed + rounds; round++) {
    state = round * 0x9e3779b97f4a7c15 | 1;
    test_round = round;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
      tests[i]();
      snow_end_call();
    }
  }
  return 0;
}
