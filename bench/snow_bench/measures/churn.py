"""Waiting clients come and go: whether any is lost or stuck, and whether memory grows."""

from __future__ import annotations

import time

from snow_bench import load
from snow_bench.measures.base import Column, Effort, Measure, row
from snow_bench.peers.base import Hold, Peer
from snow_bench.proc import Others
from snow_bench.results import Results
from snow_bench.server import all_cpus, running

HELD = 1_000
# Decides who leaves and who is woken: the same in every round.
SEED = 1
SERVER_WORKERS = 2
# How long a server may come to rest before its memory is read.
REST_SECONDS = 1.0
KIB = 1 << 10


def churn_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round of each route that waits."""
    for hold in peer.holds:
        churn(peer, hold, effort, results)


def churn(peer: Peer, hold: Hold, effort: Effort, results: Results) -> None:
    """Churns for a quarter of the time, reads the memory, and churns for the rest.

    The same number of requests waits at both readings.
    """
    name = row(peer, hold)
    with running(peer, SERVER_WORKERS, all_cpus()) as server, Others(server.pid) as others:
        before = server.cpu_seconds()
        with load.churner(server, hold, HELD, effort.churn_seconds, SEED) as clients:
            quarter = clients.step()
            time.sleep(REST_SECONDS)
            grown_from = server.memory_bytes()
            rest = clients.next()
            used = server.cpu_seconds() - before
            time.sleep(REST_SECONDS)
            grown_to = server.memory_bytes()
            end = clients.next()
    results.share_with_others("churn", name, others.share)
    check(name, quarter, rest, end, results)
    results.add(
        "churn",
        name,
        held_s=rest["asked"] / (quarter["seconds"] + rest["seconds"]),
        cpu_us=used / rest["asked"] * 1e6,
        grown_kib=(grown_to - grown_from) / KIB,
        asked=end["asked"],
        answered=end["answered"],
        left=left_of(end),
        stuck=rest["waiting"] - HELD,
        missed=end["missed"],
        undelivered=undelivered_of(end),
    )


def left_of(end: load.Counts) -> int:
    """Returns how many clients left without waiting for their answers."""
    return int(end["left_fin"] + end["left_rst"])


def undelivered_of(end: load.Counts) -> int:
    """Returns how many answers were for clients that left at that moment."""
    return int(end["settled"] + end["woken"] - end["answered"])


def check(name: str, quarter: load.Counts, rest: load.Counts, end: load.Counts, results: Results) -> None:
    """Flags counts that do not add up."""
    problems = {
        f"{quarter['waiting']:,} wait after a quarter, and not {HELD:,}": quarter["waiting"] != HELD,
        f"{rest['waiting']:,} wait before the last are released, and not {HELD:,}": rest["waiting"] != HELD,
        f"{end['waiting']:,} wait at the end": end["waiting"] != 0,
        f"{end['failed']:,} failed": end["failed"] != 0,
        f"{end['twice']:,} answers came twice": end["twice"] != 0,
        f"of {end['asked']:,}, {end['answered']:,} were answered and {left_of(end):,} left": (
            end["asked"] != end["answered"] + left_of(end) + end["failed"]
        ),
        f"{undelivered_of(end):,} more were woken than answered, and {left_of(end):,} left": (
            not 0 <= undelivered_of(end) <= left_of(end)
        ),
    }
    for problem, is_there in problems.items():
        if is_there:
            results.flag("churn", name, problem)


CHURN = Measure(
    "churn",
    f"{HELD:,} that wait, come and go (two workers)",
    "As fast as the server allows, clients connect and wait, and then, by chance, leave (FIN or RST) or are woken by "
    "another client's stop. `CPU µs each`: of all that, for each request that waits. `grown`: user memory at the end "
    f"against that after a quarter of the time, with {HELD:,} waiting both times. `stuck`: how many more wait then, "
    "as the server counts. `undelivered`: answers for clients that left at that moment, as the server counts. A row "
    "is marked if answered and left do not add up to the requests, if an answer came twice, or if a request still "
    "waits at the end.",
    [
        Column("held_s", "held/s"),
        Column("cpu_us", "CPU µs each", "{:.1f}"),
        Column("grown_kib", "grown KiB"),
        Column("asked", "requests"),
        Column("answered", "answered"),
        Column("left", "left"),
        Column("stuck", "stuck"),
        Column("undelivered", "undelivered"),
    ],
    churn_round,
)
