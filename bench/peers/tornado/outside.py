"""python outside.py PORT: /gather?url=…&url=… asks other servers at once, with AsyncHTTPClient."""

from __future__ import annotations

import asyncio
import sys
import time

import tornado.web
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer

BACKLOG = 4096
# As many as are asked for: its default of ten would be what is measured.
CLIENTS_MAX = 4_000


async def ask(url: str) -> dict[str, object]:
    """Returns what a URL has answered."""
    began = time.monotonic()
    answer = await AsyncHTTPClient().fetch(url, raise_error=False, request_timeout=60.0)
    took_ms = round((time.monotonic() - began) * 1e3)
    return {"url": url, "ms": took_ms, "status": answer.code, "bytes": len(answer.body), "error": None}


class Gather(tornado.web.RequestHandler):
    def compute_etag(self) -> None:
        """Computes no hash of the answer, since the other servers compute none."""

    async def get(self) -> None:
        answers = await asyncio.gather(*map(ask, self.get_arguments("url")))
        self.finish({"answers": answers})


class Hello(tornado.web.RequestHandler):
    def get(self) -> None:
        self.finish("hello world")


async def main(port: int) -> None:
    AsyncHTTPClient.configure(None, max_clients=CLIENTS_MAX)
    routes = [("/hello", Hello), ("/gather", Gather)]
    # Without a log line for each request.
    application = tornado.web.Application(routes, log_function=lambda handler: None)
    HTTPServer(application).listen(port, "127.0.0.1", backlog=BACKLOG)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
