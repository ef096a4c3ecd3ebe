"""Servers that ask a database, and the PostgreSQL that all of them ask."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from snow_bench import install, places
from snow_bench.peers.base import Options, Peer, Route
from snow_bench.peers.scripted import FOLDER, told
from snow_bench.peers.snow import REUSE, Snow
from snow_bench.server import START_SECONDS_MAX, Failed, free_port, pinned

TESTS = frozenset({"sql"})
HELLO = Route("/hello", "hello world")
# Connections of each server: the default of snow-host.
CONNECTIONS = 8
ROWS = 1_000
USER = "bench"
TABLE = f"""
create table rows (id integer primary key, text text not null);
insert into rows select id, 'the text of row ' || id from generate_series(1, {ROWS}) as id;
analyze rows;
"""


class Asks(Protocol):
    """A server that asks a database."""

    def asks(self, url: str) -> None:
        """Sets the database's URL."""


class Queried(Snow):
    """snow-host with the guest bench/guests/queried."""

    def __init__(self, name: str, what: str, table: str = "") -> None:
        super().__init__(name, what, TESTS)
        self.hellos = [HELLO]
        self.table = table

    def prepare(self, options: Options) -> None:
        super().prepare(options)
        shutil.copy(places.built_guest(places.GUESTS_TARGET, "queried"), self.guests)

    def asks(self, url: str) -> None:
        database = f'[database.app]\nurl = "{url}"\nconnections_max = {CONNECTIONS}\n'
        guest = f'[guest.queried]\ndatabases = ["app"]\n{self.table}\n'
        (self.guests / "snow.toml").write_text(database + guest)


class NodePg(Peer):
    """The handler of the same kind in Node."""

    def __init__(self) -> None:
        super().__init__("node-pg", "node:http and pg (npm)", TESTS, hellos=[HELLO])
        self.url = ""

    def prepare(self, options: Options) -> None:
        if shutil.which("node") is None:
            raise install.Missing("there is no node")
        self.modules = install.node_modules(FOLDER / "pg")

    def version(self) -> str:
        return f"Node {told('node', '--version')}"

    def asks(self, url: str) -> None:
        self.url = url

    def command(self, port: int, workers: int) -> list[str]:
        server = str(FOLDER / "pg" / "server.js")
        return ["node", server, str(port), str(self.modules), self.url, str(CONNECTIONS)]


@contextmanager
def postgres(cpus: set[int]) -> Iterator[str]:
    """Runs a PostgreSQL with a table on these CPUs, beside the body, which gets its URL."""
    psql = install.debian("psql", "postgresql")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise install.Missing("the package postgresql has no initdb")
    binaries = found[-1].parent
    # It refuses to run as root, and whoever it runs as has to get there.
    folder = Path("/tmp") / f"snow-bench-pg-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    user: int | None = None
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres").pw_uid
        os.chown(folder, user, -1)
    port = free_port()
    data = str(folder / "data")
    make = [str(binaries / "initdb"), "-D", data, "-U", USER, "--auth=trust", "--no-sync", "--encoding=UTF8"]
    serve = [str(binaries / "postgres"), "-D", data, "-p", str(port), "-k", str(folder), "-h", "127.0.0.1"]
    try:
        done = subprocess.run(make, cwd="/", user=user, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"initdb: {done.stderr.strip()}")
        with pinned(cpus):
            quiet = subprocess.DEVNULL
            server = subprocess.Popen(serve, cwd="/", user=user, stdin=quiet, stdout=quiet, stderr=quiet)
        try:
            url = f"postgres://{USER}@127.0.0.1:{port}/postgres"
            fill(psql, url)
            yield url
        finally:
            # Smart shutdown would wait for its clients, which SIGINT does not.
            server.send_signal(2)
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill(psql: Path, url: str) -> None:
    """Waits until the database answers, and makes its table."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        command = [str(psql), "--quiet", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-c", TABLE, url]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return
        if time.monotonic() > deadline:
            raise Failed(f"PostgreSQL: {done.stderr.strip()}")
        time.sleep(0.1)


ALL: list[Peer] = [
    Queried("snow-sql", "the guest `queried`, a fresh instance for each call"),
    Queried("snow-sql-reused", "the guest `queried`, instances reused", REUSE),
    NodePg(),
]
