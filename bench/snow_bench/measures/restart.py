"""The host is restarted under a steady load, on a socket that its supervisor keeps."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable

from snow_bench import load
from snow_bench.measures.base import Column, Effort, Measure
from snow_bench.measures.steady import (
    LATENCIES,
    RATE,
    SERVER_WORKERS,
    add_latencies,
    compare_with,
    fresh_folder,
    snow_of,
)
from snow_bench.peers.base import Peer
from snow_bench.peers.snow import Snow
from snow_bench.proc import Others
from snow_bench.results import Results
from snow_bench.server import Failed, all_cpus, pinned

RESTARTS = 5
EVERY_SECONDS = 3.0
LOAD_SECONDS = 20
# A drain lasts as long as the slowest request, and ten seconds at most.
DRAIN_SECONDS_MAX = 15.0
BACKLOG = 1_024
ALONE, OVERLAPPING, ONE_BY_ONE = "snow, not restarted", "snow, next before last", "snow, next after last"


class Host:
    """One of the hosts that serve on the same socket."""

    def __init__(self, snow: Snow, listener: socket.socket) -> None:
        begun = time.monotonic()
        inherited = listener.fileno()
        with pinned(all_cpus()):
            self.process = subprocess.Popen(
                snow.command_on(f"fd:{inherited}", SERVER_WORKERS),
                pass_fds=[inherited],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert self.process.stdout is not None
        # The host prints this line once it answers requests.
        if not self.process.stdout.readline().startswith("listening"):
            self.process.kill()
            raise Failed(f"exits with {self.process.wait()} when it starts")
        self.ready_seconds = time.monotonic() - begun

    def stop(self) -> float:
        """Ends the host, which drains first. Returns the seconds that took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(DRAIN_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed(f"does not end in {DRAIN_SECONDS_MAX:.0f} seconds") from None
        if code != 0:
            raise Failed(f"ends with {code}")
        return time.monotonic() - begun


class Supervisor:
    """The owner of a listening socket, with one host that serves on it."""

    def __init__(self, snow: Snow, listener: socket.socket) -> None:
        self.snow, self.listener = snow, listener
        self.host = Host(snow, listener)
        self.ready: list[float] = []
        self.drained: list[float] = []
        # How long no host accepted connections: the kernel kept what arrived.
        self.gaps: list[float] = []

    def overlapping(self) -> None:
        """Restarts the host: the next one serves before the last one is told to end."""
        last, self.host = self.host, Host(self.snow, self.listener)
        self.drained.append(last.stop())
        self.ready.append(self.host.ready_seconds)
        self.gaps.append(0.0)

    def one_by_one(self) -> None:
        """Restarts the host: the next one is started when the last one has ended."""
        self.drained.append(self.host.stop())
        self.host = Host(self.snow, self.listener)
        self.ready.append(self.host.ready_seconds)
        self.gaps.append(self.host.ready_seconds)


WAYS: dict[str, Callable[[Supervisor], None] | None] = {
    ALONE: None,
    OVERLAPPING: Supervisor.overlapping,
    ONE_BY_ONE: Supervisor.one_by_one,
}


def restart_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round of each way to restart."""
    snow = snow_of(peer)
    folder = fresh_folder("restart")
    guests = folder / "guests"
    guests.mkdir()
    shutil.copy(snow.guests / "hello.wat", guests)
    serving = snow.serving(guests, snow.hellos[:1], folder / "cache")
    for name, restart in WAYS.items():
        with Others(None) as others:
            take(serving, name, restart, results)
        results.share_with_others("restart", name, others.share)


def take(snow: Snow, name: str, restart: Callable[[Supervisor], None] | None, results: Results) -> None:
    """Runs one load, and beside it the restarts."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        supervisor = Supervisor(snow, listener)
        try:
            with load.steady(address, snow.hellos[0].path, RATE, LOAD_SECONDS) as ended:
                if restart is not None:
                    for _ in range(RESTARTS):
                        time.sleep(EVERY_SECONDS)
                        restart(supervisor)
                counts = ended()
        finally:
            supervisor.host.stop()
    add_latencies("restart", name, counts, results)
    connections = {key: counts[key] for key in ("refused", "broken", "connections")}
    results.add("restart", name, **connections)
    if restart:
        times = {"ready_ms": supervisor.ready, "drained_ms": supervisor.drained, "gap_ms": supervisor.gaps}
        results.add("restart", name, **{key: 1e3 * max(seconds) for key, seconds in times.items()})


RESTART = Measure(
    "restart",
    f"{RESTARTS} restarts under hello ({RATE:,}/s, 16 connections, two workers) on an inherited socket",
    "An open loop; a connection is kept until the host says `connection: close`, and the next request then makes "
    "another. `next before last`: the next host serves before the last one is told to end. `next after last`: it is "
    "started when that one has ended, and what arrives waits in the socket. `refused`, `broken off`: of connections. "
    "`ready`: from a host's start to the moment it serves. `drained`: from SIGTERM to its end. `nobody`: for how long "
    "no host took connections. The longest of each.",
    [
        *LATENCIES,
        Column("p999_more_ms", "p99.9 against alone, ms", "{:+.2f}"),
        Column("refused", "refused"),
        Column("broken", "broken off"),
        Column("connections", "connections"),
        Column("ready_ms", "ready ms", "{:.1f}"),
        Column("drained_ms", "drained ms"),
        Column("gap_ms", "nobody ms", "{:.1f}"),
    ],
    restart_round,
    lambda results: compare_with("restart", ALONE, results),
)
