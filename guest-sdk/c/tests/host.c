// The functions of the bindings, as far as these tests call them.

#include "host.h"

#include <stdarg.h>
#include <string.h>

uint64_t test_round;

void fail(const char *file, int line, const char *condition) {
  unsigned long long round = test_round;
  fprintf(stderr, "%s:%d: round %llu: not so: %s\n", file, line, round, condition);
  exit(1);
}

// ---- Requests and answers ----------------------------------------------------------------------

snow_request *new_request(void) { return calloc(1, sizeof(snow_request)); }

void add_field(snow_request *request, const char *name, snow_string value) {
  snow_host_http_list_field_t *fields = &request->raw.headers;
  fields->ptr = realloc(fields->ptr, (fields->len + 1) * sizeof *fields->ptr);
  fields->ptr[fields->len++] = (raw_field){snow_copied_text(name), snow_copied_bytes(value)};
}

void set_body(snow_request *request, snow_string body) {
  free(request->raw.body.ptr);
  request->raw.body = snow_copied_bytes(body);
}

static void free_fields(snow_host_http_list_field_t *fields) {
  for (size_t i = 0; i < fields->len; i++) {
    free(fields->ptr[i].name.ptr);
    free(fields->ptr[i].value.ptr);
  }
  free(fields->ptr);
}

void release_request(snow_request *request) {
  free_fields(&request->raw.headers);
  free(request->raw.body.ptr);
  free(request);
}

uint16_t status_of(snow_outcome answer) { return answer->outcome.val.respond.status; }

snow_string body_of(snow_outcome answer) {
  raw_bytes body = answer->outcome.val.respond.body;
  return (snow_string){body.ptr, body.len};
}

const char *field_of(snow_outcome answer, const char *name) {
  snow_host_http_list_field_t fields = answer->outcome.val.respond.headers;
  for (size_t i = 0; i < fields.len; i++) {
    raw_field field = fields.ptr[i];
    if (snow_is((snow_string){field.name.ptr, field.name.len}, name))
      return snow_cstring((snow_string){field.value.ptr, field.value.len});
  }
  return NULL;
}

void exports_snow_host_handler_outcome_free(exports_snow_host_handler_outcome_t *outcome) {
  free_fields(&outcome->val.respond.headers);
  free(outcome->val.respond.body.ptr);
}

// ---- The log -----------------------------------------------------------------------------------

static char logged[4096];

void snow_host_logging_log(snow_host_logging_level_t level, raw_string *message) {
  (void)level;
  size_t len = message->len < sizeof logged ? message->len : sizeof logged - 1;
  if (len)
    memcpy(logged, message->ptr, len);
  logged[len] = 0;
}

const char *last_line(void) { return logged; }

// ---- Requests to other servers -----------------------------------------------------------------

static char sent[4096];
static bool are_fetches_refused;

const char *last_sent(void) { return sent; }
void refuse_fetches(bool refused) { are_fetches_refused = refused; }

// Adds to what was sent, as much as there is room for.
static void say(const char *format, ...) {
  size_t len = strlen(sent);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sent + len, sizeof sent - len, format, arguments);
  va_end(arguments);
}

bool snow_host_fetch_start(snow_host_fetch_outgoing_t *request, raw_pending *ret,
                           raw_refusal *err) {
  sent[0] = 0;
  say("%.*s %.*s\n", (int)request->method.len, request->method.ptr, (int)request->url.len,
      request->url.ptr);
  for (size_t i = 0; i < request->headers.len; i++) {
    raw_field field = request->headers.ptr[i];
    say("%.*s: %.*s\n", (int)field.name.len, field.name.ptr, (int)field.value.len,
        field.value.ptr);
  }
  say("%.*s\n", (int)request->body.len, request->body.ptr);
  snow_host_fetch_options_t options = request->options.val;
  if (request->options.is_some) {
    if (options.timeout_ms.is_some)
      say("timeout %u\n", options.timeout_ms.val);
    if (options.connect_timeout_ms.is_some)
      say("connect %u\n", options.connect_timeout_ms.val);
    if (options.redirects_max.is_some)
      say("redirects %u\n", options.redirects_max.val);
    if (options.response_bytes_max.is_some)
      say("bytes %u\n", options.response_bytes_max.val);
    if (options.collapse.is_some)
      say("collapse %.*s\n", (int)options.collapse.val.len, options.collapse.val.ptr);
  }
  *err = SNOW_HOST_PENDING_HANDLES_REFUSAL_LIMIT;
  ret->__handle = 7;
  return !are_fetches_refused;
}

// ---- The store ---------------------------------------------------------------------------------

typedef struct {
  char *key, *value;
  uint64_t version;
} entry;

static entry entries[64];
static size_t count, writes;
static uint64_t newest;
static bool are_writes_refused;
static void (*interloper)(void);

size_t entry_count(void) { return count; }
size_t write_count(void) { return writes; }
void refuse_writes(bool refused) { are_writes_refused = refused; }
void set_interloper(void (*function)(void)) { interloper = function; }

static void remove_entry(entry *at) {
  free(at->key);
  free(at->value);
  *at = entries[--count];
}

void forget_entries(void) {
  while (count)
    remove_entry(entries);
}

static entry *find(const char *key, size_t len) {
  for (size_t i = 0; i < count; i++) {
    if (strlen(entries[i].key) == len && memcmp(entries[i].key, key, len) == 0)
      return &entries[i];
  }
  return NULL;
}

void put_entry(const char *key, const char *value) {
  entry *at = find(key, strlen(key));
  if (at)
    remove_entry(at);
  CHECK(count < sizeof entries / sizeof *entries);
  entries[count++] = (entry){strdup(key), strdup(value), ++newest};
}

static snow_host_store_option_entry_t lowered(const entry *at) {
  snow_host_store_option_entry_t option = {0};
  if (at) {
    option.is_some = true;
    option.val.value = snow_copied_bytes(snow_string_of(at->value));
    option.val.version = at->version;
  }
  return option;
}

// Says why a write is not done, if it is not.
static bool is_done(const entry *at, const snow_host_store_condition_t *only,
                    snow_host_store_store_error_t *error) {
  if (are_writes_refused) {
    error->tag = SNOW_HOST_STORE_STORE_ERROR_UNAVAILABLE;
    error->val.unavailable = snow_copied_text("the disk is full");
    return false;
  }
  bool is_so = only->tag == SNOW_HOST_STORE_CONDITION_ALWAYS ||
               (only->tag == SNOW_HOST_STORE_CONDITION_ABSENT && !at) ||
               (only->tag == SNOW_HOST_STORE_CONDITION_VERSION && at &&
                at->version == only->val.version);
  if (!is_so) {
    error->tag = SNOW_HOST_STORE_STORE_ERROR_CONFLICT;
    error->val.conflict = lowered(at);
  }
  writes += is_so;
  return is_so;
}

static void let_in_between(void) {
  void (*function)(void) = interloper;
  interloper = NULL;
  if (function)
    function();
}

bool snow_host_store_static_bucket_open(raw_string *name, snow_host_store_own_bucket_t *ret,
                                        snow_host_store_store_error_t *err) {
  err->tag = SNOW_HOST_STORE_STORE_ERROR_DENIED;
  ret->__handle = 1;
  return name->len > 0;
}

bool snow_host_store_method_bucket_get(snow_host_store_borrow_bucket_t self, raw_string *key,
                                       snow_host_store_option_entry_t *ret,
                                       snow_host_store_store_error_t *err) {
  (void)self, (void)err;
  *ret = lowered(find((char *)key->ptr, key->len));
  return true;
}

bool snow_host_store_method_bucket_set(snow_host_store_borrow_bucket_t self, raw_string *key,
                                       raw_bytes *value, snow_host_store_set_options_t *options,
                                       snow_host_store_version_t *ret,
                                       snow_host_store_store_error_t *err) {
  (void)self;
  let_in_between();
  if (!is_done(find((char *)key->ptr, key->len), &options->only, err))
    return false;
  put_entry(snow_cstring((snow_string){key->ptr, key->len}),
            snow_cstring((snow_string){value->ptr, value->len}));
  *ret = newest;
  return true;
}

bool snow_host_store_method_bucket_delete(snow_host_store_borrow_bucket_t self, raw_string *key,
                                          snow_host_store_condition_t *only, bool *ret,
                                          snow_host_store_store_error_t *err) {
  (void)self;
  entry *at = find((char *)key->ptr, key->len);
  if (!is_done(at, only, err))
    return false;
  *ret = at != NULL;
  if (at)
    remove_entry(at);
  return true;
}

void snow_host_store_option_entry_free(snow_host_store_option_entry_t *option) {
  if (option->is_some)
    free(option->val.value.ptr);
}

void snow_host_store_store_error_free(snow_host_store_store_error_t *error) {
  if (error->tag == SNOW_HOST_STORE_STORE_ERROR_CONFLICT)
    snow_host_store_option_entry_free(&error->val.conflict);
  if (error->tag == SNOW_HOST_STORE_STORE_ERROR_UNAVAILABLE)
    free(error->val.unavailable.ptr);
}

void snow_host_store_bucket_drop_own(snow_host_store_own_bucket_t handle) { (void)handle; }
void snow_host_pending_handles_pending_drop_own(raw_pending handle) { (void)handle; }

// ---- What these tests do not call --------------------------------------------------------------

bool snow_host_store_method_bucket_increment(snow_host_store_borrow_bucket_t self, raw_string *key,
                                             int64_t by, int64_t *ret,
                                             snow_host_store_store_error_t *err) {
  (void)self, (void)key, (void)by, (void)ret, (void)err;
  abort();
}

bool snow_host_store_method_bucket_list(snow_host_store_borrow_bucket_t self, raw_string *prefix,
                                        raw_string *after, uint32_t limit,
                                        snow_host_store_page_t *ret,
                                        snow_host_store_store_error_t *err) {
  (void)self, (void)prefix, (void)after, (void)limit, (void)ret, (void)err;
  abort();
}

bool snow_host_store_method_bucket_changed(snow_host_store_borrow_bucket_t self, raw_string *key,
                                           snow_host_store_version_t *since,
                                           snow_host_store_own_pending_t *ret,
                                           snow_host_store_store_error_t *err) {
  (void)self, (void)key, (void)since, (void)ret, (void)err;
  abort();
}

void snow_host_store_page_free(snow_host_store_page_t *page) {
  (void)page;
  abort();
}

// ---- The deployer ------------------------------------------------------------------------------

void snow_host_deployment_mount(raw_string *ret) { *ret = snow_copied_text(""); }

bool snow_host_deployment_base_url(raw_string *ret) {
  *ret = (raw_string){NULL, 0};
  return false;
}

uint32_t snow_host_resumption_waited_ms(void) { return 0; }

bool snow_host_resumption_left_ms(uint32_t *ret) {
  *ret = 0;
  return false;
}

bool snow_host_resumption_keep_deadline(void) { return false; }

// The values of the deployer: a number, and one that is none.
bool wasi_config_store_get(raw_string *key, resuming_guest_option_string_t *ret,
                           wasi_config_store_error_t *err) {
  (void)err;
  snow_string name = {key->ptr, key->len};
  ret->is_some = snow_is(name, "size") || snow_is(name, "token");
  if (ret->is_some)
    ret->val = snow_copied_text(snow_is(name, "size") ? "20" : "hunter2");
  return true;
}

bool wasi_config_store_get_all(resuming_guest_list_tuple2_string_string_t *ret,
                               wasi_config_store_error_t *err) {
  (void)ret;
  err->tag = WASI_CONFIG_STORE_ERROR_IO;
  return false;
}

void wasi_config_store_error_free(wasi_config_store_error_t *error) { (void)error; }

void resuming_guest_string_free(raw_string *text) { free(text->ptr); }

void resuming_guest_option_string_free(resuming_guest_option_string_t *option) {
  if (option->is_some)
    free(option->val.ptr);
}

void resuming_guest_list_tuple2_string_string_free(
    resuming_guest_list_tuple2_string_string_t *list) {
  (void)list;
  abort();
}
