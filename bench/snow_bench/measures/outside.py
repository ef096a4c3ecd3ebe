"""Requests to other servers: many at once, and answers that are passed on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import quote

from snow_bench import load, proc
from snow_bench.install import Missing
from snow_bench.measures.base import Column, Effort, Measure
from snow_bench.measures.http import CPU_CONNECTIONS, check
from snow_bench.peers.base import Options, Peer
from snow_bench.peers.outside import GATHERER, Files, Proxy, Sleeper
from snow_bench.results import Results
from snow_bench.server import Failed, Server, load_cpus, running

CLIENTS = 1_000
UPSTREAMS = 3
UPSTREAM_SECONDS = 0.1
# Long enough to read the memory while all wait.
HELD_SECONDS = 8
REST_SECONDS = 2.0
SMALL, BIG = 1 << 10, 100 << 20
BIG_COUNT = 5


def gather_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round: bursts of clients, each of which waits for three servers."""
    with sleepers() as upstreams, running(peer) as server:
        path = gather_path(upstreams, UPSTREAM_SECONDS)
        burst(server, path, UPSTREAM_SECONDS)
        before = server.cpu_seconds()
        counts = burst(server, path, UPSTREAM_SECONDS)
        used = server.cpu_seconds() - before
        results.share_with_others("gather", peer.name, counts["others"])
        if counts["answered"] < CLIENTS or counts["failed"]:
            results.flag("gather", peer.name, f"{counts['answered']} answered, {counts['failed']} of them wrongly")
        took = {key: UPSTREAM_SECONDS * 1e3 + counts[f"{key}_us"] / 1e3 for key in ("p50", "p99", "max")}
        results.add("gather", peer.name, cpu_us=used / CLIENTS * 1e6, **took)
    with sleepers() as upstreams, running(peer) as server:
        burst(server, gather_path(upstreams, UPSTREAM_SECONDS), UPSTREAM_SECONDS)
        time.sleep(REST_SECONDS)
        before_bytes = server.memory_bytes()
        with load.holder(server, CLIENTS, gather_path(upstreams, HELD_SECONDS), None, None):
            time.sleep(REST_SECONDS)
            held_bytes = server.memory_bytes()
        results.add("gather", peer.name, kib_each=(held_bytes - before_bytes) / CLIENTS / 1024)


def burst(server: Server, path: str, seconds: float) -> load.Counts:
    """Has all clients ask at once."""
    return load.sleeper(server, path, CLIENTS, (seconds, seconds), 1, 0.0)


def gather_path(upstreams: list[Server], seconds: float) -> str:
    """Returns the path by which all of these servers are asked for an answer after some time."""
    urls = [quote(upstream.url(f"/async/?seconds={seconds}"), safe="") for upstream in upstreams]
    return "/gather?timeout=30&" + "&".join(f"url={url}" for url in urls)


@contextmanager
def sleepers() -> Iterator[list[Server]]:
    """Runs the servers that are asked, on the clients' CPU."""
    if not hasattr(GATHERER, "binary"):
        raise Missing("its servers are snow-hosts: measure snow-gather too")
    with ExitStack() as stack:
        peer = Sleeper().prepared_as(GATHERER)
        yield [stack.enter_context(running(peer, 1, load_cpus())) for _ in range(UPSTREAMS)]


def relay_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round: short answers, and then long ones."""
    files = Files()
    files.prepare(Options())
    files.serve({"small": SMALL, "big": BIG})
    with running(files, 1, load_cpus()) as behind:
        if isinstance(peer, Proxy):
            peer.behind(behind.address)
        with running(peer) as server:
            small, big = (relay_path(peer, behind, name) for name in ("/small", "/big"))
            load.wrk(server, small, CPU_CONNECTIONS, effort.warm_seconds)
            before = server.cpu_seconds()
            counts = load.wrk(server, small, CPU_CONNECTIONS, effort.load_seconds)
            used = server.cpu_seconds() - before
            check("relay", peer.name, CPU_CONNECTIONS, counts, results)
            requests = max(counts["requests"], 1)
            small_us, small_s = used / requests * 1e6, requests / counts["seconds"]
            at_rest, before = server.memory_bytes(), server.cpu_seconds()
            began, most = time.monotonic(), 0
            for _ in range(BIG_COUNT):
                most = max(most, download(server, big))
            seconds, used = time.monotonic() - began, server.cpu_seconds() - before
            results.add(
                "relay",
                peer.name,
                small_us=small_us,
                small_s=small_s,
                big_ms=used / BIG_COUNT * 1e3,
                big_mb_s=BIG * BIG_COUNT / 1e6 / seconds,
                big_mib=max(most - at_rest, 0) / (1 << 20),
            )


def relay_path(peer: Peer, behind: Server, name: str) -> str:
    """Returns the path by which a file is passed on."""
    return name if isinstance(peer, Proxy) else f"/proxy?url={quote(behind.url(name), safe='')}"


def download(server: Server, path: str) -> int:
    """Downloads a file. Returns how much memory the server took in the middle of it."""
    received, middle = 0, 0
    with server.download(path) as response:
        while piece := response.read(1 << 20):
            received += len(piece)
            if received >= BIG // 2 and middle == 0:
                middle = proc.memory_bytes(server.pid)
    if received != BIG:
        raise Failed(f"{path} has {received} bytes of {BIG}")
    return middle


GATHER = Measure(
    "gather",
    f"{CLIENTS:,} clients at once, each waits for {UPSTREAMS} other servers of {UPSTREAM_SECONDS * 1e3:.0f} ms",
    "The server on one CPU; clients and the three others, which are snow-hosts, on the other one. Times are from a "
    "client's request to its answer, in a second burst (goal for snow: p99 below 200 ms). `KiB each`: user memory of "
    "a request whose three fetches are under way (goal: below 16).",
    [
        Column("p50", "p50 ms", "{:.0f}"),
        Column("p99", "p99 ms", "{:.0f}"),
        Column("max", "max ms", "{:.0f}"),
        Column("cpu_us", "CPU µs each", "{:.0f}"),
        Column("kib_each", "KiB each", "{:.1f}"),
    ],
    gather_round,
)

RELAY = Measure(
    "relay",
    "Answers of another server that are passed on: 1 KB (64 connections) and 100 MB (one)",
    "The server on one CPU; clients and nginx with the files on the other one. `MiB beside`: what the server's memory "
    "has grown by in the middle of 100 MB.",
    [
        Column("small_us", "1 KB: CPU µs/request", "{:.1f}"),
        Column("small_s", "requests/s"),
        Column("big_ms", "100 MB: CPU ms", "{:.0f}"),
        Column("big_mb_s", "MB/s"),
        Column("big_mib", "MiB beside", "{:.1f}"),
    ],
    relay_round,
)
