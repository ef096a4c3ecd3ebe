"""A running server: started on its CPUs, asked until it answers, and ended by its pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse

from snow_bench import proc
from snow_bench.peers.base import Peer, Route

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 3.0
# The pause between two attempts to connect to a server that is starting.
ATTEMPT_SECONDS = 0.0002


class Failed(Exception):
    """A measure can't be taken; the message is the reason."""


def server_cpus() -> set[int]:
    """Returns the CPU that servers are pinned to."""
    return {min(all_cpus())}


def load_cpus() -> set[int]:
    """Returns the CPUs that clients and this program are pinned to."""
    return all_cpus() - server_cpus() or all_cpus()


def all_cpus() -> set[int]:
    """Returns the CPUs that this program had when it started."""
    return ALL_CPUS


ALL_CPUS = os.sched_getaffinity(0)


class Server:
    """The process of a peer."""

    def __init__(self, peer: Peer, workers: int, cpus: set[int]) -> None:
        self.peer = peer
        self.port = free_port()
        self.begun = time.monotonic()
        self.command = peer.command(self.port, workers)
        with pinned(cpus):
            # Logs are discarded. snow-host writes its log nevertheless; nginx writes none.
            self.process = subprocess.Popen(
                self.command,
                env=os.environ | peer.environment(workers),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def wait_for_answer(self, route: Route) -> float:
        """Returns the seconds from the process's start to its first answer, which is checked."""
        while True:
            try:
                status, body = self.get(route.path)
                break
            except ConnectionRefusedError:
                self.check_alive()
                time.sleep(ATTEMPT_SECONDS)
        seconds = time.monotonic() - self.begun
        if (status, body) != (200, route.body):
            raise Failed(f"{route.path} answers {status} {body[:60]!r}")
        return seconds

    def check_alive(self) -> None:
        code = self.process.poll()
        if code is not None:
            raise Failed(f"exits with {code} when it starts: {' '.join(self.command)}")
        if time.monotonic() - self.begun > START_SECONDS_MAX:
            raise Failed(f"does not answer {START_SECONDS_MAX:.0f} seconds after its start")

    def get(self, path: str, timeout: float = 10.0) -> tuple[int, str]:
        """Sends one request on a new connection. Returns status and body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        except ConnectionRefusedError:
            raise
        except (OSError, HTTPException) as error:
            raise Failed(f"GET {path}: {error}") from None
        finally:
            connection.close()

    @contextmanager
    def download(self, path: str, timeout: float = 60.0) -> Iterator[HTTPResponse]:
        """Sends one request on a new connection, and lends its answer to the body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            if response.status != 200:
                raise Failed(f"GET {path}: {response.status}")
            yield response
        except (OSError, HTTPException) as error:
            raise Failed(f"GET {path}: {error}") from None
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        return proc.cpu_seconds(self.pid)

    def memory_bytes(self) -> int:
        return proc.memory_bytes(self.pid)

    def stop(self) -> None:
        """Ends the server and the processes that it started, by their pids."""
        below = proc.tree(self.pid)[1:]
        for _ in range(2):
            # A second signal ends a drain.
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS_MAX)
                break
            except subprocess.TimeoutExpired:
                continue
        else:
            self.process.kill()
            self.process.wait()
            for pid in below:
                kill_if_there(pid)


def kill_if_there(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


@contextmanager
def running(peer: Peer, workers: int = 1, cpus: set[int] | None = None) -> Iterator[Server]:
    """Runs a server whose answers have been checked, beside the body.

    It is pinned to the servers' CPU unless `cpus` says otherwise.
    """
    server = Server(peer, workers, cpus or server_cpus())
    try:
        for route in peer.hellos:
            server.wait_for_answer(route)
        yield server
    finally:
        server.stop()


@contextmanager
def pinned(cpus: set[int]) -> Iterator[None]:
    """Pins this program, and the processes that it starts in the body, to these CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """Returns a port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
