"""snow-host with its store, and Node with Redis: in memory, and on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from snow_bench import install, places
from snow_bench.peers.base import Options, Peer
from snow_bench.peers.scripted import FOLDER, told
from snow_bench.peers.snow import REUSE, Snow

TESTS = frozenset({"store"})


class Stored(Snow):
    """snow-host with the guest bench/guests/stored."""

    def __init__(self, name: str, what: str, manifest: str, on_disk: bool) -> None:
        super().__init__(name, what, TESTS, manifest)
        self.hellos = []
        self.on_disk = on_disk

    def prepare(self, options: Options) -> None:
        super().prepare(options)
        shutil.copy(places.built_guest(places.GUESTS_TARGET, "stored"), self.guests)

    def command_on(self, listen: str, workers: int) -> list[str]:
        command = super().command_on(listen, workers)
        return [*command, "--data", str(empty(self.name))] if self.on_disk else command


class NodeRedis(Peer):
    """The handler of the same kind in Node, which starts its Redis."""

    def __init__(self, name: str, what: str, on_disk: bool) -> None:
        super().__init__(name, what, TESTS, hellos=[])
        self.on_disk = on_disk

    def prepare(self, options: Options) -> None:
        if shutil.which("node") is None:
            raise install.Missing("there is no node")
        self.redis = install.debian("redis-server", "redis-server")
        self.modules = install.node_modules(FOLDER / "redis")

    def version(self) -> str:
        words = told(self.redis, "--version").split()
        redis = next((word[2:] for word in words if word.startswith("v=")), "?")
        return f"Node {told('node', '--version')} with Redis {redis}"

    def command(self, port: int, workers: int) -> list[str]:
        kind = "disk" if self.on_disk else "memory"
        return ["node", str(FOLDER / "redis" / "server.js"), str(port), str(self.modules), str(empty(self.name)), kind]


def empty(name: str) -> Path:
    """Returns a folder for data, without those of the last time."""
    folder = places.run_folder(name) / "data"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


ALL: list[Peer] = [
    Stored("snow-store", "its store in memory, a fresh instance for each call", "", False),
    Stored("snow-store-reused", "its store in memory, instances reused", f"[guest.stored]\n{REUSE}\n", False),
    NodeRedis("node-redis", "node:http and Redis, in memory", False),
    Stored("snow-store-disk", "its store on disk, a fresh instance for each call", "", True),
    Stored("snow-store-disk-reused", "its store on disk, instances reused", f"[guest.stored]\n{REUSE}\n", True),
    NodeRedis("node-redis-disk", "node:http and Redis with `appendfsync always`", True),
]
