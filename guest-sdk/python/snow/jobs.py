"""Jobs: work on other threads, later, or again and again.

    from snow import Job, job, jobs, route, suspend

    @job
    def fib(job: Job) -> str:
        return str(slow_fibonacci(int(job.text)))

    @route("GET", r"/fib/(?P<n>\\d+)")
    def ask(n: str) -> Suspension:
        # Without `resume`, what the job returns is the answer.
        return suspend(jobs.start(fib, n))

A job runs in an instance of its own, on threads with a lower priority, so it may compute for long.
It may do all that a handler may. `start` runs it once, as soon as a thread is free; `enqueue` keeps
it until it has succeeded; and a schedule in snow.toml runs it every so often, or by a calendar.

It fails by what it raises: a `Failed` with that code; anything else with the code `failed`, and its
traceback is in the host's log. The host's own codes are `trapped`, `timeout`, `too-large`,
`stopped` and `overloaded`; for a name that no job has it is `unknown-job`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import CoroutineType
from typing import Any, TypeVar, overload

from snow import _call, _contract, _loop
from snow._errors import HTTPError
from snow._host import jobs as _host
from snow._host import pending_handles
from snow._http import Response
from snow._pending import Failed, Pending
from snow._routing import is_complete, place

__all__ = ["Job", "JobError", "enqueue", "job", "start"]

# How often a job is tried at most that says nothing about it.
_ATTEMPTS = 20

Run = TypeVar("Run", bound=Callable[..., Any])

_MESSAGES = {
    "denied": "a job can't be started here: only requests and jobs start some",
    "no-runner": "this guest has no jobs: no function of it has @job",
}


class JobError(Exception):
    """The host did not take a job. `code` is `denied`, `no-runner`, `limit` or `unavailable`.

    After `unavailable`, which is the disk's, the job may be kept all the same.
    """

    def __init__(self, code: str, words: str = "") -> None:
        super().__init__(f"{words or _MESSAGES.get(code, code)} ({code})")
        self.code = code


@dataclass(frozen=True)
class Job:
    """A job, as its function gets it."""

    # Tells it from every other, and is the same in each attempt.
    id: str
    name: str
    payload: bytes
    # The number of this attempt, from 1.
    attempt: int
    attempts_max: int
    # When it was due first.
    due: datetime

    @property
    def text(self) -> str:
        """The payload as text."""
        return self.payload.decode(errors="replace")

    def json(self) -> Any:
        """Returns the payload that was given as JSON."""
        return json.loads(self.payload)

    @property
    def is_last_attempt(self) -> bool:
        """Whether it is not tried again if it fails."""
        return self.attempt >= self.attempts_max


@dataclass
class _Entry:
    function: Callable[..., Any]
    takes_job: bool


# The jobs by their names.
table: dict[str, _Entry] = {}


@overload
def job(which: Run, /) -> Run: ...
@overload
def job(which: str, /) -> Callable[[Run], Run]: ...
def job(which: Any, /) -> Any:
    """Makes a function a job: `@job` under its own name, `@job("name")` under another one.

    It gets the `Job`, if it takes one, and may be `async`. It returns text, bytes, nothing, or
    anything else that can be JSON. See the module `snow.jobs`.
    """
    if isinstance(which, str):
        return lambda function: _add(which, function)
    return _add(getattr(which, "__name__", ""), which)


def _add(name: str, function: Run) -> Run:
    if not callable(function):
        raise TypeError(f"@job stands before a function, not before {type(function).__name__}")
    _contract.text("the name of a job", name)
    if is_complete():
        raise RuntimeError(
            f"the job {name} comes too late: name all jobs while the file runs, outside of handlers"
        )
    if name in table:
        raise ValueError(f"there are two jobs {name}: {place(table[name].function)} is the other")
    required = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and parameter.default is parameter.empty
    ]
    if len(required) > 1:
        raise TypeError(f"{place(function)} takes {len(required)} arguments: a job takes the Job")
    table[name] = _Entry(function, len(required) == 1)
    return function


def start(which: str | Callable[..., Any], payload: Any = b"") -> Pending:
    """Runs a job as soon as a thread is free: `await jobs.start("fib", 30)`.

    - `which`: its name or its function.
    - `payload`: text, bytes, or anything else that can be JSON.

    The pending is settled with what it returns, or with its failure. It goes on if nobody waits for
    it, which makes it work that follows an answer; it is lost if the host ends. An `await` waits as
    long as any, 30 seconds; `await jobs.start(...).wait(600)` waits longer.

    Raises `JobError`.
    """
    return Pending.of(_contract.start_job(name_of(which), _payload(payload), _error))


def enqueue(
    which: str | Callable[..., Any],
    payload: Any = b"",
    *,
    delay: float = 0,
    attempts: int = _ATTEMPTS,
) -> str:
    """Keeps a job until it has succeeded once, and returns its id.

    - `which` and `payload`: as for `start`.
    - `delay`: seconds until it is due.
    - `attempts`: how often it is tried at most. More than the host's maximum is cut to it.

    If it fails it is tried again after a second, then two, and so on up to an hour, unless it
    raises `Failed.give_up(...)`. With a data folder (`--data`) it is on the disk when this returns,
    and survives a crash; then it may run twice, and `Job.id` is the same.

    Raises `JobError`.
    """
    return _contract.enqueue_job(name_of(which), _payload(payload), delay, attempts, _error)


def name_of(which: str | Callable[..., Any]) -> str:
    """Returns the name of a job that is given by its name or by its function."""
    if not callable(which):
        return _contract.text("the name of a job", which)
    for name, entry in table.items():
        if entry.function is which:
            return name
    raise ValueError(f"{which!r} is no job: give a name, or a function that has @job")


def _payload(value: Any) -> Any:
    return b"" if value is None else value


def _error(raw: _host.JobError) -> JobError:
    if isinstance(raw, _host.JobError_Denied):
        return JobError("denied")
    if isinstance(raw, _host.JobError_NoRunner):
        return JobError("no-runner")
    is_limit = isinstance(raw, _host.JobError_Limit)
    return JobError("limit" if is_limit else "unavailable", raw.value)


def run(raw: Any) -> bytes | pending_handles.Failure:
    """Does a job of the contract. Returns what its function returned, or the `Failed` it raised.

    Any other exception is raised as it is: it is the caller's to tell.
    """
    entry = table.get(raw.name)
    if entry is None:
        return failure(Failed("unknown-job", f'there is no job "{raw.name}"'))
    due = datetime.fromtimestamp(raw.due_ms / 1000, UTC)
    own = Job(raw.id, raw.name, raw.payload, raw.attempt, raw.attempts_max, due)

    def call() -> Any:
        value = entry.function(own) if entry.takes_job else entry.function()
        return _loop.run(value) if type(value) is CoroutineType else value

    try:
        return _result(entry, _call.run(call))
    except Failed as failed:
        return failure(failed)
    except HTTPError as error:
        # What is for clients is not logged.
        return failure(Failed("failed", error.text or str(error.status)))


def _result(entry: _Entry, value: Any) -> bytes:
    if isinstance(value, Failed):
        raise value
    if value is None:
        return b""
    try:
        if isinstance(value, Response):
            raise TypeError("a job has no client: return the text, or what can be JSON")
        return _contract.encode("what a job returns", value)
    except Exception as error:
        error.add_note(f"That is what {place(entry.function)} has returned.")
        raise


def failure(failed: Failed) -> pending_handles.Failure:
    """Returns a failure as the contract has it."""
    return _contract.failure(failed.code, failed.message).value
