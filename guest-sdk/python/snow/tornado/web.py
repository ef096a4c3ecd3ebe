"""Applications and request handlers."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from snow import _contract
from snow._errors import HTTPError
from snow._headers import Headers
from snow._http import HTML, JSON, Request, Response
from snow._routing import add_route
from snow._signed import SigningKeys
from snow.tornado.arguments import HTTPFile, HTTPServerRequest, last, stripped

__all__ = ["Application", "HTTPError", "HTTPFile", "HTTPServerRequest", "RequestHandler"]

_METHODS = ("get", "post", "put", "patch", "delete", "options")
_MISSING: Any = object()

_A_DAY = 86_400


class RequestHandler:
    """Answers one request. A class of its own has methods named `get`, `post` and so on.

    A method gets the groups of the route's pattern. It may be a coroutine.
    """

    def __init__(self, application: Application, request: Request, **settings: Any) -> None:
        self.application = application
        self.request = HTTPServerRequest.of(request)
        self._status = 200
        self._headers = Headers()
        self._chunks: list[bytes] = []
        self._finished = False
        self.initialize(**settings)

    def initialize(self, **settings: Any) -> None:
        """Gets the dict that the route was given."""

    def prepare(self) -> None:
        """Called before the method."""

    # Arguments.

    def get_argument(self, name: str, default: Any = _MISSING, strip: bool = True) -> Any:
        """Returns an argument of the query or of a form; of several with one name the last.

        If it is missing and there is no default, the client gets a 400, and so it does for a form
        that is none.
        """
        return _one(name, self.get_arguments(name, strip), default)

    def get_arguments(self, name: str, strip: bool = True) -> list[str]:
        """Returns all arguments of a name: those of the query, and then those of a form."""
        return [*self.get_query_arguments(name, strip), *self.get_body_arguments(name, strip)]

    def get_query_argument(self, name: str, default: Any = _MISSING, strip: bool = True) -> Any:
        """Returns an argument of the query, as `get_argument`."""
        return _one(name, self.get_query_arguments(name, strip), default)

    def get_query_arguments(self, name: str, strip: bool = True) -> list[str]:
        """Returns all arguments of the query that have a name."""
        return stripped(self.request.queries.get(name, ()), strip)

    def get_body_argument(self, name: str, default: Any = _MISSING, strip: bool = True) -> Any:
        """Returns an argument of a form, as `get_argument`. Files are in `self.request.files`."""
        return _one(name, self.get_body_arguments(name, strip), default)

    def get_body_arguments(self, name: str, strip: bool = True) -> list[str]:
        """Returns all arguments of a form that have a name; none for content of another kind."""
        return stripped(self.request.body_form.all(name), strip)

    # Cookies.

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the client sent, by name."""
        return self.request.cookies

    def get_cookie(self, name: str, default: str | None = None) -> str | None:
        """Returns a cookie that the client sent."""
        found = self.request.cookie(name)
        return default if found is None else found

    def set_cookie(
        self,
        name: str,
        value: str | bytes,
        domain: str | None = None,
        path: str = "/",
        expires_days: float | None = None,
        **attributes: Any,
    ) -> None:
        """Sets a cookie, with the attributes of `snow.Response.set_cookie`: `max_age`, `secure`,
        `httponly`, `samesite`. What a browser would not take is a `ValueError`."""
        if expires_days is not None:
            attributes.setdefault("max_age", max(expires_days, 0) * _A_DAY)
        text = value.decode() if isinstance(value, bytes) else value
        # Its header fields are those of the answer.
        Response(headers=self._headers).set_cookie(
            name, text, domain=domain, path=path, **attributes
        )

    def clear_cookie(self, name: str, **attributes: Any) -> None:
        """Removes a cookie, which was set with this `path` and `domain`."""
        self.set_cookie(name, "", expires_days=0, **attributes)

    def get_signed_cookie(
        self, name: str, value: str | None = None, max_age_days: float = 31
    ) -> bytes | None:
        """Returns a cookie of `set_signed_cookie`, or `value`, which is sent elsewhere than in a
        cookie; `None` if there is none, and if it was forged or is too old.

        Its format is that of all guests of this host, and not Tornado's.
        """
        keys, max_age = self.application.signing_keys(), max_age_days * _A_DAY
        found = keys.taken(name, self.request.cookie(name) if value is None else value, max_age)
        return None if found is None else found.encode()

    def set_signed_cookie(
        self, name: str, value: str | bytes, expires_days: float | None = 30, **attributes: Any
    ) -> None:
        """Sets a cookie that the client can read and can't change, with the attributes of
        `set_cookie`."""
        text = value.decode() if isinstance(value, bytes) else value
        signed = self.application.signing_keys().sign(name, text)
        self.set_cookie(name, signed, expires_days=expires_days, **attributes)

    # The names that these had before Tornado 6.3.
    get_secure_cookie = get_signed_cookie
    set_secure_cookie = set_signed_cookie

    # The answer.

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

    def redirect(self, url: str, permanent: bool = False, status: int | None = None) -> None:
        """Sends the client to another address, which is percent-encoded where RFC 3986 wants it."""
        answer = Response.redirect(url, status or (301 if permanent else 302))
        self.set_status(answer.status)
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


def _one(name: str, found: list[str], default: Any) -> Any:
    if not found and default is _MISSING:
        raise HTTPError(400, f"missing argument {name}")
    return last(found, default)


class Application:
    """A list of routes: a regular expression, a handler's class, and perhaps a dict for it.

    Of Tornado's settings it knows `cookie_secret`: a text or bytes of 32 bytes or more, or a dict
    of them by their versions, and then `key_version`, the one that signs. Without it, signed
    cookies are signed by a random key that the guest's bucket keeps.
    """

    def __init__(self, handlers: Iterable[tuple[Any, ...]], **settings: Any) -> None:
        if settings.get("xsrf_cookies"):
            raise ValueError(
                "xsrf_cookies is not here: use snow.Sessions, with csrf_token in a form and "
                "check_csrf where it is sent to"
            )
        self.handlers = list(handlers)
        self.settings = settings

    def signing_keys(self) -> SigningKeys:
        """Returns the keys of signed cookies."""
        secret = self.settings.get("cookie_secret")
        if secret is None:
            return SigningKeys.stored()
        secrets = secret if isinstance(secret, dict) else {1: secret}
        first = self.settings.get("key_version", next(iter(secrets)))
        if first not in secrets:
            raise ValueError(f"cookie_secret has no key of the key_version {first!r}")
        keys = {first: secrets[first]} | secrets
        return SigningKeys(
            {at: key.encode() if isinstance(key, str) else key for at, key in keys.items()}
        )

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
