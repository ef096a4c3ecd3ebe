"""python server.py PORT: the routes of native-mio in Tornado, with /rows, /stop/ and /sleep/."""

from __future__ import annotations

import asyncio
import sys

import tornado.web
from tornado.httpserver import HTTPServer

BACKLOG = 4096


class Text(tornado.web.RequestHandler):
    """A handler that answers with plain text."""

    def set_default_headers(self) -> None:
        self.set_header("content-type", "text/plain")

    def compute_etag(self) -> None:
        """Computes no hash of the answer, since the other servers compute none."""


class Hello(Text):
    def get(self) -> None:
        self.finish("hello world")


class Rows(tornado.web.RequestHandler):
    """Answers with a table of 100 rows, made for each request."""

    def compute_etag(self) -> None:
        """Computes no hash of the answer, since the other servers compute none."""

    def get(self) -> None:
        self.finish(
            {
                "rows": [
                    {"id": row, "name": f"item {row}", "price": row + 0.5, "tags": ["new", f"shelf {row % 7}"]}
                    for row in range(100)
                ]
            }
        )


class Sleep(Text):
    """Answers after `?seconds=`."""

    async def get(self) -> None:
        await asyncio.sleep(float(self.get_argument("seconds")))
        self.finish("done")


class Hold(Text):
    """Waits for `/stop/` or `/stop-all/`, and answers with its value."""

    # A dict, because it keeps the order in which requests came.
    held: dict[asyncio.Future[str], None] = {}

    async def get(self) -> None:
        self.wait: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        Hold.held[self.wait] = None
        self.finish(await self.wait)

    def on_connection_close(self) -> None:
        Hold.held.pop(self.wait, None)
        self.wait.cancel()


class Stop(Text):
    """Wakes the request that has waited longest."""

    def get(self) -> None:
        wait = next(iter(Hold.held), None)
        if wait is None:
            self.set_status(409)
            self.finish("nobody is waiting")
            return
        del Hold.held[wait]
        wait.set_result(self.get_argument("value"))
        self.finish("stop")


class StopAll(Text):
    def get(self) -> None:
        released, Hold.held = Hold.held, {}
        for wait in released:
            wait.set_result("done")
        self.finish(str(len(released)))


class Waiting(Text):
    def get(self) -> None:
        self.finish(str(len(Hold.held)))


async def main(port: int) -> None:
    routes = [
        ("/hello", Hello),
        ("/rows", Rows),
        ("/sleep/", Sleep),
        ("/hold/", Hold),
        ("/stop/", Stop),
        ("/stop-all/", StopAll),
        ("/waiting/", Waiting),
    ]
    # Without a log line for each request.
    application = tornado.web.Application(routes, log_function=lambda handler: None)
    HTTPServer(application).listen(port, "127.0.0.1", backlog=BACKLOG)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
