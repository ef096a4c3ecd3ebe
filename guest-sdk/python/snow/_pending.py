"""What a request waits for, and how it is settled.

A pending is settled exactly once: under its key, by its token, or by the clock. It exists from the
moment it is made, so a settlement that comes before somebody waits for it is not lost.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from typing import Any, TypeAlias

from snow import _call, _contract
from snow._contract import Refused, milliseconds
from snow._host import pending_handles
from snow._http import Response

__all__ = ["Failed", "Pending", "Refused", "Settled", "Value"]

# The seconds that a wait in place takes at most, unless the guest says otherwise.
WAIT_SECONDS = 30.0


class Failed(Exception):
    """What was waited for failed: raised for who waits. Settle with one to make a wait fail.

    `code` is a short word for programs, the message is for people. Neither reaches a client.
    """

    def __init__(self, code: str, message: str = "") -> None:
        for what, value in (("a failure's code", code), ("a failure's message", message)):
            _contract.text_for_people(what, value)
        super().__init__(message or code)
        self.code = code
        self.message = message

    @classmethod
    def give_up(cls, message: str = "") -> Failed:
        """Returns the failure of a job that is not to be tried again: `raise Failed.give_up()`."""
        return cls("give-up", message)


class Value(bytes):
    """Bytes that something was settled with. A timer's are empty."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """The bytes as text."""
        return self.decode(errors="replace")

    def json(self) -> Any:
        """Returns the value that was sent as JSON."""
        return json.loads(self)


# What a pending was settled with.
Settled: TypeAlias = Value | Response | Failed


class Pending:
    """Something that will be settled exactly once.

    `Pending("orders/7")` is settled under that key, by this guest or any other; several may wait
    under one key, first in, first out. `Pending()` is settled by whoever has its `token`.

    It belongs to the call that made it: wait for it there, or return it in `suspend(...)`. What is
    left over is released when the call ends. Don't keep one in a global variable.
    """

    __slots__ = ("_call", "_handle", "_seconds")

    def __init__(self, key: str | None = None) -> None:
        self._handle = _contract.create(key)
        self._call = _call.number()
        self._seconds = WAIT_SECONDS

    @classmethod
    def of(cls, handle: pending_handles.Pending, seconds: float = WAIT_SECONDS) -> Pending:
        """Returns the pending that a handle of the host stands for, awaited for so many seconds."""
        pending = cls.__new__(cls)
        pending._handle = handle
        pending._call = _call.number()
        pending._seconds = seconds
        return pending

    @property
    def handle(self) -> pending_handles.Pending:
        """The host's handle. Raises `RuntimeError` in a later call than the one that made it."""
        if self._call != _call.number():
            raise RuntimeError(
                "this Pending was made by an earlier call, which has ended, and is gone: make a "
                "new one in each call, and keep none in a global variable"
            )
        return self._handle

    @property
    def token(self) -> str:
        """The right to settle it with `set_result`: ASCII, safe in a URL, not to be guessed."""
        return self.handle.token()

    def __await__(self) -> Generator[Any, None, Value | Response]:
        return self.wait(self._seconds).__await__()

    async def wait(self, timeout: float | None = WAIT_SECONDS) -> Value | Response:
        """Waits in place: `await pending` in an `async` handler, with another time.

        Raises `TimeoutError` after `timeout` seconds (`None`: never), and `Failed` if it was
        settled with a failure. While it waits it keeps its instance, and the host has room for a
        limited number of calls that do; `suspend(...)` waits without one.
        """
        # Here, because a guest without `async` handlers needs no event loop.
        from snow._loop import wait

        # Raises here if an earlier call made it, at the line that waits.
        _ = self.handle
        return unwrap(await wait(self, timeout))

    def result(self, timeout: float | None = WAIT_SECONDS) -> Value | Response:
        """Waits in place in a handler that is not `async`. Raises what `wait` raises."""
        [settled] = wait_all([self], timeout)
        if settled is None:
            raise TimeoutError(f"nobody settled it within {timeout} seconds")
        return unwrap(settled)


def timer(seconds: float) -> Pending:
    """Makes a pending that the clock settles, with an empty value."""
    return Pending.of(_contract.timer(seconds))


def set_result(token: str, value: Any = b"") -> None:
    """Settles the pending that has this token.

    The value is `str`, `bytes`, a `Response`, a `Failed`, or anything else that can be JSON.
    Raises `Refused` (`unknown`, `already-settled`, `denied`, `limit`).
    """
    _contract.set_result(token, lower(value))


def set_next(key: str, value: Any = b"") -> bool:
    """Settles the pending that has waited longest under a key. Returns whether there was one."""
    return _contract.set_next(key, lower(value))


def set_all(key: str, value: Any = b"") -> int:
    """Settles every pending that waits under a key now. Returns how many there were."""
    return _contract.set_all(key, lower(value))


def waiting(key: str) -> int:
    """Returns how many pendings wait under a key."""
    return _contract.waiting(key)


def wait_all(
    pendings: Iterable[Pending], timeout: float | None = WAIT_SECONDS
) -> list[Settled | None]:
    """Waits in place until every one of these is settled, or for so many seconds.

    Returns what each was settled with, in their order; `None` for those that were not.
    """
    return wait_in_place(list(pendings), pending_handles.Join.ALL, timeout)


def wait_any(
    pendings: Iterable[Pending], timeout: float | None = WAIT_SECONDS
) -> tuple[int, Settled] | None:
    """Waits in place until the first of these is settled, or for so many seconds.

    Returns its position and what it was settled with; `None` if the time passed first.
    """
    pendings = list(pendings)
    if not pendings:
        raise ValueError("wait_any was given no Pending, and none can be the first")
    found = wait_in_place(pendings, pending_handles.Join.ANY, timeout)
    return next(((at, settled) for at, settled in enumerate(found) if settled is not None), None)


def wait_in_place(
    pendings: list[Pending], until: pending_handles.Join, timeout: float | None
) -> list[Settled | None]:
    """Asks the host to wait. A time of `None` has no end, whenever the host ends a wait."""
    for one in pendings:
        if not isinstance(one, Pending):
            raise TypeError(f"one waits for a Pending, not for {type(one).__name__}")
    handles = [one.handle for one in pendings]
    is_all = until is pending_handles.Join.ALL
    limit = milliseconds(float(0xFFFF_FFFF) if timeout is None else timeout)
    while True:
        settlements = _contract.wait(handles, until, limit)
        came = (settlement is not None for settlement in settlements)
        if timeout is not None or (all(came) if is_all else any(came)):
            return [lift(settlement) for settlement in settlements]


def lower(value: Any) -> Any:
    """Returns a value as a settlement of the contract."""
    if isinstance(value, Response):
        return pending_handles.Settlement_Response(value.lower())
    if isinstance(value, Failed):
        return _contract.failure(value.code, value.message)
    data = b"" if value is None else _contract.encode("the value", value)
    return pending_handles.Settlement_Value(data)


def lift(settlement: Any) -> Settled | None:
    """Returns a settlement of the contract as an author has it."""
    if settlement is None:
        return None
    if isinstance(settlement, pending_handles.Settlement_Value):
        return Value(settlement.value)
    if isinstance(settlement, pending_handles.Settlement_Response):
        return Response.lift(settlement.value)
    return Failed(settlement.value.code, settlement.value.message)


def unwrap(settled: Settled) -> Value | Response:
    """Returns what came, or raises it if it is a failure."""
    if isinstance(settled, Failed):
        raise settled
    return settled
