"""Buckets, over the toy host."""

import unittest
from datetime import timedelta

from test_http import Served

from snow import (
    ABSENT,
    Bucket,
    Conflict,
    Denied,
    Failed,
    NotAnInteger,
    StoreError,
    _call,
    _toy_store,
    route,
    suspend,
    testing,
)

orders = Bucket("shop/orders")


def changed(resumed):
    return resumed.value.text


class Store(Served):
    def setUp(self) -> None:
        super().setUp()
        _toy_store.buckets.clear()

    def in_a_call(self, function):
        return _call.run(function)

    def test_a_key_is_set_read_and_deleted(self) -> None:
        def call():
            self.assertIsNone(orders.get("7"))
            version = orders.set("7", {"pizza": "ö"})
            entry = orders.get("7")
            self.assertEqual((entry.version, entry.json()), (version, {"pizza": "ö"}))
            self.assertGreater(orders.set("7", "text"), version)
            self.assertEqual((orders.get("7").text, orders.get("7").value), ("text", b"text"))
            return orders.delete("7"), orders.delete("7"), orders.get("7")

        self.assertEqual(self.in_a_call(call), (True, False, None))

    def test_conditions(self) -> None:
        def call():
            version = orders.set("7", "one", only=ABSENT)
            for only in (ABSENT, version + 1):
                with self.assertRaisesRegex(Conflict, f"has version {version} by now") as raised:
                    orders.set("7", "two", only=only)
                self.assertEqual(raised.exception.entry.text, "one")
            with self.assertRaises(StoreError):
                orders.delete("7", only=version + 1)
            with self.assertRaisesRegex(Conflict, "does not exist"):
                orders.set("8", "", only=1)
            self.assertTrue(orders.delete("7", only=version))

        self.in_a_call(call)

    def test_an_entry_expires(self) -> None:
        def call():
            orders.set("short", "", expires=0)
            orders.set("long", "", expires=timedelta(hours=1))
            return list(orders.keys()), orders.get("short"), orders.get("long").text

        self.assertEqual(self.in_a_call(call)[1:], (None, ""))

    def test_numbers_are_added(self) -> None:
        def call():
            self.assertEqual([orders.increment("n"), orders.increment("n", -5)], [1, -4])
            orders.set("text", "text")
            with self.assertRaises(NotAnInteger):
                orders.increment("text")
            for by, kind in ((1 << 63, ValueError), ("1", TypeError)):
                with self.assertRaisesRegex(kind, "by is"):
                    orders.increment("n", by)

        self.in_a_call(call)

    def test_keys_are_listed_over_pages(self) -> None:
        def call():
            for number in range(10):
                orders.set(f"n{number}", "")
            orders.set("other", "")
            return list(orders.keys("n"))

        self.assertEqual(self.in_a_call(call), [f"n{number}" for number in range(10)])

    def test_an_update_loses_no_change(self) -> None:
        def call():
            seen = []

            def add(entry):
                seen.append(entry and entry.text)
                if len(seen) == 1:
                    # Somebody else is faster.
                    orders.set("7", "theirs")
                return f"{entry.text if entry else ''} mine"

            entry = orders.update("7", add)
            self.assertEqual(orders.get("7"), entry)
            return seen, entry.text

        self.assertEqual(self.in_a_call(call), ([None, "theirs"], "theirs mine"))

    def test_a_request_waits_for_a_change(self) -> None:
        @route("GET", "/wait")
        def wait():
            return suspend(orders.changed("7", None), resume=changed)

        @route("GET", "/async")
        async def straight():
            version = orders.set("7", "old")
            pending = orders.changed("7", version)
            orders.set("7", "new")
            return (await pending).text

        held = testing.call("GET", "/wait")
        self.in_a_call(lambda: orders.set("7", "news"))
        self.assertEqual(held.go_on().text, "news")
        self.assertEqual(testing.call("GET", "/async").text, "new")

        def deleted():
            pending = orders.changed("7", orders.get("7").version)
            orders.delete("7")
            with self.assertRaisesRegex(Failed, "deleted"):
                pending.result(0)

        self.in_a_call(deleted)

    def test_what_is_refused_is_named(self) -> None:
        with self.assertRaises(Denied):
            self.in_a_call(lambda: Bucket("denied").get("7"))
        with self.assertRaisesRegex(RuntimeError, "a Bucket is used in a handler"):
            orders.get("7")
        for call in (
            lambda: orders.get(7),
            lambda: orders.set("7", "", only="1"),
            lambda: orders.set("7", "", expires="1"),
            lambda: orders.changed("7", "1"),
            lambda: list(orders.keys(None)),
        ):
            with self.assertRaises(TypeError):
                self.in_a_call(call)


if __name__ == "__main__":
    unittest.main()
