"""What one writes first in Tornado: a request that waits for another one, and a path with a part.

`curl localhost:8080/tornado_py/main` hangs until somebody asks for `/tornado_py/index`.

What differs from Tornado: the future has a key, because requests and instances come and go, and
what waits is the host's.
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


application = tornado.web.Application([
    (r"/tornado_py/main", MainHandler),
    (r"/tornado_py/index", IndexHandler),
    (r"/tornado_py/story/([0-9]+)", StoryHandler),
    (r"/tornado_py/sleep", SleepHandler),
])
application.listen(8888)
tornado.ioloop.IOLoop.current().start()
