"""A toy host for a plain Python: the contract's types, and pendings within one process.

It has the names that componentize-py gives the bindings of wit/snow.wit.
"""

from __future__ import annotations

import enum
import secrets
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


class Err(Exception):
    """A refusal."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


@dataclass
class Field:
    name: str
    value: bytes


@dataclass
class Param:
    name: str | None
    value: str


@dataclass
class Request:
    id: str
    client: str
    scheme: str
    authority: str
    method: str
    path: str
    query: str | None
    params: list[Param]
    headers: list[Field]
    body: bytes


@dataclass
class Response:
    status: int
    headers: list[Field]
    body: bytes


Join = enum.Enum("Join", "ALL ANY")
Cause = enum.Enum("Cause", "SETTLED DEADLINE")
Refusal = enum.Enum("Refusal", "UNKNOWN ALREADY_SETTLED DENIED LIMIT")


@dataclass
class Failure:
    code: str
    message: str


@dataclass
class Settlement_Value:
    value: bytes


@dataclass
class Settlement_Response:
    value: Response


@dataclass
class Settlement_Failed:
    value: Failure


@dataclass
class Outcome_Respond:
    value: Response


@dataclass
class Outcome_Suspend:
    value: Suspension


@dataclass
class Suspension:
    handles: list[Pending]
    until: Any
    timeout_ms: int | None
    on_timeout: Response | None
    resume: bool
    keep_request: bool
    state: bytes


@dataclass
class Arrival:
    handle: Pending
    settlement: Any


@dataclass(eq=False)
class Pending:
    """A pending. All that are not settled are in `open_pendings`."""

    key: str | None = None
    due: float | None = None
    settlement: Any = None
    _token: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def token(self) -> str:
        return self._token

    def look(self) -> Any:
        """Returns what it is settled with by now."""
        if self.settlement is None and self.due is not None and time.monotonic() >= self.due:
            self.settle(Settlement_Value(b""))
        return self.settlement

    def settle(self, settlement: Any) -> None:
        self.settlement = settlement
        open_pendings.remove(self)


open_pendings: list[Pending] = []


def create(key: str | None) -> Pending:
    pending = Pending(key)
    open_pendings.append(pending)
    return pending


def timer(after_ms: int) -> Pending:
    pending = Pending(due=time.monotonic() + after_ms / 1000)
    open_pendings.append(pending)
    return pending


def set_result(token: str, settlement: Any) -> None:
    for pending in open_pendings:
        if pending.token() == token:
            return pending.settle(settlement)
    raise Err(Refusal.UNKNOWN)


def set_next(key: str, settlement: Any) -> bool:
    for pending in open_pendings:
        if pending.key == key:
            pending.settle(settlement)
            return True
    return False


def set_all(key: str, settlement: Any) -> int:
    found = [pending for pending in open_pendings if pending.key == key]
    for pending in found:
        pending.settle(settlement)
    return len(found)


def waiting(key: str) -> int:
    return sum(pending.key == key for pending in open_pendings)


def wait(handles: list[Pending], until: Any, timeout_ms: int | None) -> list[Any]:
    """Waits for timers. Nobody else can settle meanwhile, so without one the time passes."""
    end = time.monotonic() + (30_000 if timeout_ms is None else timeout_ms) / 1000
    while True:
        found = [pending.look() for pending in handles]
        came = sum(settlement is not None for settlement in found)
        now = time.monotonic()
        if now >= end or (came == len(found) if until is Join.ALL else came > 0):
            return found
        due = [pending.due for pending in handles if pending.due is not None and pending.due > now]
        time.sleep(min([end, *due]) - now)


http = SimpleNamespace(Field=Field, Param=Param, Request=Request, Response=Response)
pending_handles = SimpleNamespace(
    Arrival=Arrival,
    Cause=Cause,
    Failure=Failure,
    Join=Join,
    Outcome_Respond=Outcome_Respond,
    Outcome_Suspend=Outcome_Suspend,
    Pending=Pending,
    Refusal=Refusal,
    Settlement_Failed=Settlement_Failed,
    Settlement_Response=Settlement_Response,
    Settlement_Value=Settlement_Value,
    Suspension=Suspension,
    create=create,
    set_all=set_all,
    set_next=set_next,
    set_result=set_result,
    timer=timer,
    wait=wait,
    waiting=waiting,
)
