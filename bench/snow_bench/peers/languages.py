"""snow-host with a guest in each language: bench/guests/languages, and `rows` in Rust."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from snow_bench import install, places
from snow_bench.peers.base import Hold, Language, Options, Route
from snow_bench.peers.snow import REUSE, SETTLE, Snow

SOURCE = places.BENCH / "guests" / "languages"
NAMES = ["rust", "c", "go", "js", "python"]
# Their files, beside that of `rows`.
FILES = ["c.wasm", "go.wasm", "js.js", "python.py"]
IDLE_MS = 500
COUNTERPARTS = {"js": "node", "python": "tornado"}


class Languages(Snow):
    """snow-host with guests in several languages, beside those of the other measures."""

    def __init__(self, name: str, what: str, tests: frozenset[str], instances: str) -> None:
        # An instance that is idle is gone before `held` reads the memory: it costs what it costs once,
        # however many requests wait.
        limits = f"[limits]\ninstance_idle_ms_max = {IDLE_MS}\n"
        manifest = limits + "".join(f"[guest.{name}]\n{instances}\n" for name in NAMES)
        super().__init__(name, f"guests in several languages, {what}", tests, manifest)
        self.languages = [
            Language(name, Route(f"/{name}/hello", "hello world"), f"/{name}/rows", COUNTERPARTS.get(name))
            for name in NAMES
        ]
        # The others have their rows as the examples of the peer `snow`.
        self.holds = [Hold(f"/{name}/hold", label=f"{name} (resume)", settle=SETTLE) for name in COUNTERPARTS]

    def prepare(self, options: Options) -> None:
        super().prepare(options)
        self.engines = Path(os.environ.get("SNOW_HOST_ENGINES") or places.CACHE / "engines")
        build(self.binary, self.engines)
        for file in FILES:
            shutil.copy(SOURCE / file, self.guests)
        shutil.copy(places.built_guest(places.GUESTS_TARGET, "rows"), self.guests / "rust.wasm")
        # Makes the engines' code, which takes longer than a server may take to answer.
        check = [str(self.binary), "check", "--cache", str(self.cache)]
        for file in FILES:
            install.run([*check, self.guests / file], self.guests, f"snow-host check {file}", **self.environment(1))

    def environment(self, workers: int) -> dict[str, str]:
        return {"SNOW_HOST_ENGINES": str(self.engines)}


def build(program: Path, engines: Path) -> None:
    """Builds the guests, and makes the engines that they need. Does nothing if all is there."""
    compilers = install.python_with(SOURCE / "requirements.txt").parent
    root = subprocess.run([compilers / "go", "env", "GOROOT"], capture_output=True, text=True, timeout=60)
    path = os.pathsep.join([str(compilers), f"{root.stdout.strip()}/bin", os.environ["PATH"]])
    words: list[str | Path] = [program, "build", SOURCE]
    install.run(words, SOURCE, "snow-host build", PATH=path, GOTOOLCHAIN="local", SNOW_HOST_ENGINES=engines)


FRESH_LANGUAGES = Languages(
    "snow-languages", "a fresh instance for each call", frozenset({"languages"}), 'instances = "fresh"'
)
REUSED_LANGUAGES = Languages("snow-languages-reused", "instances reused", frozenset({"languages", "held"}), REUSE)
