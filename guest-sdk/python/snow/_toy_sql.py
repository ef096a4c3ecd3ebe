"""The toy host's databases: the contract's types, and SQLite in memory, one for each name."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from snow import _toy
from snow._toy import Err

if TYPE_CHECKING:
    import sqlite3


@dataclass
class Value_Null:
    pass


@dataclass
class Value_Boolean:
    value: bool


@dataclass
class Value_Integer:
    value: int


@dataclass
class Value_Real:
    value: float


@dataclass
class Value_Text:
    value: str


@dataclass
class Value_Blob:
    value: bytes


@dataclass
class Statement:
    text: str
    parameters: list[Any]


@dataclass
class Rows:
    columns: list[str]
    rows: list[list[Any]]
    affected: int
    last_id: int | None


@dataclass
class Failure:
    code: str
    message: str


@dataclass
class SqlError_Denied:
    pass


@dataclass
class SqlError_Limit:
    value: str


@dataclass
class SqlError_Overloaded:
    value: str


@dataclass
class SqlError_Failed:
    value: Failure


@dataclass
class SqlError_Unavailable:
    value: str


@dataclass
class SqlError_TimedOut:
    pass


Dialect = enum.Enum("Dialect", "POSTGRES MYSQL SQLITE")

_CASES = {
    bool: Value_Boolean,
    int: Value_Integer,
    float: Value_Real,
    str: Value_Text,
    bytes: Value_Blob,
}

# The databases of all names.
databases: dict[str, sqlite3.Connection] = {}

# Those that wait for a notification, with the name of the database and the channel.
listening: list[tuple[str, str, _toy.Pending]] = []


def connection(name: str) -> sqlite3.Connection:
    """Returns the connection to a database, which is empty at first."""
    # Here, because a Python may lack it, and most guests do not need it.
    import sqlite3

    if name not in databases:
        databases[name] = sqlite3.connect(":memory:", isolation_level=None)
        databases[name].execute("pragma foreign_keys = on")
    return databases[name]


def _failed(error: sqlite3.Error) -> Err:
    name = getattr(error, "sqlite_errorname", "")
    is_duplicate = name in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
    is_constraint = name.startswith("SQLITE_CONSTRAINT")
    code = "23505" if is_duplicate else "23000" if is_constraint else "42000"
    return Err(SqlError_Failed(Failure(code, str(error))))


class Database:
    """A database. The toy host denies none but the one that is named `denied`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._connection = connection(name)

    @classmethod
    def open(cls, name: str) -> Database:
        if name == "denied":
            raise Err(SqlError_Denied())
        return cls(name)

    def dialect(self) -> Any:
        return Dialect.SQLITE

    def query(self, statement: Statement) -> Rows:
        import sqlite3

        values = [getattr(value, "value", None) for value in statement.parameters]
        # `$1` is a name to Python's module, and `?` a position.
        is_named = re.search(r"\$\d", statement.text) is not None
        named = {str(number): value for number, value in enumerate(values, 1)}
        try:
            cursor = self._connection.execute(statement.text, named if is_named else values)
            found = cursor.fetchall()
        except sqlite3.Error as error:
            raise _failed(error) from None
        rows = [
            [Value_Null() if value is None else _CASES[type(value)](value) for value in row]
            for row in found
        ]
        columns = [column[0] for column in cursor.description or ()]
        return Rows(columns, rows, max(cursor.rowcount, 0), cursor.lastrowid)

    def transact(self, statements: list[Statement]) -> list[Rows]:
        self._connection.execute("begin")
        try:
            done = [self.query(statement) for statement in statements]
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")
        return done

    def listen(self, channel: str) -> _toy.Pending:
        """SQLite has no notifications: those of the toy host come from the test."""
        pending = _toy.create(None)
        listening.append((self._name, channel, pending))
        return pending


def notify(name: str, channel: str, payload: bytes) -> int:
    """Settles those who wait on a channel, and returns how many there were."""
    came = [one for one in listening if one[:2] == (name, channel)]
    listening[:] = [one for one in listening if one not in came]
    for _, _, pending in came:
        if pending.settlement is None:
            pending.settle(_toy.Settlement_Value(payload))
    return len(came)


sql = SimpleNamespace(
    Database=Database,
    Dialect=Dialect,
    Failure=Failure,
    Rows=Rows,
    SqlError_Denied=SqlError_Denied,
    SqlError_Failed=SqlError_Failed,
    SqlError_Limit=SqlError_Limit,
    SqlError_Overloaded=SqlError_Overloaded,
    SqlError_TimedOut=SqlError_TimedOut,
    SqlError_Unavailable=SqlError_Unavailable,
    Statement=Statement,
    Value_Blob=Value_Blob,
    Value_Boolean=Value_Boolean,
    Value_Integer=Value_Integer,
    Value_Null=Value_Null,
    Value_Real=Value_Real,
    Value_Text=Value_Text,
)
