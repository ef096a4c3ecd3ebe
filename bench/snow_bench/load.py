"""The clients.

wrk asks as fast as it can, and pacer at a constant rate. The requests of the others wait: holder
holds thousands, sleeper waits for timers, settler wakes waiting requests one by one, churner lets
them come and go, and swapper replaces the guest that holds them. crowd is a bad neighbour.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from snow_bench import install, places, proc
from snow_bench.peers.base import Hold
from snow_bench.server import Failed, Server, all_cpus, load_cpus, pinned

# How much longer a client may take than it was told to run.
PATIENCE_SECONDS = 120
PACED_RATE = 200
PACED_CONNECTIONS = 16

Counts = dict[str, Any]


def prepare() -> None:
    """Installs or builds all clients. Raises `Missing` if that fails."""
    install.debian("wrk", "wrk")
    install.cargo_build(places.BENCH / "peers", places.PEERS_TARGET)


def wrk(server: Server, path: str, connections: int, seconds: int, cpus: set[int] | None = None) -> Counts:
    """Runs wrk with a thread for each CPU. Returns requests, seconds, p50, p99 and errors."""
    cpus = cpus or load_cpus()
    threads = min(len(cpus), connections)
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["-s", str(places.BENCH / "snow_bench" / "wrk.lua"), server.url(path)]
    return finish(server, command, seconds, cpus)


def wrk_keys(
    server: Server, method: str, prefix: str, keys_and_bytes: tuple[int, int], connections: int, seconds: int
) -> Counts:
    """Runs wrk as `wrk` does, over paths that end with a number, with a body of some bytes."""
    cpus = load_cpus()
    command = ["wrk", f"-t{min(len(cpus), connections)}", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["-s", str(places.BENCH / "snow_bench" / "wrk_store.lua"), server.url("/")]
    return finish(server, [*command, "--", method, prefix, *map(str, keys_and_bytes)], seconds, cpus)


def pacer(server: Server, path: str, seconds: int, beside: tuple[str, int] | None = None) -> Counts:
    """Runs pacer at 200 requests a second. Returns p50 and p99.

    `beside` is another path, and how many clients ask for it at the same time.
    """
    command = pacer_command(server.address, path, PACED_RATE, seconds)
    if beside is not None and beside[1] > 0:
        command += [beside[0], str(beside[1])]
    return finish(server, command, seconds, load_cpus())


def pacer_command(address: str, path: str, rate: int, seconds: int) -> list[str]:
    """Returns the command of a pacer that asks `rate` times a second."""
    command = [str(places.peer_binary("pacer")), address, path]
    return [*command, str(rate), str(PACED_CONNECTIONS), str(seconds)]


@contextmanager
def steady(
    address: str, path: str, rate: int, seconds: int, cpus: set[int] | None = None, patience: int = PATIENCE_SECONDS
) -> Iterator[Callable[[], Counts]]:
    """Runs pacer beside the body, on all CPUs unless `cpus` says otherwise.

    The body gets a function that waits for the end of pacer and returns its counts. It raises
    `Failed` if pacer takes `patience` seconds longer than it was told to run.
    """
    with pinned(cpus or all_cpus()):
        command = pacer_command(address, path, rate, seconds)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ended() -> Counts:
        try:
            told, complaint = process.communicate(timeout=seconds + patience)
        except subprocess.TimeoutExpired:
            raise Failed(f"{path} is not answered {patience} seconds after the load") from None
        if process.returncode != 0:
            raise Failed(f"pacer: {complaint.strip()}")
        return counts_of(told)

    try:
        yield ended
    finally:
        process.kill()
        process.communicate()


def swapper(
    server: Server, held: int, rates: tuple[int, int], every_ms: int, count: int, file: Path, versions: Path | None
) -> AbstractContextManager[Steps]:
    """Starts swapper: requests that wait, a steady load, and a guest's file that is replaced.

    It runs on all CPUs, as the server does.
    """
    command = [str(places.peer_binary("swapper")), server.address, str(held), *map(str, rates)]
    command += [str(every_ms), str(count), str(file), str(versions or "-")]
    return steps(command, all_cpus())


def sleeper(
    server: Server, path: str, count: int, lengths: tuple[float, float], seed: int, spread: float = 2.0
) -> Counts:
    """Runs sleeper, which waits for timers of random lengths. Returns how late they were.

    The shortest and the longest length, and the time over which requests are spread, are in seconds.
    """
    shortest, longest = lengths
    command = [str(places.peer_binary("sleeper")), server.address, str(count), path]
    command += [str(shortest), str(longest), str(seed), str(spread)]
    return finish(server, command, round(longest), load_cpus())


def settler(server: Server, hold: Hold, waiters: int, settlers: int, seconds: int) -> Counts:
    """Runs settler: how many requests are woken one by one, and how long each takes.

    It runs on all CPUs, as the server does.
    """
    command = [str(places.peer_binary("settler")), server.address, str(server.pid), str(waiters), str(settlers)]
    command += [str(seconds), hold.path, hold.settle or "-", hold.waiting or "-"]
    return finish(server, command, seconds, all_cpus())


def finish(server: Server, command: list[str], seconds: int, cpus: set[int]) -> Counts:
    """Runs a client and waits for its end. Returns its last line, which is JSON.

    Added to it: how many CPUs were busy for other processes meanwhile.
    """
    try:
        with pinned(cpus), proc.Others(server.pid) as others:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0].rpartition('/')[2]} did not end") from None
    if done.returncode != 0 or not done.stdout.strip():
        raise Failed(f"{command[0].rpartition('/')[2]}: {done.stderr.strip()}")
    return counts_of(done.stdout.strip().splitlines()[-1]) | {"others": others.share}


def counts_of(line: str) -> Counts:
    """Parses a line of JSON."""
    counts: Counts = json.loads(line)
    return counts


class Steps:
    """A client that runs in steps: it reports each step, then waits for the word to go on."""

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self.process = process
        self.name = name

    def next(self) -> Counts:
        """Lets the client take its next step, and returns the report."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.step()

    def step(self) -> Counts:
        """Returns the report of a step that the client takes without being told."""
        assert self.process.stdout is not None and self.process.stderr is not None
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.name}: {self.process.stderr.read().strip() or 'ended'}")
        return counts_of(line)


@contextmanager
def steps(command: list[str], cpus: set[int]) -> Iterator[Steps]:
    """Runs a client in steps beside the body, and ends it after the body."""
    with pinned(cpus):
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    try:
        yield Steps(process, command[0].rpartition("/")[2])
    finally:
        process.kill()
        process.communicate()


class Holder:
    """A client process with requests that wait."""

    def __init__(self, client: Steps) -> None:
        self.client = client
        self.held = client.step()

    def release(self) -> Counts:
        """Has all requests answered. Returns the report."""
        return self.client.next()


@contextmanager
def holder(server: Server, count: int, hold: str, waiting: str | None, release: str | None) -> Iterator[Holder]:
    """Opens `count` requests that wait, and closes them after the body."""
    command = [str(places.peer_binary("holder")), server.address, str(count), hold, waiting or "-", release or "-"]
    with steps(command, load_cpus()) as client:
        yield Holder(client)


def crowd(
    server: Server, way: str, clients: int, seconds: int, paths: list[str], cpus: set[int]
) -> AbstractContextManager[Steps]:
    """Starts crowd: clients that are bad neighbours, until `next` is called, or for `seconds`.

    Its ways are in bench/peers/load/src/bin/crowd.rs. It runs only when nobody else wants to: 200
    threads of a low priority would still make the clients that are measured wait.
    """
    command = ["chrt", "--idle", "0", str(places.peer_binary("crowd")), server.address, way, str(clients), str(seconds)]
    return steps([*command, *paths], cpus)


def churner(server: Server, hold: Hold, held: int, seconds: int, seed: int) -> AbstractContextManager[Steps]:
    """Starts churner: `held` requests that wait, and are replaced as they leave or are woken.

    It runs on all CPUs, as the server does.
    """
    command = [str(places.peer_binary("churner")), server.address, str(seed), str(held), str(seconds), hold.path]
    command += [hold.settle or "-", hold.waiting or "-", hold.release or "-"]
    return steps(command, all_cpus())
