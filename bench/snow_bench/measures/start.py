"""From the start of the process to its first answer."""

from __future__ import annotations

import shutil
import statistics

from snow_bench import proc
from snow_bench.measures.base import Column, Effort, Measure
from snow_bench.peers.base import Peer
from snow_bench.results import Results
from snow_bench.server import Server, server_cpus


def start_round(peer: Peer, effort: Effort, results: Results) -> None:
    """One start without compiled code if that can be had, then one cold and several warm ones."""
    compiled = peer.compiled()
    if compiled is not None:
        shutil.rmtree(compiled, ignore_errors=True)
        results.add("start", peer.name, compiling_ms=start(peer))
    # What the start before left to be noted by the next one.
    start(peer)
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
    "Cold: the server's own files are not in memory (shared libraries are). Both keep what they compiled on disk, wasmtime "
    "(unless its component is precompiled) in a cache of its own; compiling: snow-host's is empty, so the start compiles "
    "all its guests, one after another.",
    [
        Column("warm_ms", "warm ms", "{:.1f}"),
        Column("cold_ms", "cold ms", "{:.1f}"),
        Column("compiling_ms", "compiling ms", "{:.0f}"),
    ],
    start_round,
)
