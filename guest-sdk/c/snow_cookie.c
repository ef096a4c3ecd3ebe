// Cookies (RFC 6265, and `SameSite` of its successor).

#include <string.h>

#include "snow_internal.h"

// ---- Those of a client -------------------------------------------------------------------------

// Returns a value without the quotes that may be around it.
static snow_string bare(snow_string value) {
  bool is_quoted = value.len > 1 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"';
  return is_quoted ? snow_until(snow_from(value, 1), value.len - 2) : value;
}

// Finds the next cookie, and does not copy it.
static bool next(const snow_request *request, snow_cookies *cookies, snow_string *name,
                 snow_string *value) {
  for (;;) {
    if (cookies->rest.len == 0 &&
        !snow_next_field(request, "cookie", &cookies->next_field, &cookies->rest))
      return false;
    size_t end = snow_place(cookies->rest, ';');
    snow_string pair = snow_until(cookies->rest, end);
    cookies->rest = snow_from(cookies->rest, end + 1);
    size_t equals = snow_place(pair, '=');
    // What is no cookie is left out.
    if (equals == pair.len || !snow_are_utf8(pair))
      continue;
    *name = snow_trimmed(snow_until(pair, equals));
    *value = bare(snow_trimmed(snow_from(pair, equals + 1)));
    return true;
  }
}

bool snow_next_cookie(const snow_request *request, snow_cookies *cookies) {
  snow_string name, value;
  if (!next(request, cookies, &name, &value))
    return false;
  cookies->name = snow_cstring(name);
  cookies->value = snow_cstring(value);
  return true;
}

const char *snow_get_cookie(const snow_request *request, const char *wanted) {
  snow_cookies cookies = {0};
  snow_string name, value;
  while (next(request, &cookies, &name, &value)) {
    if (snow_is(name, wanted))
      return snow_cstring(value);
  }
  return NULL;
}

// ---- Those for a client ------------------------------------------------------------------------

static bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (snow_lower(c) >= 'a' && snow_lower(c) <= 'z');
}

static bool is_in_token(char c) {
  return is_letter_or_digit(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_in_value(char c) { return c > ' ' && c <= '~' && !strchr("\",;\\", c); }

static bool is_in_attribute(char c) { return c >= ' ' && c <= '~' && c != ';'; }

static bool are_all(const char *text, bool (*is)(char c)) {
  while (*text && is(*text))
    text++;
  return *text == 0;
}

static bool has_prefix(const char *name, const char *prefix) {
  size_t len = strlen(prefix);
  return snow_is_like(snow_until(snow_string_of(name), len), snow_string_of(prefix));
}

static const char *path_of(const snow_cookie *cookie) { return cookie->path ? cookie->path : "/"; }

const char *snow_cookie_fault(const snow_cookie *cookie) {
  const char *path = path_of(cookie), *domain = cookie->domain;
  if (!cookie->name || !*cookie->name || !are_all(cookie->name, is_in_token))
    return "a name is letters, digits and `!#$%&'*+-.^_|~` or a backtick";
  if (cookie->value && !are_all(cookie->value, is_in_value))
    return "a value is visible ASCII without quotes, commas, semicolons, backslashes";
  if (*path != '/' || !are_all(path, is_in_attribute))
    return "a path begins with a slash, and is ASCII without semicolons";
  if (domain && (!*domain || !are_all(domain, is_in_token)))
    return "its domain is none";
  if (cookie->same_site == SNOW_SAME_SITE_NONE && !cookie->secure)
    return "`SameSite=None` needs `secure`";
  if (has_prefix(cookie->name, "__Secure-") && !cookie->secure)
    return "the prefix `__Secure-` needs `secure`";
  if (has_prefix(cookie->name, "__Host-") && (!cookie->secure || strcmp(path, "/") != 0 || domain))
    return "the prefix `__Host-` needs `secure`, the path `/` and no domain";
  return NULL;
}

const char *snow_cookie_field(const snow_cookie *cookie) {
  static const char *const same_sites[] = {"", "; SameSite=Strict", "; SameSite=Lax",
                                           "; SameSite=None"};
  const char *age = "", *domain = "", *value = cookie->value ? cookie->value : "";
  if (cookie->domain)
    domain = snow_join("; Domain=", cookie->domain);
  if (cookie->max_age_s > 0)
    age = snow_join("; Max-Age=", snow_decimal(cookie->max_age_s));
  if (cookie->removed) {
    value = "";
    age = "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
  }
  return snow_joined(cookie->name, "=", value, "; Path=", path_of(cookie), domain, age,
                     cookie->secure ? "; Secure" : "", cookie->http_only ? "; HttpOnly" : "",
                     cookie->same_site <= SNOW_SAME_SITE_NONE ? same_sites[cookie->same_site] : "",
                     NULL);
}

snow_outcome snow_set_cookie(snow_outcome answer, snow_cookie cookie) {
  const char *why = snow_cookie_fault(&cookie);
  if (!why)
    return snow_add_header(answer, "set-cookie", snow_cookie_field(&cookie));
  const char *name = cookie.name ? cookie.name : "";
  return snow_fail(snow_joined("the cookie \"", name, "\" can't be set: ", why, NULL));
}
