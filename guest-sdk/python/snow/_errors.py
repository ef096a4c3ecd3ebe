"""Exceptions that are answers: what a client has done wrong, as it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from snow import _contract

T = TypeVar("T")


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


class BadForm(HTTPError):
    """A form that is none (400), or content of another type (415). The text says what is wrong."""


class BadValue(HTTPError):
    """A capture, a parameter or a field that can't be parsed: a 400 that names it, or the status
    that the handler has chosen."""


def parsed(name: str, text: str, parse: Callable[[str], T], status: int = 400) -> T:
    """Returns what a function makes of a text. A `ValueError` of it is a `BadValue`."""
    try:
        return parse(text)
    except ValueError as error:
        raise BadValue(status, _contract.shown(f"`{name}`: {error}")) from error


class FormTooLarge(HTTPError):
    """A form with more than its limits let it have: a 413."""

    def __init__(self, text: str) -> None:
        super().__init__(413, text)


class MissingField(HTTPError, KeyError):
    """A field that a handler needs and the form does not have: a 400 that names it."""

    def __init__(self, name: str) -> None:
        super().__init__(400, f"`{name}` is missing in the form")

    __str__ = Exception.__str__


class BadToken(HTTPError):
    """A form's token that is not of this session, or too old: a 403."""

    def __init__(self) -> None:
        super().__init__(403, "this form is not from here, or is too old: load its page again")
