"""hello as fast as the clients can ask: CPU for each request, requests a second, and latencies."""

from __future__ import annotations

from snow_bench import load
from snow_bench.measures.base import Column, Effort, Measure, row
from snow_bench.peers.base import Peer, Route
from snow_bench.results import Results
from snow_bench.server import Server, running

CPU_CONNECTIONS = 64
LATENCY_CONNECTIONS = [1, 64, 256, 1_000]


def measure(test: str, peer: Peer, effort: Effort, results: Results, connections: list[int]) -> None:
    """Runs one round of each route that answers at once."""
    for route in peer.hellos:
        with running(peer) as server:
            load.wrk(server, route.path, CPU_CONNECTIONS, effort.warm_seconds)
            for count in connections:
                ask(test, server, route, count, effort, results)


def ask(test: str, server: Server, route: Route, connections: int, effort: Effort, results: Results) -> None:
    """Runs one load."""
    name = row(server.peer, route)
    before = server.cpu_seconds()
    counts = load.wrk(server, route.path, connections, effort.load_seconds)
    used = server.cpu_seconds() - before
    check(test, name, connections, counts, results)
    requests = max(counts["requests"], 1)
    values = {
        "cpu_us": used / requests * 1e6,
        "requests_s": requests / counts["seconds"],
        "p50_ms": counts["p50_us"] / 1e3,
        "p99_ms": counts["p99_us"] / 1e3,
    }
    results.add(test, name, **{f"{key}_{connections}": value for key, value in values.items()})


def check(test: str, name: str, connections: int, counts: load.Counts, results: Results) -> None:
    """Flags errors that put the figures in doubt."""
    results.share_with_others(test, name, counts["others"])
    if counts["not_2xx"]:
        results.flag(test, name, f"{counts['not_2xx']} answers at {connections} connections were not 2xx")
    if counts["socket_errors"]:
        results.flag(test, name, f"{counts['socket_errors']} socket errors at {connections} connections")


def cpu_round(peer: Peer, effort: Effort, results: Results) -> None:
    measure("cpu", peer, effort, results, [CPU_CONNECTIONS])


def latency_round(peer: Peer, effort: Effort, results: Results) -> None:
    measure("latency", peer, effort, results, LATENCY_CONNECTIONS)


CPU = Measure(
    "cpu",
    "hello: CPU a request (64 connections)",
    "The server on one CPU, wrk on the other. wrk itself is at its limit above some 150,000 requests a second: "
    "compare those by CPU.",
    [
        Column("cpu_us_64", "CPU µs/request", "{:.1f}"),
        Column("requests_s_64", "requests/s"),
        Column("p50_ms_64", "p50 ms", "{:.2f}"),
        Column("p99_ms_64", "p99 ms", "{:.2f}"),
    ],
    cpu_round,
)

LATENCY = Measure(
    "latency",
    "hello: p50 / p99 in ms, by connections",
    "As fast as the clients can: more connections mean a longer queue, so read down a column. p99 at one connection "
    "is the machine's noise.",
    [
        Column(f"{key}_ms_{count}", f"{key} c={count:,}", "{:.2f}")
        for count in LATENCY_CONNECTIONS
        for key in ("p50", "p99")
    ]
    + [Column("cpu_us_1000", "CPU µs/request c=1,000", "{:.1f}")],
    latency_round,
)
