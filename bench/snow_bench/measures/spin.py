"""hello at a constant rate, beside guests that compute."""

from __future__ import annotations

import time

from snow_bench import load
from snow_bench.measures.base import Column, Effort, Measure
from snow_bench.peers.base import Peer
from snow_bench.results import Results
from snow_bench.server import Failed, Server, all_cpus, running

SPIN_SECONDS = 0.1
FIRST_ROUNDS = 10_000_000
CLIENTS = [0, 2, 20]
SERVER_WORKERS = 2


def spin_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round: hello alone, then beside clients that keep guests busy."""
    if peer.spin is None:
        raise Failed("has no route that computes")
    for clients in CLIENTS:
        # Each load has a new server, so that none pays for what an earlier one left behind.
        with running(peer, SERVER_WORKERS, all_cpus()) as server:
            beside = (calibrated(server, peer.spin), clients)
            counts = load.pacer(server, peer.hellos[0].path, effort.paced_seconds, beside)
        results.share_with_others("spin", peer.name, counts["others"])
        if counts["failed"] or counts["beside_failed"]:
            results.flag("spin", peer.name, f"{counts['failed']} + {counts['beside_failed']} failed beside {clients}")
        results.add(
            "spin",
            peer.name,
            **{
                f"p50_ms_{clients}": counts["p50_us"] / 1e3,
                f"p99_ms_{clients}": counts["p99_us"] / 1e3,
                f"spin_s_{clients}": counts["beside_requests"] / counts["seconds"],
                f"spin_p50_ms_{clients}": counts["beside_p50_us"] / 1e3,
            },
        )


def calibrated(server: Server, path: str) -> str:
    """Returns the path that this server computes for 100 ms when nothing else runs."""
    seconds = min(timed(server, path.format(rounds=FIRST_ROUNDS)) for _ in range(5))
    return path.format(rounds=round(FIRST_ROUNDS * SPIN_SECONDS / seconds))


def timed(server: Server, path: str) -> float:
    begun = time.monotonic()
    status, body = server.get(path)
    if status != 200:
        raise Failed(f"{path} answers {status} {body[:60]!r}")
    return time.monotonic() - begun


SPIN = Measure(
    "spin",
    "p99 of hello (200/s, 16 connections, two workers) beside guests that compute 100 ms",
    "An open loop: a request's latency counts from when it was due. `spins/s` is what the guests beside it got done: "
    "two CPUs allow 20.",
    [
        *(Column(f"p99_ms_{clients}", f"p99 ms beside {clients}", "{:.1f}") for clients in CLIENTS),
        *(Column(f"p50_ms_{clients}", f"p50 beside {clients}", "{:.1f}") for clients in CLIENTS),
        *(Column(f"spin_s_{clients}", f"spins/s of {clients}", "{:.1f}") for clients in CLIENTS[1:]),
    ],
    spin_round,
)
