"""Forms: what a browser sends when its user submits one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar, overload

from snow._errors import FormTooLarge, MissingField, parsed

T = TypeVar("T")
D = TypeVar("D")

_MISSING: object = object()


@dataclass(frozen=True)
class Limits:
    """How much a form may have."""

    # Fields and files together.
    parts_max: int = 1_000
    # Bytes of one field's value.
    value_bytes_max: int = 1 << 20
    # Bytes of one file.
    file_bytes_max: int = 1 << 24

    def room(self, parts: int) -> None:
        """Raises `FormTooLarge` if there are as many parts as there may be."""
        if parts >= self.parts_max:
            raise FormTooLarge(f"the form has more than {self.parts_max} fields")

    @staticmethod
    def part(name: str, size: int, most: int) -> None:
        """Raises `FormTooLarge` if a part has more bytes than it may."""
        if size > most:
            raise FormTooLarge(f"`{name}` has more than {most} bytes")


@dataclass(frozen=True)
class File:
    """A file in a form."""

    # The name of the field in the form.
    field: str
    # The name that the client gives it: any text, and not to be used as a path. Empty if no file
    # was chosen.
    name: str
    # The media type that the client gives it.
    content_type: str | None
    content: bytes


class Form(Mapping[str, str]):
    """The fields of a form, by name: `request.form()["item"]`.

    Of several with one name that is the first; `all` has every one, as several checkboxes have it.
    A name that is missing is a `KeyError`, which the client gets as a 400.
    """

    def __init__(self, fields: list[tuple[str, str]], files: list[File]) -> None:
        self._fields = fields
        self.files = files
        self._by_name: dict[str, list[str]] = {}
        for name, value in fields:
            self._by_name.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        found = self._by_name.get(name)
        if found is None:
            raise MissingField(name)
        return found[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        return f"Form({self._fields!r}, {[file.name for file in self.files]!r})"

    def all(self, name: str) -> list[str]:
        """Returns every value under a name, in the order sent."""
        return list(self._by_name.get(name, ()))

    def fields(self) -> list[tuple[str, str]]:
        """Returns every name and value in the order sent, without the files."""
        return list(self._fields)

    def file(self, name: str) -> File | None:
        """Returns the first file under a name."""
        return next((file for file in self.files if file.field == name), None)

    @overload
    def parsed(self, name: str, parse: Callable[[str], T]) -> T: ...
    @overload
    def parsed(self, name: str, parse: Callable[[str], T], default: D) -> T | D: ...
    def parsed(self, name: str, parse: Callable[[str], T], default: object = _MISSING) -> object:
        """Returns what a function makes of a value: `form.parsed("count", int, 1)`.

        What it does not take (by a `ValueError`) is a 400 that names the field, and so is one that
        is missing, unless there is a default.
        """
        if default is not _MISSING and name not in self._by_name:
            return default
        return parsed(name, self[name], parse)
