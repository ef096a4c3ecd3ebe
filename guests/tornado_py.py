"""What one writes first in Tornado: a request that waits for another one, a path with a part, a
form and a cookie.

`curl localhost:8080/tornado_py/main` hangs until somebody asks for `/tornado_py/index`.

What differs from Tornado: the future has a key, because requests and instances come and go, and
what waits is the host's. Without the setting `cookie_secret`, signed cookies are signed by a key
that is made when it is first needed, and that the guest's bucket keeps.
"""

from snow import tornado

future = tornado.concurrent.Future("tornado_py/main")


class MainHandler(tornado.web.RequestHandler):
    @tornado.gen.coroutine
    def get(self):
        future.add_done_callback(self.doing)
        yield future

    def doing(self, *args):
        self.write("Main")
        self.finish()


class IndexHandler(tornado.web.RequestHandler):
    def get(self):
        future.set_result(None)
        self.write("Index")


class StoryHandler(tornado.web.RequestHandler):
    def get(self, story_id):
        self.write({"story": story_id, "title": self.get_argument("title", "untitled")})


class SleepHandler(tornado.web.RequestHandler):
    @tornado.gen.coroutine
    def get(self):
        yield [tornado.gen.sleep(0.02), tornado.gen.sleep(0.01)]
        self.write("slept")


class FormHandler(tornado.web.RequestHandler):
    def get(self):
        self.write(
            "<!doctype html><title>Form</title>"
            "<form method=post><input name=name required><button>send</button></form>"
        )

    def post(self):
        name = self.get_body_argument("name")
        self.set_signed_cookie("name", name, expires_days=30, httponly=True, samesite="lax")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write(f"hello {name}")


class CookieHandler(tornado.web.RequestHandler):
    def get(self):
        name = self.get_signed_cookie("name")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write("who are you?" if name is None else b"you are " + name)

    def post(self):
        self.clear_cookie("name")
        self.redirect("cookie", status=303)


application = tornado.web.Application([
    (r"/tornado_py/main", MainHandler),
    (r"/tornado_py/index", IndexHandler),
    (r"/tornado_py/story/([0-9]+)", StoryHandler),
    (r"/tornado_py/sleep", SleepHandler),
    (r"/tornado_py/form", FormHandler),
    (r"/tornado_py/cookie", CookieHandler),
])
application.listen(8888)
tornado.ioloop.IOLoop.current().start()
