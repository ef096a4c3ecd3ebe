"""Databases: PostgreSQL, MySQL and MariaDB, and SQLite.

The deployer names databases in snow.toml, and grants them to guests (`databases` of a guest's
table).

    from snow import Database, HTTPError, route

    APP = Database("app")

    @route("GET", r"/users/(?P<id>\\d+)")
    def user(id: str) -> str:
        found = APP.query("select name from users where id = $1", int(id)).first
        if found is None:
            raise HTTPError(404, "there is no such user")
        return found["name"]

Values of clients go into placeholders (`$1`, `$2` and so on, in every database), and never into the
text. A query waits in place, in handlers of either kind: its line goes on when the result is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, overload

from snow import _call, _contract, _contract_sql
from snow._host import sql as _host
from snow._pending import Pending

__all__ = [
    "Database",
    "Denied",
    "LimitReached",
    "NoSuchColumn",
    "Overloaded",
    "Row",
    "Rows",
    "SqlError",
    "Statement",
    "StatementFailed",
    "TimedOut",
    "Unavailable",
    "Value",
]

# A value of a column. Decimals, dates, times, UUIDs, JSON and all other types are `str`.
Value: TypeAlias = bool | int | float | str | bytes | None


class SqlError(Exception):
    """The database has no result. The subclasses say why.

    If no handler catches it, the answer is a 500, and the log has the reason; a 503 if it may be
    over soon (`is_temporary`).
    """

    is_temporary = False


class Denied(SqlError):
    """This guest may not use this database here. The host's log says what the deployer can do."""


class LimitReached(SqlError):
    """This is too much: a limit of the host is reached, which the message names."""


class Overloaded(SqlError):
    """Others have too much under way: try again later. The message names the limit."""

    is_temporary = True


class StatementFailed(SqlError):
    """The database refuses the statement. Nothing was changed.

    `code` is its SQLSTATE, such as `23505` for a value that is there already; `message` is in the
    database's words.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message

    @property
    def is_duplicate(self) -> bool:
        """Whether a value was there already that may be there once, in any database."""
        # MySQL has one code for all that a row may not be.
        is_of_mysql = self.code == "23000" and "Duplicate entry" in self.message
        return self.code == "23505" or is_of_mysql


class Unavailable(SqlError):
    """The database can't be reached; or the connection was lost, and it is unknown whether the
    statement was carried out."""

    is_temporary = True


class TimedOut(SqlError):
    """It took too long. It is unknown whether the statement was carried out."""

    is_temporary = True


class Statement:
    """A statement with a value for each of its placeholders, for `Database.transact`.

    A value is `None`, `bool`, `int`, `float`, `str` or `bytes`; a `Decimal`, `UUID`, `date`, `time`
    or `datetime` becomes a text, and so does an `int` of more than 64 bits.
    """

    __slots__ = ("raw",)

    def __init__(self, text: str, *values: Any) -> None:
        self.raw = _contract_sql.statement(text, values)


class NoSuchColumn(KeyError):
    """A row has no column of this name."""

    def __init__(self, column: object, columns: Iterable[str]) -> None:
        super().__init__(f"there is no column {column!r}; the columns are {', '.join(columns)}")

    __str__ = Exception.__str__


class Row(Mapping[str, Any]):
    """A row: `row["name"]` by the name of the column, `row[0]` by its place; `dict(row)` is a dict.

    Of several columns with one name, the name means the first.
    """

    __slots__ = ("_places", "_values")

    def __init__(self, places: dict[str, int], values: Sequence[Value]) -> None:
        self._places = places
        self._values = values

    def __getitem__(self, column: str | int) -> Any:
        if isinstance(column, int):
            return self._values[column]
        if column not in self._places:
            raise NoSuchColumn(column, self._places)
        return self._values[self._places[column]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        # Without the values: a log is no place for them.
        return f"<Row of {', '.join(self._places)}>"


class Rows(Sequence[Row]):
    """The rows that a statement returned, in their order.

    - `columns`: the names of the columns.
    - `affected`: how many rows the statement has changed.
    - `last_id`: the value that was made for a column that numbers its rows (`AUTO_INCREMENT`, or
      the `rowid` of SQLite); `None` for PostgreSQL, which has `returning`.
    """

    __slots__ = ("_rows", "affected", "columns", "last_id")

    def __init__(
        self,
        columns: Sequence[str] = (),
        rows: Iterable[Sequence[Value]] = (),
        *,
        affected: int = 0,
        last_id: int | None = None,
    ) -> None:
        self.columns = list(columns)
        places: dict[str, int] = {}
        for place, name in enumerate(self.columns):
            places.setdefault(name, place)
        self._rows = [Row(places, row) for row in rows]
        self.affected = affected
        self.last_id = last_id

    @property
    def first(self) -> Row | None:
        """The first row; `None` if there is none."""
        return self._rows[0] if self._rows else None

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        return self._rows[place]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<{len(self)} Rows of {', '.join(self.columns)}, {self.affected} affected>"


class Database:
    """A database: `app = Database("app")`, by its name in snow.toml.

    It is opened at its first use in each call, so it may be a global variable. All methods raise a
    `SqlError` if there is no result.
    """

    def __init__(self, name: str) -> None:
        self.name = _contract.text("the name of a database", name)

    def __repr__(self) -> str:
        return f"Database({self.name!r})"

    @property
    def _host(self) -> _contract_sql.HostDatabase:
        return _call.own(self, lambda: _contract_sql.HostDatabase(self.name, _error))

    def dialect(self) -> str:
        """Returns what it speaks: `postgres`, `mysql` (MariaDB too) or `sqlite`."""
        return self._host.dialect()

    def query(self, text: str, *values: Any) -> Rows:
        """Carries out one statement, with a value for each of its placeholders: `$1`, `$2`, …

        What a value may be stands at `Statement`. A client that leaves meanwhile ends the call, and
        the database is asked to stop.
        """
        statement = _contract_sql.statement(text, values)
        return _rows(self._host.query(statement))

    def transact(self, statements: Iterable[Statement | str]) -> list[Rows]:
        """Carries out statements as one transaction: all of them or none.

            app.transact([
                Statement("update accounts set cents = cents - $1 where id = $2", cents, payer),
                Statement("update accounts set cents = cents + $1 where id = $2", cents, payee),
            ])

        Returns what each returned. It is the only way to a transaction.
        """
        raw = [_raw(statement) for statement in statements]
        return [_rows(rows) for rows in self._host.transact(raw)]

    def listen(self, channel: str) -> Pending:
        """Makes a pending of the next notification on a channel (PostgreSQL's `NOTIFY`).

        It is settled with the payload. Listen first, look at the data then, and suspend if there is
        nothing new: no notification after this call is missed. If the connection is lost, that is a
        `Failed` with the code `unavailable`. For other databases it is a `StatementFailed` with
        `0A000`.
        """
        return Pending.of(self._host.listen(channel))


def _raw(statement: Statement | str) -> _host.Statement:
    if isinstance(statement, str):
        return _contract_sql.statement(statement, ())
    if isinstance(statement, Statement):
        return statement.raw
    kind = type(statement).__name__
    raise TypeError(f"transact takes Statements and str, not {kind}: Statement(text, *values)")


def _rows(raw: _host.Rows) -> Rows:
    value = _contract_sql.value
    rows = ([value(one) for one in row] for row in raw.rows)
    return Rows(raw.columns, rows, affected=raw.affected, last_id=raw.last_id)


def _error(raw: _host.SqlError) -> SqlError:
    if isinstance(raw, _host.SqlError_Denied):
        return Denied("the host does not allow this guest to use this database here")
    if isinstance(raw, _host.SqlError_TimedOut):
        return TimedOut("the database took too long")
    if isinstance(raw, _host.SqlError_Failed):
        return StatementFailed(raw.value.code, raw.value.message)
    if isinstance(raw, _host.SqlError_Limit):
        return LimitReached(raw.value)
    is_overloaded = isinstance(raw, _host.SqlError_Overloaded)
    return (Overloaded if is_overloaded else Unavailable)(raw.value)
