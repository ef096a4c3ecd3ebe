"""What clients send and keep: forms, cookies and signed texts, over the toy host."""

import time
import unittest
from datetime import timedelta

from test_http import Served

from snow import (
    BadForm,
    Bucket,
    FormTooLarge,
    MissingField,
    Request,
    Response,
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


if __name__ == "__main__":
    unittest.main()
