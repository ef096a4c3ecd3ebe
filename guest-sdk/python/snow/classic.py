"""The programming model of Snow, the web framework: a list of routes, and handlers that yield.

    from snow.classic import Future, HttpResponse, Snow, Waiting

    requests = Waiting("requests")

    def req(request):
        future = Future(callback=answered)
        requests.append(future)
        yield future

A handler that yields a `Future` ends there: the client waits without an instance, and the callback
answers when the future has its result. So nothing may follow the `yield`, and futures that others
are to find are kept in a `Waiting`, which is the host's, instead of a list.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from types import GeneratorType
from typing import Any

from snow import _http
from snow._http import Request
from snow._pending import Pending, set_next, timer, waiting
from snow._routing import add_route, place
from snow._suspension import Resumed, Suspension, find, name_of, suspend


class HttpResponse(_http.Response):
    """An answer, whose text is its first argument."""


class Future:
    """What a handler waits for by `yield`.

    `callback(request, future)` makes the answer when it is settled; `future.value` is then what
    `set_result` was given. A future that is not settled within `timeout` seconds has
    `future.timed_out`.
    """

    def __init__(
        self,
        callback: Callable[[Request, Future], Any] | None = None,
        timeout: float | None = None,
        key: str | None = None,
    ) -> None:
        self.callback = callback
        self.timeout = timeout
        self.key = key
        self.value: str | None = None
        self.timed_out = False

    def set_result(self, value: Any = "") -> None:
        """Settles the one that has waited longest. Nothing happens if it has left meanwhile."""
        if self.key is None:
            raise RuntimeError("nobody finds this future: append it to a Waiting before the yield")
        set_next(self.key, value)

    def pending(self) -> Pending:
        """Makes what the host waits for."""
        return Pending(self.key)


class TimeoutFuture(Future):
    """A future that the clock settles after so many seconds."""

    def __init__(
        self, seconds: float, callback: Callable[[Request, Future], Any] | None = None
    ) -> None:
        # The deadline must not come before the timer.
        super().__init__(callback, seconds + 5)
        self.seconds = seconds

    def pending(self) -> Pending:
        return timer(self.seconds)


class Waiting:
    """Futures that wait under a key: to the handlers a list, of which the host has the content.

    Its first element is the future that has waited longest, in whatever instance that was.
    """

    def __init__(self, key: str) -> None:
        self.key = key

    def append(self, future: Future) -> None:
        """Lets a future wait under the key, once its handler yields it."""
        future.key = self.key

    def pop(self, index: int = 0) -> Future:
        """Returns the future that has waited longest. Its place is free when it has its result."""
        return self[index]

    def __getitem__(self, index: int) -> Future:
        if index != 0 or len(self) == 0:
            raise IndexError("nobody waits" if index == 0 else "only the first can be had")
        return Future(key=self.key)

    def __delitem__(self, index: int) -> None:
        """Does nothing: what has its result waits no more."""

    def __len__(self) -> int:
        return waiting(self.key)


class Snow:
    """An application: a list of paths, as regular expressions, and their handlers."""

    def __init__(self, routes: Iterable[tuple[str, Callable[[Request], Any]]]) -> None:
        self.routes = list(routes)

    def run(self, host: str | None = None, port: int | None = None) -> None:
        """Serves the routes. Where it listens is the host's to know, so the address is ignored."""
        for pattern, handler in self.routes:
            add_route([], pattern, _serve(handler))


def _serve(handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
    def serve(request: Request) -> Any:
        answer = handler(request)
        return _yielded(handler, answer) if isinstance(answer, GeneratorType) else answer

    return serve


def _yielded(handler: Callable[..., Any], generator: Generator[Any, Any, Any]) -> Suspension | Any:
    """Returns a suspension until the future that a handler yields is settled."""
    try:
        future = next(generator)
    except StopIteration as end:
        return end.value
    if not isinstance(future, Future):
        raise TypeError(f"{place(handler)} yielded a {type(future).__name__}: yield a Future")
    name = None if future.callback is None else name_of(future.callback)
    return suspend(
        future.pending(),
        resume=_resume,
        state=name,
        timeout=future.timeout,
        keep_request=True,
    )


def _resume(resumed: Resumed) -> Any:
    future = Future()
    future.timed_out = resumed.timed_out
    if not resumed.timed_out:
        future.value = resumed.value.text
    if resumed.state is not None:
        return find(resumed.state)(resumed.request, future)
    return (
        HttpResponse("timeout", 504) if future.timed_out else HttpResponse(future.value or "done")
    )
