"""The event loop of `async` handlers: where asyncio would ask the system, it waits in the host.

One call of the host waits for all that is awaited: pendings, and the next timer of `asyncio.sleep`
or `asyncio.wait_for`. Meanwhile the worker goes on with other calls.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from snow import _call
from snow._host import pending_handles
from snow._pending import Pending, Settled, wait_in_place

# An hour: nothing is expected sooner.
_SECONDS_MAX = 3600.0

# How long tasks that a handler leaves may take to end when they are cancelled.
_ENDING_SECONDS = 1.0

# A coroutine that does not wait is then over without a turn of the loop.
_EAGER: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


class Loop(asyncio.BaseEventLoop):
    """An event loop over the host's `wait`. It has no sockets, signals, threads or processes."""

    # The base class's own: what is to be called now, and later.
    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        super().__init__()
        # The base class asks this for what has happened.
        self._selector = self
        # What is awaited, by the future that is told.
        self.awaited: dict[asyncio.Future[Settled], Pending] = {}
        # The task of the handler.
        self.main: asyncio.Task[Any] | None = None
        # Whether the handler has started tasks, which may be left when it ends.
        self.has_tasks = False

    def create_task(self, *arguments: Any, **named: Any) -> asyncio.Task[Any]:
        self.has_tasks = True
        return super().create_task(*arguments, **named)

    def select(self, timeout: float | None) -> list[tuple[asyncio.Future[Settled], Settled]]:
        """Waits until something that is awaited is settled, or for so many seconds."""
        if not self.awaited:
            if timeout is None:
                self._nothing_comes()
            elif timeout > 0:
                wait_in_place([], pending_handles.Join.ANY, timeout)
            return []
        futures, pendings = list(self.awaited), list(self.awaited.values())
        limit = _SECONDS_MAX if timeout is None else timeout
        found = wait_in_place(pendings, pending_handles.Join.ANY, limit)
        pairs = zip(futures, found, strict=True)
        return [(future, settled) for future, settled in pairs if settled is not None]

    def _process_events(self, found: list[tuple[asyncio.Future[Settled], Settled]]) -> None:
        for future, settled in found:
            if not future.done():
                future.set_result(settled)

    def _write_to_self(self) -> None:
        """Wakes the loop from another thread. There are none."""

    def _nothing_comes(self) -> None:
        """Makes the handler fail at the line where it waits for something that can't come."""
        waiter: Any = self.main
        while isinstance(waiter, asyncio.Task):
            waiter = getattr(waiter, "_fut_waiter", None)
        error = RuntimeError(
            "this never ends: no pending, no timer and no other task is left that could settle it"
        )
        if waiter is None or waiter.done():
            raise error
        waiter.set_exception(error)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, function: Callable[..., Any], *arguments: Any
    ) -> asyncio.Future[Any]:
        """Calls the function at once, since there are no threads."""
        future = self.create_future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


_loop: Loop | None = None

# Tasks that do not end. To free one would close its coroutine, which is one more exception for it
# to swallow, and without a loop that runs it may never stop to do so.
_dropped: list[asyncio.Task[Any]] = []


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs a handler's coroutine to its end, and returns what it returned.

    Tasks that it has started and not awaited are cancelled: the answer is the end of the call.
    """
    global _loop
    if _loop is None:
        _loop = Loop()
    loop = _loop
    try:
        events._set_running_loop(loop)
        try:
            task = asyncio.Task(coroutine, loop=loop, **_EAGER)
        finally:
            events._set_running_loop(None)
        if task.done():
            return task.result()
        loop.main = task
        return loop.run_until_complete(task)
    finally:
        loop.main = None
        if loop.has_tasks or loop._ready or loop._scheduled or loop.awaited:
            # What can't be cancelled must not go on in the next call, which has another loop then.
            _loop = None
            if _cancel_rest(loop):
                _loop = loop


@contextmanager
def aside() -> Iterator[None]:
    """Leaves the handler that runs, and its loop, for a while: for tests whose jobs run at once."""
    global _loop
    mine, running = _loop, events._get_running_loop()
    _loop = None
    events._set_running_loop(None)
    try:
        with _call.aside():
            yield
    finally:
        if _loop is not None:
            _loop.close()
        _loop = mine
        events._set_running_loop(running)


def _cancel_rest(loop: Loop) -> bool:
    """Cancels the tasks that a handler has left. Returns whether all have ended.

    One that goes on after it was cancelled is dropped, or its client would wait for ever.
    """
    rest = asyncio.all_tasks(loop)
    for task in rest:
        task.cancel()
    if rest:
        loop.run_until_complete(asyncio.wait(rest, timeout=_ENDING_SECONDS))
    left = [task for task in asyncio.all_tasks(loop) if not task.done()]
    for task in left:
        logging.getLogger("snow").warning(
            "a task that its handler has left does not end when it is cancelled, and was dropped "
            "after %s second: %s",
            _ENDING_SECONDS,
            _place(task),
        )
    _dropped.extend(left)
    loop._ready.clear()
    loop._scheduled.clear()
    loop.awaited.clear()
    loop.has_tasks = False
    return not left


def _place(task: asyncio.Task[Any]) -> str:
    """Returns the name of a task's coroutine with its file and the line where it waits."""
    coroutine: Any = task.get_coro()
    name = getattr(coroutine, "__qualname__", repr(coroutine))
    frame = getattr(coroutine, "cr_frame", None)
    return f"{name} ({frame.f_code.co_filename}, line {frame.f_lineno})" if frame else name


async def wait(pending: Pending, timeout: float | None) -> Settled:
    """Waits for a pending. Raises `TimeoutError` after so many seconds."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, Loop):
        raise RuntimeError("a Pending is awaited in a handler, by the loop that runs the handler")
    future: asyncio.Future[Settled] = loop.create_future()
    loop.awaited[future] = pending
    timer = None if timeout is None else loop.call_later(timeout, _expire, future, timeout)
    try:
        return await future
    finally:
        loop.awaited.pop(future, None)
        if timer is not None:
            timer.cancel()


def _expire(future: asyncio.Future[Settled], timeout: float) -> None:
    if not future.done():
        future.set_exception(TimeoutError(f"nobody settled it within {timeout} seconds"))


def prepare() -> None:
    """Makes the handlers' loop, and lets `asyncio.run` make others of its kind."""
    global _loop
    _loop = Loop()
    asyncio.new_event_loop = events.new_event_loop = Loop
