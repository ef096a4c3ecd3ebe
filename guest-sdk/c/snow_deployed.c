// What the deployer says to a guest, where clients find it, and the times of a wait.

#include "snow_internal.h"

// ---- Configuration and secrets -----------------------------------------------------------------

struct snow_secret {
  const char *text;
};

const char *snow_config(const char *name) {
  if (!snow_is_utf8(name))
    return NULL;
  raw_string key = snow_borrowed(name);
  resuming_guest_option_string_t value = {0};
  wasi_config_store_error_t error;
  // The host has every value at hand, so an error is none that a guest could do anything about.
  if (!wasi_config_store_get(&key, &value, &error)) {
    wasi_config_store_error_free(&error);
    return NULL;
  }
  const char *text = value.is_some ? snow_text_of(value.val) : NULL;
  resuming_guest_option_string_free(&value);
  return text;
}

const snow_secret *snow_config_secret(const char *name) {
  const char *text = snow_config(name);
  if (!text)
    return NULL;
  snow_secret *secret = snow_alloc(sizeof *secret);
  secret->text = text;
  return secret;
}

const char *snow_expose(const snow_secret *secret) { return secret ? secret->text : NULL; }

snow_outcome snow_config_number(const char *name, int64_t *number) {
  const char *text = snow_config(name);
  if (!text || snow_is_number(text, number))
    return NULL;
  // The value may be a secret that was written in the wrong line.
  return snow_fail(snow_joined("the value of `", name,
                               "` in the `config` of snow.toml can't be used", NULL));
}

size_t snow_config_all(const snow_pair **pairs) {
  *pairs = NULL;
  resuming_guest_list_tuple2_string_string_t all = {0};
  wasi_config_store_error_t error;
  if (!wasi_config_store_get_all(&all, &error)) {
    wasi_config_store_error_free(&error);
    return 0;
  }
  size_t count = all.len;
  snow_pair *list = snow_alloc_many(count, sizeof *list);
  for (size_t i = 0; i < count; i++)
    list[i] = (snow_pair){snow_text_of(all.ptr[i].f0), snow_text_of(all.ptr[i].f1)};
  resuming_guest_list_tuple2_string_string_free(&all);
  *pairs = list;
  return count;
}

// ---- Where clients find the guest --------------------------------------------------------------

const char *snow_mount(void) {
  raw_string mount;
  snow_host_deployment_mount(&mount);
  const char *text = snow_text_of(mount);
  resuming_guest_string_free(&mount);
  return text;
}

const char *snow_base_url(void) {
  raw_string url;
  if (!snow_host_deployment_base_url(&url))
    return NULL;
  const char *text = snow_text_of(url);
  resuming_guest_string_free(&url);
  return text;
}

const char *snow_cookie_path(void) {
  const char *mount = snow_mount();
  return *mount ? mount : "/";
}

const char *snow_path_for(const char *path) { return snow_join(snow_mount(), path); }

const char *snow_url_for(const char *path) {
  const char *base = snow_base_url();
  return base ? snow_join(base, path) : snow_path_for(path);
}

// ---- The times of a wait -----------------------------------------------------------------------

uint32_t snow_waited_ms(void) { return snow_host_resumption_waited_ms(); }

uint32_t snow_left_ms(void) {
  uint32_t left = 0;
  return snow_host_resumption_left_ms(&left) ? left : 0;
}

bool snow_keep_deadline(void) { return snow_host_resumption_keep_deadline(); }
