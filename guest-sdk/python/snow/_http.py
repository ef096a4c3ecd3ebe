"""Requests and responses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, overload
from urllib.parse import parse_qs

from snow import _accept, _contract, _cookies, _form_reader, deployment
from snow._cookies import SameSite
from snow._errors import HTTPError, parsed
from snow._form import Form, Limits
from snow._headers import Headers
from snow._host import http

if TYPE_CHECKING:
    # It needs the store, which needs this file.
    from snow._signed import SigningKeys

T = TypeVar("T")
D = TypeVar("D")

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
BYTES = "application/octet-stream"

# How many fields a query may have, and how many cookies a request. Names are keys of a dict, and
# the seed of `hash(str)` is known: with more of them, a client could make one request cost as much
# as the host lets it.
FIELDS_MAX = 1000

# The characters of a reference (RFC 3986), less those that must be percent-encoded.
_is_location = re.compile(r"[!#-;=?-\[\]_a-z~]+").fullmatch


class Request:
    """A request whose body has arrived whole."""

    __slots__ = ("_headers", "_params", "_raw")

    def __init__(self, raw: http.Request) -> None:
        self._raw = raw
        self._headers: Headers | None = None
        self._params: dict[str | int, str] | None = None

    @property
    def id(self) -> str:
        """The request's id, which is also in the host's log and in the answer's `x-request-id`."""
        return self._raw.id

    @property
    def client(self) -> str:
        """The client's address and port."""
        return self._raw.client

    @property
    def scheme(self) -> str:
        """`http`."""
        return self._raw.scheme

    @property
    def authority(self) -> str:
        """The field `Host`. Empty if the client sent none."""
        return self._raw.authority

    @property
    def method(self) -> str:
        """The method as sent."""
        return self._raw.method

    @property
    def path(self) -> str:
        """The path as sent, not percent-decoded, without the query."""
        return self._raw.path

    @property
    def query_string(self) -> str:
        """What follows the first `?`, as sent."""
        return self._raw.query or ""

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, decoded. Of several with one name it has the first.

        If there are more than a thousand, the client gets a 400.
        """
        return {name: values[0] for name, values in self.queries.items()}

    @property
    def queries(self) -> dict[str, list[str]]:
        """The query's parameters, decoded, with all values of each name."""
        return parse_fields(self._raw.query or "")

    @property
    def params(self) -> dict[str | int, str]:
        """The captures of the route's pattern, by name and by position from 0."""
        if self._params is None:
            self._params = {}
            for index, param in enumerate(self._raw.params):
                self._params[index] = param.value
                if param.name is not None:
                    self._params[param.name] = param.value
        return self._params

    def param_as(self, name: str, parse: Callable[[str], T], status: int = 400) -> T:
        """Returns what a function makes of a capture: `request.param_as("id", int)`.

        What it does not take (by a `ValueError`) is a 400 that names the capture, or another status
        such as 404.
        """
        return parsed(name, self.params[name], parse, status)

    @overload
    def query_as(self, name: str, parse: Callable[[str], T]) -> T | None: ...
    @overload
    def query_as(self, name: str, parse: Callable[[str], T], default: D) -> T | D: ...
    def query_as(self, name: str, parse: Callable[[str], T], default: object = None) -> object:
        """Returns what a function makes of a parameter of the query: `request.query_as("page", int,
        1)`. What it does not take (by a `ValueError`) is a 400 that names the parameter."""
        text = self.query.get(name)
        return default if text is None else parsed(name, text, parse)

    @property
    def headers(self) -> Headers:
        """The header fields."""
        if self._headers is None:
            fields = self._raw.headers
            self._headers = Headers(
                [(field.name, field.value.decode("latin-1")) for field in fields]
            )
        return self._headers

    @property
    def body(self) -> bytes:
        """The content. Empty if there is none."""
        return self._raw.body

    @property
    def text(self) -> str:
        """The content as text. If it is not UTF-8, the client gets a 400."""
        try:
            return self._raw.body.decode()
        except UnicodeDecodeError as error:
            raise HTTPError(400, f"the content is not UTF-8: {error}") from error

    def json(self) -> Any:
        """Returns the content as a value. If it is not JSON, the client gets a 400."""
        try:
            return json.loads(self._raw.body)
        except ValueError as error:
            raise HTTPError(400, f"the content is not JSON: {error}") from error

    def form(
        self,
        *,
        parts_max: int = 1_000,
        value_bytes_max: int = 1 << 20,
        file_bytes_max: int = 1 << 24,
    ) -> Form:
        """Returns the form in the content: `application/x-www-form-urlencoded`, or
        `multipart/form-data`, which has files too.

        Content of another type is a 415 for the client, a form that is none a 400 (`BadForm`), and
        more than the limits a 413 (`FormTooLarge`): fields and files together, bytes of one value,
        bytes of one file. The whole content is bounded by the host before (`body_bytes_max`).
        """
        limits = Limits(parts_max, value_bytes_max, file_bytes_max)
        kind = next(self._fields("content-type"), b"")
        try:
            return _form_reader.parse(kind.decode(), self._raw.body, limits)
        except UnicodeDecodeError:
            return _form_reader.parse("", self._raw.body, limits)

    def _fields(self, name: str) -> Iterator[bytes]:
        """Returns the values of a header field as they were sent."""
        return (field.value for field in self._raw.headers if field.name == name)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name: of several with one name the first, which is the one of the nearest
        path. If there are more than a thousand, the client gets a 400.

        Nothing about them is to be trusted, not even that this guest has set them: other guests and
        other servers of the same domain can. See `signed_cookie`.
        """
        found: dict[str, str] = {}
        for count, (name, value) in enumerate(self.all_cookies()):
            if count >= FIELDS_MAX:
                raise HTTPError(400, f"there are more than {FIELDS_MAX} cookies")
            found.setdefault(name, value)
        return found

    def cookie(self, name: str) -> str | None:
        """Returns the first cookie of this name."""
        return next((value for found, value in self.all_cookies() if found == name), None)

    def all_cookies(self) -> Iterator[tuple[str, str]]:
        """Returns every cookie in the order sent, also several of one name."""
        return _cookies.read(self._fields("cookie"))

    def signed_cookie(self, name: str, keys: SigningKeys, max_age: timedelta | float) -> str | None:
        """Returns the value of a cookie of `Response.set_signed_cookie`, which was signed at most
        `max_age` ago, as seconds or a `timedelta`.

        It is `None` if there is none, and if it was forged, cut, renamed or is too old: the logger
        `snow` says why, at `DEBUG`.
        """
        return keys.taken(name, self.cookie(name), max_age)

    def accepts(self, *offered: str) -> str | None:
        """Returns which of these media types the client would like best, by its `accept`.

        Of several that it likes as much, that is the first.

        It is `None` if the client would take none of them: a 406, or the first one all the same. A
        client that says nothing takes the first. An answer that depends on it has `vary: accept`,
        so that caches know.
        """
        fields = [value.decode(errors="replace") for value in self._fields("accept")]
        if not fields:
            return next(iter(offered), None)
        return _accept.best(fields, offered)

    def url_for(self, path: str) -> str:
        """Returns the link to a path of this guest, which begins with a slash and may have a query:
        as a whole URL if the host knows it (`public_url`), else with the guest's mount."""
        return deployment.url_for(path)

    def path_for(self, path: str) -> str:
        """Returns the link to a path of this guest on the same server, for a page or a redirect."""
        return deployment.path_for(path)


def parse_fields(text: str) -> dict[str, list[str]]:
    """Returns the fields of a query, with all values of each name."""
    if text.count("&") >= FIELDS_MAX:
        raise HTTPError(400, f"there are more than {FIELDS_MAX} fields")
    return parse_qs(text, keep_blank_values=True)


@dataclass
class Response:
    """An answer.

    A body that is text is `text/plain` and bytes are `application/octet-stream`, unless
    `content_type` or `headers` have another type.
    """

    body: str | bytes = b""
    status: int = 200
    headers: Headers = field(default_factory=Headers)
    content_type: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.body, (str, bytes, bytearray, memoryview)):
            kind = type(self.body).__name__
            raise TypeError(
                f"the body of a Response is str or bytes, not {kind}: see Response.json"
            )
        _contract.status(self.status)
        if not isinstance(self.headers, Headers):
            self.headers = Headers(self.headers)
        if self.content_type is not None:
            self.headers["content-type"] = self.content_type
        elif len(self.body) > 0 and "content-type" not in self.headers:
            self.headers["content-type"] = TEXT if isinstance(self.body, str) else BYTES

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Response:
        """Makes an answer of a value, as JSON."""
        return cls(json.dumps(value), status, content_type=JSON)

    @classmethod
    def html(cls, text: str, status: int = 200) -> Response:
        """Makes a page."""
        return cls(text, status, content_type=HTML)

    @classmethod
    def redirect(cls, location: str, status: int = 303) -> Response:
        """Sends the client to another address, with one of the statuses 301, 302, 303, 307 and 308:
        303 after a form, 308 for good.

        Raises `ValueError` for another status, or a location that is no reference of RFC 3986:
        nothing, or with a character that must be percent-encoded, as a space, a line end, or what
        is not ASCII. Whether a client may choose where it is sent is the guest's to decide.
        """
        if status not in (301, 302, 303, 307, 308):
            raise ValueError(f"a redirect has the status 301, 302, 303, 307 or 308: {status!r}")
        if not _is_location(_contract.text("the location of a redirect", location)):
            raise ValueError(
                "a redirect needs characters that are percent-encoded where RFC 3986 wants it: "
                f"{location!r}"
            )
        return cls(b"", status, Headers({"location": location}))

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: timedelta | float | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = None,
    ) -> None:
        """Adds a `set-cookie` beside those that are there.

        - `max_age`: how long the client keeps it, as seconds or a `timedelta`; without it, until
          the browser ends.
        - `path`: below which it is sent back. `deployment.cookie_path()` is that of this guest.
        - `domain`: which gets it, with all below; without it, only the host that sets it.
        - `secure`: over TLS only. `httponly`: hidden from scripts.
        - `samesite`: with which requests from other sites: `"strict"`, `"lax"` or `"none"`.

        Raises `ValueError` for what browsers would drop or take for an attribute. A value is
        visible ASCII without quotes, commas, semicolons and backslashes: write other text as
        `urllib.parse.quote(text)`, or sign it.
        """
        field = _cookies.field(
            name, value, max_age=max_age, path=path, domain=domain, secure=secure,
            httponly=httponly, samesite=samesite,
        )  # fmt: skip
        self.headers.add("set-cookie", field)

    def set_signed_cookie(
        self, name: str, value: str, keys: SigningKeys, **attributes: Any
    ) -> None:
        """Adds a cookie for `Request.signed_cookie`, with the attributes of `set_cookie`.

        Its value may be any text, and the client can read it. Browsers drop a cookie of more than
        4,096 bytes.
        """
        self.set_cookie(name, keys.sign(name, value), **attributes)

    def delete_cookie(self, name: str, **attributes: Any) -> None:
        """Removes a cookie from the client.

        It needs the `path` and the `domain` that the cookie was set with, and `secure` if its name
        begins with `__Host-` or `__Secure-`.
        """
        self.set_cookie(name, "", max_age=0, **attributes)

    @property
    def text(self) -> str:
        """The body as text."""
        return (
            self.body if isinstance(self.body, str) else bytes(self.body).decode(errors="replace")
        )

    def lower(self) -> http.Response:
        """Returns the response as the contract has it."""
        return _contract.response(self.status, self.headers.items(), self.body)

    @classmethod
    def lift(cls, raw: http.Response) -> Response:
        """Returns a response of the contract as an author has it."""
        fields = [(field.name, field.value.decode("latin-1")) for field in raw.headers]
        response = cls(b"", headers=Headers(fields))
        # It has no other type than the one that it came with, and perhaps a status that can't be
        # sent, which another guest has chosen: an error only for who sends it.
        response.status, response.body = raw.status, raw.body
        return response
