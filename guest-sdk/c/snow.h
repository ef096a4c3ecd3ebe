// Write guests for snow-host in C: HTTP handlers in WebAssembly whose requests can wait.
//
//   #include <snow.h>
//
//   static snow_outcome hello(const snow_request *request) {
//     return snow_text(200, snow_join("hello ", snow_param(request, "name")));
//   }
//
//   SNOW_SERVE({"GET", "/hello/(?P<name>\\w+)", hello})
//
// Who owns what: everything that a function here returns belongs to the call and lives until its
// end, texts, answers and `snow_alloc`'s memory alike. Nothing has to be freed. What is handed to a
// function here is copied, and stays the caller's. So one answer may be returned, given more header
// fields, and used in any number of settlements and suspensions, also one that has come in a
// settlement.
//
// Every text ends with a zero byte. A request that has one inside a group of its path or in its
// query (`%00`) is answered 400 before a handler is called, because a text would seem to end there.
//
// Included at the end are snow_web.h, which has configuration, links, forms, cookies and sessions;
// snow_sql.h, which has databases; and snow_jobs.h.
#ifndef SNOW_H
#define SNOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Bytes, which need not end with a zero.
typedef struct {
  const uint8_t *ptr;
  size_t len;
} snow_string;

// A request whose body has arrived whole.
typedef struct snow_request snow_request;

// How a call ends: with an answer, or with what it waits for. It belongs to the call.
typedef struct snow_ending *snow_outcome;

// Something that is settled exactly once: by its token, by its key, or by the clock. It exists from
// the moment it is created, so a settlement that comes before a wait is kept. What a call does not
// return in a suspension is released when the call ends.
typedef struct {
  int32_t handle;
} snow_pending;

// What the host says to a call of one of its functions.
typedef enum {
  SNOW_OK,
  // No pending has this token: it was never given out, or its request is over.
  SNOW_UNKNOWN,
  // The pending was settled before.
  SNOW_ALREADY_SETTLED,
  // The host does not let this guest do that.
  SNOW_DENIED,
  // A limit of the host is reached.
  SNOW_LIMIT,
  // The key, the token or the URL is not UTF-8, which a client's query or content need not be.
  SNOW_NOT_UTF8,
  // A write's condition does not hold.
  SNOW_CONFLICT,
  // The value of a key is no integer, or the sum does not fit into 64 bits.
  SNOW_NOT_AN_INTEGER,
  // The disk takes no writes, though reads go on; or a database can't be reached.
  SNOW_UNAVAILABLE,
  // Others have too much under way with a database.
  SNOW_OVERLOADED,
  // A database has refused the statement: snow_sql_code is SQLSTATE.
  SNOW_DATABASE_ERROR,
  // A database took too long.
  SNOW_TIMED_OUT,
  // The guest has no jobs.
  SNOW_NO_RUNNER,
} snow_status;

// ---- Routes ------------------------------------------------------------------------------------

typedef struct snow_resumed snow_resumed;

// A route, and the functions that serve it.
typedef struct {
  // GET, several as in GET|POST, or any. GET serves HEAD too.
  const char *methods;
  // A regular expression (the syntax of Rust's crate regex) for the whole path as sent.
  const char *pattern;
  snow_outcome (*handler)(const snow_request *request);
  // Is called when a suspension of this route is over. Without one the host answers by itself with
  // what the pending was settled with.
  snow_outcome (*resumer)(const snow_resumed *resumed);
} snow_route;

// Serves these routes, once in a guest, at the top of a file. The first that matches wins.
#define SNOW_SERVE(...)                                \
  const snow_route snow_routes[] = {__VA_ARGS__};      \
  const size_t snow_route_count = sizeof snow_routes / sizeof *snow_routes;

extern const snow_route snow_routes[];
extern const size_t snow_route_count;

// ---- The request -------------------------------------------------------------------------------

// Returns the request's id, which is in the host's log too.
const char *snow_id(const snow_request *request);
// Returns the client's address and port.
const char *snow_client(const snow_request *request);
// Returns `http`.
const char *snow_scheme(const snow_request *request);
// Returns the `Host` field.
const char *snow_authority(const snow_request *request);
// Returns the method as sent.
const char *snow_method(const snow_request *request);
// Returns the path as sent, without the guest's mount prefix and without the query.
const char *snow_path(const snow_request *request);
// Returns what follows the first `?`, as sent; a null pointer if there is none.
const char *snow_raw_query(const snow_request *request);
// Returns a parameter of the query, decoded; a null pointer if there is none.
const char *snow_query(const snow_request *request, const char *name);
// Returns a group of the route's pattern by its name; empty if there is none.
const char *snow_param(const snow_request *request, const char *name);
// Returns a group of the route's pattern by its place, the first being 0; empty if there are fewer.
const char *snow_param_at(const snow_request *request, size_t index);
// Returns a header field, whose name may be in any case, the first if there are several; a null
// pointer if there is none.
const char *snow_header(const snow_request *request, const char *name);
// Returns how many header fields there are.
size_t snow_header_count(const snow_request *request);
// Returns a header field by its place: its name in lower case, and its value.
const char *snow_header_at(const snow_request *request, size_t index, snow_string *value);
// Returns the content.
snow_string snow_body(const snow_request *request);

// ---- The answer --------------------------------------------------------------------------------

// Answers with a text, as text/plain in UTF-8.
snow_outcome snow_text(uint16_t status, const char *text);
// Answers with bytes, without a content-type.
snow_outcome snow_bytes(uint16_t status, snow_string body);
// Adds a header field to an answer, and returns the answer. Suspensions that it was given to
// before do not get the field.
snow_outcome snow_add_header(snow_outcome answer, const char *name, const char *value);

// ---- Settlements -------------------------------------------------------------------------------

typedef enum {
  // There is no settlement yet.
  SNOW_UNSETTLED,
  // Bytes. A timer's settlement is an empty value.
  SNOW_VALUE,
  // A whole answer.
  SNOW_RESPONSE,
  // A failure, told to the guest that waits.
  SNOW_FAILED,
} snow_settlement_kind;

// What a pending is settled with.
typedef struct {
  snow_settlement_kind kind;
  // The value, the content of the answer, or the failure's explanation for people.
  snow_string value;
  // The failure's short word for programs; else a null pointer.
  const char *code;
  // The answer; else a null pointer. One that has come can be returned, or used in any other way.
  snow_outcome response;
} snow_settlement;

// Makes a settlement of bytes. It refers to them, so they have to live until it is used.
snow_settlement snow_value(snow_string value);
// Makes a settlement of an answer. The call fails if it is a suspension.
snow_settlement snow_response(snow_outcome answer);
// Makes a settlement of a failure.
snow_settlement snow_failed(const char *code, const char *message);

// ---- Pendings ----------------------------------------------------------------------------------

// Creates a pending that is settled under a key, or, if that is a null pointer, by its token alone.
// Several may wait under one key; they are served first in, first out.
snow_status snow_create(const char *key, snow_pending *pending);
// Creates a pending that the clock settles.
snow_status snow_timer(uint32_t after_ms, snow_pending *pending);
// Returns the right to settle a pending: at most 64 ASCII characters, safe in a URL, not to be
// guessed. Give it only to who may.
const char *snow_token(snow_pending pending);
// Releases a pending before the call ends. Its token is unknown from then on.
void snow_release(snow_pending pending);

// Settles the pending with this token.
snow_status snow_set_result(const char *token, snow_settlement settlement);
// Settles the pending that has waited longest under a key, and says whether one waited.
snow_status snow_set_next(const char *key, snow_settlement settlement, bool *somebody_waited);
// Settles every pending that waits under a key, and says how many there were.
snow_status snow_set_all(const char *key, snow_settlement settlement, uint32_t *count);
// Returns how many pendings wait under a key.
uint32_t snow_waiting(const char *key);

// Waits in place until all of these are settled, or any, or the time is over (0: the host's default
// of 30 seconds). Writes what each was settled with to `settlements`, which has as many places.
//
// The call keeps its instance while it waits. If its client leaves, the call ends right here.
snow_status snow_wait(const snow_pending *pendings, size_t count, bool any, uint32_t timeout_ms,
                      snow_settlement *settlements);
// Writes what each of these is settled with by now, and does not wait.
snow_status snow_poll(const snow_pending *pendings, size_t count, snow_settlement *settlements);

// ---- Requests to other servers -----------------------------------------------------------------

// A header field that is sent.
typedef struct {
  const char *name, *value;
} snow_header_field;

// A request to another server. What is 0 or a null pointer is up to the host.
typedef struct {
  // `GET` for a null pointer.
  const char *method;
  // An absolute URL, http or https, without a user and a password.
  const char *url;
  // Are sent beside what the host writes: the fields of the connection, `content-length`, and
  // `x-request-id`, `user-agent` and `accept-encoding` unless they stand here.
  const snow_header_field *headers;
  size_t header_count;
  snow_string body;
  // How long it may take in all, with redirects and the answer's content (30 seconds); and until
  // there is a connection.
  uint32_t timeout_ms, connect_timeout_ms;
  // How many redirects are followed; otherwise the answer that redirects is the answer.
  uint8_t redirects_max;
  // The most bytes of the answer's content.
  uint32_t response_bytes_max;
  // What the request is equal to. While one of this guest with the same text is under way, this one
  // is not sent, but settled with the answer to that one, or its failure. Nothing else is compared,
  // so the text says all that makes a difference; what belongs to one client alone must not be
  // shared. Each has its own timeout.
  const char *collapse;
} snow_fetch_request;

// Sends a request, and creates a pending that is settled with the answer, of any status, or with a
// failure: `invalid-url`, `denied`, `dns`, `refused`, `tls`, `timeout`, `too-large`, `reset`,
// `protocol` or `overloaded`. The deployer says where a guest may send requests (`outbound` in
// snow.toml). A suspension of it on a route without a resumer sends the answer to the client as it
// came. When the pending is released, the request is given up.
snow_status snow_fetch(snow_fetch_request request, snow_pending *pending);

// Returns the status of an answer, such as one that has come; 0 if it is none.
uint16_t snow_answer_status(snow_outcome answer);
// Returns a header field of an answer, whose name may be in any case, the first if there are several;
// a null pointer if there is none.
const char *snow_answer_header(snow_outcome answer, const char *name);
// Returns how many header fields an answer has.
size_t snow_answer_header_count(snow_outcome answer);
// Returns a header field of an answer by its place: its name, and its value.
const char *snow_answer_header_at(snow_outcome answer, size_t index, snow_string *value);
// Returns the content of an answer.
snow_string snow_answer_body(snow_outcome answer);

// ---- Giving the request back -------------------------------------------------------------------

// How a request waits. All zeros is a suspension until every pending is settled.
typedef struct {
  // The deadline, from when the suspension is returned; 0 for the host's default of 30 seconds.
  uint32_t timeout_ms;
  // Whether the first settlement is enough.
  bool any;
  // Whether the request is handed to the resumer again.
  bool keep_request;
  // Bytes for the resumer, which runs in another instance. At most 64 KiB.
  snow_string state;
  // The answer at the deadline for a route without a resumer; a null pointer for a plain 504.
  snow_outcome on_timeout;
} snow_suspension;

// Waits for these: the call ends and its instance is freed until the wait is over. A suspension
// that is not returned has no effect.
snow_outcome snow_suspend(const snow_pending *pendings, size_t count, snow_suspension suspension);

// What became of one pending of a suspension. One that is not settled can be waited on once more.
typedef struct {
  snow_pending pending;
  snow_settlement settlement;
} snow_arrival;

// A wait that is over, as a resumer gets it.
struct snow_resumed {
  // Whether the deadline passed first.
  bool timed_out;
  // The request, if the suspension kept it; else a null pointer.
  const snow_request *request;
  snow_string state;
  // In the order of the suspension.
  const snow_arrival *arrivals;
  size_t arrival_count;
};

// Returns the bytes of the first settlement that is no failure; none if nothing came.
snow_string snow_value_of(const snow_resumed *resumed);

// ---- The store ---------------------------------------------------------------------------------

// A bucket of keys, each with a value that outlives the call. It belongs to the call that opened it.
typedef struct {
  int32_t handle;
} snow_bucket;

// What a key holds.
typedef struct {
  bool exists;
  snow_string value;
  // Tells this content from every other. A later version of a key is a higher number.
  uint64_t version;
} snow_entry;

// When a write is done: always, if the key does not exist, or if it has a version.
typedef enum { SNOW_ALWAYS, SNOW_ABSENT, SNOW_VERSION } snow_condition;

// How a key is written. All zeros is a write that is always done, until the key is deleted.
typedef struct {
  // How long an entry that is set exists; 0: until it is deleted.
  uint64_t expires_ms;
  snow_condition only;
  // The version, for SNOW_VERSION.
  uint64_t version;
} snow_write;

// A page of keys, in the order of their bytes.
typedef struct {
  const snow_string *keys;
  size_t count;
  // Whether there may be another page, for which the same structure is handed over again.
  bool has_more;
  // Where it goes on.
  bool is_begun;
  snow_string next;
} snow_keys;

// Opens a bucket: "default", which is the guest's own; one whose name begins with the guest's own
// and a slash ("shop/orders"); or one of the buckets that snow.toml grants it.
snow_status snow_bucket_open(const char *name, snow_bucket *bucket);
// Reads what a key holds.
snow_status snow_bucket_get(snow_bucket bucket, const char *key, snow_entry *entry);
// Sets a key. Writes what it holds now to `held`, unless that is a null pointer: the new entry, or
// after SNOW_CONFLICT what another request has set.
snow_status snow_bucket_set(snow_bucket bucket, const char *key, snow_string value, snow_write write,
                            snow_entry *held);
// Deletes a key, and says whether it existed. `held` is as above, and may be a null pointer.
snow_status snow_bucket_delete(snow_bucket bucket, const char *key, snow_write write, bool *existed,
                               snow_entry *held);
// Adds to a key's value, an integer in decimal digits. A key that does not exist counts as 0.
snow_status snow_bucket_increment(snow_bucket bucket, const char *key, int64_t by, int64_t *sum);
// Reads a page of the keys that begin with a prefix: the first if `page` is all zeros, else the next
// one. A page may have no keys and yet not be the last.
snow_status snow_bucket_keys(snow_bucket bucket, const char *prefix, snow_keys *page);
// Creates a pending that is settled with the key's value once its version is no longer that of
// `seen`; a null pointer, or an entry that does not exist, stands for a key that does not exist. If
// the key is deleted or expires, that is a failure with the code `deleted`.
snow_status snow_bucket_changed(snow_bucket bucket, const char *key, const snow_entry *seen,
                                snow_pending *pending);
// Returns what the host said to the last function here, if it was SNOW_LIMIT or SNOW_UNAVAILABLE.
const char *snow_store_words(void);

// ---- The log, and texts ------------------------------------------------------------------------

typedef enum { SNOW_TRACE, SNOW_DEBUG, SNOW_INFO, SNOW_WARN, SNOW_ERROR } snow_level;

// Writes one line to the guest's log. `printf` is a line at the level info, standard error at warn.
// What is not UTF-8 in it is shown as U+FFFD.
void snow_log(snow_level level, const char *message);

// Returns memory that lives until the end of the call. It ends the call if there is none left.
void *snow_alloc(size_t bytes);
// Returns two texts as one. A null pointer stands for an empty one.
const char *snow_join(const char *first, const char *second);
// Returns bytes as a text. Where they have a zero byte inside, it seems to end there.
const char *snow_cstring(snow_string bytes);
// Returns a text as bytes; none for a null pointer.
snow_string snow_string_of(const char *text);

#ifdef __cplusplus
}
#endif

// Configuration and secrets, links, the times of a wait, forms, cookies, signatures and sessions.
#include "snow_web.h"
// Databases.
#include "snow_sql.h"
// Work on other threads, later, or again and again.
#include "snow_jobs.h"

#endif
