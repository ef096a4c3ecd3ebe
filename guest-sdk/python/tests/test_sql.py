"""Databases, over the toy host's SQLite."""

from __future__ import annotations

import unittest
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from test_http import Served

from snow import Database, Rows, SqlError, Statement, _call, _toy_sql, route, sql, suspend, testing
from snow._contract_sql import statement

app = Database("app")


def news(resumed: Any) -> str:
    return resumed.value.text


class Sql(Served):
    def setUp(self) -> None:
        super().setUp()
        testing.empty_databases()
        testing.database("app").executescript(
            "create table users (id integer primary key, name text unique not null, cents real)"
        )

    def in_a_call(self, function: Any) -> Any:
        return _call.run(function)

    def query(self, text: str, *values: Any) -> Rows:
        return self.in_a_call(lambda: app.query(text, *values))

    def test_rows_are_read_by_name_and_by_place(self) -> None:
        done = self.query("insert into users (name, cents) values ($1, $2)", "ann", 2.5)
        self.assertEqual((done.affected, done.last_id, len(done)), (1, 1, 0))
        self.assertIsNone(done.first)
        self.query("insert into users (name) values (?)", "bob")
        found = self.query("select * from users where id >= $1 or id = $1 order by id", 1)
        self.assertEqual(found.columns, ["id", "name", "cents"])
        self.assertEqual([row["name"] for row in found], ["ann", "bob"])
        row = found[0]
        self.assertEqual((row["cents"], row[0], row[-1]), (2.5, 1, 2.5))
        self.assertEqual(dict(row), {"id": 1, "name": "ann", "cents": 2.5})
        number, name, _ = row.values()
        self.assertEqual((number, name), (1, "ann"))
        self.assertIsNone(found[1]["cents"])
        self.assertEqual([row["id"] for row in found[1:]], [2])
        with self.assertRaisesRegex(KeyError, "no column 'Name'; the columns are id, name, cents"):
            row["Name"]
        self.assertNotIn("ann", f"{row!r} {found!r}")

    def test_of_columns_with_one_name_the_first_counts(self) -> None:
        row = self.query("select 1 as a, 2 as b, 3 as a")[0]
        self.assertEqual((dict(row), row[2]), ({"a": 1, "b": 2}, 3))
        self.assertEqual(Rows(["a"], [[1], [2]], affected=2).first, {"a": 1})

    def test_values_have_their_own_types(self) -> None:
        made = Decimal("2.50")
        when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        cases: list[tuple[Any, Any]] = [
            (None, _toy_sql.Value_Null()),
            (True, _toy_sql.Value_Boolean(True)),
            (-(1 << 63), _toy_sql.Value_Integer(-(1 << 63))),
            (1 << 63, _toy_sql.Value_Text("9223372036854775808")),
            (1.5, _toy_sql.Value_Real(1.5)),
            ("ö", _toy_sql.Value_Text("ö")),
            (b"\xff", _toy_sql.Value_Blob(b"\xff")),
            (bytearray(b"a"), _toy_sql.Value_Blob(b"a")),
            (made, _toy_sql.Value_Text("2.50")),
            (UUID(int=1), _toy_sql.Value_Text("00000000-0000-0000-0000-000000000001")),
            (when, _toy_sql.Value_Text("2026-01-02T03:04:05+00:00")),
            (date(2026, 1, 2), _toy_sql.Value_Text("2026-01-02")),
            (time(3, 4, 5, 500_000), _toy_sql.Value_Text("03:04:05.500000")),
        ]
        for value, expected in cases:
            self.assertEqual(statement("x", (value,)).parameters, [expected])
        for wrong in ([], {}, object()):
            with self.assertRaisesRegex(TypeError, r"the value of \$2 is None, bool, .*json.dumps"):
                statement("x", (1, wrong))
        with self.assertRaisesRegex(ValueError, r"the value of \$1 has .*surrogate"):
            statement("x", ("\ud800",))
        with self.assertRaisesRegex(TypeError, "a statement is str"):
            statement(b"x", ())  # type: ignore[arg-type]
        row = self.query("select $1 as a, $2 as b, $3 as c, $4 as d", None, 1.5, "t", b"\xff")[0]
        self.assertEqual(dict(row), {"a": None, "b": 1.5, "c": "t", "d": b"\xff"})

    def test_a_transaction_is_all_or_nothing(self) -> None:
        add = "insert into users (name) values ($1)"
        count = "select count(*) as n from users"

        def both() -> Any:
            return app.transact([Statement(add, "a"), Statement(add, "b"), count])

        self.assertEqual(self.in_a_call(both)[2][0]["n"], 2)

        def neither() -> Any:
            app.transact(iter([Statement(add, "c"), Statement(add, "a")]))

        with self.assertRaises(sql.StatementFailed) as raised:
            self.in_a_call(neither)
        self.assertTrue(raised.exception.is_duplicate)
        self.assertEqual(raised.exception.code, "23505")
        self.assertEqual(self.query(count)[0]["n"], 2)
        with self.assertRaisesRegex(TypeError, "transact takes Statements and str, not tuple"):
            self.in_a_call(lambda: app.transact([("select 1",)]))  # type: ignore[list-item]

    def test_errors_are_told_apart(self) -> None:
        for raw, kind, is_temporary in [
            (_toy_sql.SqlError_Denied(), sql.Denied, False),
            (_toy_sql.SqlError_Limit("sql_rows_max"), sql.LimitReached, False),
            (_toy_sql.SqlError_Overloaded("x"), sql.Overloaded, True),
            (_toy_sql.SqlError_Unavailable("x"), sql.Unavailable, True),
            (_toy_sql.SqlError_TimedOut(), sql.TimedOut, True),
            (_toy_sql.SqlError_Failed(_toy_sql.Failure("42601", "no")), sql.StatementFailed, False),
        ]:
            error = sql._error(raw)
            self.assertIs(type(error), kind)
            self.assertEqual(error.is_temporary, is_temporary)
        self.assertEqual(str(error), "no (42601)")
        self.assertTrue(sql.StatementFailed("23000", "Duplicate entry 'a'").is_duplicate)
        self.assertFalse(sql.StatementFailed("23000", "can't be null").is_duplicate)
        with self.assertRaises(SqlError):
            self.query("selec 1")
        with self.assertRaises(sql.Denied):
            self.in_a_call(lambda: Database("denied").query("select 1"))
        with self.assertRaisesRegex(RuntimeError, "a Database is used in a handler"):
            app.query("select 1")

    def test_a_notification_is_waited_for(self) -> None:
        @route("GET", "/news")
        def ask() -> Any:
            return suspend(app.listen("news"), resume=news)

        @route("GET", "/now")
        async def now() -> str:
            pending = app.listen("now")
            testing.notify("app", "now", "then")
            return (await pending).text

        held = testing.call("GET", "/news")
        assert isinstance(held, testing.Held)
        self.assertEqual(testing.notify("app", "other", "no"), 0)
        self.assertEqual(testing.notify("app", "news", "hi"), 1)
        self.assertEqual(held.go_on().text, "hi")
        self.assertEqual(self.text("GET", "/now"), "then")

    def test_what_it_speaks(self) -> None:
        self.assertEqual(self.in_a_call(app.dialect), "sqlite")


if __name__ == "__main__":
    unittest.main()
