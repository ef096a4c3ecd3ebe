"""What belongs to one call, and is gone when it ends: an instance serves many calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

T = TypeVar("T")

# The number of the call that runs, or ran last: an instance has one at a time.
_number = 0

# What objects that outlive the call keep for it. Tasks have a copy of the context, and so the same
# dict.
_own: ContextVar[dict[Any, Any]] = ContextVar("snow_own")


def run(function: Callable[[], T]) -> T:
    """Runs a function as one call. What it sets in context variables ends with it."""
    global _number
    _number += 1
    context = copy_context()
    context.run(_own.set, {})
    return context.run(function)


@contextmanager
def aside() -> Iterator[None]:
    """Lets another call run within this one, which goes on then: only in tests."""
    global _number
    mine = _number
    try:
        yield
    finally:
        _number = mine


def number() -> int:
    """Returns the number of the call that runs. While the guest's file runs it is that of none."""
    return _number


def own(owner: object, make: Callable[[], T]) -> T:
    """Returns what an object keeps for this call, which is made at its first use.

    Raises `RuntimeError` outside of a call.
    """
    kept = _own.get(None)
    if kept is None:
        kind = type(owner).__name__
        raise RuntimeError(f"a {kind} is used in a handler, not while the file runs")
    if owner not in kept:
        kept[owner] = make()
    return kept[owner]
