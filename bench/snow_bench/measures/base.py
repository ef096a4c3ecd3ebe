"""What every measure consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snow_bench.peers.base import Hold, Peer, Route
from snow_bench.results import Results


@dataclass(frozen=True)
class Effort:
    """How long each part of a measure takes."""

    load_seconds: int
    warm_seconds: int
    paced_seconds: int
    starts: int
    churn_seconds: int
    # Whether long builds and long loads are allowed.
    builds_long: bool


FULL = Effort(load_seconds=4, warm_seconds=2, paced_seconds=4, starts=5, churn_seconds=60, builds_long=True)
QUICK = Effort(load_seconds=2, warm_seconds=1, paced_seconds=2, starts=3, churn_seconds=10, builds_long=False)


@dataclass(frozen=True)
class Column:
    """A column of a table: which value of a row it shows, and how."""

    key: str
    heading: str
    form: str = "{:,.0f}"


@dataclass(frozen=True)
class Measure:
    """A measure: what is done to one peer in one round, and the table that it fills."""

    name: str
    title: str
    # The text under the table: what one must know to read it.
    reading: str
    # If empty, the table has a column for each key in the results, and further tables follow: those
    # of the results whose names begin with this measure's name and a colon.
    columns: list[Column]
    round: Callable[[Peer, Effort, Results], None]
    # Called after all rounds: adds values that are computed from several rows.
    compare: Callable[[Results], None] | None = None


def row(peer: Peer, route: Route | Hold) -> str:
    """Returns the name of a row."""
    return f"{peer.name} {route.label}".strip()
