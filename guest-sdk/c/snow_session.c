// Sessions: what a guest remembers of a client from one request to the next.

#include <string.h>
#include <unistd.h>

#include "snow_internal.h"

// How often a session is written again when other requests of the client write it too.
#define WRITES_MAX 100

// A session that is not changed is written again once this part of its time has passed, so that it
// goes on. Not with each request, since a write may cost a turn of the disk.
#define SLIDES 10

// Characters of an id: 128 random bits.
#define ID_CHARACTERS 32

struct snow_session {
  snow_sessions of;
  snow_bucket bucket;
  uint64_t now_s;
  char id[ID_CHARACTERS + 1];
  // The id that it had in the store before it was renewed; empty if it was not.
  char old[ID_CHARACTERS + 1];
  // Whether the client has sent any cookie of this name, knows the id, or must know it though nothing
  // is stored under it.
  bool has_cookie, is_told, must_tell;
  // As it was found in the store.
  bool is_stored;
  snow_record stored;
  uint64_t version;
  // As the handler sees it, and what it has changed.
  snow_record fields, changes;
  bool is_destroyed;
};

// ---- Ids ---------------------------------------------------------------------------------------

static bool is_id(const char *text) {
  return strlen(text) == ID_CHARACTERS && strspn(text, "0123456789abcdef") == ID_CHARACTERS;
}

static snow_outcome new_id(snow_session *session) {
  uint8_t bytes[ID_CHARACTERS / 2];
  if (getentropy(bytes, sizeof bytes) != 0)
    return snow_fail("there are no random numbers for a session's id");
  for (size_t i = 0; i < sizeof bytes; i++) {
    session->id[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
    session->id[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
  }
  session->is_told = false;
  return NULL;
}

// ---- The beginning of a session ----------------------------------------------------------------

static snow_outcome refused(snow_status status) {
  return snow_fail(snow_join("the store of the sessions: ", snow_status_words(status)));
}

static snow_outcome read_record(const snow_entry *entry, snow_record *record) {
  if (snow_record_of(entry->value, record))
    return NULL;
  return snow_fail("what the bucket has under a session's id is no session");
}

// Returns the id that a client's cookie says; a null pointer if that was made up.
static const char *id_of(const snow_session *session, const char *cookie) {
  const char *id = cookie;
  if (session->of.keys) {
    snow_signature signature = snow_verify_at(session->of.keys, session->of.cookie, cookie,
                                              session->of.lifetime_s, session->now_s, &id);
    if (signature != SNOW_SIGNED) {
      const char *why = snow_signature_words(signature);
      snow_log(SNOW_DEBUG, snow_join("the session's cookie is not taken: ", why));
    }
  }
  return id && is_id(id) ? id : NULL;
}

snow_outcome snow_session_at(const snow_request *request, snow_sessions sessions, uint64_t now_s,
                             snow_session **made) {
  *made = NULL;
  snow_session *session = snow_alloc(sizeof *session);
  *session = (snow_session){.of = sessions, .now_s = now_s};
  session->of.cookie = snow_join(sessions.cookie ? sessions.cookie : "session", "");
  if (sessions.path)
    session->of.path = snow_join(sessions.path, "");
  if (!sessions.lifetime_s)
    session->of.lifetime_s = 24 * 3600;
  snow_status status = snow_bucket_open(sessions.bucket ? sessions.bucket : "", &session->bucket);
  if (status != SNOW_OK)
    return refused(status);
  const char *cookie = snow_get_cookie(request, session->of.cookie);
  const char *id = cookie ? id_of(session, cookie) : NULL;
  session->has_cookie = cookie != NULL;
  if (id) {
    snow_entry entry;
    status = snow_bucket_get(session->bucket, id, &entry);
    if (status != SNOW_OK)
      return refused(status);
    if (entry.exists)
      SNOW_TRY(read_record(&entry, &session->stored));
    session->is_stored = entry.exists;
    session->version = entry.version;
    session->fields = snow_record_copy(&session->stored);
    // An id that only a signature vouches for may stay: forms have tokens of it.
    session->is_told = entry.exists || session->of.keys;
  }
  if (session->is_told)
    memcpy(session->id, id, ID_CHARACTERS);
  else
    SNOW_TRY(new_id(session));
  *made = session;
  return NULL;
}

snow_outcome snow_session_of(const snow_request *request, snow_sessions sessions,
                             snow_session **session) {
  return snow_session_at(request, sessions, snow_now_s(), session);
}

// ---- What a handler does with it ---------------------------------------------------------------

const char *snow_session_get(const snow_session *session, const char *name) {
  const snow_string *value = snow_record_get(&session->fields, snow_string_of(name));
  return value ? snow_cstring(*value) : NULL;
}

// Returns a copy as the store keeps texts.
static snow_string kept(const char *text) {
  snow_string shown = snow_shown(snow_string_of(text));
  return (snow_string){(const uint8_t *)snow_cstring(shown), shown.len};
}

void snow_session_remove(snow_session *session, const char *name) {
  snow_change change = {kept(name), {NULL, 0}, true};
  if (snow_record_remove(&session->fields, change.name))
    snow_record_add(&session->changes, change);
}

snow_outcome snow_session_set(snow_session *session, const char *name, const char *value) {
  if (!value) {
    snow_session_remove(session, name);
    return NULL;
  }
  // What begins to be stored has an id that nobody knew before.
  if (!session->is_stored && session->changes.count == 0)
    SNOW_TRY(new_id(session));
  snow_change change = {kept(name), kept(value), false};
  snow_record_set(&session->fields, change.name, change.value);
  snow_record_add(&session->changes, change);
  return NULL;
}

snow_outcome snow_session_renew(snow_session *session) {
  if (session->is_stored && !*session->old)
    memcpy(session->old, session->id, sizeof session->old);
  return new_id(session);
}

void snow_session_destroy(snow_session *session) {
  session->fields.count = session->changes.count = 0;
  session->is_destroyed = true;
}

static const char *csrf_name(const snow_session *session) {
  return snow_joined("csrf ", session->of.cookie, " ", session->id, NULL);
}

static snow_outcome need_keys(const snow_session *session) {
  return session->of.keys ? NULL : snow_fail("tokens of forms need sessions with keys");
}

snow_outcome snow_csrf_token(snow_session *session, const char **token) {
  *token = "";
  SNOW_TRY(need_keys(session));
  session->must_tell = true;
  *token = snow_sign_at(session->of.keys, csrf_name(session), "", session->now_s);
  return NULL;
}

snow_outcome snow_check_csrf(const snow_session *session, const char *token) {
  SNOW_TRY(need_keys(session));
  const char *value;
  snow_signature signature =
      snow_verify_at(session->of.keys, csrf_name(session), token ? token : "",
                     session->of.lifetime_s, session->now_s, &value);
  if (signature == SNOW_SIGNED)
    return NULL;
  const char *why = snow_signature_words(signature);
  snow_log(SNOW_DEBUG, snow_join("a form's token is not taken: ", why));
  return snow_text(403, "this form is not from here, or is too old: load its page again");
}

// ---- The end of a call -------------------------------------------------------------------------

static snow_cookie cookie_of(const snow_session *session) {
  return (snow_cookie){
      .name = session->of.cookie,
      .path = session->of.path ? session->of.path : snow_cookie_path(),
      .secure = session->of.secure,
      .http_only = true,
      .same_site = SNOW_SAME_SITE_LAX,
  };
}

static snow_outcome tell(const snow_session *session, snow_outcome answer) {
  snow_cookie cookie = cookie_of(session);
  cookie.max_age_s = session->of.lifetime_s;
  cookie.value = session->id;
  if (session->of.keys)
    cookie.value = snow_sign_at(session->of.keys, cookie.name, session->id, session->now_s);
  return snow_set_cookie(answer, cookie);
}

static snow_outcome take_away(const snow_session *session, snow_outcome answer) {
  snow_cookie cookie = cookie_of(session);
  cookie.removed = true;
  return snow_set_cookie(answer, cookie);
}

static snow_status write_record(const snow_session *session, snow_record *record, snow_write write,
                                snow_entry *held) {
  record->written = session->now_s;
  if (__builtin_mul_overflow(session->of.lifetime_s, 1000, &write.expires_ms))
    write.expires_ms = UINT64_MAX;
  snow_string text = snow_string_of(snow_record_text(record));
  return snow_bucket_set(session->bucket, session->id, text, write, held);
}

// Writes a session under an id that is not in the store.
static snow_outcome write_new(const snow_session *session, snow_record *record) {
  snow_write if_absent = {.only = SNOW_ABSENT};
  snow_status status = write_record(session, record, if_absent, NULL);
  return status == SNOW_OK ? NULL : refused(status);
}

static snow_outcome delete_entry(const snow_session *session, const char *id) {
  bool existed;
  snow_status status = snow_bucket_delete(session->bucket, id, (snow_write){0}, &existed, NULL);
  return status == SNOW_OK ? NULL : refused(status);
}

static snow_outcome save_destroyed(const snow_session *session, snow_outcome answer) {
  if (session->is_stored)
    SNOW_TRY(delete_entry(session, *session->old ? session->old : session->id));
  return session->has_cookie ? take_away(session, answer) : answer;
}

// Moves what the store has to the new id.
static snow_outcome save_renewed(const snow_session *session, snow_outcome answer) {
  snow_entry now;
  snow_record record;
  snow_status status = snow_bucket_get(session->bucket, session->old, &now);
  if (status != SNOW_OK)
    return refused(status);
  // Another request has destroyed it, and that stays.
  if (!now.exists)
    return take_away(session, answer);
  SNOW_TRY(read_record(&now, &record));
  snow_record_apply(&record, &session->changes);
  SNOW_TRY(write_new(session, &record));
  SNOW_TRY(delete_entry(session, session->old));
  return tell(session, answer);
}

// Writes what has changed over what other requests of the client write.
static snow_outcome save_changed(const snow_session *session, bool is_due, snow_outcome answer) {
  snow_write if_same = {.only = SNOW_VERSION, .version = session->version};
  snow_record record = snow_record_copy(&session->stored);
  for (int i = 0; i < WRITES_MAX; i++) {
    snow_record_apply(&record, &session->changes);
    snow_entry held;
    snow_status status = write_record(session, &record, if_same, &held);
    if (status == SNOW_OK)
      return is_due ? tell(session, answer) : answer;
    if (status != SNOW_CONFLICT)
      return refused(status);
    // Another request has destroyed it, and that stays.
    if (!held.exists)
      return take_away(session, answer);
    SNOW_TRY(read_record(&held, &record));
    if_same.version = held.version;
  }
  return refused(SNOW_CONFLICT);
}

snow_outcome snow_session_save(snow_session *session, snow_outcome answer) {
  if (session->is_destroyed)
    return save_destroyed(session, answer);
  if (!session->is_stored && session->fields.count == 0)
    return session->must_tell && !session->is_told ? tell(session, answer) : answer;
  if (!session->is_stored) {
    SNOW_TRY(write_new(session, &session->fields));
    return tell(session, answer);
  }
  if (*session->old)
    return save_renewed(session, answer);
  uint64_t lifetime_s = session->of.lifetime_s, written = session->stored.written;
  uint64_t age_s = session->now_s > written ? session->now_s - written : 0;
  bool is_due = age_s >= lifetime_s / SLIDES + (lifetime_s % SLIDES > 0);
  if (session->changes.count == 0 && !is_due)
    return answer;
  return save_changed(session, is_due, answer);
}
