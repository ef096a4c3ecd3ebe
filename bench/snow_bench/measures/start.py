"""The time from the start of the process to its first answer."""

from __future__ import annotations

import shutil
import statistics

from snow_bench import proc
from snow_bench.measures.base import Column, Effort, Measure
from snow_bench.peers.base import Peer
from snow_bench.results import Results
from snow_bench.server import Server, server_cpus


def start_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Starts the server without compiled code if it caches any, once cold, and several times warm."""
    compiled = peer.compiled()
    if compiled is not None:
        shutil.rmtree(compiled, ignore_errors=True)
        results.add("start", peer.name, compiling_ms=start(peer))
    # Not measured, because the first start after a compilation may still have something to write.
    start(peer)
    proc.forget(peer.files())
    results.add("start", peer.name, cold_ms=start(peer))
    results.add("start", peer.name, warm_ms=statistics.median(start(peer) for _ in range(effort.starts)))


def start(peer: Peer) -> float:
    """Starts the server, and returns the milliseconds to its first answer."""
    server = Server(peer, 1, server_cpus())
    try:
        return server.wait_for_answer(peer.hellos[0]) * 1e3
    finally:
        server.stop()


START = Measure(
    "start",
    "Process start to first answer, ms",
    "Cold: the server's own files are not in memory (shared libraries are). snow-host and wasmtime (unless its "
    "component is precompiled) both cache compiled code on disk. Compiling: snow-host's cache is empty, so the start "
    "compiles all its guests, one after another.",
    [
        Column("warm_ms", "warm ms", "{:.1f}"),
        Column("cold_ms", "cold ms", "{:.1f}"),
        Column("compiling_ms", "compiling ms", "{:.0f}"),
    ],
    start_round,
)
