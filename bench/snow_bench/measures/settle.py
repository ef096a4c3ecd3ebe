"""Requests that wake others, one by one: how many a second, and how long each takes to arrive."""

from __future__ import annotations

import time

from snow_bench import load
from snow_bench.measures.base import Column, Effort, Measure, row
from snow_bench.peers.base import Hold, Peer
from snow_bench.results import Results
from snow_bench.server import Server, all_cpus, running

WAITERS = 1_000
SETTLERS = 16
SERVER_WORKERS = 2
# How long a server may take to notice that the clients of the warm-up have left.
LEAVE_SECONDS = 1.0
# The share of stops that may find no waiter. Beyond it, the waiters are the bottleneck.
MISSED_SHARE_MAX = 0.01
KINDS = ["all", "same", "crossed"]


def settle_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round of each route that waits."""
    for hold in peer.holds:
        with running(peer, SERVER_WORKERS, all_cpus()) as server:
            # This warms the server up.
            load.settler(server, hold, WAITERS, SETTLERS, effort.warm_seconds)
            release_the_gone(server, hold)
            before = server.cpu_seconds()
            counts = load.settler(server, hold, WAITERS, SETTLERS, effort.load_seconds)
            used = server.cpu_seconds() - before
        name = row(peer, hold)
        check(name, counts, results)
        results.add(
            "settle",
            name,
            settled_s=counts["settled"] / counts["seconds"],
            cpu_us=used / max(counts["settled"], 1) * 1e6,
            crossed_percent=100 * counts["crossed"] / max(counts["all"], 1),
            **{
                f"{kind}_{key}_ms": counts[f"{kind}_{key}_us"] / 1e3
                for kind in KINDS
                if counts[kind]
                for key in ("p50", "p99")
            },
        )


def release_the_gone(server: Server, hold: Hold) -> None:
    """Releases requests whose clients have left unnoticed, as happens in Tornado.

    Otherwise one of them would be woken in place of a waiting client.
    """
    time.sleep(LEAVE_SECONDS)
    if hold.release is not None:
        server.get(hold.release)


def check(name: str, counts: load.Counts, results: Results) -> None:
    """Flags settlements that were lost or delivered twice."""
    results.share_with_others("settle", name, counts["others"])
    lost = counts["settled"] - counts["delivered"]
    if lost or counts["twice"] or counts["failed"]:
        flag = f"{lost} of {counts['settled']} lost, {counts['twice']} delivered twice, {counts['failed']} failed"
        results.flag("settle", name, flag)
    if counts["missed"] > MISSED_SHARE_MAX * counts["settled"]:
        results.flag("settle", name, f"{counts['missed']} found nobody waiting, beside {counts['settled']} that did")


SETTLE = Measure(
    "settle",
    f"{SETTLERS} clients that wake {WAITERS:,} one by one (two workers)",
    "As fast as they go: each stop wakes the one that has waited longest, who asks again at once. Latency is from "
    "before the stop is sent to the answer that it caused, and grows with the clients: read it beside `settled/s`. "
    "`crossed`: the two connections belong to different workers, about half of them where there are two. `CPU µs "
    "each`: of a stop, its answer, a request that waits, and its answer.",
    [
        Column("settled_s", "settled/s"),
        Column("cpu_us", "CPU µs each", "{:.1f}"),
        Column("all_p50_ms", "p50 ms", "{:.2f}"),
        Column("all_p99_ms", "p99 ms", "{:.2f}"),
        Column("crossed_percent", "crossed %", "{:.0f}"),
        Column("same_p50_ms", "same worker: p50 ms", "{:.2f}"),
        Column("same_p99_ms", "p99 ms", "{:.2f}"),
        Column("crossed_p50_ms", "crossed: p50 ms", "{:.2f}"),
        Column("crossed_p99_ms", "p99 ms", "{:.2f}"),
    ],
    settle_round,
)
