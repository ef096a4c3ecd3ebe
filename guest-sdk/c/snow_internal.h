// What the SDK's own files share. Guests include snow.h.
#ifndef SNOW_INTERNAL_H
#define SNOW_INTERNAL_H

#include "resuming_guest.h"
#include "snow.h"

// The generated names are long.
typedef resuming_guest_string_t raw_string;
typedef resuming_guest_list_u8_t raw_bytes;
typedef snow_host_http_request_t raw_request;
typedef snow_host_http_response_t raw_response;
typedef snow_host_http_field_t raw_field;
typedef snow_host_pending_handles_outcome_t raw_outcome;
typedef snow_host_pending_handles_settlement_t raw_settlement;
typedef snow_host_pending_handles_option_settlement_t raw_option_settlement;
typedef snow_host_pending_handles_own_pending_t raw_pending;
typedef snow_host_pending_handles_refusal_t raw_refusal;

// An answer or a suspension. It owns what it holds, and shares it with no other ending: all of that
// is allocated by `malloc`, so that the bindings can free it when the host has read the one that a
// call returns. All others are freed at the end of the call.
struct snow_ending {
  raw_outcome outcome;
  bool is_returned;
  struct snow_ending *next;
};

struct snow_request {
  raw_request raw;
};

// ---- Memory that the bindings free -------------------------------------------------------------

// Returns memory that is freed by `free`; a null pointer for no bytes, because the bindings free
// nothing whose length is 0. It ends the call if there is none left.
void *snow_malloc(size_t bytes);
// Returns a copy of bytes.
uint8_t *snow_copied(const void *bytes, size_t len);
raw_string snow_copied_text(const char *text);
raw_bytes snow_copied_bytes(snow_string bytes);
raw_response snow_copied_response(const raw_response *response);

// Returns memory for so many things of a size, which lives until the end of the call.
void *snow_alloc_many(size_t count, size_t bytes);

// ---- The call ----------------------------------------------------------------------------------

// Makes an ending, which is the owner of what the outcome holds.
snow_outcome snow_ending_of(raw_outcome outcome);
// Takes a pending, to be released at the end of the call.
void snow_own(int32_t handle);
// Returns whether a pending is one of this call.
bool snow_owns(int32_t handle);
// Takes a pending from those that are released at the end of the call. Returns whether it was one
// of them.
bool snow_disown(int32_t handle);
// The handle of a pending that the host has refused to create. The host never gives it out.
#define SNOW_NO_PENDING 0
// Returns what the host says, by whether it agrees.
snow_status snow_status_of(bool is_ok, raw_refusal refusal);
// Hands a pending that was created to the guest, as one of this call.
snow_status snow_created(bool is_ok, raw_refusal refusal, raw_pending raw, snow_pending *pending);
// Takes a bucket, to be closed at the end of the call.
void snow_own_bucket(int32_t handle);
// Returns whether a bucket is one of this call.
bool snow_owns_bucket(int32_t handle);
// What the host said when it refused last, for the store, a database or a job. It lives no longer
// than the call.
extern const char *snow_words;
// Closes the databases of the call. It is set by whoever opens one: a guest without databases is
// linked without it.
extern void (*snow_close_databases)(void);
// Ends the call: frees what it has allocated, and releases its pendings, buckets and databases.
void snow_end_call(void);

// ---- Texts and settlements ---------------------------------------------------------------------

// Returns a copy that lives until the end of the call.
const char *snow_text_of(raw_string raw);
// Returns a text of the bindings' type. The functions that take one do not change it. The host ends
// a call that hands it a text that is not UTF-8.
raw_string snow_borrowed(const char *text);
// Returns these texts as one. A null pointer stands behind the last.
const char *snow_joined(const char *first, ...);
// Returns whether a text is an integer in decimal digits that fits, and writes it.
bool snow_is_number(const char *text, int64_t *number);
// Returns whether a text is UTF-8.
bool snow_is_utf8(const char *text);
// Returns whether bytes are UTF-8.
bool snow_are_utf8(snow_string bytes);
// Returns bytes as UTF-8, with U+FFFD for what is not: the bytes themselves, or a copy that lives
// until the end of the call.
snow_string snow_shown(snow_string bytes);
// Returns a settlement of the host's as a guest has it: a copy that lives as long as the call.
snow_settlement snow_lifted(const raw_option_settlement *option);
// Returns whether a decoded text of this request has a zero byte.
bool snow_has_zero_byte(const snow_request *request);

// ---- Pieces of what a client has sent ----------------------------------------------------------
//
// They refer to what was sent, and are not copied.

// Returns a letter of ASCII in lower case, and anything else as it is.
char snow_lower(char c);
// Returns whether bytes are this text.
bool snow_is(snow_string bytes, const char *text);
// Returns whether bytes are these, where letters of ASCII may be in any case.
bool snow_is_like(snow_string one, snow_string other);
// Returns whether bytes begin with these.
bool snow_begins(snow_string bytes, snow_string prefix);
// Returns what stands from a place on; nothing if they end before.
snow_string snow_from(snow_string bytes, size_t place);
// Returns what stands before a place; all if they end before.
snow_string snow_until(snow_string bytes, size_t place);
// Returns the place of the first such character; how many bytes there are if there is none.
size_t snow_place(snow_string bytes, char c);
// Returns bytes without the white space around them.
snow_string snow_trimmed(snow_string bytes);
// Returns whether there is a zero byte among these.
bool snow_has_zero(snow_string bytes);
// Returns whether bytes are decimal digits of a number that fits, and writes it.
bool snow_is_whole(snow_string digits, uint64_t *number);
// Returns a number in decimal digits.
const char *snow_decimal(uint64_t number);

// Finds the next header field of a name, from a place among all fields on, and moves the place behind
// it. Returns false if there is none.
bool snow_next_field(const snow_request *request, const char *name, size_t *at,
                     snow_string *value);

// Parts of a header field between separators that stand outside of quotes.
typedef struct {
  snow_string rest;
  char separator;
  bool is_over;
} snow_parts;

// Takes the next part, without the white space around it. Returns false if there is none.
bool snow_next_part(snow_parts *parts, snow_string *part);
// Returns the value at the beginning of a field, such as `form-data; name="a;b"`, and the parts that
// are its parameters.
snow_string snow_value_before(snow_string field, snow_parts *parameters);
// Takes the next parameter: its name as it is sent, and its value with the quotes that it may have.
bool snow_next_parameter(snow_parts *parameters, snow_string *name, snow_string *value);
// Returns a parameter's value without its quotes; `\"` in it is `"`.
snow_string snow_unquoted(snow_string value);

// Takes the next `name=value` from the rest of a query or a form; pairs without anything are skipped.
// Neither is decoded. Returns false if there is none.
bool snow_next_pair(snow_string *rest, snow_string *name, snow_string *value);
// Decodes a name or a value of a query or a form: a copy, which need not be UTF-8.
snow_string snow_decoded(snow_string sent);

// Returns why a cookie can't be set; a null pointer if it can.
const char *snow_cookie_fault(const snow_cookie *cookie);
// Returns the value of `set-cookie`, for a cookie that can be set.
const char *snow_cookie_field(const snow_cookie *cookie);

// ---- Forms -------------------------------------------------------------------------------------

// A form that is being read.
typedef struct {
  snow_form_limits limits;
  snow_pair *fields;
  size_t field_count, field_room;
  snow_file *files;
  size_t file_count, file_room;
} snow_reading;

// Each of these returns a null pointer, or the answer to a form that is refused.

// Refuses a form that has as many parts as it may have, before one more.
snow_outcome snow_form_has_room(const snow_reading *reading);
// Adds a field, whose name is UTF-8.
snow_outcome snow_form_add_field(snow_reading *reading, snow_string name, snow_string value);
// Adds a file. Its bytes are not copied.
snow_outcome snow_form_add_file(snow_reading *reading, snow_string field, snow_string name,
                                const snow_string *content_type, snow_string bytes);
// Reads a content of parts between boundaries.
snow_outcome snow_read_multipart(snow_reading *reading, snow_string body, snow_string boundary);

// ---- Signatures --------------------------------------------------------------------------------

struct snow_signing_keys {
  uint32_t version;
  snow_string secret;
  const snow_signing_keys *older;
};

// Returns bytes in base64, as in URLs and without padding.
const char *snow_base64(snow_string bytes);
// Returns whether a text is the base64 of bytes, and writes a copy of them.
bool snow_is_base64(snow_string text, snow_string *bytes);
// Returns the time in seconds since 1970.
uint64_t snow_now_s(void);
// These are snow_sign and snow_verify at a time in seconds since 1970.
const char *snow_sign_at(const snow_signing_keys *keys, const char *name, const char *value,
                         uint64_t now_s);
snow_signature snow_verify_at(const snow_signing_keys *keys, const char *name, const char *text,
                              uint64_t max_age_s, uint64_t now_s, const char **value);
// Returns keys as a bucket holds them.
const char *snow_keys_text(const snow_signing_keys *keys);
// Returns the keys in such a text; a null pointer if it can't be read.
const snow_signing_keys *snow_keys_of(snow_string text);
// Returns for the log why the store has refused something.
const char *snow_status_words(snow_status status);

// ---- Sessions ----------------------------------------------------------------------------------

// A field of a session, or what becomes of one.
typedef struct {
  snow_string name, value;
  bool is_removal;
} snow_change;

// A session in the store, with its fields in the order of their names; or changes in their order.
typedef struct {
  // When it was written, in seconds since 1970.
  uint64_t written;
  snow_change *fields;
  size_t count, room;
} snow_record;

// Returns whether the store's text is a session, and reads it.
bool snow_record_of(snow_string text, snow_record *record);
// Returns a session as the store has it.
const char *snow_record_text(const snow_record *record);
// Returns the value under a name; a null pointer if there is none.
const snow_string *snow_record_get(const snow_record *record, snow_string name);
// Keeps a value under a name. Neither is copied.
void snow_record_set(snow_record *record, snow_string name, snow_string value);
// Forgets what is under a name. Returns whether there was something.
bool snow_record_remove(snow_record *record, snow_string name);
// Adds a change behind others.
void snow_record_add(snow_record *record, snow_change change);
// Does with a session what these changes say.
void snow_record_apply(snow_record *record, const snow_record *changes);
// Returns a copy that can be changed.
snow_record snow_record_copy(const snow_record *record);
// This is snow_session_of at a time in seconds since 1970.
snow_outcome snow_session_at(const snow_request *request, snow_sessions sessions, uint64_t now_s,
                             snow_session **session);

#endif
