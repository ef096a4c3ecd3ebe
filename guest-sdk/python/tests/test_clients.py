"""What clients send and keep: forms, cookies, signed texts and sessions, over the toy host."""

import time
import unittest
from datetime import timedelta

from test_http import Served

from snow import (
    BadForm,
    BadToken,
    Bucket,
    FormTooLarge,
    MissingField,
    Request,
    Response,
    Sessions,
    SignatureError,
    SigningKeys,
    _call,
    _toy,
    _toy_store,
    route,
    testing,
)

URLENCODED = {"content-type": "application/x-www-form-urlencoded"}


def request(body: bytes = b"", **headers: str | bytes) -> Request:
    """Returns a request with these header fields."""
    fields = [
        _toy.Field(name.replace("_", "-"), value if isinstance(value, bytes) else value.encode())
        for name, value in headers.items()
    ]
    return Request(
        _toy.Request("1", "127.0.0.1:1", "http", "a", "POST", "/", None, [], fields, body)
    )


def form(body: str):
    return request(body.encode(), content_type=URLENCODED["content-type"]).form()


def multipart(body: bytes):
    return request(body, content_type="multipart/form-data; boundary=xyz").form()


class Forms(Served):
    def test_a_form_is_a_mapping_of_the_first_values(self) -> None:
        found = form("item=green+tea&count=2&item=milk")
        self.assertEqual(dict(found), {"item": "green tea", "count": "2"})
        self.assertEqual(found.all("item"), ["green tea", "milk"])
        self.assertEqual((found.all("none"), found.get("none")), ([], None))
        self.assertEqual(found.parsed("count", int), 2)
        self.assertEqual(found.parsed("none", int, 7), 7)
        self.assertIn("item", found)
        self.assertNotIn("none", found)
        self.assertIsNone(found.file("item"))

    def test_what_is_missing_or_wrong_is_a_400_that_names_it(self) -> None:
        @route("POST", "/order")
        def order(request):
            found = request.form()
            return f"{found.parsed('count', int)} times {found['item']}"

        for body, status, text in [
            ("item=tea&count=2", 200, "2 times tea"),
            ("count=2", 400, "`item` is missing in the form"),
            ("item=tea", 400, "`count` is missing in the form"),
            ("item=tea&count=x", 400, "`count`: invalid literal for int() with base 10: 'x'"),
        ]:
            answer = testing.call("POST", "/order", body, URLENCODED)
            self.assertEqual((answer.status, answer.text), (status, text))
        with self.assertRaises(KeyError) as raised:
            form("")["a"]
        self.assertIsInstance(raised.exception, MissingField)
        self.assertEqual(str(raised.exception), "400 `a` is missing in the form")

    def test_limits_are_the_authors(self) -> None:
        sent = request(b"a=123&b=1", content_type=URLENCODED["content-type"])
        with self.assertRaisesRegex(FormTooLarge, "more than 1 fields"):
            sent.form(parts_max=1)
        with self.assertRaisesRegex(FormTooLarge, "`a` has more than 2 bytes"):
            sent.form(value_bytes_max=2)
        self.assertEqual(len(sent.form(parts_max=2, value_bytes_max=3)), 2)

    def test_a_type_that_is_no_text_is_none(self) -> None:
        with self.assertRaises(BadForm) as raised:
            request(content_type=b"text/\xff").form()
        self.assertEqual(raised.exception.status, 415)

    def test_what_is_cut_off_is_refused_wherever(self) -> None:
        head = b"--xyz\r\ncontent-disposition: form-data; name=a"
        whole = head + b"\r\n\r\n1\r\n" + head + b"; filename=b\r\n\r\n2\r\n--xyz--"
        self.assertEqual(len(multipart(whole).files), 1)
        for end in range(len(whole)):
            with self.assertRaises(BadForm, msg=whole[:end]):
                multipart(whole[:end])

    def test_the_header_fields_of_all_parts_have_a_total(self) -> None:
        part = b"--xyz\r\ncontent-disposition: form-data; name=a" + b";" * 8_000 + b"\r\n\r\n\r\n"
        self.assertEqual(len(multipart(part * 100 + b"--xyz--").all("a")), 100)
        with self.assertRaisesRegex(FormTooLarge, "more than 1048576 bytes of header fields"):
            multipart(part * 200 + b"--xyz--")

    def test_a_stranger_can_not_make_it_expensive(self) -> None:
        part = b"--xyz\r\ncontent-disposition: form-data; name=a\r\n\r\n\r\n"
        multipart = "multipart/form-data; boundary=xyz"
        urlencoded = URLENCODED["content-type"]
        quotes = "a/b;" + '"\\' * 500_000
        for kind, body in [
            (urlencoded, b"&a" * 100_000),
            (urlencoded, b"&" * 10_000_000),
            (urlencoded, b"a=" + b"%" * 3_000_000),
            (multipart, part * 100_000 + b"--xyz--"),
            (multipart, b"\r\n--xy" * 2_000_000),
            (multipart, b"--xyz\r\n" + b"\r\n--xy" * 2_000_000),
            (multipart, part[:-2] + b"\r\n--xy" * 2_000_000),
            (multipart, b"--xyz" + b" " * 10_000_000),
            (quotes, b""),
            (multipart, b"--xyz\r\ncontent-disposition: form-data; " + b";" * 8_000),
            (multipart, (part[:-4] + b"; " + b'"' * 7_900 + b"\r\n\r\n\r\n") * 100 + b"--xyz--"),
        ]:
            start = time.process_time()
            try:
                request(body, content_type=kind).form()
            except (BadForm, FormTooLarge):
                pass
            # Each takes some milliseconds. What is quadratic takes minutes.
            self.assertLess(time.process_time() - start, 5, (kind[:50], body[:50]))


class Cookies(Served):
    def test_many_cookies_are_bounded_and_one_is_found_at_once(self) -> None:
        self.assertEqual(request(cookie="a=1; b=2; a=3").cookies, {"a": "1", "b": "2"})
        most = "; ".join(f"a{number}=1" for number in range(1000))
        self.assertEqual(len(request(cookie=most).cookies), 1000)
        answer = None

        @route("POST", "/")
        def cookies(request):
            return str(len(request.cookies))

        answer = testing.call("POST", "/", headers={"cookie": f"{most}; b=1"})
        self.assertEqual((answer.status, answer.text), (400, "there are more than 1000 cookies"))
        long = request(cookie=b";" * 1_000_000 + b"a=1")
        start = time.process_time()
        self.assertEqual(long.cookie("a"), "1")
        self.assertLess(time.process_time() - start, 5)

    def test_nothing_can_be_put_into_a_header(self) -> None:
        response = Response()
        for attributes in [{"samesite": "some"}, {"max_age": -1}, {"max_age": float("nan")}]:
            with self.assertRaises(ValueError):
                response.set_cookie("a", "b", **attributes)
        for name, value in [("a", b"b"), (b"a", "b"), ("a", None)]:
            with self.assertRaises(TypeError):
                response.set_cookie(name, value)
        self.assertEqual(len(response.headers), 0)
        response.set_cookie("a", "b", max_age=timedelta(days=1))
        response.delete_cookie("c", path="/x")
        self.assertEqual(
            response.headers.get_all("set-cookie"),
            [
                "a=b; Path=/; Max-Age=86400",
                "c=; Path=/x; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            ],
        )

    def test_a_redirect_has_a_status_and_a_place_of_its_kind(self) -> None:
        answer = Response.redirect("/a?b=c%20d#e")
        self.assertEqual((answer.status, answer.headers.items()),
                         (303, [("location", "/a?b=c%20d#e")]))  # fmt: skip
        for status, location in [
            (200, "/"),
            (304, "/"),
            (302, ""),
            (302, "/a b"),
            (302, "/a\r\nset-cookie: b=c"),
            (302, "/a\n"),
            (302, "/ü"),
            (302, "\\\\elsewhere"),
            (302, '/"'),
            (302, "/{}"),
        ]:
            with self.assertRaises(ValueError, msg=location):
                Response.redirect(location, status)


class Signed(Served):
    def setUp(self) -> None:
        super().setUp()
        _toy_store.buckets.clear()
        self.keys = SigningKeys({1: b"\x01" * 32})

    def test_what_is_changed_anywhere_is_not_taken(self) -> None:
        text = self.keys.sign_at("user", "ann", 1_000)
        for at in range(len(text)):
            for other in "0.A_\ud800":
                forged = text[:at] + other + text[at + 1 :]
                if forged != text:
                    with self.assertRaises(SignatureError, msg=forged):
                        self.keys.verify_at("user", forged, 3_600, 1_000)
            with self.assertRaises(SignatureError):
                self.keys.verify_at("user", text[:at], 3_600, 1_000)

    def test_a_cookie_is_taken_for_a_while(self) -> None:
        response = Response()
        response.set_signed_cookie("user", "grüße; \r\n", self.keys, httponly=True)
        pair, _, rest = response.headers["set-cookie"].partition(";")
        self.assertEqual(rest, " Path=/; HttpOnly")
        sent = request(cookie=pair)
        self.assertEqual(sent.signed_cookie("user", self.keys, 60), "grüße; \r\n")
        self.assertIsNone(sent.signed_cookie("other", self.keys, 60))
        self.assertIsNone(sent.signed_cookie("user", SigningKeys({1: b"\x02" * 32}), 60))
        self.assertIsNone(sent.signed_cookie("user", self.keys, timedelta(seconds=-1)))
        with self.assertLogs("snow", "DEBUG") as logs:
            request(cookie="user=1.1.1.YW5u.x").signed_cookie("user", self.keys, 60)
        self.assertIn("'user' is not taken: it is no signed text", logs.output[0])

    def test_keys_that_are_none_are_refused(self) -> None:
        for keys, error in [
            ({}, ValueError),
            ({1: b"password"}, ValueError),
            ({1: "x" * 32}, TypeError),
            ({-1: b"x" * 32}, ValueError),
            ({1 << 32: b"x" * 32}, ValueError),
        ]:
            with self.assertRaises(error, msg=keys):
                SigningKeys(keys)
        self.assertNotIn("x01", repr(self.keys))

    def test_keys_are_kept_in_a_bucket_and_replaced(self) -> None:
        def call():
            bucket = Bucket("shop/keys")
            first = SigningKeys.stored(bucket)
            text = first.sign("a", "b")
            self.assertEqual(SigningKeys.stored(bucket).verify("a", text, 60), "b")
            second = SigningKeys.rotate(2, bucket)
            self.assertEqual(repr(second), "<SigningKeys [2, 1]>")
            self.assertEqual(second.verify("a", text, 60), "b")
            self.assertEqual(second.sign("a", "b")[:4], "1.2.")
            third = SigningKeys.rotate(1, bucket)
            self.assertEqual(repr(third), "<SigningKeys [3]>")
            with self.assertRaises(SignatureError):
                third.verify("a", text, 60)
            bucket.set("signing-keys", "nonsense")
            with self.assertRaisesRegex(ValueError, "`signing-keys` can't be read"):
                SigningKeys.stored(bucket)
            self.assertEqual(repr(SigningKeys.rotate(2, bucket)), "<SigningKeys [1]>")

        _call.run(call)


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
