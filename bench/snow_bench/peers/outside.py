"""Servers that ask others: snow-host with the guest `gather`, Node, Tornado, and nginx as a proxy."""

from __future__ import annotations

import os
import shutil
import subprocess

from snow_bench import install, places
from snow_bench.peers.base import Options, Peer, Route
from snow_bench.peers.scripted import FOLDER, told
from snow_bench.peers.snow import REUSE, Snow

BOTH = frozenset({"gather", "relay"})
HELLO = Route("/hello", "hello world")
# Room for all that is asked for at once.
MANIFEST = f"""[limits]
guest_fetches_max = 4096
fetches_max = 4096
origin_fetches_max = 4096
[guest.gather]
outbound = ["http://127.0.0.1:*"]
{REUSE}
"""


class Gatherer(Snow):
    """snow-host with the example guests/gather."""

    def __init__(self) -> None:
        super().__init__("snow-gather", "the example `gather`, instances reused", BOTH, MANIFEST)
        self.hellos = [HELLO]

    def prepare(self, options: Options) -> None:
        super().prepare(options)
        shutil.copy(places.built_guest(places.EXAMPLES_TARGET, "gather"), self.guests)


class NodeOutside(Peer):
    """Node with its own client."""

    def __init__(self) -> None:
        super().__init__("node-http", "node:http on both sides, connections kept", BOTH, hellos=[HELLO])

    def prepare(self, options: Options) -> None:
        if shutil.which("node") is None:
            raise install.Missing("there is no node")

    def version(self) -> str:
        return f"Node {told('node', '--version')}"

    def command(self, port: int, workers: int) -> list[str]:
        return ["node", str(FOLDER / "node" / "outside.js"), str(port)]


class TornadoOutside(Peer):
    """Tornado with its AsyncHTTPClient."""

    def __init__(self) -> None:
        super().__init__("tornado-client", "AsyncHTTPClient (pip)", frozenset({"gather"}), hellos=[HELLO])

    def prepare(self, options: Options) -> None:
        self.python = install.python_with(FOLDER / "tornado" / "requirements.txt")

    def version(self) -> str:
        return told(self.python, "-c", "import tornado; print('Tornado', tornado.version)")

    def command(self, port: int, workers: int) -> list[str]:
        return [str(self.python), "-B", str(FOLDER / "tornado" / "outside.py"), str(port)]


class Nginx(Peer):
    """nginx with a configuration of one server."""

    def __init__(self, name: str, what: str, tests: frozenset[str], hellos: list[Route]) -> None:
        super().__init__(name, what, tests, hellos=hellos)
        self.extra: list[str] = []

    def prepare(self, options: Options) -> None:
        self.binary = install.debian("nginx", "nginx-light")
        self.folder = places.run_folder(self.name)

    def version(self) -> str:
        done = subprocess.run([self.binary, "-v"], capture_output=True, text=True, timeout=10)
        return done.stderr.strip().rpartition(": ")[2]

    def command(self, port: int, workers: int) -> list[str]:
        text = (places.BENCH / "peers" / "nginx" / "relay.conf").read_text()
        # As root, nginx would serve as a user who can't read the files.
        user = "user root;" if os.geteuid() == 0 else ""
        values = {"WHAT": "\n".join(self.extra), "PORT": port, "FOLDER": self.folder, "USER": user}
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        config = self.folder / "nginx.conf"
        config.write_text(text)
        return [str(self.binary), "-p", str(self.folder), "-e", "stderr", "-c", str(config)]


class Proxy(Nginx):
    """nginx that passes all on to a server of files, which the measure starts first."""

    def __init__(self) -> None:
        super().__init__("nginx-proxy", "`proxy_pass`, connections kept (apt)", frozenset({"relay"}), [HELLO])

    def behind(self, files: str) -> None:
        """Sets the address of the files."""
        upstream = f"upstream files {{ server {files}; keepalive 256; keepalive_requests 1000000000; }}"
        kept = 'proxy_http_version 1.1; proxy_set_header connection "";'
        self.extra = [
            upstream,
            "server { listen 127.0.0.1:@PORT@ backlog=4096;",
            'location = /hello { return 200 "hello world"; }',
            f"location / {{ proxy_pass http://files; {kept} }} }}",
        ]


class Files(Nginx):
    """The server of files behind the others, which is not measured."""

    def __init__(self) -> None:
        super().__init__("files", "files of the measure `relay`", frozenset(), [])

    def serve(self, sizes: dict[str, int]) -> None:
        """Makes files of these sizes."""
        root = self.folder / "files"
        root.mkdir(exist_ok=True)
        for name, size in sizes.items():
            with (root / name).open("wb") as file:
                file.write(b"x" * size)
        self.extra = [f"server {{ listen 127.0.0.1:@PORT@ backlog=4096; root {root}; }}"]


class Sleeper(Snow):
    """The server behind those of `gather`, which is not measured: it answers when time has passed."""

    def __init__(self) -> None:
        super().__init__("sleeper", "the servers that are asked", frozenset(), f"[guest.snow]\n{REUSE}\n")

    def prepared_as(self, other: Snow) -> Sleeper:
        """Takes what is installed for another one."""
        binary, guests = other.binary, places.run_folder(self.name) / "guests"
        guests.mkdir(exist_ok=True)
        shutil.copy(places.built_guest(places.EXAMPLES_TARGET, "snow"), guests)
        (guests / "snow.toml").write_text(self.manifest)
        self.binary, self.guests, self.cache, self.hellos = binary, guests, other.cache, [Route("/index/", "OK")]
        return self


GATHERER = Gatherer()
ALL: list[Peer] = [GATHERER, NodeOutside(), TornadoOutside(), Proxy()]
