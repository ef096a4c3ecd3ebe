// Does what each line of the standard input asks, and prints a line for it: so one list of cases, in
// Python, is put to this SDK. A line is a word and arguments in hexadecimal digits, with `-` for a
// null pointer; so is an answer.

#include <string.h>

#include "host.h"

// The arguments of a line.
typedef struct {
  size_t count;
  snow_string *list;
} arguments;

static void say_bytes(snow_string bytes) {
  printf(" x");
  for (size_t i = 0; i < bytes.len; i++)
    printf("%02x", bytes.ptr[i]);
}

static void say(const char *text) {
  if (text)
    say_bytes(snow_string_of(text));
  else
    printf(" -");
}

static const char *text_at(const arguments *of, size_t place) {
  CHECK(place < of->count);
  return of->list[place].ptr ? snow_cstring(of->list[place]) : NULL;
}

static uint64_t number_at(const arguments *of, size_t place) {
  uint64_t number = 0;
  CHECK(place < of->count && snow_is_whole(of->list[place], &number));
  return number;
}

static snow_request *request_with(const char *name, const arguments *of, size_t from, size_t to) {
  snow_request *request = new_request();
  for (size_t i = from; i < to; i++)
    add_field(request, name, of->list[i]);
  return request;
}

// keys TEXT: the keys as they are written again.
static void keys(const arguments *of) {
  const snow_signing_keys *keys = snow_keys_of(of->list[0]);
  say(keys ? snow_keys_text(keys) : NULL);
}

// sign KEYS NAME VALUE NOW
static void sign(const arguments *of) {
  const snow_signing_keys *keys = snow_keys_of(of->list[0]);
  say(snow_sign_at(keys, text_at(of, 1), text_at(of, 2), number_at(of, 3)));
}

// verify KEYS NAME TEXT MAX_AGE NOW: the value, or why there is none.
static void verify(const arguments *of) {
  static const char *const words[] = {"taken",  "malformed", "unknown-key",
                                      "forged", "expired",   "from-the-future"};
  const char *value;
  const snow_signing_keys *keys = snow_keys_of(of->list[0]);
  snow_signature signature = snow_verify_at(keys, text_at(of, 1), text_at(of, 2),
                                            number_at(of, 3), number_at(of, 4), &value);
  say(words[signature]);
  say(value);
}

// record TEXT: when it was written, the text that is written for it, and its fields.
static void record(const arguments *of) {
  snow_record record;
  if (!snow_record_of(of->list[0], &record)) {
    say(NULL);
    return;
  }
  say(snow_decimal(record.written));
  say(snow_record_text(&record));
  for (size_t i = 0; i < record.count; i++) {
    say_bytes(record.fields[i].name);
    say_bytes(record.fields[i].value);
  }
}

// form KIND BODY PARTS VALUE FILE: 200, how many fields there are, these, and the files; or a status
// and words.
static void form(const arguments *of) {
  snow_request *request = request_with("content-type", of, 0, 1);
  set_body(request, of->list[1]);
  snow_form_limits limits = {number_at(of, 2), number_at(of, 3), number_at(of, 4)};
  snow_form form;
  snow_outcome refused = snow_read_form(request, limits, &form);
  say(snow_decimal(refused ? status_of(refused) : 200));
  if (refused) {
    say_bytes(body_of(refused));
  } else {
    say(snow_decimal(form.field_count));
    for (size_t i = 0; i < form.field_count; i++) {
      say(form.fields[i].name);
      say(form.fields[i].value);
      CHECK(snow_form_value(&form, form.fields[i].name));
    }
    for (size_t i = 0; i < form.file_count; i++) {
      const snow_file *file = &form.files[i];
      say(file->field);
      say(file->name);
      say(file->content_type);
      say_bytes(file->bytes);
      CHECK(snow_form_file(&form, file->field));
    }
  }
  release_request(request);
}

// cookies FIELD...: names and values.
static void cookies(const arguments *of) {
  snow_request *request = request_with("cookie", of, 0, of->count);
  snow_cookies cookies = {0};
  while (snow_next_cookie(request, &cookies)) {
    say(cookies.name);
    say(cookies.value);
    CHECK(snow_get_cookie(request, cookies.name));
  }
  release_request(request);
}

// set NAME VALUE PATH DOMAIN MAX_AGE REMOVED SECURE HTTP_ONLY SAME_SITE: the field, and why there is
// none.
static void set(const arguments *of) {
  snow_cookie cookie = {
      .name = text_at(of, 0),
      .value = text_at(of, 1),
      .path = text_at(of, 2),
      .domain = text_at(of, 3),
      .max_age_s = number_at(of, 4),
      .removed = number_at(of, 5),
      .secure = number_at(of, 6),
      .http_only = number_at(of, 7),
      .same_site = (snow_same_site)number_at(of, 8),
  };
  snow_outcome answer = snow_set_cookie(snow_text(200, ""), cookie);
  say(field_of(answer, "set-cookie"));
  say(snow_cookie_fault(&cookie));
  CHECK(status_of(answer) == (snow_cookie_fault(&cookie) ? 500 : 200));
}

// accepts COUNT FIELD... OFFERED...: the best.
static void accepts(const arguments *of) {
  const char *offered[64];
  size_t fields = number_at(of, 0), count = 0;
  CHECK(1 + fields <= of->count && of->count <= 64);
  for (size_t i = 1 + fields; i < of->count; i++)
    offered[count++] = text_at(of, i);
  snow_request *request = request_with("accept", of, 1, 1 + fields);
  say(snow_accepts(request, offered, count));
  release_request(request);
}

// decoded BYTES: the bytes as UTF-8.
static void shown(const arguments *of) { say_bytes(snow_shown(of->list[0])); }

static const struct {
  const char *word;
  size_t least;
  void (*does)(const arguments *of);
} asked[] = {{"keys", 1, keys}, {"sign", 4, sign},       {"verify", 5, verify},
             {"record", 1, record}, {"form", 5, form},   {"cookies", 0, cookies},
             {"set", 9, set},       {"accepts", 1, accepts}, {"shown", 1, shown}};

static unsigned digit(char c) {
  return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

// Decodes an argument into memory that ends where it does.
static snow_string argument(const char *word) {
  if (*word == '-')
    return (snow_string){NULL, 0};
  size_t len = (strlen(word) - 1) / 2;
  uint8_t *bytes = snow_alloc(len);
  for (size_t i = 0; i < len; i++)
    bytes[i] = (uint8_t)(16 * digit(word[1 + 2 * i]) + digit(word[2 + 2 * i]));
  return (snow_string){bytes, len};
}

static void answer(char *line) {
  snow_string list[2048];
  arguments of = {0, list};
  const char *word = strtok(line, " \n");
  CHECK(word);
  for (const char *next; (next = strtok(NULL, " \n"));) {
    CHECK(of.count < sizeof list / sizeof *list);
    list[of.count++] = argument(next);
  }
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    if (strcmp(asked[i].word, word) == 0) {
      CHECK(of.count >= asked[i].least);
      asked[i].does(&of);
      printf("\n");
      snow_end_call();
      return;
    }
  }
  fprintf(stderr, "nobody knows what `%s` is\n", word);
  exit(1);
}

int main(void) {
  char *line = NULL;
  size_t room = 0;
  while (getline(&line, &room, stdin) > 0)
    answer(line);
  free(line);
  return 0;
}
