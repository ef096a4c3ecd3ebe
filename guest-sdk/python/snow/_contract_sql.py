"""Statements and values of databases as they go to the host, and what comes back.

As in `_contract`: what the host is given has been checked, so that a wrong value is an exception.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from snow._contract import text
from snow._host import Err, pending_handles, sql

T = TypeVar("T")

_S64_MIN, _S64_MAX = -(1 << 63), (1 << 63) - 1

_TAKES = "None, bool, int, float, str, bytes, Decimal, UUID, date, time or datetime"


def statement(words: str, values: tuple[Any, ...]) -> sql.Statement:
    """Returns a statement of the contract, with a value for each of its placeholders."""
    return sql.Statement(
        text("a statement", words),
        [_value(f"${number}", value) for number, value in enumerate(values, 1)],
    )


def _value(place: str, value: Any) -> sql.Value:
    if value is None:
        return sql.Value_Null()
    if isinstance(value, str):
        return sql.Value_Text(text(f"the value of {place}", value))
    if isinstance(value, bool):
        return sql.Value_Boolean(value)
    if isinstance(value, int):
        number = int(value)
        # As the database returns it: a larger one is a text.
        fits = _S64_MIN <= number <= _S64_MAX
        return sql.Value_Integer(number) if fits else sql.Value_Text(str(number))
    if isinstance(value, float):
        return sql.Value_Real(float(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return sql.Value_Blob(bytes(value))
    if isinstance(value, (Decimal, UUID)):
        return sql.Value_Text(str(value))
    if isinstance(value, (datetime, date, time)):
        return sql.Value_Text(value.isoformat())
    kind = type(value).__name__
    raise TypeError(f"the value of {place} is {_TAKES}, not {kind}: json.dumps makes a text of it")


def value(raw: sql.Value) -> Any:
    """Returns a value of the contract as an author has it."""
    return None if isinstance(raw, sql.Value_Null) else raw.value


class HostDatabase:
    """A database that is open. A refusal of the host is raised as what `error` makes of it."""

    def __init__(self, name: str, error: Callable[[Any], Exception]) -> None:
        self._error = error
        self._raw = self._ask(sql.Database.open, text("the name of a database", name))

    def _ask(self, function: Callable[..., T], *arguments: Any) -> T:
        try:
            return function(*arguments)
        except Err as error:
            raise self._error(error.value) from None

    def dialect(self) -> str:
        """Returns what it speaks: `postgres`, `mysql` or `sqlite`."""
        return self._ask(self._raw.dialect).name.lower()

    def query(self, statement: sql.Statement) -> sql.Rows:
        """Carries out one statement."""
        return self._ask(self._raw.query, statement)

    def transact(self, statements: list[sql.Statement]) -> list[sql.Rows]:
        """Carries out all of these statements, or none."""
        return self._ask(self._raw.transact, statements)

    def listen(self, channel: str) -> pending_handles.Pending:
        """Creates a pending that the next notification on a channel settles."""
        return self._ask(self._raw.listen, text("the channel", channel))
