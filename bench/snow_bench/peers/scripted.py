"""Servers whose handlers are scripts: Tornado, Flask, Node, workerd. Each serves on one thread."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

from snow_bench import install, places
from snow_bench.peers.base import Hold, Language, Options, Peer

TESTS = frozenset({"cpu", "latency", "held", "start"})
# The two servers that can settle a single request, and sleep, take part in more measures.
MORE_TESTS = TESTS | {"timers", "settle", "churn", "languages"}
HOLD = Hold("/hold/", settle="/stop/?value={value}")
SLEEP = "/sleep/?seconds={seconds}"
FOLDER = places.BENCH / "peers"


def told(*command: str | Path) -> str:
    """Returns what a program prints to its standard output."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60).stdout.strip()


class Tornado(Peer):
    def __init__(self) -> None:
        super().__init__("tornado", "coroutines, asyncio's loop (pip)", MORE_TESTS, holds=[HOLD], sleep=SLEEP)
        self.languages = [Language()]

    def prepare(self, options: Options) -> None:
        self.python = install.python_with(FOLDER / "tornado" / "requirements.txt")

    def version(self) -> str:
        program = "import platform, tornado; print('Tornado', tornado.version, 'on Python', platform.python_version())"
        return told(self.python, "-c", program)

    def command(self, port: int, workers: int) -> list[str]:
        # -B: the benchmark leaves nothing behind in the repository.
        return [str(self.python), "-B", str(FOLDER / "tornado" / "server.py"), str(port)]

    def files(self) -> list[Path]:
        return [self.python.resolve(), self.python.parents[1], Path(sysconfig.get_path("stdlib"))]


class Flask(Peer):
    def __init__(self) -> None:
        super().__init__("flask", "under gunicorn, a process with a thread (pip)", frozenset({"languages"}))
        self.languages = [Language()]

    def prepare(self, options: Options) -> None:
        self.python = install.python_with(FOLDER / "flask" / "requirements.txt")

    def version(self) -> str:
        program = (
            "import platform; from importlib.metadata import version; print('Flask', version('flask'), "
            "'under gunicorn', version('gunicorn'), 'on Python', platform.python_version())"
        )
        return told(self.python, "-c", program)

    def command(self, port: int, workers: int) -> list[str]:
        # Workers of the kind `sync`, the default, close a connection after each request.
        serve = ["--workers", str(workers), "--worker-class", "gthread", "--threads", "1", "--log-level", "error"]
        gunicorn = [str(self.python), "-B", "-m", "gunicorn", "--chdir", str(FOLDER / "flask")]
        return [*gunicorn, *serve, "--bind", f"127.0.0.1:{port}", "app:app"]


class Node(Peer):
    def __init__(self) -> None:
        super().__init__("node", "node:http and nothing else", MORE_TESTS, holds=[HOLD], sleep=SLEEP)
        self.languages = [Language()]

    def prepare(self, options: Options) -> None:
        if shutil.which("node") is None:
            raise install.Missing("there is no node")

    def version(self) -> str:
        return f"Node {told('node', '--version')}"

    def command(self, port: int, workers: int) -> list[str]:
        return ["node", str(FOLDER / "node" / "server.js"), str(port)]

    def files(self) -> list[Path]:
        return [Path(shutil.which("node") or "").resolve()]


class Workerd(Peer):
    # workerd needs two descriptors for each connection, and exits when there are none left. A
    # process may have 20,000.
    HELD_MAX = 9_000

    def __init__(self) -> None:
        holds = [Hold("/hold/", count_max=self.HELD_MAX)]
        super().__init__("workerd", "Cloudflare's runtime, one isolate (npm)", TESTS, holds=holds)

    def prepare(self, options: Options) -> None:
        modules = install.node_modules(FOLDER / "workerd")
        binaries = sorted(modules.glob("@cloudflare/workerd-*/bin/workerd"))
        if not binaries:
            raise install.Missing("the npm package has no binary for this machine")
        self.binary = binaries[0]

    def version(self) -> str:
        return told(self.binary, "--version")

    def command(self, port: int, workers: int) -> list[str]:
        config = FOLDER / "workerd" / "config.capnp"
        return [str(self.binary), "serve", str(config), "--socket-addr", f"http=127.0.0.1:{port}"]

    def files(self) -> list[Path]:
        return [self.binary]
