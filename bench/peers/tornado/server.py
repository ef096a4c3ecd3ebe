"""python server.py PORT: the routes of native-mio, in Tornado."""

from __future__ import annotations

import asyncio
import sys

import tornado.web
from tornado.httpserver import HTTPServer

BACKLOG = 4096


class Text(tornado.web.RequestHandler):
    """Answers with plain text."""

    def set_default_headers(self) -> None:
        self.set_header("content-type", "text/plain")

    def compute_etag(self) -> None:
        """No hash of each answer: the others make none."""


class Hello(Text):
    def get(self) -> None:
        self.finish("hello world")


class Hold(Text):
    """Waits for `/stop-all/`."""

    held: set[asyncio.Future[None]] = set()

    async def get(self) -> None:
        self.wait: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        Hold.held.add(self.wait)
        await self.wait
        self.finish("done")

    def on_connection_close(self) -> None:
        Hold.held.discard(self.wait)
        self.wait.cancel()


class StopAll(Text):
    def get(self) -> None:
        released, Hold.held = Hold.held, set()
        for wait in released:
            wait.set_result(None)
        self.finish(str(len(released)))


class Waiting(Text):
    def get(self) -> None:
        self.finish(str(len(Hold.held)))


async def main(port: int) -> None:
    routes = [("/hello", Hello), ("/hold/", Hold), ("/stop-all/", StopAll), ("/waiting/", Waiting)]
    # Without a log line for each request.
    application = tornado.web.Application(routes, log_function=lambda handler: None)
    HTTPServer(application).listen(port, "127.0.0.1", backlog=BACKLOG)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
