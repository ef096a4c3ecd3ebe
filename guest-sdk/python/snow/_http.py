"""Requests and responses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from snow import _contract
from snow._host import http

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
BYTES = "application/octet-stream"

# How many fields a query or a form may have. Names are keys of a dict, and the seed of `hash(str)`
# is known: with more of them, a client could make one request cost as much as the host lets it.
FIELDS_MAX = 1000


class HTTPError(Exception):
    """An answer that a handler raises: `raise HTTPError(404, "no such order")`.

    The client gets the text. Any other exception is a 500 that tells the client nothing; its
    traceback is in the host's log.
    """

    def __init__(self, status: int, text: str = "") -> None:
        _contract.status(status)
        _contract.text("the text of an HTTPError", text)
        super().__init__(f"{status} {text}".rstrip())
        self.status = status
        self.text = text


class Headers:
    """Header fields in their order. Names are compared without regard to case.

    A value is Latin-1, as in WSGI: each character is one byte of what was sent or will be sent.
    """

    __slots__ = ("_pairs",)

    def __init__(self, fields: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        pairs = fields.items() if isinstance(fields, (Mapping, Headers)) else fields
        self._pairs = [(name, value) for name, value in pairs]

    def get(self, name: str, default: str | None = None) -> str | None:
        """Returns the first value of a field."""
        wanted = name.lower()
        return next((value for name, value in self._pairs if name.lower() == wanted), default)

    def get_all(self, name: str) -> list[str]:
        """Returns all values of a field."""
        wanted = name.lower()
        return [value for name, value in self._pairs if name.lower() == wanted]

    def add(self, name: str, value: str) -> None:
        """Adds a field beside those that have this name already."""
        self._pairs.append((name, value))

    def items(self) -> list[tuple[str, str]]:
        """Returns names and values, each field once."""
        return list(self._pairs)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        del self[name]
        self._pairs.append((name, value))

    def __delitem__(self, name: str) -> None:
        unwanted = name.lower()
        self._pairs = [pair for pair in self._pairs if pair[0].lower() != unwanted]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._pairs == other._pairs

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"


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

    def form(self) -> dict[str, str]:
        """Returns the fields of a form that was sent as `application/x-www-form-urlencoded`.

        Of several with one name it has the first. If there are more than a thousand, the client
        gets a 400.
        """
        return {name: values[0] for name, values in parse_fields(self.text).items()}


def parse_fields(text: str) -> dict[str, list[str]]:
    """Returns the fields of a query or of a form, with all values of each name."""
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
