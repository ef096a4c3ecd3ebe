"""Calls a guest's handlers under a plain Python, without a host.

    import unittest, hello
    from snow import testing

    class Hello(unittest.TestCase):
        def test_it_greets(self):
            self.assertEqual(testing.call("GET", "/hello/ada").text, "hello ada")

Patterns are matched by Python's own regular expressions. A request that is suspended gives a
`Held`; settle it, and `go_on` calls its `resume` function. `deployed` says what a deployer would.
Nothing is sent to other servers: `fetches` has what handlers have asked, and the test answers. Jobs
run when the test lets them: `jobs` has those that were started. A database is SQLite in memory,
whatever it is for the deployer: `database` has the connection to it.
For requests over sockets there is `snow-host test`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from snow import _contract, _loop, _routing, _toy, _toy_deployed, _toy_fetch, _toy_jobs, _toy_sql
from snow import jobs as _jobs
from snow._headers import Headers
from snow._http import Response
from snow._pending import Failed, Value, lower

if TYPE_CHECKING:
    import sqlite3

# Seconds that a request waits which says no other time: the host's default.
_TIMEOUT = 30.0


@dataclass
class Held:
    """A request that waits."""

    raw: _toy.Suspension
    request: _toy.Request
    # Seconds from its begin to its deadline.
    timeout: float = _TIMEOUT
    since: float = field(default_factory=time.monotonic)

    def go_on(self, after: float | None = None) -> Response | Held:
        """Ends the wait: with what came by now, or at the deadline if that is not enough.

        `after` is how many seconds the request has waited, as it is told; without it, as many as
        have passed.
        """
        raw = self.raw
        came = [handle.look() for handle in raw.handles]
        count = sum(settlement is not None for settlement in came)
        is_over = count == len(came) if raw.until is _toy.Join.ALL else count > 0
        if not raw.resume:
            return self._by_the_host(came, is_over)
        cause = _toy.Cause.SETTLED if is_over else _toy.Cause.DEADLINE
        arrivals = [_toy.Arrival(*pair) for pair in zip(raw.handles, came, strict=True)]
        request = self.request if raw.keep_request else None
        if after is None:
            after = time.monotonic() - self.since if is_over else self.timeout
        over = _toy_deployed.Wait(round(after * 1000), max(round((self.timeout - after) * 1000), 0))
        with _toy_deployed.resuming(over):
            outcome = _routing.resume(cause, request, raw.state, arrivals)
        held = _answer(outcome, self.request)
        if isinstance(held, Held) and over.is_kept:
            held.timeout = over.left_ms / 1000
        return held

    def _by_the_host(self, came: list[Any], is_over: bool) -> Response:
        """Returns what the host answers where there is no `resume` function."""
        if not is_over:
            late = self.raw.on_timeout
            return Response(status=504) if late is None else Response.lift(late)
        failures = [one for one in came if isinstance(one, _toy.Settlement_Failed)]
        if failures and self.raw.until is _toy.Join.ALL:
            return Response(status=502)
        first = next((one for one in came if one is not None), None)
        if isinstance(first, _toy.Settlement_Failed):
            return Response(status=502)
        if isinstance(first, _toy.Settlement_Response):
            return Response.lift(first.value)
        return Response(status=204) if first is None else Response(first.value)


def deployed(
    config: Mapping[str, str] | None = None,
    *,
    secrets: Mapping[str, str] | None = None,
    mount: str = "",
    base_url: str | None = None,
) -> AbstractContextManager[None]:
    """Lets guests find a configuration, and their place, for a while.

        with testing.deployed({"greeting": "hi"}, secrets={"token": "x"}, mount="/shop"):
            answer = testing.call("GET", "/hello")

    - `secrets`: values that iteration leaves out.
    - `mount`: what `request.path_for` begins with.
    - `base_url`: the URL of the guest's root, such as `https://example.org/shop`, which
      `request.url_for` begins with.
    """
    return _toy_deployed.deploy(
        _toy_deployed.Deployment(dict(config or {}), dict(secrets or {}), mount, base_url)
    )


class Fetch:
    """A request to another server, which a test answers in that server's place."""

    def __init__(self, raw: _toy_fetch.Sent) -> None:
        self._raw = raw
        outgoing = raw.outgoing
        self.method = outgoing.method
        self.url = outgoing.url
        fields = [(field.name, field.value.decode("latin-1")) for field in outgoing.headers]
        self.headers = Headers(fields)
        self.body = outgoing.body
        # The times, redirects and bytes that it may take.
        self.options = outgoing.options

    def answer(self, answer: Any) -> None:
        """Settles it: with a `Response`, with the text of a 200, or with a `Failed`."""
        came = Response(answer) if isinstance(answer, (str, bytes)) else answer
        self._raw.pending.settle(lower(came))


def fetches() -> list[Fetch]:
    """Returns the requests to other servers that have no answer yet, in their order."""
    return [Fetch(sent) for sent in _toy_fetch.unanswered()]


@contextmanager
def answering(answer: Callable[[Fetch], Any]) -> Iterator[None]:
    """Answers requests to other servers when they are made, for handlers that wait in place.

        with testing.answering(lambda fetch: "sunny"):
            answer = testing.call("GET", "/weather")

    What the function returns is what `Fetch.answer` takes; for `None` nothing answers.
    """

    def settle(sent: _toy_fetch.Sent) -> None:
        came = answer(Fetch(sent))
        if came is not None:
            Fetch(sent).answer(came)

    before, _toy_fetch.server = _toy_fetch.server, settle
    try:
        yield
    finally:
        _toy_fetch.server = before


class StartedJob:
    """A job that was started or is kept, which a test runs."""

    def __init__(self, raw: _toy_jobs.Taken) -> None:
        self._raw = raw
        self.id = raw.id
        self.name = raw.name
        self.payload = Value(raw.payload)
        # For one that is kept: seconds until it is due, and how often it is tried.
        self.delay = None if raw.durable is None else raw.durable.delay_ms / 1000
        self.attempts_max = 1 if raw.durable is None else raw.durable.attempts_max

    def run(self, attempt: int = 1) -> Value | Failed:
        """Runs it. Settles its pending with what came of it, and returns that.

        An exception that is neither a `Failed` nor for a client is raised, and it is not over.
        """
        raw = self._raw
        job = _toy_jobs.Job(raw.id, raw.name, raw.payload, attempt, self.attempts_max, 0)
        with _loop.aside():
            done = _jobs.run(job)
        raw.is_over = True
        came = Value(done) if isinstance(done, bytes) else Failed(done.code, done.message)
        if raw.pending is not None:
            raw.pending.settle(lower(came))
        return came


def jobs() -> list[StartedJob]:
    """Returns the jobs that were started or are kept and have not run, in their order."""
    return [StartedJob(taken) for taken in _toy_jobs.waiting()]


@contextmanager
def running_jobs() -> Iterator[None]:
    """Runs jobs when they are started, for handlers that wait for them in place."""

    def run(taken: _toy_jobs.Taken) -> None:
        if taken.pending is not None:
            StartedJob(taken).run()

    before, _toy_jobs.runner = _toy_jobs.runner, run
    try:
        yield
    finally:
        _toy_jobs.runner = before


def run_job(which: str | Callable[..., Any], payload: Any = b"", *, attempt: int = 1) -> Value:
    """Runs a job by its name or its function. Raises `Failed` if it fails."""
    name = _jobs.name_of(which)
    content = _contract.encode("the payload", b"" if payload is None else payload)
    taken = _toy_jobs.Taken(name, content, None, None)
    came = StartedJob(taken).run(attempt)
    if isinstance(came, Failed):
        raise came
    return came


def database(name: str) -> sqlite3.Connection:
    """Returns the connection to a database, to fill it and to look at it."""
    return _toy_sql.connection(name)


def empty_databases() -> None:
    """Lets every database begin anew."""
    for connection in _toy_sql.databases.values():
        connection.close()
    _toy_sql.databases.clear()
    _toy_sql.listening.clear()


def notify(database: str, channel: str, payload: str = "") -> int:
    """Notifies those who listen on a channel of a database, and returns how many there were."""
    return _toy_sql.notify(database, channel, payload.encode())


def call(
    method: str,
    target: str,
    body: bytes | str = b"",
    headers: Mapping[str, str] | None = None,
) -> Response | Held:
    """Hands a request to the first route that matches, and returns its answer."""
    path, _, query = target.partition("?")
    fields = [
        _toy.Field(name.lower(), value.encode("latin-1"))
        for name, value in Headers(headers or {}).items()
    ]
    content = body.encode() if isinstance(body, str) else body
    allowed = False
    for index, route in enumerate(_routing.routes):
        match = re.fullmatch(re.sub(r"\(\?<(\w)", r"(?P<\1", route.pattern), path)
        if match is None:
            continue
        methods = [*route.methods, *(["HEAD"] if "GET" in route.methods else [])]
        if methods and method not in methods:
            allowed = True
            continue
        names = {number: name for name, number in match.re.groupindex.items()}
        params = [
            _toy.Param(names.get(number), match.group(number) or "")
            for number in range(1, match.re.groups + 1)
        ]
        request = _toy.Request(
            f"test-{time.monotonic_ns()}", "127.0.0.1:50000", "http", "localhost", method, path,
            query or None, params, fields, content,
        )  # fmt: skip
        return _answer(_routing.handle(index, request), request)
    return Response(status=405 if allowed else 404)


def _answer(outcome: object, request: _toy.Request) -> Response | Held:
    if isinstance(outcome, _toy.Outcome_Suspend):
        limit = outcome.value.timeout_ms
        return Held(outcome.value, request, _TIMEOUT if limit is None else limit / 1000)
    assert isinstance(outcome, _toy.Outcome_Respond)
    return Response.lift(outcome.value)
