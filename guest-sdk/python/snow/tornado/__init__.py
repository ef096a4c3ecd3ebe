"""The programming model of Tornado, as far as first examples go, over the host's loop.

    from snow import tornado

    class MainHandler(tornado.web.RequestHandler):
        @tornado.gen.coroutine
        def get(self):
            yield future
            self.write("Main")

There are `web.Application` and `web.RequestHandler`, `gen.coroutine`, `gen.sleep`, `gen.multi` and
`gen.with_timeout`, `concurrent.Future`, `httpclient.AsyncHTTPClient`, and an `ioloop.IOLoop`
that does nothing, because the loop is the host's. For more of Tornado, write handlers with
`snow.route`.
"""

from snow.tornado import concurrent, gen, httpclient, ioloop, web

__all__ = ["concurrent", "gen", "httpclient", "ioloop", "web"]
