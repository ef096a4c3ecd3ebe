"""Two workers against one, with the clients on the same CPUs."""

from __future__ import annotations

from snow_bench import load
from snow_bench.measures.base import Column, Effort, Measure, row
from snow_bench.measures.http import CPU_CONNECTIONS, check
from snow_bench.peers.base import Peer, Route
from snow_bench.results import Results
from snow_bench.server import all_cpus, running

COUNTS = [1, 2]


def workers_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round of each route that answers at once."""
    for route in peer.hellos:
        used = {workers: ask(peer, route, workers, effort, results) for workers in COUNTS}
        results.add("workers", row(peer, route), scaling=2 * used[1] / used[2])


def ask(peer: Peer, route: Route, workers: int, effort: Effort, results: Results) -> float:
    """Runs one load. Returns the CPU seconds of each request."""
    cpus = all_cpus()
    name = row(peer, route)
    with running(peer, workers, cpus) as server:
        load.wrk(server, route.path, CPU_CONNECTIONS, effort.warm_seconds, cpus)
        before = server.cpu_seconds()
        counts = load.wrk(server, route.path, CPU_CONNECTIONS, effort.load_seconds, cpus)
        used = (server.cpu_seconds() - before) / max(int(counts["requests"]), 1)
    check("workers", name, CPU_CONNECTIONS, counts, results)
    rate = counts["requests"] / counts["seconds"]
    results.add("workers", name, **{f"cpu_us_{workers}": used * 1e6, f"requests_s_{workers}": rate})
    return used


WORKERS = Measure(
    "workers",
    "Two workers against one (64 connections)",
    "No process is pinned, and wrk takes its share of both CPUs, so requests/s can't double. `scaling` is what two "
    "whole CPUs would do against one, by the CPU each request takes: 2 is perfect.",
    [
        Column("cpu_us_1", "CPU µs/request, 1 worker", "{:.1f}"),
        Column("cpu_us_2", "2 workers", "{:.1f}"),
        Column("scaling", "scaling", "{:.2f}"),
        Column("requests_s_1", "requests/s, 1 worker"),
        Column("requests_s_2", "2 workers"),
    ],
    workers_round,
)
