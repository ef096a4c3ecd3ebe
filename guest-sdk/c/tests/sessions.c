// Sessions over the store of the test's host.

#include <string.h>

#include "host.h"

static const uint8_t secret[32] = {7, 7, 7, 7};

// Sessions of 1,000 seconds, with keys or without.
static snow_sessions sessions(bool is_signed) {
  const snow_signing_keys *keys = NULL;
  if (is_signed)
    CHECK(!snow_signing_keys_new(1, (snow_string){secret, sizeof secret}, NULL, &keys));
  return (snow_sessions){.bucket = "shop/sessions", .lifetime_s = 1000, .keys = keys};
}

// A client: the cookie that it has.
typedef struct {
  char cookie[256];
} client;

static snow_request *request_of(const client *from) {
  snow_request *request = new_request();
  if (*from->cookie)
    add_field(request, "cookie", snow_string_of(snow_join("session=", from->cookie)));
  return request;
}

static snow_session *session_of(const client *from, bool is_signed, uint64_t now_s) {
  snow_request *request = request_of(from);
  snow_session *session;
  snow_outcome failed = snow_session_at(request, sessions(is_signed), now_s, &session);
  release_request(request);
  CHECK(!failed && session);
  return session;
}

// Saves a session. Returns whether the client got a cookie.
static bool saved(client *to, snow_session *session) {
  snow_outcome answer = snow_session_save(session, snow_text(200, ""));
  CHECK(status_of(answer) == 200);
  const char *field = field_of(answer, "set-cookie");
  if (!field)
    return false;
  CHECK(strstr(field, "; HttpOnly; SameSite=Lax") && strncmp(field, "session=", 8) == 0);
  size_t len = strcspn(field + 8, ";");
  CHECK(len < sizeof to->cookie);
  memcpy(to->cookie, field + 8, len);
  to->cookie[len] = 0;
  return true;
}

static bool sets(client *from, bool is_signed, uint64_t now_s, const char *name,
                 const char *value) {
  snow_session *session = session_of(from, is_signed, now_s);
  CHECK(!snow_session_set(session, name, value));
  bool got_cookie = saved(from, session);
  snow_end_call();
  return got_cookie;
}

static bool only_comes(client *from, bool is_signed, uint64_t now_s) {
  bool got_cookie = saved(from, session_of(from, is_signed, now_s));
  snow_end_call();
  return got_cookie;
}

// Returns whether a session has this value; a null pointer for none.
static bool has(const client *from, bool is_signed, uint64_t now_s, const char *name,
                const char *value) {
  const char *found = snow_session_get(session_of(from, is_signed, now_s), name);
  bool is_so = found && value ? strcmp(found, value) == 0 : found == value;
  snow_end_call();
  return is_so;
}

static void what_is_set_is_there_in_the_next_request(bool is_signed) {
  client ann = {0};
  CHECK(!only_comes(&ann, is_signed, 0) && entry_count() == 0);
  CHECK(sets(&ann, is_signed, 0, "user", "ann & b\xc3\xb6" "b"));
  CHECK(has(&ann, is_signed, 1, "user", "ann & b\xc3\xb6" "b"));
  CHECK(!sets(&ann, is_signed, 1, "other", ""));
  snow_session *session = session_of(&ann, is_signed, 1);
  snow_session_remove(session, "user");
  snow_session_remove(session, "nothing");
  CHECK(!snow_session_set(session, "nothing", NULL));
  CHECK(!saved(&ann, session));
  CHECK(has(&ann, is_signed, 2, "user", NULL) && has(&ann, is_signed, 2, "other", ""));
}

static void an_id_that_was_made_up_is_no_session(bool is_signed) {
  static const char *const texts[] = {"0123456789abcdef0123456789abcdef", "x", "",
                                      "0123456789ABCDEF0123456789ABCDEF"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    client made_up = {0}, same = {0};
    strcpy(made_up.cookie, texts[i]);
    same = made_up;
    CHECK(sets(&made_up, is_signed, 0, "user", "ann"));
    CHECK(strcmp(made_up.cookie, same.cookie) != 0);
    CHECK(has(&same, is_signed, 0, "user", NULL));
  }
}

static void what_begins_to_be_stored_has_an_id_that_nobody_knew(void) {
  client ann = {0};
  const char *token;
  snow_session *session = session_of(&ann, true, 0);
  CHECK(!snow_csrf_token(session, &token) && saved(&ann, session));
  client planted = ann;
  CHECK(sets(&ann, true, 0, "user", "ann"));
  CHECK(has(&ann, true, 0, "user", "ann") && has(&planted, true, 0, "user", NULL));
}

static void a_renewed_session_has_another_id_and_its_content(bool is_signed) {
  client ann = {0};
  sets(&ann, is_signed, 0, "basket", "7");
  client before = ann;
  snow_session *session = session_of(&ann, is_signed, 0);
  CHECK(!snow_session_renew(session) && !snow_session_renew(session));
  CHECK(!snow_session_set(session, "user", "ann"));
  CHECK(saved(&ann, session) && entry_count() == 1);
  CHECK(has(&ann, is_signed, 0, "user", "ann") && has(&ann, is_signed, 0, "basket", "7"));
  CHECK(has(&before, is_signed, 0, "basket", NULL));
}

static void a_destroyed_session_stays_so(bool is_signed) {
  client ann = {0};
  sets(&ann, is_signed, 0, "user", "ann");
  client other = ann;
  snow_session *late = session_of(&ann, is_signed, 0), *session = session_of(&ann, is_signed, 0);
  snow_session *renewed = session_of(&ann, is_signed, 0);
  snow_session_destroy(session);
  CHECK(saved(&ann, session) && !*ann.cookie && entry_count() == 0);
  // Requests that began before do not bring it back.
  CHECK(!snow_session_set(late, "user", "ann") && !snow_session_renew(renewed));
  client told = other;
  CHECK(saved(&told, late) && !*told.cookie && entry_count() == 0);
  CHECK(saved(&told, renewed) && !*told.cookie && entry_count() == 0);
  CHECK(has(&other, is_signed, 0, "user", NULL));
}

static void requests_at_the_same_time_lose_nothing(bool is_signed) {
  client ann = {0};
  sets(&ann, is_signed, 0, "user", "ann");
  snow_session *one = session_of(&ann, is_signed, 0), *two = session_of(&ann, is_signed, 0);
  CHECK(!snow_session_set(one, "one", "1") && !snow_session_set(two, "two", "2"));
  snow_session_remove(two, "user");
  CHECK(!saved(&ann, one) && !saved(&ann, two));
  CHECK(has(&ann, is_signed, 0, "one", "1") && has(&ann, is_signed, 0, "two", "2"));
  CHECK(has(&ann, is_signed, 0, "user", NULL));
}

static char id[33];
static size_t times;

// Writes what another request of the client would, before each write.
static void write_in_between(void) {
  times++;
  put_entry(id, "0 user=bob");
  set_interloper(write_in_between);
}

static void a_session_that_others_always_write_first_is_given_up(void) {
  client ann = {0};
  sets(&ann, false, 0, "user", "ann");
  memcpy(id, ann.cookie, 32);
  snow_session *session = session_of(&ann, false, 0);
  CHECK(!snow_session_set(session, "one", "1"));
  set_interloper(write_in_between);
  snow_outcome answer = snow_session_save(session, snow_text(200, ""));
  set_interloper(NULL);
  CHECK(status_of(answer) == 500 && times == 100);
  CHECK(strstr(last_line(), "too many requests write at a time"));
}

static void its_time_begins_anew_as_it_is_used(void) {
  client ann = {0};
  CHECK(sets(&ann, true, 1000, "user", "ann"));
  size_t before = write_count();
  CHECK(!only_comes(&ann, true, 1099) && write_count() == before);
  CHECK(only_comes(&ann, true, 1900) && only_comes(&ann, true, 2800));
  CHECK(has(&ann, true, 3800, "user", "ann") && has(&ann, true, 3801, "user", NULL));
}

static bool is_checked(const client *from, const char *token, uint64_t now_s) {
  snow_outcome refused = snow_check_csrf(session_of(from, true, now_s), token);
  CHECK(!refused || status_of(refused) == 403);
  return !refused;
}

static void a_form_has_a_token_of_its_session(void) {
  client ann = {0}, bob = {0}, nobody = {0};
  const char *of_ann, *of_bob;
  snow_session *session = session_of(&ann, true, 0);
  CHECK(!snow_csrf_token(session, &of_ann) && saved(&ann, session));
  session = session_of(&bob, true, 0);
  CHECK(!snow_csrf_token(session, &of_bob) && saved(&bob, session));
  CHECK(is_checked(&ann, of_ann, 1000) && is_checked(&bob, of_bob, 0));
  CHECK(!is_checked(&ann, of_ann, 1001) && !is_checked(&ann, of_bob, 0));
  CHECK(!is_checked(&ann, "", 0) && !is_checked(&ann, NULL, 0));
  CHECK(!is_checked(&nobody, of_ann, 0));
  snow_outcome failed = snow_csrf_token(session_of(&ann, false, 0), &of_ann);
  CHECK(failed && status_of(failed) == 500 && strstr(last_line(), "need sessions with keys"));
}

static void what_the_store_refuses_is_a_500_that_is_logged(void) {
  client ann = {0};
  snow_session *session = session_of(&ann, true, 0);
  CHECK(!snow_session_set(session, "user", "ann"));
  refuse_writes(true);
  snow_outcome answer = snow_session_save(session, snow_text(200, "saved"));
  refuse_writes(false);
  CHECK(status_of(answer) == 500 && !field_of(answer, "set-cookie"));
  CHECK(strstr(last_line(), "the store of the sessions: the disk is full"));
  snow_request *request = new_request();
  answer = snow_session_at(request, (snow_sessions){0}, 0, &session);
  CHECK(answer && status_of(answer) == 500 && !session);
  CHECK(strstr(last_line(), "does not let this guest use the bucket"));
  add_field(request, "cookie", snow_string_of("session=0123456789abcdef0123456789abcdef"));
  put_entry("0123456789abcdef0123456789abcdef", "nonsense");
  answer = snow_session_at(request, sessions(false), 0, &session);
  CHECK(answer && status_of(answer) == 500 && strstr(last_line(), "is no session"));
  release_request(request);
}

static void end_test(void) {
  snow_end_call();
  forget_entries();
}

int main(void) {
  for (int is_signed = 0; is_signed < 2; is_signed++) {
    what_is_set_is_there_in_the_next_request(is_signed);
    end_test();
    an_id_that_was_made_up_is_no_session(is_signed);
    end_test();
    a_renewed_session_has_another_id_and_its_content(is_signed);
    end_test();
    a_destroyed_session_stays_so(is_signed);
    end_test();
    requests_at_the_same_time_lose_nothing(is_signed);
    end_test();
  }
  what_begins_to_be_stored_has_an_id_that_nobody_knew();
  end_test();
  a_session_that_others_always_write_first_is_given_up();
  end_test();
  its_time_begins_anew_as_it_is_used();
  end_test();
  a_form_has_a_token_of_its_session();
  end_test();
  what_the_store_refuses_is_a_500_that_is_logged();
  end_test();
  return 0;
}
