"""Requests that wait for the clock: how late they are answered, and the CPU while nothing is due."""

from __future__ import annotations

import time

from snow_bench import load
from snow_bench.measures.base import Column, Effort, Measure
from snow_bench.peers.base import Peer
from snow_bench.results import Results
from snow_bench.server import Failed, Server, running

COUNT = 10_000
SECONDS_MIN, SECONDS_MAX = 2.0, 12.0
# Decides the lengths: the same for all servers, in every round.
SEED = 1
IDLE_COUNT = 1_000
# How early an answer may be: a loop reads its clock once a turn, in whole milliseconds.
EARLY_US_MAX = 2_000
# Longer than the measure takes, so that nothing is due meanwhile.
IDLE_SECONDS = 30
# How long a server may come to rest after the last request has begun to wait.
REST_SECONDS = 2.0
IDLE_WINDOW_SECONDS = 5.0


def timers_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round: timers that come due, then some that do not."""
    if peer.sleep is None:
        raise Failed("has no route that sleeps")
    with running(peer) as server:
        # This warms the server up.
        load.sleeper(server, peer.sleep, 100, (0.1, 0.5), SEED)
        due(server, peer.sleep, results)
    with running(peer) as server:
        idle(server, peer.sleep.format(seconds=IDLE_SECONDS), results)


def due(server: Server, path: str, results: Results) -> None:
    """Measures how late each answer is."""
    name = server.peer.name
    before = server.cpu_seconds()
    counts = load.sleeper(server, path, COUNT, (SECONDS_MIN, SECONDS_MAX), SEED)
    used = server.cpu_seconds() - before
    results.share_with_others("timers", name, counts["others"])
    if counts["answered"] < COUNT or counts["failed"]:
        results.flag("timers", name, f"{counts['answered']} of {COUNT} answered, {counts['failed']} of them wrongly")
    if counts["early_us"] > EARLY_US_MAX:
        results.flag("timers", name, f"answered up to {counts['early_us'] / 1e3:.1f} ms early")
    results.add(
        "timers",
        name,
        late_p50_ms=counts["p50_us"] / 1e3,
        late_p99_ms=counts["p99_us"] / 1e3,
        late_max_ms=counts["max_us"] / 1e3,
        early_ms=counts["early_us"] / 1e3,
        cpu_us=used / COUNT * 1e6,
    )


def idle(server: Server, path: str, results: Results) -> None:
    """Measures the CPU of a server whose waiting requests are not due."""
    name = server.peer.name
    with load.holder(server, IDLE_COUNT, path, None, None) as holder:
        if holder.held["waiting"] < IDLE_COUNT:
            results.flag("timers", name, f"{holder.held['waiting']} of {IDLE_COUNT} wait")
        time.sleep(REST_SECONDS)
        begun, before = time.monotonic(), server.cpu_seconds()
        time.sleep(IDLE_WINDOW_SECONDS)
        used, seconds = server.cpu_seconds() - before, time.monotonic() - begun
    results.add("timers", name, idle_ms_s=used / seconds * 1e3)


TIMERS = Measure(
    "timers",
    f"{COUNT:,} requests that wait for the clock, {SECONDS_MIN:.0f} to {SECONDS_MAX:.0f} s",
    "`late`: what an answer took beyond the length that was asked for, counted by the client from before it sent the "
    "request (goal for snow: p99 of 10 ms); the requests are spread over two seconds, none of which is due in them. "
    "`early`: the most by which an answer came too early. "
    f"`CPU µs each`: of connection, request, timer and answer. `idle`: the server's CPU while {IDLE_COUNT:,} wait and "
    "nothing is due.",
    [
        Column("late_p50_ms", "late p50 ms", "{:.2f}"),
        Column("late_p99_ms", "p99 ms", "{:.2f}"),
        Column("late_max_ms", "max ms", "{:.2f}"),
        Column("early_ms", "early at most", "{:.2f}"),
        Column("cpu_us", "CPU µs each", "{:.1f}"),
        Column("idle_ms_s", "idle, ms of CPU a second", "{:.2f}"),
    ],
    timers_round,
)
