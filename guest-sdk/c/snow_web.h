// The second half of snow.h, which includes it: what a guest knows of its deployer, and what it says
// to browsers and hears from them.
//
// Who owns what is as in snow.h: what a function here returns lives until the end of the call, and
// what it is given stays the caller's. So a text that is to be there in a later call is copied, or
// kept in the store.
//
// A function that may end a request returns an outcome: a null pointer if all is well, else the
// answer to return, which says what the client has done wrong (400, 403, 413, 415); or a 500 that
// says nothing, and a line of the log that says what the author or the deployer can do. SNOW_TRY
// returns it:
//
//   snow_form form;
//   SNOW_TRY(snow_read_form(request, (snow_form_limits){0}, &form));
#ifndef SNOW_WEB_H
#define SNOW_WEB_H

#include "snow.h"

#ifdef __cplusplus
extern "C" {
#endif

// Returns from the function that it is in, if what is tried gives an answer.
#define SNOW_TRY(tried)            \
  do {                             \
    snow_outcome refusal = (tried); \
    if (refusal)                   \
      return refusal;              \
  } while (0)

// Writes the reason to the guest's log, at the level error, and answers 500 without it.
snow_outcome snow_fail(const char *reason);

// A name and its value.
typedef struct {
  const char *name;
  const char *value;
} snow_pair;

// Parses a text that a client has sent as an integer in decimal digits, with a sign or without.
// What is none, or does not fit into 64 bits, is a 400 that begins with `name`. A null pointer for a
// text leaves the number as it is, and is no error: so there can be a default.
//
//   int64_t page = 1;
//   SNOW_TRY(snow_number("page", snow_query(request, "page"), &page));
snow_outcome snow_number(const char *name, const char *text, int64_t *number);

// ---- Answers, and texts in them ----------------------------------------------------------------

// Answers with a page, as text/html in UTF-8. Texts that are not the author's belong into it by
// snow_html_escaped alone.
snow_outcome snow_html(uint16_t status, const char *page);
// Returns a text for a page: between tags, or in the quotes of an attribute. What is not UTF-8 in it
// is U+FFFD.
const char *snow_html_escaped(const char *text);
// Answers with JSON, as application/json.
snow_outcome snow_json(uint16_t status, const char *json);
// Returns a text as JSON has it, with the quotes around it. What is not UTF-8 in it is U+FFFD.
const char *snow_json_quoted(const char *text);
// Sends the client to another address, with one of the statuses 301, 302, 303, 307 and 308: 303
// after a form, 308 for good. Another status is a 500, and so is a location that is no reference of
// RFC 3986: none at all, or one with a character that must be percent-encoded, as a space, a line
// end, or what is not ASCII. Whether a client may choose where it is sent is the guest's to decide.
snow_outcome snow_redirect(uint16_t status, const char *location);

// ---- What a client would like to get -----------------------------------------------------------

// Returns which of these media types the client would like best, by its `accept`; of several that it
// likes as much, the first. A null pointer if it would take none of them: a 406, or the first all
// the same. A client that does not say takes the first. An answer that depends on it has the header
// field `vary: accept`, so that caches know.
const char *snow_accepts(const snow_request *request, const char *const *offered, size_t count);

// ---- Cookies -----------------------------------------------------------------------------------
//
// Nothing about a client's cookies is to be trusted, not even that this guest has set them: other
// guests and other servers of the same domain can. See the signed ones below.

// Returns the first cookie of a name; a null pointer if the client has sent none.
const char *snow_get_cookie(const snow_request *request, const char *name);

// The cookies of a client, one after the other. All zeros is the place before the first.
typedef struct {
  // What snow_next_cookie has found: a name, and a value without the quotes that may be around it.
  const char *name;
  const char *value;
  // Where it goes on.
  size_t next_field;
  snow_string rest;
} snow_cookies;

// Finds the next cookie, in the order sent. What is no cookie, or not UTF-8, is left out. Returns
// false if there is no further one.
//
//   snow_cookies cookies = {0};
//   while (snow_next_cookie(request, &cookies))
//     puts(cookies.name);
bool snow_next_cookie(const snow_request *request, snow_cookies *cookies);

// With which requests from other sites a browser sends a cookie: as it likes if it is not told, with
// none, when the user follows a link, or with all, for which the cookie must be `secure`.
typedef enum {
  SNOW_SAME_SITE_UNSET,
  SNOW_SAME_SITE_STRICT,
  SNOW_SAME_SITE_LAX,
  SNOW_SAME_SITE_NONE,
} snow_same_site;

// A cookie for a client. All but the name and the value may be zeros.
typedef struct {
  const char *name;
  const char *value;
  // The path below which it is sent back; a null pointer for `/`.
  const char *path;
  // The domain that gets it, with all below; a null pointer for the host that sets it alone.
  const char *domain;
  // How many seconds the client keeps it; 0 for as long as the browser runs.
  uint64_t max_age_s;
  // Whether it is removed from the client. That needs the path and the domain that it was set with.
  bool removed;
  // Whether it is sent back over TLS only.
  bool secure;
  // Whether it is hidden from scripts.
  bool http_only;
  snow_same_site same_site;
} snow_cookie;

// Adds a cookie to an answer, beside those that it sets already, and returns the answer.
//
// A value has visible ASCII without quotes, commas, semicolons and backslashes. Anything else is a
// 500 in place of the answer, with a line in the log; and so are a name that is no token, a path or
// a domain with a semicolon or a control character, SNOW_SAME_SITE_NONE without `secure`, and the
// prefixes `__Secure-` and `__Host-` without what they promise: browsers would drop such a cookie,
// or take a part of it for an attribute. Browsers also drop one of more than 4,096 bytes.
snow_outcome snow_set_cookie(snow_outcome answer, snow_cookie cookie);

// ---- Configuration and secrets -----------------------------------------------------------------

// A text that is not printed by accident, since it is no `char *`.
typedef struct snow_secret snow_secret;

// Returns the value of a name that the deployer gives this guest, in `[guest.NAME.config]` of
// snow.toml; a null pointer if there is none. A change takes effect with the next call.
const char *snow_config(const char *name);
// Returns the value of a name as a secret; a null pointer if there is none. Any value can be had so.
const snow_secret *snow_config_secret(const char *name);
// Returns the text of a secret; a null pointer for a null pointer.
const char *snow_expose(const snow_secret *secret);
// Parses the value of a name as an integer in decimal digits. If the deployer gives none, the number
// is left as it is. A value that is none is a 500, and a line of the log that does not show it.
snow_outcome snow_config_number(const char *name, int64_t *number);
// Returns how many values there are that are no secrets, and writes them in the order of their
// names.
size_t snow_config_all(const snow_pair **pairs);

// ---- Where clients find the guest --------------------------------------------------------------

// Returns what the paths of this guest begin with, as clients see them: `/shop`, or an empty text.
// The path of a request does not have it.
const char *snow_mount(void);
// Returns the URL of the guest's root, such as `https://example.org/shop`, without a slash at its
// end; a null pointer if the host does not know it. It does from `public_url` in snow.toml, or from
// a proxy that the deployer trusts (`trust_forwarded`), and then only in a call that has the
// request.
const char *snow_base_url(void);
// Returns the path for cookies that this guest alone shall get: `/shop`, or `/`.
const char *snow_cookie_path(void);
// Returns the link to a path of this guest on the same server, for a page or a redirect. The path
// begins with a slash, and may have a query.
const char *snow_path_for(const char *path);
// Returns the link to a path of this guest: a whole URL if the host knows it, else as above.
const char *snow_url_for(const char *path);

// ---- The times of a wait -----------------------------------------------------------------------

// Returns how many milliseconds the request has waited: from when the suspension was returned until
// the call of the resumer has started. 0 in a handler.
uint32_t snow_waited_ms(void);
// Returns how many milliseconds the deadline of that suspension still has; 0 if it has passed, and
// in a handler.
uint32_t snow_left_ms(void);
// Makes the suspension that this call returns end when the one before would have, whatever its
// `timeout_ms` is: so a request that waits again and again has one deadline in all. If that has
// passed, the new suspension is over at once. Returns false, and does nothing, in a handler.
bool snow_keep_deadline(void);

#ifdef __cplusplus
}
#endif

#endif
