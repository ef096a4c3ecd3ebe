"""Coroutines in the style of Tornado: generators that yield what they wait for."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from types import GeneratorType
from typing import Any

sleep = asyncio.sleep


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
                send, value = generator.send, await _all(yielded)
            except Exception as error:
                send, value = generator.throw, error

    return run


async def _all(yielded: Any) -> Any:
    if isinstance(yielded, dict):
        values = await asyncio.gather(*yielded.values())
        return dict(zip(yielded, values, strict=True))
    if isinstance(yielded, (list, tuple)):
        return await asyncio.gather(*yielded)
    if yielded is None:
        return None
    if not isinstance(yielded, Awaitable):
        raise TypeError(f"a coroutine yielded {yielded!r}, for which nobody can wait")
    return await yielded
