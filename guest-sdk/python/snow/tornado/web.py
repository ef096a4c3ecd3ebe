"""Applications and request handlers."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from snow import _contract
from snow._http import HTML, JSON, Headers, HTTPError, Request, Response, parse_fields
from snow._routing import add_route

__all__ = ["Application", "HTTPError", "RequestHandler"]

_METHODS = ("get", "post", "put", "patch", "delete", "options")
_MISSING: Any = object()


class RequestHandler:
    """Answers one request. A class of its own has methods named `get`, `post` and so on.

    A method gets the groups of the route's pattern. It may be a coroutine.
    """

    def __init__(self, application: Application, request: Request, **settings: Any) -> None:
        self.application = application
        self.request = request
        self._status = 200
        self._headers = Headers()
        self._chunks: list[bytes] = []
        self._finished = False
        self.initialize(**settings)

    def initialize(self, **settings: Any) -> None:
        """Gets the dict that the route was given."""

    def prepare(self) -> None:
        """Called before the method."""

    def get_argument(self, name: str, default: Any = _MISSING) -> Any:
        """Returns a parameter of the query or of a form; of several with one name the last. If it
        is missing and there is no default, the client gets a 400."""
        found = self.request.queries.get(name)
        kind = self.request.headers.get("content-type") or ""
        if found is None and kind.startswith("application/x-www-form-urlencoded"):
            found = parse_fields(self.request.text).get(name)
        if found is not None:
            return found[-1]
        if default is _MISSING:
            raise HTTPError(400, f"missing argument {name}")
        return default

    def set_status(self, status: int) -> None:
        """Sets the answer's status."""
        self._status = _contract.status(status)

    def set_header(self, name: str, value: object) -> None:
        """Sets a header field in the place of those that have its name."""
        self._headers[name] = str(value)

    def add_header(self, name: str, value: object) -> None:
        """Adds a header field."""
        self._headers.add(name, str(value))

    def write(self, chunk: str | bytes | dict[str, Any]) -> None:
        """Adds to the body. A dict is sent as JSON."""
        if self._finished:
            raise RuntimeError("write was called after finish")
        if isinstance(chunk, dict):
            self.set_header("Content-Type", JSON)
            chunk = json.dumps(chunk)
        if not isinstance(chunk, (str, bytes)):
            raise TypeError(f"write takes str, bytes or a dict, not {type(chunk).__name__}")
        self._chunks.append(chunk.encode() if isinstance(chunk, str) else chunk)

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> None:
        """Ends the answer."""
        if chunk is not None:
            self.write(chunk)
        self._finished = True

    def redirect(self, url: str, permanent: bool = False) -> None:
        """Sends the client to another address."""
        self.set_status(301 if permanent else 302)
        self.set_header("Location", url)
        self.finish()

    def send_error(self, status: int = 500) -> None:
        """Answers with a status and its name."""
        self._chunks.clear()
        self.set_status(status)
        self.finish(f"{status}: {HTTPStatus(status).phrase}")

    def answer(self) -> Response:
        """Returns what was written."""
        if self._chunks and "content-type" not in self._headers:
            self._headers["Content-Type"] = HTML
        return Response(b"".join(self._chunks), self._status, self._headers)


class Application:
    """A list of routes: a regular expression, a handler's class, and perhaps a dict for it."""

    def __init__(self, handlers: Iterable[tuple[Any, ...]], **settings: Any) -> None:
        self.handlers = list(handlers)
        self.settings = settings

    def listen(self, port: int | None = None, address: str = "") -> None:
        """Serves the routes. Where it listens is the host's to know, so the port is ignored."""
        for pattern, handler, *rest in self.handlers:
            methods = [method.upper() for method in _METHODS if hasattr(handler, method)]
            if not methods:
                raise TypeError(f"{handler.__name__} has no method named get, post or the like")
            add_route(methods, pattern, _serve(self, handler, rest[0] if rest else {}))


def _serve(
    application: Application, handler: type[RequestHandler], settings: dict[str, Any]
) -> Callable[[Request], Any]:
    def serve(request: Request) -> Any:
        one = handler(application, request, **settings)
        method = "get" if request.method == "HEAD" else request.method.lower()
        named = {name: value for name, value in request.params.items() if isinstance(name, str)}
        groups = [] if named else [request.params[at] for at in range(len(request.params))]
        one.prepare()
        result = getattr(one, method)(*groups, **named)
        return _finished(one, result) if inspect.isawaitable(result) else one.answer()

    return serve


async def _finished(handler: RequestHandler, result: Any) -> Response:
    await result
    return handler.answer()
