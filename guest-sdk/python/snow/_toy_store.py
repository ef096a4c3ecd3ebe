"""The toy host's store: the contract's types, and buckets within one process."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from snow import _toy
from snow._toy import Err

# How many keys a page has: few, so that tests turn pages.
_PAGE_KEYS = 3


@dataclass
class Entry:
    value: bytes
    version: int


@dataclass
class Condition_Always:
    pass


@dataclass
class Condition_Absent:
    pass


@dataclass
class Condition_Version:
    value: int


@dataclass
class SetOptions:
    expires_ms: int | None
    only: Any


@dataclass
class StoreError_Denied:
    pass


@dataclass
class StoreError_Conflict:
    value: Entry | None


@dataclass
class StoreError_Limit:
    value: str


@dataclass
class StoreError_NotAnInteger:
    pass


@dataclass
class StoreError_Unavailable:
    value: str


@dataclass
class Page:
    keys: list[str]
    next: str | None


@dataclass
class _Held:
    entry: Entry
    # When it expires.
    due: float | None


class _Content:
    """What a bucket holds, and who waits for a change of it."""

    def __init__(self) -> None:
        self.held: dict[str, _Held] = {}
        self.waits: list[tuple[str, int | None, _toy.Pending]] = []


# The buckets of all names.
buckets: dict[str, _Content] = {}

_versions = itertools.count(1)


class Bucket:
    """A bucket. The toy host denies none but the one that is named `denied`."""

    def __init__(self, name: str) -> None:
        self._content = buckets.setdefault(name, _Content())

    @classmethod
    def open(cls, name: str) -> Bucket:
        if name == "denied":
            raise Err(StoreError_Denied())
        return cls(name)

    def get(self, key: str) -> Entry | None:
        held = self._content.held.get(key)
        if held is not None and held.due is not None and time.monotonic() >= held.due:
            del self._content.held[key]
            held = None
        return None if held is None else held.entry

    def _check(self, key: str, only: Any) -> None:
        entry = self.get(key)
        is_absent = isinstance(only, Condition_Absent)
        if (
            is_absent
            and entry is not None
            or (isinstance(only, Condition_Version) and (not entry or entry.version != only.value))
        ):
            raise Err(StoreError_Conflict(entry))

    def set(self, key: str, value: bytes, options: SetOptions) -> int:
        self._check(key, options.only)
        due = None if options.expires_ms is None else time.monotonic() + options.expires_ms / 1000
        entry = Entry(value, next(_versions))
        self._content.held[key] = _Held(entry, due)
        self._tell(key)
        return entry.version

    def delete(self, key: str, only: Any) -> bool:
        self._check(key, only)
        existed = self._content.held.pop(key, None) is not None
        self._tell(key)
        return existed

    def increment(self, key: str, by: int) -> int:
        entry = self.get(key)
        try:
            total = by + (0 if entry is None else int(entry.value))
        except ValueError:
            raise Err(StoreError_NotAnInteger()) from None
        self.set(key, str(total).encode(), SetOptions(None, Condition_Always()))
        return total

    def list(self, prefix: str, after: str | None, limit: int) -> Page:
        keys = sorted(key for key in self._content.held if key.startswith(prefix))
        rest = [key for key in keys if after is None or key > after]
        page = rest[: min(limit, _PAGE_KEYS)]
        return Page(page, page[-1] if len(page) < len(rest) else None)

    def changed(self, key: str, since: int | None) -> _toy.Pending:
        pending = _toy.create(None)
        self._content.waits.append((key, since, pending))
        self._tell(key)
        return pending

    def _tell(self, key: str) -> None:
        """Settles those that wait for a change that has come."""
        entry = self.get(key)
        left = []
        for wait in self._content.waits:
            waited, since, pending = wait
            if waited != key or since == (None if entry is None else entry.version):
                left.append(wait)
            elif pending.settlement is None:
                pending.settle(
                    _toy.Settlement_Failed(_toy.Failure("deleted", "the key was deleted"))
                    if entry is None
                    else _toy.Settlement_Value(entry.value)
                )
        self._content.waits = left


store = SimpleNamespace(
    Bucket=Bucket,
    Condition_Absent=Condition_Absent,
    Condition_Always=Condition_Always,
    Condition_Version=Condition_Version,
    Entry=Entry,
    Page=Page,
    SetOptions=SetOptions,
    StoreError_Conflict=StoreError_Conflict,
    StoreError_Denied=StoreError_Denied,
    StoreError_Limit=StoreError_Limit,
    StoreError_NotAnInteger=StoreError_NotAnInteger,
    StoreError_Unavailable=StoreError_Unavailable,
)
