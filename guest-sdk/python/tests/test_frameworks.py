"""WSGI applications, and the models of Snow and Tornado."""

import unittest

from test_http import Served

import snow
from snow import _toy, set_all, set_next, testing, tornado
from snow._http import Request
from snow._wsgi import environment
from snow.classic import Future, HttpResponse, Snow, TimeoutFuture, Waiting

requests = Waiting("test/requests")


def callback(request, future):
    return HttpResponse(f"{request.path} {future.value} {future.timed_out}")


class Wsgi(Served):
    def test_an_application_is_served_below_its_prefix(self) -> None:
        closed = []

        class Body(list):
            def close(self):
                closed.append(True)

        def application(environ, start_response):
            write = start_response("201 Created", [("Content-Length", "6"), ("X-A", "b")])
            write(environ["SCRIPT_NAME"].encode())
            return Body([environ["PATH_INFO"].encode("latin-1"), environ["wsgi.input"].read()])

        snow.wsgi(application, "/shop/")
        found = testing.call("POST", "/shop/%C3%B6?q", b"body")
        self.assertEqual((found.status, found.text), (201, "/shop/öbody"))
        self.assertEqual(found.headers.items()[0], ("X-A", "b"))
        self.assertEqual(closed, [True])
        self.assertEqual(testing.call("GET", "/shopping").status, 404)
        self.assertEqual(testing.call("GET", "/shop").text, "/shop")

    def test_fields_of_the_host_are_left_out(self) -> None:
        names = [
            "Connection",
            "Content-Length",
            "Date",
            "Keep-Alive",
            "Proxy-Connection",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade",
        ]

        def application(environ, start_response):
            start_response("200 OK", [(name, "1") for name in [*names, "X-A"]])
            return []

        snow.wsgi(application)
        self.assertEqual(testing.call("GET", "/").headers.items(), [("X-A", "1")])

    def test_the_environment(self) -> None:
        fields = [
            _toy.Field("x_user", b"admin"),
            _toy.Field("x-user", b"ann"),
            _toy.Field("content_type", b"a/b"),
            _toy.Field("x_only", b"1"),
            _toy.Field("cookie", b"a=1"),
            _toy.Field("cookie", b"b=2"),
            _toy.Field("accept", b"x"),
            _toy.Field("accept", b"y"),
            _toy.Field("content-type", b"text/plain"),
        ]
        raw = _toy.Request(
            "id", "[::1]:50000", "http", "[::1]:8080", "HEAD", "/a%20b", "q=1", [], fields, b"xyz"
        )
        found = environment(Request(raw), "")
        for name, value in {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/a b",
            "QUERY_STRING": "q=1",
            "SERVER_NAME": "[::1]",
            "SERVER_PORT": "8080",
            "REMOTE_ADDR": "::1",
            "CONTENT_TYPE": "text/plain",
            "CONTENT_LENGTH": "3",
            "HTTP_COOKIE": "a=1; b=2",
            "HTTP_ACCEPT": "x,y",
            "HTTP_X_USER": "ann",
        }.items():
            self.assertEqual(found[name], value, name)
        self.assertNotIn("HTTP_X_ONLY", found)
        raw.authority = "[::1]"
        self.assertEqual(environment(Request(raw), "")["SERVER_PORT"], "80")

    def test_applications_that_break_the_rules_are_told_so(self) -> None:
        snow.wsgi(lambda environ, start_response: [b"x"], "/none")

        def twice(environ, start_response):
            start_response("200 OK", [])
            start_response("200 OK", [])
            return []

        snow.wsgi(twice, "/twice")
        for path, words in (("/none", "has not called"), ("/twice", "twice")):
            with self.assertRaisesRegex(RuntimeError, words):
                testing.call("GET", path)
        with self.assertRaisesRegex(ValueError, "begins with"):
            snow.wsgi(twice, "shop")


class Classic(Served):
    def test_a_future_waits_in_the_host(self) -> None:
        def req(request):
            future = Future(callback=callback)
            requests.append(future)
            yield future

        def stop(request):
            future = requests[0]
            del requests[0]
            future.set_result("done")
            return HttpResponse("stop")

        def late(request):
            yield TimeoutFuture(0)

        Snow([("/req/", req), ("/stop/", stop), ("/late/", late)]).run(port=1)
        held = testing.call("GET", "/req/")
        self.assertEqual(len(requests), 1)
        self.assertEqual(testing.call("GET", "/stop/").text, "stop")
        self.assertEqual(held.go_on().text, "/req/ done False")
        with self.assertRaises(IndexError):
            testing.call("GET", "/stop/")
        self.assertEqual(testing.call("GET", "/late/").go_on().text, "done")
        held = testing.call("GET", "/req/")
        self.assertEqual(held.go_on().text, "/req/ None True")
        set_next("test/requests")

    def test_what_can_not_be_is_named(self) -> None:
        def wrong(request):
            yield 1

        Snow([("/wrong/", wrong)]).run()
        with self.assertRaisesRegex(TypeError, r"wrong \(.*\) yielded a int: yield a Future"):
            testing.call("GET", "/wrong/")
        with self.assertRaisesRegex(RuntimeError, "append it to a Waiting"):
            Future().set_result("x")
        with self.assertRaisesRegex(IndexError, "only the first"):
            requests[1]


class Tornado(Served):
    def test_a_future_has_nothing_of_another_request(self) -> None:
        future = tornado.concurrent.Future("test/shared", timeout=1)
        said = []

        class Waits(tornado.web.RequestHandler):
            @tornado.gen.coroutine
            def get(self):
                set_later("test/shared", "secret")
                future.add_done_callback(lambda done: said.append(("waits", done.result())))
                yield future
                self.write(future.result())

        class Leaves(tornado.web.RequestHandler):
            def get(self):
                future.add_done_callback(lambda done: said.append("leaves"))
                self.write(str(future.result()))

        def set_later(key, value):
            # Before the wait asks the host, and after the pending is there.
            real = _toy.pending_handles.wait

            def settles(*arguments):
                _toy.pending_handles.wait = real
                set_all(key, value)
                return real(*arguments)

            _toy.pending_handles.wait = settles

        self.serve(("/waits", Waits), ("/leaves", Leaves))
        self.assertEqual(testing.call("GET", "/leaves").text, "None")
        self.assertEqual(testing.call("GET", "/waits").text, "secret")
        self.assertEqual(testing.call("GET", "/leaves").text, "None")
        self.assertEqual(said, [("waits", "secret")])
        with self.assertRaisesRegex(RuntimeError, "a Future is used in a handler"):
            future.add_done_callback(print)

    def serve(self, *handlers) -> None:
        tornado.web.Application(handlers).listen(8888)

    def test_a_handler_gets_groups_arguments_and_settings(self) -> None:
        class Story(tornado.web.RequestHandler):
            def initialize(self, store):
                self.store = store

            def get(self, number):
                self.write({"n": number, "q": self.get_argument("q"), "store": self.store})

            def post(self, number):
                self.set_status(201)
                self.set_header("X-A", 1)
                self.finish("made")

        self.serve((r"/story/(\d+)", Story, {"store": "s"}))
        self.assertEqual(
            testing.call("GET", "/story/7?q=b&q=a").text, '{"n": "7", "q": "a", "store": "s"}'
        )
        self.assertEqual(testing.call("GET", "/story/7").status, 400)
        self.assertEqual(testing.call("PUT", "/story/7").status, 405)
        found = testing.call("POST", "/story/7")
        self.assertEqual((found.status, found.text, found.headers["x-a"]), (201, "made", "1"))

    def test_coroutines_yield_what_they_wait_for(self) -> None:
        future = tornado.concurrent.Future("test/main", timeout=0.001)
        said = []

        class Main(tornado.web.RequestHandler):
            @tornado.gen.coroutine
            def get(self):
                future.add_done_callback(lambda done: said.append(done.result()))
                try:
                    yield future
                except TimeoutError:
                    self.write("late ")
                found = yield [tornado.gen.sleep(0), self.helper()]
                self.write(found[1])

            @tornado.gen.coroutine
            def helper(self):
                yield None
                return "helped"

        class Native(tornado.web.RequestHandler):
            async def get(self):
                await tornado.gen.sleep(0)
                self.write("native")

        self.serve(("/main", Main), ("/native", Native))
        self.assertEqual(testing.call("GET", "/main").text, "late helped")
        self.assertEqual(testing.call("GET", "/native").text, "native")
        self.assertEqual(said, [])
        set_all("test/main")


if __name__ == "__main__":
    unittest.main()
