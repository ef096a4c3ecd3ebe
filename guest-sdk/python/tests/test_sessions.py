"""Sessions, over the toy host."""

import unittest

from test_clients import request
from test_http import Served

from snow import BadToken, Sessions, SigningKeys, _call, _toy_store


class Client:
    """A client: the cookie that it has."""

    def __init__(self, sessions: Sessions, cookie: str | None = None) -> None:
        self.sessions = sessions
        self.cookie = cookie

    def session(self, now: int):
        sent = request() if self.cookie is None else request(cookie=f"session={self.cookie}")
        return self.sessions.of_at(sent, now)

    def does(self, now: int, act=lambda session: None) -> bool:
        """Does something with its session at a time. Returns whether it got a cookie."""

        def call():
            session = self.session(now)
            act(session)
            return self.takes(session)

        return _call.run(call)

    def takes(self, session) -> bool:
        field = session.save("").headers.get("set-cookie")
        if field is None:
            return False
        assert "; HttpOnly; SameSite=Lax" in field, field
        self.cookie = field.partition(";")[0].partition("=")[2] or None
        return True

    def sees(self, now: int) -> str | None:
        return _call.run(lambda: self.session(now).get("user"))


def set_user(session) -> None:
    session["user"] = "ann"


class SessionsTest(Served):
    def setUp(self) -> None:
        super().setUp()
        _toy_store.buckets.clear()
        keys = SigningKeys({1: b"\x07" * 32})
        self.plain = Sessions("shop/sessions", lifetime=1_000)
        self.signed = Sessions("shop/signed", lifetime=1_000, keys=lambda: keys)

    def test_what_is_set_is_there_in_the_next_request(self) -> None:
        for sessions in (self.plain, self.signed):
            client = Client(sessions)
            self.assertFalse(client.does(0), "who does nothing gets no cookie")
            self.assertTrue(client.does(0, lambda session: session.update(user="ann & bob")))
            self.assertEqual(client.sees(1), "ann & bob")
            self.assertFalse(client.does(1, lambda session: session.update(other="")))
            self.assertFalse(client.does(1, lambda session: session.pop("user")))
            self.assertIsNone(client.sees(2))

    def test_an_id_that_was_made_up_is_no_session(self) -> None:
        made_up = "0123456789abcdef0123456789abcdef"
        forged = SigningKeys({1: b"\x08" * 32}).sign_at("session", made_up, 0)
        for sessions in (self.plain, self.signed):
            for text in (made_up, forged, "x", ""):
                client = Client(sessions, text)
                self.assertTrue(client.does(0, set_user))
                self.assertNotEqual(client.cookie, text)
                self.assertIsNone(Client(sessions, text).sees(0))

    def test_what_begins_to_be_stored_has_an_id_that_nobody_knew(self) -> None:
        client = Client(self.signed)
        self.assertTrue(client.does(0, lambda session: session.csrf_token()))
        planted = Client(self.signed, client.cookie)
        client.does(0, set_user)
        self.assertEqual((client.sees(0), planted.sees(0)), ("ann", None))

    def test_a_renewed_session_has_another_id_and_its_content(self) -> None:
        def log_in(session):
            session.renew()
            set_user(session)

        for sessions in (self.plain, self.signed):
            client = Client(sessions)
            client.does(0, lambda session: session.update(basket="7"))
            before = Client(sessions, client.cookie)
            self.assertTrue(client.does(0, log_in))
            self.assertEqual(client.sees(0), "ann")
            client.does(0, lambda session: self.assertEqual(session["basket"], "7"))
            self.assertIsNone(before.sees(0))

    def test_a_destroyed_session_stays_so(self) -> None:
        for sessions in (self.plain, self.signed):
            client = Client(sessions)
            client.does(0, set_user)
            other, late = Client(sessions, client.cookie), Client(sessions, client.cookie)
            session = _call.run(lambda late=late: late.session(0))
            self.assertTrue(client.does(0, lambda session: session.destroy()))
            self.assertEqual((client.cookie, other.sees(0)), (None, None))
            # A request that began before does not bring it back.
            session["user"] = "ann"
            self.assertTrue(_call.run(lambda late=late, session=session: late.takes(session)))
            self.assertEqual((late.cookie, other.sees(0)), (None, None))

    def test_requests_at_the_same_time_lose_nothing(self) -> None:
        client = Client(self.plain)
        client.does(0, set_user)

        def both():
            one, two = client.session(0), client.session(0)
            one["one"] = "1"
            two["two"] = "2"
            del two["user"]
            self.assertFalse(client.takes(one) or client.takes(two))
            self.assertEqual(dict(client.session(0)), {"one": "1", "two": "2"})

        _call.run(both)

    def test_its_time_begins_anew_as_it_is_used(self) -> None:
        client = Client(self.signed)
        client.does(1_000, set_user)
        self.assertFalse(client.does(1_099), "a tenth of its time has not passed")
        self.assertTrue(client.does(1_900))
        self.assertTrue(client.does(2_800), "by now the first cookie is too old")
        self.assertEqual((client.sees(3_800), client.sees(3_801)), ("ann", None))

    def test_a_form_has_a_token_of_its_session(self) -> None:
        tokens = []
        ann, bob = Client(self.signed), Client(self.signed)
        for client in (ann, bob):
            client.does(0, lambda session: tokens.append(session.csrf_token()))
        token, other = tokens

        def check(client, token, now):
            _call.run(lambda: client.session(now).check_csrf(token))

        check(ann, token, 1_000)
        for client, sent, now in [
            (ann, token, 1_001),
            (ann, other, 0),
            (ann, "", 0),
            (ann, None, 0),
            (Client(self.signed), token, 0),
        ]:
            with self.assertRaises(BadToken) as raised:
                check(client, sent, now)
            self.assertEqual(raised.exception.status, 403)
        with self.assertRaisesRegex(RuntimeError, "need keys"):
            _call.run(lambda: Client(self.plain).session(0).csrf_token())

    def test_a_session_holds_texts_and_shows_no_id(self) -> None:
        def act(session):
            for name, value in [("a", 1), (1, "a"), ("a", "\ud800")]:
                with self.assertRaises((TypeError, ValueError)):
                    session[name] = value
            set_user(session)
            self.assertEqual(repr(session), "Session({'user': 'ann'})")

        Client(self.plain).does(0, act)

    def test_what_is_no_session_in_the_store_is_an_error(self) -> None:
        client = Client(self.plain, "0" * 32)

        def call():
            self.plain.bucket.set("0" * 32, "nonsense")
            with self.assertRaisesRegex(ValueError, "is no session"):
                client.session(0)

        _call.run(call)


if __name__ == "__main__":
    unittest.main()
