"""What a client would like to get (RFC 9110, section 12.5.1), and the syntax that it shares with
other header fields: a value, and parameters behind semicolons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Spaces around what is between separators.
SPACES = " \t\n\x0c\r"

# What is in quotes, also without an end, or a separator. Possessive, so that each character is
# looked at once.
_TOKENS = {
    separator: re.compile(rf'"(?:[^"\\]++|\\.)*+"?|{separator}', re.DOTALL) for separator in ",;"
}

_is_weight = re.compile(r"([01])(?:\.([0-9]{0,3}))?", re.ASCII).fullmatch


@dataclass
class _Range:
    """A media range and its weight in thousandths."""

    kind: str
    subtype: str
    has_parameters: bool
    weight: int

    def specificity(self, kind: str, subtype: str, has_parameters: bool) -> int | None:
        """Returns how exactly it names a media type; `None` if that is not in it."""
        # What a parameter means is known to nobody here: a range with some is for a type with some.
        if self.has_parameters and not has_parameters:
            return None
        if (self.kind, self.subtype) == ("*", "*"):
            return 0
        if self.kind != kind:
            return None
        if self.subtype == "*":
            return 1
        return 2 + self.has_parameters if self.subtype == subtype else None


def best(fields: Iterable[str], offered: Iterable[str]) -> str | None:
    """Returns the media type that a client would like best, by its fields `accept`."""
    ranges = [_range(part) for field in fields for part in _split(field, ",")]
    found, heaviest = None, 0
    for one in offered:
        weight = _weight(ranges, one)
        if weight > heaviest:
            found, heaviest = one, weight
    return found


def _range(text: str) -> _Range:
    value, parameters = value_and_parameters(text)
    kind, _, subtype = value.lower().partition("/")
    found = _Range(kind, subtype, False, 1000)
    for name, parameter in parameters:
        if name.lower() == "q":
            found.weight = _thousandths(parameter)
        else:
            found.has_parameters = True
    return found


def _weight(ranges: list[_Range], offered: str) -> int:
    """Returns the weight of a media type: that of the most specific range that it is in, or 0."""
    value, parameters = value_and_parameters(offered)
    kind, _, subtype = value.lower().partition("/")
    has_parameters = any(True for _ in parameters)
    # Of two that are as specific, the better one.
    most = (-1, 0)
    for one in ranges:
        specificity = one.specificity(kind, subtype, has_parameters)
        if specificity is not None:
            most = max(most, (specificity, one.weight))
    return most[1]


def _thousandths(text: str) -> int:
    """Returns the weight `1`, `0.5` or `0.125` in thousandths; 0 for what is none."""
    found = _is_weight(text)
    if found is None:
        return 0
    weight = int(found[1] + (found[2] or "").ljust(3, "0"))
    return weight if weight <= 1000 else 0


def value_and_parameters(text: str) -> tuple[str, Iterator[tuple[str, str]]]:
    r"""Returns a value, and the parameters behind it: `form-data; name="a;b"`.

    Names are as sent; a quoted value is without its quotes, and `\"` in it is `"`. What is no
    parameter is left out.
    """
    parts = _split(text, ";")
    return next(parts), _parameters(parts)


def _parameters(parts: Iterable[str]) -> Iterator[tuple[str, str]]:
    for part in parts:
        name, is_one, value = part.partition("=")
        if is_one:
            yield name.strip(SPACES), _unquoted(value.strip(SPACES))


def _split(text: str, separator: str) -> Iterator[str]:
    """Returns the parts between separators that are outside of quotes, without spaces around."""
    start = 0
    for token in _TOKENS[separator].finditer(text):
        if token[0] == separator:
            yield text[start : token.start()].strip(SPACES)
            start = token.end()
    yield text[start:].strip(SPACES)


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    # Browsers send backslashes in names of files as they are, so only `\"` is an escape.
    return value[1:-1].replace('\\"', '"')
