"""A database beside Node's `pg`: rows by their key, and many who wait for one notification."""

from __future__ import annotations

import time
from typing import cast

from snow_bench import load
from snow_bench.measures.base import Column, Effort, Measure
from snow_bench.measures.http import CPU_CONNECTIONS, check
from snow_bench.peers.base import Peer
from snow_bench.peers.databases import CONNECTIONS, ROWS, Asks, postgres
from snow_bench.results import Results
from snow_bench.server import Failed, Server, load_cpus, running

WAITERS = 15_000
REST_SECONDS = 2.0
NODE = "node-pg"


def sql_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round: rows as fast as the clients can ask, and then waiters."""
    with postgres(load_cpus()) as url:
        cast(Asks, peer).asks(url)
        with running(peer) as server:
            check_answers(server)
            ask(server, effort.warm_seconds)
            before = server.cpu_seconds()
            counts = ask(server, effort.load_seconds)
            used = server.cpu_seconds() - before
            check("sql", peer.name, CPU_CONNECTIONS, counts, results)
            requests = max(counts["requests"], 1)
            results.add(
                "sql",
                peer.name,
                cpu_us=used / requests * 1e6,
                requests_s=requests / counts["seconds"],
                p50_ms=counts["p50_us"] / 1e3,
                p99_ms=counts["p99_us"] / 1e3,
            )
        with running(peer) as server:
            wait(server, results)


def ask(server: Server, seconds: int) -> load.Counts:
    """Asks for one row after the other."""
    return load.wrk_keys(server, "GET", "/row/", (ROWS, 0), CPU_CONNECTIONS, seconds)


def check_answers(server: Server) -> None:
    """Raises `Failed` unless the server knows its rows."""
    answers = [server.get("/row/7"), server.get(f"/row/{ROWS + 1}")]
    if answers != [(200, "the text of row 7"), (404, "no such row")]:
        raise Failed(f"answers {answers}")


def wait(server: Server, results: Results) -> None:
    """Holds clients that wait for a notification, and sends it."""
    name = server.peer.name
    # Opens the connections, and those of this measure's clients.
    with load.holder(server, 1, "/wait", None, "/notify") as one:
        one.release()
    time.sleep(REST_SECONDS)
    before = server.memory_bytes()
    with load.holder(server, WAITERS, "/wait", None, "/notify") as holder:
        time.sleep(REST_SECONDS)
        held, used = server.memory_bytes(), server.cpu_seconds()
        told = holder.release()
        used = server.cpu_seconds() - used
    if told["answered"] < WAITERS or told["failed"]:
        results.flag("sql", name, f"{told['answered']} of {WAITERS} told, {told['failed']} of them wrongly")
    each = (held - before) / WAITERS
    results.add("sql", name, bytes_each=each, told_ms=told["last_us"] / 1e3, told_us=used / WAITERS * 1e6)


def compare(results: Results) -> None:
    """Adds the CPU of each row as a share of Node's."""
    rows = results.tests["sql"]
    other = rows[NODE].median("cpu_us") if NODE in rows else None
    for name in list(rows):
        own = rows[name].median("cpu_us")
        if own and other:
            results.add("sql", name, ratio=own / other)


SQL = Measure(
    "sql",
    f"A row of PostgreSQL by its key (64 connections), and {WAITERS:,} who wait for one notification",
    f"The server on one CPU; clients and PostgreSQL on the other one, over TCP and {CONNECTIONS} connections. CPU is "
    "the server's alone. `×`: CPU, against Node. `bytes each`: user memory of a client that waits. `told in`: from the "
    "request that notifies to the last answer.",
    [
        Column("cpu_us", "CPU µs/request", "{:.1f}"),
        Column("ratio", "×", "{:.2f}"),
        Column("requests_s", "requests/s"),
        Column("p50_ms", "p50 ms", "{:.1f}"),
        Column("p99_ms", "p99 ms", "{:.1f}"),
        Column("bytes_each", "bytes each"),
        Column("told_ms", "told in ms"),
        Column("told_us", "CPU µs each", "{:.1f}"),
    ],
    sql_round,
    compare,
)
