"""Futures that live as long as the host, so that one request finds what another waits for."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from snow._pending import WAIT_SECONDS, Pending, Value, settle_all


class Future:
    """Something that requests wait for, under a key of the host.

    It may be a global variable: instances and workers that have a future with one key have the same
    one. Who yields it waits in place until somebody calls `set_result`. It can be settled again and
    again, each time for those who wait then.
    """

    def __init__(self, key: str, timeout: float | None = WAIT_SECONDS) -> None:
        self.key = key
        self.timeout = timeout
        self._value: Any = None
        self._callbacks: list[Callable[[Future], Any]] = []

    def set_result(self, value: Any = None) -> None:
        """Lets all who wait for it go on, with this value as text, bytes or JSON."""
        settle_all(self.key, value)

    def result(self) -> Any:
        """Returns what this request was settled with."""
        return self._value

    def add_done_callback(self, callback: Callable[[Future], Any]) -> None:
        """Has a function called when this request's wait is over, before it goes on."""
        self._callbacks.append(callback)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._wait().__await__()

    async def _wait(self) -> Any:
        # It may be a global variable, and these belong to the request.
        callbacks, self._callbacks = self._callbacks, []
        value = await Pending(self.key).wait(self.timeout)
        self._value = value.text if isinstance(value, Value) else value
        for callback in callbacks:
            callback(self)
        return self._value
