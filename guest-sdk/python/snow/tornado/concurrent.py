"""Futures that live as long as the host, so that one request finds what another waits for."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from snow import _call
from snow._pending import WAIT_SECONDS, Pending, Value, set_all


@dataclass
class _Wait:
    """What a future has for one request."""

    value: Any = None
    callbacks: list[Callable[[Future], Any]] = field(default_factory=list)


class Future:
    """Something that requests wait for, under a key of the host.

    It may be a global variable: instances and workers that have a future with one key have the same
    one. Who yields it waits in place until somebody calls `set_result`. It can be settled again and
    again, each time for those who wait then. Results and callbacks are those of one request: no
    other one sees them.
    """

    def __init__(self, key: str, timeout: float | None = WAIT_SECONDS) -> None:
        self.key = key
        self.timeout = timeout

    def set_result(self, value: Any = None) -> None:
        """Lets all who wait for it go on, with this value as text, bytes or JSON."""
        set_all(self.key, value)

    def result(self) -> Any:
        """Returns what this request was settled with; `None` before that."""
        return _call.own(self, _Wait).value

    def add_done_callback(self, callback: Callable[[Future], Any]) -> None:
        """Has a function called when this request's wait is over, before it goes on."""
        _call.own(self, _Wait).callbacks.append(callback)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._wait().__await__()

    async def _wait(self) -> Any:
        own = _call.own(self, _Wait)
        callbacks, own.callbacks = own.callbacks, []
        value = await Pending(self.key).wait(self.timeout)
        own.value = value.text if isinstance(value, Value) else value
        for callback in callbacks:
            callback(self)
        return own.value
