"""Requests that wait: the memory of each, how fast all are answered, and whether hello suffers."""

from __future__ import annotations

import time

from snow_bench import load
from snow_bench.measures.base import Column, Effort, Measure, row
from snow_bench.peers.base import Hold, Peer
from snow_bench.results import Results
from snow_bench.server import Server, running

COUNTS = [1_000, 15_000]
# How long a server may come to rest before its memory is read.
REST_SECONDS = 1.0
# When the memory is read again after the last client has left: some servers free it late.
LATER_SECONDS = 5.0
# The server that all are compared with, if it is measured in the same run.
FLOOR = "mio"
# The only difference between these two is a second call of the guest.
SNOW_PLAIN = "snow /hold/ (no resume)"
SNOW_RESUMED = "snow /req/ (resume)"
MIB = 1 << 20


def held_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round of each route that waits, at each number of requests."""
    for hold in peer.holds:
        # No more than this server can hold.
        for count in sorted({min(count, hold.count_max) for count in COUNTS}):
            with running(peer) as server:
                measure(server, hold, count, effort, results)


def measure(server: Server, hold: Hold, count: int, effort: Effort, results: Results) -> None:
    """Holds `count` requests, and has them answered if this server can."""
    name = f"{row(server.peer, hold)}, {count:,}"
    hello = server.peer.hellos[0].path
    # This warms the server up too, as does the one request that waits.
    calm = load.pacer(server, hello, effort.paced_seconds)
    with load.holder(server, 1, hold.path, hold.waiting, hold.release) as one:
        if hold.release is not None:
            one.release()
    time.sleep(REST_SECONDS)
    before = server.memory_bytes()
    with load.holder(server, count, hold.path, hold.waiting, hold.release) as holder:
        check(name, holder.held, count, results)
        time.sleep(REST_SECONDS)
        held = server.memory_bytes()
        beside = load.pacer(server, hello, effort.paced_seconds)
        results.share_with_others("held", name, beside["others"])
        if hold.release is not None:
            release(server, holder, name, count, results)
    time.sleep(REST_SECONDS)
    soon = server.memory_bytes()
    time.sleep(LATER_SECONDS - REST_SECONDS)
    results.add(
        "held",
        name,
        bytes_each=(held - before) / max(holder.held["waiting"], 1),
        kept_mib=(soon - before) / MIB,
        kept_later_mib=(server.memory_bytes() - before) / MIB,
        open_ms=holder.held["open_ms"],
        **hello_values(calm, beside),
    )


def hello_values(calm: load.Counts, beside: load.Counts) -> dict[str, float]:
    """Returns the latency of hello alone and beside the waiting requests, in ms, and the ratio."""
    values = {}
    for key in ("p50", "p99"):
        values[f"calm_{key}_ms"] = calm[f"{key}_us"] / 1e3
        values[f"beside_{key}_ms"] = beside[f"{key}_us"] / 1e3
        values[f"beside_{key}_ratio"] = beside[f"{key}_us"] / max(calm[f"{key}_us"], 1)
    return values


def release(server: Server, holder: load.Holder, name: str, count: int, results: Results) -> None:
    """Has all requests answered."""
    before = server.cpu_seconds()
    told = holder.release()
    used = server.cpu_seconds() - before
    if told["answered"] < count or told["failed"]:
        results.flag("held", name, f"{told['answered']} of {count} answered, {told['failed']} of them wrongly")
    results.add("held", name, release_ms=told["last_us"] / 1e3, release_cpu_us=used / count * 1e6)


def check(name: str, held: load.Counts, count: int, results: Results) -> None:
    """Flags requests that do not wait."""
    if held["waiting"] < count or held["early"]:
        results.flag("held", name, f"{held['waiting']} of {count} wait, {held['early']} were answered at once")


def compare(results: Results) -> None:
    """Compares medians of rows: release with that of the floor, and with that without resume."""
    rows = results.tests["held"]
    for name in list(rows):
        server, _, count = name.rpartition(", ")
        released, used = rows[name].median("release_ms"), rows[name].median("release_cpu_us")
        floor = median_of(results, f"{FLOOR}, {count}", "release_ms")
        if released is not None and floor is not None:
            results.add("held", name, release_ratio=released / floor)
        plain = median_of(results, f"{SNOW_PLAIN}, {count}", "release_cpu_us")
        if server == SNOW_RESUMED and used is not None and plain is not None:
            results.add("held", name, resume_cpu_us=used - plain)


def median_of(results: Results, name: str, column: str) -> float | None:
    """Returns a median; `None` if the row is not there."""
    row = results.tests["held"].get(name)
    return None if row is None else row.median(column)


HELD = Measure(
    "held",
    "Requests that wait",
    "`bytes each`: user memory (PSS without file pages), before against while all wait. `released in`: from the "
    "request that wakes them to the last answer; `/ mio`: times what bare mio took in this run (goal for snow: 2). "
    "`CPU µs each`: of release; `of resume`: more than without it (goal: 20). `kept`: what the server holds on to a "
    "second, and 5 seconds, after all clients left. hello is asked at 200/s over 16 connections, alone and beside "
    "those that wait; `×` is the ratio (goal: 2).",
    [
        Column("bytes_each", "bytes each"),
        Column("release_ms", "released in ms"),
        Column("release_ratio", "/ mio", "{:.2f}"),
        Column("release_cpu_us", "CPU µs each", "{:.1f}"),
        Column("resume_cpu_us", "of resume", "{:.1f}"),
        Column("kept_mib", "kept MiB", "{:.1f}"),
        Column("kept_later_mib", "after 5 s", "{:.1f}"),
        Column("calm_p50_ms", "hello p50 ms alone", "{:.2f}"),
        Column("beside_p50_ms", "beside", "{:.2f}"),
        Column("beside_p50_ratio", "×", "{:.1f}"),
        Column("calm_p99_ms", "p99 ms alone", "{:.2f}"),
        Column("beside_p99_ms", "beside", "{:.2f}"),
        Column("beside_p99_ratio", "×", "{:.1f}"),
        Column("open_ms", "opened in ms"),
    ],
    held_round,
    compare,
)
