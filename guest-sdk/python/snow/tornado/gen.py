"""Coroutines in the style of Tornado: generators that yield what they wait for."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from types import GeneratorType
from typing import Any

sleep = asyncio.sleep

# What `with_timeout` raises.
TimeoutError = TimeoutError


def coroutine(function: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Makes a coroutine of a generator function.

    A `yield` waits for a future, a coroutine or a pending, or for a list or a dict of them at once.
    """

    @functools.wraps(function)
    async def run(*arguments: Any, **named: Any) -> Any:
        generator = function(*arguments, **named)
        if not isinstance(generator, GeneratorType):
            return generator
        send: Callable[..., Any] = generator.send
        value: Any = None
        while True:
            try:
                yielded = send(value)
            except StopIteration as end:
                return end.value
            try:
                came = None if yielded is None else await _awaitable(yielded)
                send, value = generator.send, came
            except Exception as error:
                send, value = generator.throw, error

    return run


def multi(children: Any) -> Awaitable[Any]:
    """Waits for all of a list or a dict, at once. Returns a list or a dict of what they became.

    Raises what the first of them raised that failed; the others go on until the handler ends.
    """
    if isinstance(children, dict):
        return _named(list(children), asyncio.gather(*children.values()))
    return asyncio.gather(*children)


async def _named(names: list[Any], values: Awaitable[list[Any]]) -> dict[Any, Any]:
    return dict(zip(names, await values, strict=True))


async def with_timeout(timeout: float | timedelta, future: Any) -> Any:
    """Waits for one, or for a list or a dict of them, but no longer than until a time.

    As with Tornado, a number is a moment, `time.time()` and some seconds, and a `timedelta` is from
    now. Raises `gen.TimeoutError` then, and what it waited for is given up.
    """
    if isinstance(timeout, timedelta):
        seconds = timeout.total_seconds()
    else:
        seconds = timeout - time.time()
    return await asyncio.wait_for(_awaitable(future), max(seconds, 0))


def _awaitable(yielded: Any) -> Awaitable[Any]:
    if isinstance(yielded, (dict, list, tuple)):
        return multi(yielded)
    if not isinstance(yielded, Awaitable):
        raise TypeError(f"a coroutine yielded {yielded!r}, for which nobody can wait")
    return yielded
