"""What `swap`, `compile` and `restart` have in common: a steady load with a change and without."""

from __future__ import annotations

import shutil
from pathlib import Path

from snow_bench import load, places
from snow_bench.measures.base import Column
from snow_bench.peers.base import Peer
from snow_bench.peers.snow import Snow
from snow_bench.results import Results
from snow_bench.server import Failed

RATE = 2_000
SERVER_WORKERS = 2

LATENCIES = [
    Column("requests", "requests"),
    Column("failed", "failed"),
    Column("p50_ms", "p50 ms", "{:.2f}"),
    Column("p99_ms", "p99 ms", "{:.2f}"),
    Column("p999_ms", "p99.9 ms", "{:.2f}"),
    Column("max_ms", "max ms", "{:.1f}"),
]


def snow_of(peer: Peer) -> Snow:
    """Returns the peer as a snow-host: no other server follows a folder of guests."""
    if not isinstance(peer, Snow):
        raise Failed("has no folder of guests that is followed")
    return peer


def fresh_folder(name: str) -> Path:
    """Returns an empty folder that only this user can read.

    All of it is on one file system, so files can be renamed within it.
    """
    folder = places.run_folder(name)
    shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    return folder


def add_latencies(test: str, row: str, counts: load.Counts, results: Results) -> None:
    """Adds the latencies of the steady load to a row."""
    if counts["failed"]:
        refused, broken = counts["refused"], counts["broken"]
        results.flag(test, row, f"{counts['failed']} failed, of them {refused} refused, {broken} broken off")
    times = {f"{key}_ms": counts[f"{key}_us"] / 1e3 for key in ("p50", "p99", "p999", "max")}
    results.add(test, row, requests=counts["requests"], failed=counts["failed"], **times)


def compare_with(test: str, alone: str, results: Results) -> None:
    """Adds to each other row how much its median p99.9 differs from that of `alone`."""
    rows = results.tests.get(test, {})
    base = rows[alone].median("p999_ms") if alone in rows else None
    for name, row in rows.items():
        other = row.median("p999_ms")
        if name != alone and base is not None and other is not None:
            row.values["p999_more_ms"] = [other - base]
