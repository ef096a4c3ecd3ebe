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
#define SNOW_TRY(tried)             \
  do {                              \
    snow_outcome refusal = (tried); \
    if (refusal)                    \
      return refusal;               \
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

// ---- Forms -------------------------------------------------------------------------------------

// How much a form may have; 0 stands for what is said here. More is a 413. The host bounds the whole
// content before (`body_bytes_max`).
typedef struct {
  // Fields and files together: 1,000.
  size_t parts_max;
  // Bytes of one field's value: 1,048,576.
  size_t value_bytes_max;
  // Bytes of one file: 16,777,216.
  size_t file_bytes_max;
} snow_form_limits;

// A file in a form.
typedef struct {
  // The name of the field in the form.
  const char *field;
  // The name that the client gives it: any text, and not to be used as a path. Empty if no file was
  // chosen.
  const char *name;
  // The media type that the client gives it; a null pointer if it gives none.
  const char *content_type;
  // The content, which is a part of the request's.
  snow_string bytes;
} snow_file;

// A form that a client has sent: names with values, and files, each in the order sent.
typedef struct {
  const snow_pair *fields;
  size_t field_count;
  const snow_file *files;
  size_t file_count;
} snow_form;

// Reads the form in the content: `application/x-www-form-urlencoded`, or `multipart/form-data` (RFC
// 7578), which has files too. Any other `content-type` is a 415, a form that is none is a 400 that
// says what is wrong with it, and more than the limits is a 413. What is not UTF-8 in a value is
// U+FFFD; a zero byte in a name or a value is a 400, because a text would seem to end there.
snow_outcome snow_read_form(const snow_request *request, snow_form_limits limits, snow_form *form);
// Returns the first value under a name; a null pointer if there is none.
const char *snow_form_value(const snow_form *form, const char *name);
// Writes the first value under a name. If there is none, that is a 400 which names it.
snow_outcome snow_form_required(const snow_form *form, const char *name, const char **value);
// Returns the first file under a name; a null pointer if there is none.
const snow_file *snow_form_file(const snow_form *form, const char *name);

// ---- Signed texts ------------------------------------------------------------------------------
//
// A client keeps them, in a cookie or a field of a form, and can't change them. Signed is not secret:
// it can read the value. In a signature, HMAC-SHA256, are the name of the text, its value, the time
// and the version of the key: so a cookie can't be sent back under another name, nor after its time.
// Signatures are those of the SDKs for all languages.

// Keys, each with a version. The first one signs, and what any of them has signed is taken. So a key
// is replaced by putting a new one before it, and is left out once what it has signed is too old.
typedef struct snow_signing_keys snow_signing_keys;

// Puts a key before older ones; a null pointer stands for none. The secret has 32 random bytes or
// more, and is no password. A shorter one is a 500, and so is a version that an older key has.
snow_outcome snow_signing_keys_new(uint32_t version, snow_string secret,
                                   const snow_signing_keys *older, const snow_signing_keys **keys);
// Reads the keys that a bucket holds under `signing-keys`; if it holds none, a random one that it
// holds from now on. Nobody has to make them up, and whoever can read the bucket has them. A 500 if
// the store refuses, or if they can't be read.
snow_outcome snow_signing_keys_stored(snow_bucket bucket, const snow_signing_keys **keys);
// Puts a random key before those that a bucket holds, and keeps so many in all. Keys that can't be
// read are replaced.
snow_outcome snow_signing_keys_rotate(snow_bucket bucket, size_t keep,
                                      const snow_signing_keys **keys);

// Why a signed text is not taken. That is for the author, and not for the client.
typedef enum {
  // It is taken.
  SNOW_SIGNED,
  // It is no signed text, or was cut.
  SNOW_MALFORMED,
  // There is no key of its version.
  SNOW_UNKNOWN_KEY,
  // Its value, its time or its name is not what was signed.
  SNOW_FORGED,
  // It was signed too long ago.
  SNOW_EXPIRED,
  // It was signed more than 60 seconds later than now: a clock was set back, or is wrong.
  SNOW_FROM_THE_FUTURE,
} snow_signature;

// Signs a value under a name, now. The text has letters, digits, `-`, `_` and `.` only, so it can be
// the value of a cookie:
//
//   snow_cookie basket = {.name = "basket", .value = snow_sign(keys, "basket", id)};
const char *snow_sign(const snow_signing_keys *keys, const char *name, const char *value);
// Writes the value of a text that was signed under this name at most so many seconds ago; a null
// pointer if it is not taken.
snow_signature snow_verify(const snow_signing_keys *keys, const char *name, const char *text,
                           uint64_t max_age_s, const char **value);
// Returns in words for the log why a signed text is not taken.
const char *snow_signature_words(snow_signature signature);
// Returns the value of a cookie that was signed under its name at most so many seconds ago. A null
// pointer if there is none, and if it was forged, cut, renamed or is too old: the host's log says
// why, at the level debug.
const char *snow_get_signed_cookie(const snow_request *request, const char *name,
                                   const snow_signing_keys *keys, uint64_t max_age_s);

// ---- Sessions ----------------------------------------------------------------------------------
//
// A session is an entry of a bucket under 128 random bits, which the client has in a cookie. It ends
// when it was not used for its lifetime, and when it is destroyed. Requests of one client at the
// same time lose no change of each other: each writes only what it has set and removed. Sessions are
// those of the SDKs for all languages.
//
//   static snow_outcome name(const snow_request *request) {
//     snow_form form;
//     snow_session *session;
//     const char *name;
//     SNOW_TRY(snow_session_of(request, sessions(), &session));
//     SNOW_TRY(snow_read_form(request, (snow_form_limits){0}, &form));
//     SNOW_TRY(snow_check_csrf(session, snow_form_value(&form, "csrf")));
//     SNOW_TRY(snow_form_required(&form, "name", &name));
//     SNOW_TRY(snow_session_set(session, "name", name));
//     return snow_session_save(session, snow_redirect(303, snow_path_for("/name")));
//   }

// Where sessions are, and what their cookie is like. All but the bucket may be zeros.
typedef struct {
  // One of the guest's own buckets, such as `shop/sessions`.
  const char *bucket;
  // The name of the cookie; a null pointer for `session`.
  const char *cookie;
  // The path below which the client sends the cookie, as it sees paths. A null pointer for that at
  // which the guest is mounted: for a guest without `mount` in snow.toml that is `/`, and every other
  // guest of the server gets the cookie too. Whoever has the cookie has the session.
  const char *path;
  // How many seconds a session lives that is not used; 0 for a day.
  uint64_t lifetime_s;
  // Sign the cookie, so that an id that was made up costs no look into the store, and forms can have
  // a token. A null pointer for a cookie that is not signed.
  const snow_signing_keys *keys;
  // Whether the cookie is sent over TLS only: where a proxy in front speaks TLS.
  bool secure;
} snow_sessions;

// What a guest remembers of a client: names and values. A handler ends with snow_session_save.
typedef struct snow_session snow_session;

// Opens the session of the client that has sent a request. It is empty, and not in the store until
// something is set, if the client has none, or says an id that this guest did not give out or that
// has ended. A 500 if the store refuses, or holds no session under the id.
snow_outcome snow_session_of(const snow_request *request, snow_sessions sessions,
                             snow_session **session);
// Returns what is kept under a name; a null pointer if nothing is. A value that a guest in another
// language has set seems to end at a zero byte in it.
const char *snow_session_get(const snow_session *session, const char *name);
// Keeps a value under a name; a null pointer forgets what is there. A 500 if the host has no random
// numbers for an id. What is not UTF-8 is U+FFFD.
snow_outcome snow_session_set(snow_session *session, const char *name, const char *value);
// Forgets what is kept under a name.
void snow_session_remove(snow_session *session, const char *name);
// Gives it another id, and ends the one that it had: when a user logs in, or gets more rights.
// Whoever knew the id before knows nothing then.
snow_outcome snow_session_renew(snow_session *session);
// Ends it, with all that is kept: when a user logs out.
void snow_session_destroy(snow_session *session);
// Writes what has changed, and returns the answer, with the cookie if the client needs it. A 500 if
// the store refuses: the host's log says why.
snow_outcome snow_session_save(snow_session *session, snow_outcome answer);

// Writes a token for a form of this session, in a hidden field: other sites can't know it. For a
// client without a session too, whose cookie is set by snow_session_save. It belongs to the session's
// id, so it comes behind snow_session_set and snow_session_renew. A 500 for sessions without keys.
snow_outcome snow_csrf_token(snow_session *session, const char **token);
// Checks the token of a form, which may be a null pointer: a 403 if it is not of this session, or
// too old.
snow_outcome snow_check_csrf(const snow_session *session, const char *token);

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
