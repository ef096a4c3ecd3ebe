"""What the host can't be given is an exception that names it."""

import unittest

from test_http import Served

import snow
from snow import (
    Bucket,
    Failed,
    HTTPError,
    Pending,
    Response,
    _toy,
    route,
    set_all,
    set_next,
    set_result,
    suspend,
    testing,
    timer,
    tornado,
    wait_all,
    waiting,
)
from snow._contract import shown

# What `request.json()` makes of `"\\ud800"`.
HALF = "\ud800"

KEPT: list = []


class Refusals(Served):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(_toy.open_pendings.clear)

    def test_half_a_surrogate_pair_is_no_text(self) -> None:
        for what, call in [
            ("the key", lambda: Pending(f"k/{HALF}")),
            ("the key", lambda: waiting(HALF)),
            ("the key", lambda: set_next(HALF)),
            ("the key", lambda: set_all(HALF)),
            ("the token", lambda: set_result(HALF)),
            ("the value", lambda: set_next("k", HALF)),
            ("a failure's code", lambda: set_next("k", Failed(HALF))),
            ("the text of an HTTPError", lambda: HTTPError(404, HALF)),
            ("the body", lambda: Response(HALF).lower()),
            ("a header field's name", lambda: Response(headers={HALF: "x"}).lower()),
            ("the pattern of a route", lambda: route("GET", HALF)(lambda: "")),
            ("the name of a bucket", lambda: Bucket(HALF)),
        ]:
            with self.assertRaisesRegex(ValueError, f"{what} has .*half of a surrogate pair"):
                call()
        self.assertEqual(shown(f"ö{HALF}"), "ö\\ud800")
        pending = Pending("k")
        set_next("k", Failed("bad", f"no {HALF}"))
        with self.assertRaisesRegex(Failed, r"no \\ud800"):
            pending.result(0)

    def test_types_and_numbers_are_checked(self) -> None:
        for words, call in [
            ("the status is 70000: it must be in 200 to 599", lambda: Response(status=70000)),
            ("the status is a whole number, not str", lambda: HTTPError("x", "y")),
            ("the status is 99999", lambda: suspend(on_timeout=("x", 99999))),
            ("on_timeout is a Response, .* not int", lambda: suspend(on_timeout=5)),
            ("a time is a number of seconds, not str", lambda: suspend(timeout="x")),
            ("not nan", lambda: timer(float("nan"))),
            ("the token is str, not int", lambda: set_result(5)),
            ("the key is str, not NoneType", lambda: set_next(None)),
            ("the key is str, not bytes", lambda: Pending(b"x")),
            ("a failure's code is str, not int", lambda: Failed(5, 6)),
            ("one waits for a Pending, not for str", lambda: wait_all(["x"])),
            ("the pattern of a route is str", lambda: snow._routing.add_route([], None, print)),
        ]:
            with self.assertRaisesRegex((TypeError, ValueError), words):
                call()

    def test_what_is_returned_names_its_handler(self) -> None:
        @route("GET", "/large")
        def large():
            return "", 70000

        with self.assertRaises(ValueError) as raised:
            testing.call("GET", "/large")
        self.assertRegex(raised.exception.__notes__[0], r"large \(.*test_refused.py, line \d+\)")

    def test_a_pending_is_of_one_call(self) -> None:
        @route("GET", "/keep")
        def keep():
            KEPT[:] = [Pending("k"), suspend(Pending("k"))]
            return KEPT[0].token

        @route("GET", "/use/(?P<at>\\d)")
        def use(at):
            return [lambda: KEPT[0].token, lambda: KEPT[1], lambda: suspend(KEPT[0])][int(at)]()

        self.assertEqual(testing.call("GET", "/keep").status, 200)
        for at in range(3):
            with self.assertRaisesRegex(RuntimeError, "by an earlier call"):
                testing.call("GET", f"/use/{at}")
        pending = Pending("k")
        with self.assertRaisesRegex(ValueError, "one Pending twice"):
            suspend(pending, pending)

    def test_a_status_of_wsgi_has_three_digits(self) -> None:
        for status in ("99999999 x", "099 x", "", 200):
            with self.assertRaisesRegex(ValueError, "status"):
                snow._wsgi._status(status)

    def test_a_response_that_came_has_any_status(self) -> None:
        found = Response.lift(_toy.Response(70, [], b"x"))
        self.assertEqual(found.status, 70)
        with self.assertRaisesRegex(ValueError, "the status is 70"):
            found.lower()

    def test_a_handler_of_tornado_has_a_method(self) -> None:
        class Empty(tornado.web.RequestHandler):
            pass

        with self.assertRaisesRegex(TypeError, "Empty has no method named get"):
            tornado.web.Application([("/", Empty)]).listen()


if __name__ == "__main__":
    unittest.main()
