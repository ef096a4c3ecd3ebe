"""Serves a WSGI application (PEP 3333): Flask, Bottle, Django and their like, unchanged."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from snow import _contract
from snow._headers import Headers
from snow._http import Request, Response
from snow._routing import add_route

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# The host writes these itself, or they belong to the connection. Go's package snowhttp leaves out
# the same ones.
_OF_THE_HOST = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def wsgi(application: Application, prefix: str = "") -> None:
    """Serves an application at all paths that begin with a prefix: `snow.wsgi(app, "/shop")`.

    The application sees the prefix as its `SCRIPT_NAME`, so that it makes links that have it. It
    serves what no route above this line has matched. A HEAD is asked as a GET, and the host leaves
    the body out.
    """
    prefix = prefix.rstrip("/")
    if prefix and not prefix.startswith("/"):
        raise ValueError(f'a prefix begins with "/": {prefix!r}')

    def serve(request: Request) -> Response:
        return _call(application, environment(request, prefix))

    add_route([], f"{re.escape(prefix)}(?:/.*)?" if prefix else ".*", serve)


def environment(request: Request, prefix: str) -> dict[str, Any]:
    """Returns a request as PEP 3333 has it."""
    name, port = _authority(request.authority)
    found: dict[str, Any] = {
        "REQUEST_METHOD": "GET" if request.method == "HEAD" else request.method,
        "SCRIPT_NAME": prefix,
        "PATH_INFO": unquote_to_bytes(request.path[len(prefix) :]).decode("latin-1"),
        "QUERY_STRING": request.query_string,
        "SERVER_NAME": name,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.client.rpartition(":")[0].strip("[]"),
        "REMOTE_PORT": request.client.rpartition(":")[2],
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "snow.request": request,
    }
    for field, value in request.headers.items():
        # `x_user` would stand for `x-user`, which a proxy may have removed.
        if "_" in field:
            continue
        key = field.upper().replace("-", "_")
        if key == "CONTENT_LENGTH":
            continue
        if key != "CONTENT_TYPE":
            key = f"HTTP_{key}"
        separator = "; " if key == "HTTP_COOKIE" else ","
        found[key] = f"{found[key]}{separator}{value}" if key in found else value
    return found


def _authority(authority: str) -> tuple[str, str]:
    """Returns the name and the port that a client asked for."""
    name, colon, port = authority.rpartition(":")
    if not colon or "]" in port:
        name, port = authority, ""
    return name or "localhost", port or "80"


def _call(application: Application, environ: dict[str, Any]) -> Response:
    head: list[tuple[int, list[tuple[str, str]]]] = []
    pieces: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if head and exc_info is None:
            raise RuntimeError("the application has called start_response twice")
        head[:] = [(_status(status), headers)]
        return pieces.append

    result = application(environ, start_response)
    try:
        pieces.extend(result)
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()
    if not head:
        raise RuntimeError("the application has not called start_response")
    status, headers = head[0]
    kept = [(name, value) for name, value in headers if name.lower() not in _OF_THE_HOST]
    return Response(b"".join(pieces), status, Headers(kept))


def _status(line: str) -> int:
    """Returns the number of a status such as `404 Not Found`."""
    number = line.split(" ", 1)[0] if isinstance(line, str) else ""
    if not (len(number) == 3 and number.isascii() and number.isdigit()):
        raise ValueError(f'start_response was given the status {line!r}: write it as in "200 OK"')
    return _contract.status(int(number))
