"""From the start of the process to its first answer."""

from __future__ import annotations

import statistics

from snow_bench import proc
from snow_bench.measures.base import Column, Effort, Measure
from snow_bench.peers.base import Peer
from snow_bench.results import Results
from snow_bench.server import Server, server_cpus


def start_round(peer: Peer, effort: Effort, results: Results) -> None:
    """One cold start and several warm ones."""
    proc.forget(peer.files())
    results.add("start", peer.name, cold_ms=start(peer))
    results.add("start", peer.name, warm_ms=statistics.median(start(peer) for _ in range(effort.starts)))


def start(peer: Peer) -> float:
    """Milliseconds to the first answer."""
    server = Server(peer, 1, server_cpus())
    try:
        return server.wait_for_answer(peer.hellos[0]) * 1e3
    finally:
        server.stop()


START = Measure(
    "start",
    "Process start to first answer, ms",
    "Cold: the server's own files are not in memory (shared libraries are). wasmtime keeps what it compiled in a "
    "cache of its own, so it compiles at no start but the very first; snow-host compiles its guests at each.",
    [Column("warm_ms", "warm ms", "{:.1f}"), Column("cold_ms", "cold ms", "{:.1f}")],
    start_round,
)
