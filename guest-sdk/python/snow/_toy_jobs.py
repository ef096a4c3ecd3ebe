"""The toy host's jobs: the contract's types, and a list of what was taken, which a test runs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

from snow import _toy
from snow._toy import Err


@dataclass
class Durable:
    delay_ms: int
    attempts_max: int


@dataclass
class Job:
    """A job as `run` gets it."""

    id: str
    name: str
    payload: bytes
    attempt: int
    attempts_max: int
    due_ms: int


@dataclass
class JobError_Denied:
    pass


@dataclass
class JobError_NoRunner:
    pass


@dataclass
class JobError_Limit:
    value: str


@dataclass
class JobError_Unavailable:
    value: str


@dataclass
class Taken:
    """A job that was started, with its pending, or one that is kept."""

    name: str
    payload: bytes
    pending: _toy.Pending | None
    durable: Durable | None
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    is_over: bool = False


_taken: list[Taken] = []

# Who runs jobs at once, if anybody does.
runner: Callable[[Taken], None] | None = None


def _take(taken: Taken) -> None:
    from snow.jobs import table

    if not table:
        raise Err(JobError_NoRunner())
    _taken.append(taken)
    if runner is not None:
        runner(taken)


def start(name: str, payload: bytes) -> _toy.Pending:
    pending = _toy.create(None)
    _take(Taken(name, payload, pending, None))
    return pending


def enqueue(name: str, payload: bytes, how: Durable) -> str:
    taken = Taken(name, payload, None, how)
    _take(taken)
    return taken.id


def waiting() -> list[Taken]:
    """Returns the jobs that are not over."""
    _taken[:] = [taken for taken in _taken if not taken.is_over]
    return list(_taken)


jobs = SimpleNamespace(
    Durable=Durable,
    Job=Job,
    JobError_Denied=JobError_Denied,
    JobError_Limit=JobError_Limit,
    JobError_NoRunner=JobError_NoRunner,
    JobError_Unavailable=JobError_Unavailable,
    enqueue=enqueue,
    start=start,
)
