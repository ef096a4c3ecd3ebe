"""What a client sends, as Tornado has it: arguments of the query and of forms, and files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from snow._accept import value_and_parameters
from snow._form import Form
from snow._host import http
from snow._http import Request

# What Tornado replaces in arguments.
_control = re.compile(r"[\x00-\x08\x0e-\x1f]")

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class HTTPFile(dict[str, Any]):
    """A file in a form: `filename`, `body` and `content_type`, as attributes or as a dict."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class HTTPServerRequest(Request):
    """A request with Tornado's names for what is in its query and in its form."""

    __slots__ = ("_form",)

    @classmethod
    def of(cls, request: Request) -> HTTPServerRequest:
        """Returns a request with Tornado's names."""
        return cls(request._raw)

    def __init__(self, raw: http.Request) -> None:
        super().__init__(raw)
        self._form: Form | None = None

    @property
    def body_form(self) -> Form:
        """The form in the content; an empty one if the content is none. One that is malformed is a
        400 for the client, and one that is too large a 413."""
        if self._form is None:
            kind, _ = value_and_parameters(self.headers.get("content-type") or "")
            self._form = self.form() if kind.lower() in _FORMS else Form([], [])
        return self._form

    @property
    def query_arguments(self) -> dict[str, list[bytes]]:
        """The arguments of the query."""
        return {name: _bytes(values) for name, values in self.queries.items()}

    @property
    def body_arguments(self) -> dict[str, list[bytes]]:
        """The arguments of a form, without the files."""
        return {name: _bytes(self.body_form.all(name)) for name in self.body_form}

    @property
    def arguments(self) -> dict[str, list[bytes]]:
        """The arguments of the query, and then those of a form."""
        found = self.query_arguments
        for name, values in self.body_arguments.items():
            found.setdefault(name, []).extend(values)
        return found

    @property
    def files(self) -> dict[str, list[HTTPFile]]:
        """The files of a form, by the names of their fields."""
        found: dict[str, list[HTTPFile]] = {}
        for file in self.body_form.files:
            kind = file.content_type or "application/unknown"
            one = HTTPFile(filename=file.name, body=file.content, content_type=kind)
            found.setdefault(file.field, []).append(one)
        return found


def _bytes(values: Iterable[str]) -> list[bytes]:
    return [value.encode() for value in values]


def stripped(values: Iterable[str], strip: bool) -> list[str]:
    """Returns arguments without control characters, and without spaces around them."""
    found = [_control.sub(" ", value) for value in values]
    return [value.strip() for value in found] if strip else found


def last(values: Sequence[str], default: Any) -> Any:
    """Returns the last of these arguments."""
    return values[-1] if values else default
