"""State that outlives a call: buckets of keys, each with a value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Literal, TypeAlias

from snow import _call, _contract
from snow._host import store
from snow._pending import Pending

# How often `update` tries.
_UPDATES_MAX = 1_000


@dataclass(frozen=True)
class Entry:
    """What a key holds. A later version of a key is a higher number."""

    value: bytes
    version: int

    @property
    def text(self) -> str:
        """The value as text."""
        return self.value.decode(errors="replace")

    def json(self) -> Any:
        """Returns the value that was set as JSON."""
        return json.loads(self.value)


class StoreError(Exception):
    """The store did nothing. The subclasses say why."""


class Denied(StoreError):
    """This guest may not use this bucket here. The host's log says what the deployer can do."""


class Conflict(StoreError):
    """The key is not as the condition wants it. `entry` is what it holds; `None` if nothing."""

    def __init__(self, entry: Entry | None) -> None:
        held = "does not exist" if entry is None else f"has version {entry.version} by now"
        super().__init__(f"the key {held}")
        self.entry = entry


class LimitReached(StoreError):
    """A limit of the host is reached, which the message names."""


class NotAnInteger(StoreError):
    """The value is no integer, or the sum does not fit into 64 bits."""


class Unavailable(StoreError):
    """The disk takes no writes. Reads go on."""


class _Absent(Enum):
    ABSENT = "the key does not exist"


# The condition that a key does not exist: `bucket.set(key, value, only=ABSENT)`.
ABSENT = _Absent.ABSENT

# A condition: no condition, that the key does not exist, or that it has this version.
Only: TypeAlias = Literal[_Absent.ABSENT] | int | None


class Bucket:
    """A bucket of keys: `orders = Bucket("shop/orders")`.

    A guest may use the bucket that has its own name, also called `default`, and those whose names
    begin with its name and a slash, and the `buckets` that snow.toml grants it. It is opened at its
    first use in each call, so it may be a global variable.

    All methods raise a `StoreError` if the host refuses.
    """

    def __init__(self, name: str = "default") -> None:
        self.name = _contract.text("the name of a bucket", name)

    def __repr__(self) -> str:
        return f"Bucket({self.name!r})"

    @property
    def _host(self) -> _contract.HostBucket:
        return _call.own(self, lambda: _contract.HostBucket(self.name, _error))

    def get(self, key: str) -> Entry | None:
        """Returns what a key holds; `None` if it does not exist."""
        return _entry(self._host.get(key))

    def set(
        self,
        key: str,
        value: Any,
        *,
        expires: timedelta | float | None = None,
        only: Only = None,
    ) -> int:
        """Sets a key, and returns its new version.

        - `value`: text, bytes, or anything else that can be JSON.
        - `expires`: how long the entry exists, as seconds or a `timedelta`; without it, until it is
          deleted.
        - `only`: `ABSENT`, or the version that the key must have. If it is not so, that is a
          `Conflict`.
        """
        if isinstance(expires, timedelta):
            expires = expires.total_seconds()
        return self._host.set(key, value, expires, _condition(only))

    def update(self, key: str, change: Callable[[Entry | None], Any]) -> Entry:
        """Sets a key to what `change(entry)` returns, and tries again if others were faster.

        No change is lost. Returns what was set, which has no expiry. Raises `Conflict` if others
        were faster a thousand times.
        """
        entry = self.get(key)
        for _ in range(_UPDATES_MAX):
            value = _contract.encode("the value", change(entry))
            try:
                version = self.set(key, value, only=ABSENT if entry is None else entry.version)
            except Conflict as conflict:
                entry = conflict.entry
            else:
                return Entry(value, version)
        raise Conflict(entry)

    def delete(self, key: str, *, only: Only = None) -> bool:
        """Deletes a key. Returns whether it existed."""
        return self._host.delete(key, _condition(only))

    def increment(self, key: str, by: int = 1) -> int:
        """Adds to a key's value, an integer in decimal digits, and returns the sum.

        A key that does not exist counts as 0.
        """
        return self._host.increment(key, by)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Returns the keys that begin with a prefix, in the order of their bytes, page by page.

        They are not a snapshot: each page shows its moment.
        """
        after = None
        while True:
            page = self._host.list(prefix, after)
            yield from page.keys
            if page.next is None:
                return
            after = page.next

    def changed(self, key: str, since: int | None) -> Pending:
        """Makes a pending of the next change of a key: `bucket.changed(key, entry.version)`.

        It is settled with the key's value once its version is no longer `since`; `None` stands for
        a key that does not exist. If the key is deleted or expires, that is a `Failed` with the
        code `deleted`.
        """
        return Pending.of(self._host.changed(key, since))


def _condition(only: Only) -> store.Condition:
    if only is None:
        return store.Condition_Always()
    if only is ABSENT:
        return store.Condition_Absent()
    return store.Condition_Version(_contract.version("only", only))


def _entry(raw: store.Entry | None) -> Entry | None:
    return None if raw is None else Entry(raw.value, raw.version)


def _error(raw: store.StoreError) -> StoreError:
    if isinstance(raw, store.StoreError_Denied):
        return Denied("the host does not allow this guest to use this bucket here")
    if isinstance(raw, store.StoreError_Conflict):
        return Conflict(_entry(raw.value))
    if isinstance(raw, store.StoreError_NotAnInteger):
        return NotAnInteger("the value is no integer, or the sum does not fit into 64 bits")
    is_limit = isinstance(raw, store.StoreError_Limit)
    return (LimitReached if is_limit else Unavailable)(raw.value)
