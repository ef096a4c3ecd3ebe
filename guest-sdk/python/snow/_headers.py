"""Header fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


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
