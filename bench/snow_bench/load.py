"""The clients: wrk as fast as it can, pacer at a constant rate, holder with thousands of requests that wait, and others
whose requests wait: sleeper for timers, settler wakes them one by one, churner has them come and go, and swapper
replaces their guest.
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

# Beyond the time that a client is told to run for.
PATIENCE_SECONDS = 120
PACED_RATE = 200
PACED_CONNECTIONS = 16

Counts = dict[str, Any]


def prepare() -> None:
    """Installs or builds them all. Raises `Missing`."""
    install.debian("wrk", "wrk")
    install.cargo_build(places.BENCH / "peers", places.PEERS_TARGET)


def wrk(server: Server, path: str, connections: int, seconds: int, cpus: set[int] | None = None) -> Counts:
    """Requests, seconds, p50 and p99, errors. A thread of wrk for each CPU of the clients."""
    cpus = cpus or load_cpus()
    threads = min(len(cpus), connections)
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["-s", str(places.BENCH / "snow_bench" / "wrk.lua"), server.url(path)]
    return finish(server, command, seconds, cpus)


def pacer(server: Server, path: str, seconds: int, beside: tuple[str, int] | None = None) -> Counts:
    """p50 and p99 of a path at 200 requests a second, with so many clients of another path beside."""
    command = pacer_command(server.address, path, PACED_RATE, seconds)
    if beside is not None and beside[1] > 0:
        command += [beside[0], str(beside[1])]
    return finish(server, command, seconds, load_cpus())


def pacer_command(address: str, path: str, rate: int, seconds: int) -> list[str]:
    """One that asks so often each second."""
    command = [str(places.peer_binary("pacer")), address, path]
    return [*command, str(rate), str(PACED_CONNECTIONS), str(seconds)]


@contextmanager
def steady(address: str, path: str, rate: int, seconds: int) -> Iterator[Callable[[], Counts]]:
    """A pacer that goes on meanwhile, on all CPUs. What is given waits for its end, and says how it went."""
    with pinned(all_cpus()):
        command = pacer_command(address, path, rate, seconds)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ended() -> Counts:
        told, complaint = process.communicate(timeout=seconds + PATIENCE_SECONDS)
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
    """So many that wait, a steady load, and a guest's file that is replaced. It has all CPUs, as the server."""
    command = [str(places.peer_binary("swapper")), server.address, str(held), *map(str, rates)]
    command += [str(every_ms), str(count), str(file), str(versions or "-")]
    return steps(command, all_cpus())


def sleeper(server: Server, path: str, count: int, shortest: float, longest: float, seed: int) -> Counts:
    """How late so many timers are, of random lengths between these, in seconds."""
    command = [str(places.peer_binary("sleeper")), server.address, str(count), path]
    command += [str(shortest), str(longest), str(seed)]
    return finish(server, command, round(longest), load_cpus())


def settler(server: Server, hold: Hold, waiters: int, settlers: int, seconds: int) -> Counts:
    """How many are woken one by one, and how long that takes. It has all CPUs, as the server."""
    command = [str(places.peer_binary("settler")), server.address, str(server.pid), str(waiters), str(settlers)]
    command += [str(seconds), hold.path, hold.settle or "-", hold.waiting or "-"]
    return finish(server, command, seconds, all_cpus())


def finish(server: Server, command: list[str], seconds: int, cpus: set[int]) -> Counts:
    """Runs a client to its end. Its last line is JSON, to which is added how many CPUs were busy for others."""
    try:
        with pinned(cpus), proc.Others(server.pid) as others:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0].rpartition('/')[2]} did not end") from None
    if done.returncode != 0 or not done.stdout.strip():
        raise Failed(f"{command[0].rpartition('/')[2]}: {done.stderr.strip()}")
    return counts_of(done.stdout.strip().splitlines()[-1]) | {"others": others.share}


def counts_of(line: str) -> Counts:
    """A line of JSON."""
    counts: Counts = json.loads(line)
    return counts


class Steps:
    """A client that goes by steps: it says how each went, and waits to be told to go on."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def next(self) -> Counts:
        """Has it take the next step, and waits until it is done."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.step()

    def step(self) -> Counts:
        """What it has to say of the step it has done."""
        assert self.process.stdout is not None and self.process.stderr is not None
        line = self.process.stdout.readline()
        if not line:
            name = str(self.process.args[0]).rpartition("/")[2]
            raise Failed(f"{name}: {self.process.stderr.read().strip() or 'ended'}")
        return counts_of(line)


@contextmanager
def steps(command: list[str], cpus: set[int]) -> Iterator[Steps]:
    """Starts such a client. It is ended with what is done meanwhile."""
    with pinned(cpus):
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    try:
        yield Steps(process)
    finally:
        process.kill()
        process.communicate()


class Holder:
    """Requests that wait, in a process of their own."""

    def __init__(self, client: Steps) -> None:
        self.client = client
        self.held = client.step()

    def release(self) -> Counts:
        """Has them answered, and waits until they are."""
        return self.client.next()


@contextmanager
def holder(server: Server, count: int, hold: str, waiting: str | None, release: str | None) -> Iterator[Holder]:
    """Opens so many requests that wait. They leave at the end."""
    command = [str(places.peer_binary("holder")), server.address, str(count), hold, waiting or "-", release or "-"]
    with steps(command, load_cpus()) as client:
        yield Holder(client)


def churner(server: Server, hold: Hold, held: int, seconds: int, seed: int) -> AbstractContextManager[Steps]:
    """So many that wait, and come and go. It has all CPUs, as the server."""
    command = [str(places.peer_binary("churner")), server.address, str(seed), str(held), str(seconds), hold.path]
    command += [hold.settle or "-", hold.waiting or "-", hold.release or "-"]
    return steps(command, all_cpus())
