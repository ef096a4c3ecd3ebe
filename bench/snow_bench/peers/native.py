"""Native servers: the floor in mio, hyper as one would write it, and nginx."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from snow_bench import install, places
from snow_bench.peers.base import Hold, Options, Peer


def locked_version(crate: str) -> str:
    """Returns a crate's name and version as in bench/peers/Cargo.lock."""
    lock = (places.BENCH / "peers" / "Cargo.lock").read_text()
    found = re.search(rf'name = "{crate}"\nversion = "([^"]+)"', lock)
    return f"{crate} {found.group(1)}" if found else crate


class OwnPeer(Peer):
    """A server of bench/peers."""

    def __init__(self, name: str, what: str, crate: str) -> None:
        tests = frozenset({"cpu", "latency", "held", "start", "workers"})
        super().__init__(name, what, tests, holds=[Hold("/hold/")])
        self.crate = crate

    def prepare(self, options: Options) -> None:
        install.cargo_build(places.BENCH / "peers", places.PEERS_TARGET)

    def version(self) -> str:
        return locked_version(self.crate)

    def command(self, port: int, workers: int) -> list[str]:
        return [str(self.binary()), f"127.0.0.1:{port}", str(workers)]

    def files(self) -> list[Path]:
        return [self.binary()]

    def binary(self) -> Path:
        return places.peer_binary(f"native-{self.name}")


class Mio(OwnPeer):
    def __init__(self) -> None:
        super().__init__("mio", "the floor: bare mio and httparse, a thread per core (bench/peers)", "mio")


class Hyper(OwnPeer):
    def __init__(self) -> None:
        super().__init__("hyper", "hyper and tokio, a runtime per core (bench/peers)", "hyper")


class Nginx(Peer):
    def __init__(self) -> None:
        what = "`return 200`, access log off (apt)"
        super().__init__("nginx", what, frozenset({"cpu", "latency", "start", "workers"}))

    def prepare(self, options: Options) -> None:
        self.binary = install.debian("nginx", "nginx-light")
        self.folder = places.run_folder("nginx")

    def version(self) -> str:
        told = subprocess.run([self.binary, "-v"], capture_output=True, text=True, timeout=10).stderr
        return told.strip().rpartition(": ")[2]

    def command(self, port: int, workers: int) -> list[str]:
        text = (places.BENCH / "peers" / "nginx" / "nginx.conf").read_text()
        for name, value in {"PORT": port, "WORKERS": workers, "FOLDER": self.folder}.items():
            text = text.replace(f"@{name}@", str(value))
        config = self.folder / "nginx.conf"
        config.write_text(text)
        return [str(self.binary), "-p", str(self.folder), "-e", "stderr", "-c", str(config)]

    def files(self) -> list[Path]:
        return [self.binary]
