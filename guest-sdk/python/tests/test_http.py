"""Requests, responses and routes."""

import unittest

from snow import Headers, HTTPError, Response, _routing, route, testing, wsgi


class Served(unittest.TestCase):
    """A guest of one test."""

    def setUp(self) -> None:
        _routing.routes.clear()

    def text(self, method: str, target: str, body: bytes = b"") -> str:
        return testing.call(method, target, body).text


class Routes(Served):
    def test_named_groups_are_arguments_and_the_request_is_the_other_one(self) -> None:
        @route("GET", r"/a/(?P<name>\w+)/(\d+)")
        def both(request, name):
            return f"{name} {request.params[1]} {request.query['q']}"

        @route("GET", r"/b/(?<name>\w+)")
        def alone(name):
            return name

        @route("GET", r"/c/(?P<x>\d)(?P<y>\d)")
        def rest(**groups):
            return groups

        self.assertEqual(self.text("GET", "/a/ann/7?q=1&q=2"), "ann 7 1")
        self.assertEqual(self.text("GET", "/b/bob"), "bob")
        self.assertEqual(self.text("GET", "/c/12"), '{"x": "1", "y": "2"}')

    def test_methods_are_one_several_or_all(self) -> None:
        @route("GET POST", r"/two")
        def two():
            return "two"

        @route("any", r"/all")
        def every(request):
            return request.method

        for methods in ("GET|M-SEARCH", ["GET", "M-SEARCH"], "*", ["any"]):
            route(methods, "/more")(every)
        named = [found.methods for found in _routing.routes]
        search = ["GET", "M-SEARCH"]
        self.assertEqual(named, [["GET", "POST"], [], search, search, [], []])
        for methods, words in [
            ("", "not a method"),
            ([], "not a method"),
            ("GE,T", "'GE,T' is not a method: write"),
            ("get", "case-sensitive: write GET, not get"),
            ("GET|any /", "'/' is not a method"),
        ]:
            with self.assertRaisesRegex(ValueError, words):
                route(methods, "/bad")
        self.assertEqual(testing.call("PUT", "/two").status, 405)
        self.assertEqual(testing.call("GET", "/three").status, 404)
        self.assertEqual(self.text("PURGE", "/all"), "PURGE")

    def test_a_route_that_is_named_in_a_call_comes_too_late(self) -> None:
        self.addCleanup(setattr, _routing, "_is_complete", False)
        _routing.complete()
        with self.assertRaisesRegex(RuntimeError, "the route /late comes too late"):
            route("GET", "/late")(lambda: "")
        with self.assertRaisesRegex(RuntimeError, "comes too late"):
            wsgi(lambda environ, start_response: [], "/late")
        self.assertEqual(_routing.routes, [])

    def test_fields_are_bounded_because_their_names_may_collide(self) -> None:
        @route("GET|POST", "/fields")
        def fields(request):
            return f"{len(request.query)}"

        most = "&".join(f"a{number}=1" for number in range(1000))
        self.assertEqual(self.text("POST", f"/fields?{most}"), "1000")
        found = testing.call("GET", f"/fields?{most}&x")
        self.assertEqual((found.status, found.text), (400, "there are more than 1000 fields"))

    def test_captures_and_parameters_are_parsed_or_a_400_that_names_them(self) -> None:
        @route("GET", r"/order/(?P<id>.*)")
        def order(request):
            page = request.query_as("page", int, 1)
            return f"{request.param_as('id', int)} {page} {request.query_as('none', int)}"

        @route("GET", r"/user/(?P<id>.*)")
        def user(request):
            return str(request.param_as("id", int, 404))

        for target, status, text in [
            ("/order/7", 200, "7 1 None"),
            ("/order/7?page=2", 200, "7 2 None"),
            ("/order/x", 400, "`id`: invalid literal for int() with base 10: 'x'"),
            ("/order/7?page=", 400, "`page`: invalid literal for int() with base 10: ''"),
            ("/user/x", 404, "`id`: invalid literal for int() with base 10: 'x'"),
        ]:
            answer = testing.call("GET", target)
            self.assertEqual((answer.status, answer.text), (status, text))

    def test_a_function_that_takes_more_than_there_is_is_refused(self) -> None:
        with self.assertRaisesRegex(
            TypeError, r"bad \(.*test_http.py, line \d+\).* request and nam"
        ):

            @route("GET", r"/(?P<name>.*)")
            def bad(request, nam):
                return nam

    def test_every_kind_of_answer(self) -> None:
        answers = {
            "text": "ö",
            "bytes": b"\xff",
            "dict": {"a": 1},
            "list": [1],
            "response": Response("x", 201, {"x-a": "b"}),
            "status": ("made", 201),
            "fields": ("made", {"x-a": "b"}),
            "all": ({"a": 1}, 202, {"x-a": "b"}),
        }

        @route("GET", r"/(?P<name>\w+)")
        def handler(name):
            return answers[name]

        found = {name: testing.call("GET", f"/{name}") for name in answers}
        kinds = {name: answer.headers.get("content-type") for name, answer in found.items()}
        text, data, json = (
            "text/plain; charset=utf-8",
            "application/octet-stream",
            "application/json",
        )
        self.assertEqual(
            kinds,
            {
                "text": text,
                "bytes": data,
                "dict": json,
                "list": json,
                "response": text,
                "status": text,
                "fields": text,
                "all": json,
            },
        )
        statuses = [answer.status for answer in found.values()]
        self.assertEqual(statuses, [200, 200, 200, 200, 201, 201, 200, 202])
        self.assertEqual(found["all"].headers["X-A"], "b")
        self.assertEqual(found["text"].body, "ö".encode())

    def test_a_wrong_answer_is_named_with_its_handler(self) -> None:
        answers = {"none": None, "set": {1}, "tuple": (1, 2), "empty": ()}

        @route("GET", r"/(?P<name>\w+)")
        def handler(name):
            return answers[name]

        for name, words in [
            ("none", r"handler \(.*test_http.py, line \d+\) returned nothing: return str"),
            ("set", "a value of type set"),
            ("tuple", r"a tuple of \(int, int\)"),
            ("empty", r"a tuple of \(\)"),
        ]:
            with self.assertRaisesRegex(TypeError, words):
                testing.call("GET", f"/{name}")

    def test_an_error_with_a_status_is_an_answer(self) -> None:
        @route("POST", r"/json")
        def parse(request):
            return request.json()

        @route("POST", r"/text")
        def text(request):
            return request.text

        @route("GET", r"/none")
        async def none():
            raise HTTPError(404, "no such order")

        found = testing.call("POST", "/json", b"{")
        self.assertEqual(found.status, 400)
        self.assertIn("not JSON", found.text)
        self.assertEqual(testing.call("POST", "/text", b"\xff").status, 400)
        found = testing.call("GET", "/none")
        self.assertEqual((found.status, found.text), (404, "no such order"))


class Values(unittest.TestCase):
    def test_headers_are_found_in_any_case_and_keep_their_order(self) -> None:
        headers = Headers([("Set-Cookie", "a"), ("set-cookie", "b"), ("X-A", "1")])
        self.assertEqual(headers.get_all("SET-COOKIE"), ["a", "b"])
        self.assertEqual((headers["set-cookie"], headers.get("none")), ("a", None))
        headers["set-cookie"] = "c"
        self.assertEqual(headers.items(), [("X-A", "1"), ("set-cookie", "c")])
        self.assertIn("x-a", headers)
        self.assertEqual(list(headers), ["X-A", "set-cookie"])
        with self.assertRaises(KeyError):
            headers["none"]

    def test_a_response_has_the_type_of_its_body_or_the_one_it_is_given(self) -> None:
        self.assertEqual(Response.json([1]).headers["content-type"], "application/json")
        self.assertEqual(Response.html("<p>").headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(
            Response("a", headers={"Content-Type": "x/y"}).headers["content-type"], "x/y"
        )
        self.assertEqual(len(Response(status=204).headers), 0)
        with self.assertRaisesRegex(TypeError, "Response.json"):
            Response({"a": 1})
        with self.assertRaisesRegex(TypeError, "x-a"):
            Response("a", headers={"x-a": 1}).lower()
        came = Response.lift(Response("a", headers={"content-type": "x/y"}).lower())
        del came.headers["content-type"]
        self.assertEqual(len(Response.lift(came.lower()).headers), 0)

    def test_a_fields_value_is_latin_1_byte_for_byte(self) -> None:
        [field] = Response(headers={"x-a": "\xff\xe9"}).lower().headers
        self.assertEqual(field.value, b"\xff\xe9")
        with self.assertRaisesRegex(ValueError, r"field x-a can't have '€'.*urllib.parse.quote"):
            Response(headers={"x-a": "5 €"}).lower()


if __name__ == "__main__":
    unittest.main()
