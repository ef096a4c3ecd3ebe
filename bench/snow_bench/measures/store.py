"""The store beside Redis: get, set and count, in memory and on disk."""

from __future__ import annotations

import time
from http.client import HTTPConnection

from snow_bench import load
from snow_bench.measures.base import Column, Effort, Measure
from snow_bench.measures.http import CPU_CONNECTIONS, check
from snow_bench.peers.base import Peer
from snow_bench.results import Results
from snow_bench.server import START_SECONDS_MAX, Failed, Server, running

KEYS = 1_000
VALUE_BYTES = 100
# What is asked, in this order: `get` finds what `set` has stored. Method, and the bytes of a body.
OPERATIONS = {"set": ("POST", VALUE_BYTES), "get": ("GET", 0), "count": ("POST", 0)}


def store_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round: each operation over a thousand keys."""
    with running(peer) as server:
        check_answers(server)
        for operation in OPERATIONS:
            ask(server, operation, effort.warm_seconds)
            before = server.cpu_seconds()
            counts = ask(server, operation, effort.load_seconds)
            used = server.cpu_seconds() - before
            check("store", peer.name, CPU_CONNECTIONS, counts, results)
            requests = max(counts["requests"], 1)
            values = {"us": used / requests * 1e6, "s": requests / counts["seconds"], "p99": counts["p99_us"] / 1e3}
            results.add("store", peer.name, **{f"{operation}_{key}": value for key, value in values.items()})


def ask(server: Server, operation: str, seconds: int) -> load.Counts:
    """Runs one load: a thousand keys, in turn. Those that count are others than those with values."""
    method, bytes_of_body = OPERATIONS[operation]
    prefix = "/count/n" if operation == "count" else f"/{operation}/k"
    return load.wrk_keys(server, method, prefix, (KEYS, bytes_of_body), CPU_CONNECTIONS, seconds)


def check_answers(server: Server) -> None:
    """Waits until the server serves. Raises `Failed` unless it stores what it is told to."""
    value = "v" * VALUE_BYTES
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            told = [post(server, "/set/checked", value), post(server, "/count/checks", "")]
            break
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise Failed("does not answer") from None
            server.check_alive()
            time.sleep(0.01)
    told += [post(server, "/count/checks", ""), server.get("/get/checked"), server.get("/get/missing")]
    if told != [(200, "stored"), (200, "1"), (200, "2"), (200, value), (404, "no such key")]:
        raise Failed(f"answers {told}")


def post(server: Server, path: str, body: str) -> tuple[int, str]:
    """Posts a body on a new connection. Returns status and body."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("POST", path, body)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()


def compare(results: Results) -> None:
    """Adds the CPU of each row as a share of that of Node with Redis, in memory or on disk."""
    rows = results.tests["store"]
    for name in list(rows):
        redis = "node-redis-disk" if "disk" in name else "node-redis"
        for operation in OPERATIONS:
            own = rows[name].median(f"{operation}_us")
            other = rows[redis].median(f"{operation}_us") if redis in rows else None
            if own and other:
                results.add("store", name, **{f"{operation}_ratio": own / other})


STORE = Measure(
    "store",
    "The store beside Redis: set, get and count (64 connections, 1,000 keys, values of 100 bytes)",
    "The server on one CPU, wrk on the other. CPU is that of all processes: of Node and of Redis. On disk, a write is "
    "answered once it is there (Redis: `appendfsync always`). `×`: CPU, against Node with Redis in memory, or on disk.",
    [
        column
        for operation in OPERATIONS
        for column in (
            Column(f"{operation}_us", f"{operation}: CPU µs/request", "{:.1f}"),
            Column(f"{operation}_ratio", "×", "{:.2f}"),
            Column(f"{operation}_s", "requests/s"),
            Column(f"{operation}_p99", "p99 ms", "{:.1f}"),
        )
    ],
    store_round,
    compare,
)
