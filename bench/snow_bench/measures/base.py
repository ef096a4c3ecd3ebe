"""What a measure is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snow_bench.peers.base import Hold, Peer, Route
from snow_bench.results import Results


@dataclass(frozen=True)
class Effort:
    """How long each part takes."""

    load_seconds: int
    warm_seconds: int
    paced_seconds: int
    starts: int
    churn_seconds: int
    # Whether anything may be built that takes long.
    builds_long: bool


FULL = Effort(load_seconds=4, warm_seconds=2, paced_seconds=4, starts=5, churn_seconds=60, builds_long=True)
QUICK = Effort(load_seconds=2, warm_seconds=1, paced_seconds=2, starts=3, churn_seconds=10, builds_long=False)


@dataclass(frozen=True)
class Column:
    """A value of a row, and how it is printed."""

    key: str
    heading: str
    form: str = "{:,.0f}"


@dataclass(frozen=True)
class Measure:
    """A test: what is done to one peer in one round, and the table it fills."""

    name: str
    title: str
    # Under the table: what one must know to read it.
    reading: str
    # If none: those that the results have, and further tables: the tests whose names begin with this one's and a colon.
    columns: list[Column]
    round: Callable[[Peer, Effort, Results], None]
    # After all rounds: values that come from several rows.
    compare: Callable[[Results], None] | None = None


def row(peer: Peer, route: Route | Hold) -> str:
    """What a row is called."""
    return f"{peer.name} {route.label}".strip()
