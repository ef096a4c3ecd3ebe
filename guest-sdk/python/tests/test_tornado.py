"""Arguments, files and cookies in the model of Tornado."""

import time
import unittest
from datetime import timedelta

from test_http import Served

from snow import Response, SigningKeys, _toy_store, testing, tornado

URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": "multipart/form-data; boundary=xyz"}


class Tornado(Served):
    def setUp(self) -> None:
        super().setUp()
        _toy_store.buckets.clear()

    def serve(self, handler, **settings) -> None:
        tornado.web.Application([("/", handler)], **settings).listen(8888)

    def test_arguments_are_those_of_the_query_and_of_a_form(self) -> None:
        class Main(tornado.web.RequestHandler):
            def post(self):
                self.write(
                    {
                        "last": self.get_argument("a"),
                        "all": self.get_arguments("a"),
                        "query": self.get_query_arguments("a"),
                        "body": self.get_body_arguments("a", strip=False),
                        "none": self.get_body_argument("none", "default"),
                        "raw": [str(values) for values in self.request.arguments.values()],
                    }
                )

        self.serve(Main)
        found = testing.call("POST", "/?a=1&a=2", "a=+3%01&b=4", URLENCODED)
        self.assertEqual(
            found.text,
            '{"last": "3", "all": ["1", "2", "3"], "query": ["1", "2"], "body": [" 3 "], '
            '"none": "default", "raw": ["[b\'1\', b\'2\', b\' 3\\\\x01\']", "[b\'4\']"]}',
        )
        malformed = "malformed multipart/form-data"
        for body, headers, status, text in [
            ("a=1", {"content-type": "text/plain"}, 400, "missing argument a"),
            ("a=1", {}, 400, "missing argument a"),
            (b"a=\xff", URLENCODED, 400, "the form is not UTF-8"),
            (
                "--xyz",
                MULTIPART,
                400,
                f"{malformed}: it is cut off behind a boundary",
            ),
            ("&b" * 1001, URLENCODED, 413, "the form has more than 1000 fields"),
        ]:
            answer = testing.call("POST", "/", body, headers)
            self.assertEqual((answer.status, answer.text), (status, text))

    def test_files_are_found_by_their_fields(self) -> None:
        class Main(tornado.web.RequestHandler):
            def post(self):
                [file] = self.request.files["f"]
                self.write(f"{file.filename} {file['body']} {file.content_type} ")
                self.write(self.get_argument("a"))

        self.serve(Main)
        head = "--xyz\r\ncontent-disposition: form-data; name="
        body = f'{head}f; filename="b.txt"\r\n\r\nx\r\n{head}a\r\n\r\n1\r\n--xyz--'
        found = testing.call("POST", "/", body, MULTIPART)
        self.assertEqual(found.text, "b.txt b'x' application/unknown 1")

    def test_cookies_are_set_read_and_cleared(self) -> None:
        class Main(tornado.web.RequestHandler):
            def get(self):
                self.write(f"{self.get_cookie('a')} {self.get_cookie('c', 'd')} {self.cookies}")
                self.set_cookie("a", "b", expires_days=1, httponly=True)
                self.clear_cookie("c", path="/x")
                self.redirect("/next")

        self.serve(Main)
        found = testing.call("GET", "/", headers={"cookie": "a=1"})
        self.assertEqual(found.text, "1 d {'a': '1'}")
        self.assertEqual((found.status, found.headers["location"]), (302, "/next"))
        self.assertEqual(
            found.headers.get_all("set-cookie"),
            [
                "a=b; Path=/; Max-Age=86400; HttpOnly",
                "c=; Path=/x; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            ],
        )

    def test_signed_cookies_are_those_of_all_guests(self) -> None:
        class Main(tornado.web.RequestHandler):
            def get(self):
                self.write(str(self.get_signed_cookie("user")))

            def post(self):
                self.set_signed_cookie("user", "grüße", secure=True)
                self.set_secure_cookie("b", b"c", expires_days=None)

        for settings in [
            {},
            {"cookie_secret": "s" * 32},
            {"cookie_secret": {1: "s" * 32, 2: b"t" * 32}, "key_version": 2},
        ]:
            self.setUp()
            self.serve(Main, **settings)
            user, other = testing.call("POST", "/").headers.get_all("set-cookie")
            pair, _, rest = user.partition("; ")
            self.assertEqual(rest, "Path=/; Max-Age=2592000; Secure")
            self.assertEqual(other.partition("; ")[2], "Path=/")
            self.assertIn("user=1.2." if "key_version" in settings else "user=1.1.", pair)
            for cookie, text in [
                (pair, str("grüße".encode())),
                (pair[:-1], "None"),
                (pair.replace("user", "b"), "None"),
                ("user=ann", "None"),
            ]:
                found = testing.call("GET", "/", headers={"cookie": cookie})
                self.assertEqual(found.text, text, cookie)
        # What one guest has signed, another one reads that has the key.
        sent = Response()
        sent.set_signed_cookie("user", "ann", SigningKeys({1: b"s" * 32}))
        pair = sent.headers["set-cookie"].partition("; ")[0]
        self.assertEqual(testing.call("GET", "/", headers={"cookie": pair}).text, "b'ann'")

    def test_several_are_waited_for_at_once_and_not_for_longer_than_may_be(self) -> None:
        gen, soon = tornado.gen, timedelta(milliseconds=20)

        async def after(seconds, value):
            await gen.sleep(seconds)
            return value

        class Main(tornado.web.RequestHandler):
            @gen.coroutine
            def get(self):
                both = yield gen.multi([after(0.02, 1), after(0.01, 2)])
                named = yield gen.multi({"a": after(0, 3)})
                one = yield gen.with_timeout(timedelta(minutes=1), after(0.01, 4))
                many = yield gen.with_timeout(time.time() + 60, [after(0, 5), after(0, 6)])
                self.write(f"{both} {named} {one} {many}")
                for late in [soon, time.time() + 0.02, time.time() - 1]:
                    try:
                        yield gen.with_timeout(late, [after(60, 0), after(60, 0)])
                    except gen.TimeoutError:
                        self.write(" late")

        self.serve(Main)
        began = time.monotonic()
        answer = testing.call("GET", "/")
        self.assertEqual(answer.text, "[1, 2] {'a': 3} 4 [5, 6] late late late")
        self.assertLess(time.monotonic() - began, 30)

    def test_settings_that_would_be_ignored_are_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "xsrf_cookies is not here: use snow.Sessions"):
            tornado.web.Application([], xsrf_cookies=True)
        for settings, words in [
            ({"cookie_secret": "password"}, "32 random bytes or more"),
            ({"cookie_secret": {1: "s" * 32}, "key_version": 2}, "no key of the key_version 2"),
        ]:
            with self.assertRaisesRegex(ValueError, words):
                tornado.web.Application([], **settings).signing_keys()


if __name__ == "__main__":
    unittest.main()
