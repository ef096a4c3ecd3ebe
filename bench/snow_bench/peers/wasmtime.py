"""`wasmtime serve`: wasi:http 0.2 and 0.3, with fresh instances and with reused ones."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from snow_bench import install, places
from snow_bench.peers.base import Hold, Language, Options, Peer

SERVE = ["--max-concurrent-requests", "20000", "--max-concurrent-connections", "20000"]
REUSE = ["--max-instance-reuse-count", "1000000000", "--idle-instance-timeout", "60s"]
ONE_INSTANCE = [*REUSE, "--max-instance-concurrent-reuse-count", "1000000000"]
P2 = ["-Scli"]
P3 = ["-Scli,p3", "-Wcomponent-model-async"]
# That of the crate wasip2, in bench/guests/Cargo.lock.
WASI_02_VERSION = "0.2.12"
# By default the pool has 1,000 core instances, and a component of wasi:http 0.2 takes three.
POOL_02_HELD_MAX = 300


@dataclass(frozen=True)
class Variant:
    """A guest, and the flags of the `wasmtime serve` that serves it."""

    name: str
    what: str
    guest: str
    flags: list[str]
    tests: frozenset[str]
    held_max: int = 0
    precompiled: bool = False


WASI_02 = Variant(
    "wasmtime-p2",
    "wasmtime serve, wasi:http 0.2, a fresh instance for each request (its default)",
    "wasi_p2",
    P2,
    frozenset({"cpu", "latency", "held", "start", "spin", "neighbours", "workers"}),
    held_max=POOL_02_HELD_MAX,
)
WASI_02_REUSED = Variant(
    "wasmtime-p2-reused",
    "the same, instances reused",
    "wasi_p2",
    [*P2, *REUSE],
    frozenset({"cpu", "latency", "spin", "neighbours", "workers"}),
)
WASI_03 = Variant(
    "wasmtime-p3",
    "wasmtime serve, wasi:http 0.3, as is its default (an instance for 128 requests, 16 at a time)",
    "wasi_p3",
    P3,
    frozenset({"cpu", "latency", "held", "start", "spin", "workers"}),
    held_max=15_000,
)
WASI_03_ONE = Variant(
    "wasmtime-p3-one",
    "the same, one instance for all",
    "wasi_p3",
    [*P3, *ONE_INSTANCE],
    frozenset({"cpu", "latency", "held", "spin"}),
    held_max=15_000,
)
PRECOMPILED = Variant(
    "wasmtime-p2-cwasm",
    "wasmtime serve of a precompiled .cwasm",
    "wasi_p2",
    P2,
    frozenset({"start"}),
    precompiled=True,
)


# Compiled beforehand, since compiling CPython takes longer than a server may take to answer.
WASI_PYTHON = Variant(
    "wasmtime-python",
    "wasmtime serve of an app of componentize-py, wasi:http 0.2, a fresh instance for each request",
    "wasi-python",
    P2,
    frozenset({"languages"}),
    precompiled=True,
)
WASI_PYTHON_REUSED = Variant(
    "wasmtime-python-reused",
    "the same, instances reused",
    "wasi-python",
    [*P2, *REUSE],
    frozenset({"languages"}),
    precompiled=True,
)


class Wasmtime(Peer):
    def __init__(self, variant: Variant) -> None:
        # Only its own instance can end a request, so a request that waits sleeps.
        hold = Hold("/hold/", waiting=None, release=None, count_max=variant.held_max)
        super().__init__(variant.name, variant.what, variant.tests, holds=[hold], spin="/spin?rounds={rounds}")
        self.variant = variant

    def prepare(self, options: Options) -> None:
        self.binary = install.wasmtime(options.may_build_long)
        install.cargo_build(places.BENCH / "peers", places.PEERS_TARGET)
        install.cargo_build(places.BENCH / "guests", places.GUESTS_TARGET)
        folder = places.run_folder("wasmtime")
        self.guest = folder / f"{self.variant.guest}.wasm"
        core = places.built_guest(places.GUESTS_TARGET, self.variant.guest)
        install.run([places.peer_binary("componentize"), core, self.guest], folder, "componentize")
        if self.variant.precompiled:
            compiled = self.guest.with_suffix(".cwasm")
            install.run([self.binary, "compile", "-o", compiled, self.guest], folder, "wasmtime compile")
            self.guest = compiled

    def version(self) -> str:
        return subprocess.run([self.binary, "--version"], capture_output=True, text=True, timeout=10).stdout.strip()

    def command(self, port: int, workers: int) -> list[str]:
        allow = ["--allow-precompiled"] if self.variant.precompiled else []
        flags = [*self.variant.flags, *SERVE, *allow]
        return [str(self.binary), "serve", *flags, "--addr", f"127.0.0.1:{port}", str(self.guest)]

    def environment(self, workers: int) -> dict[str, str]:
        return {"TOKIO_WORKER_THREADS": str(workers)}

    def files(self) -> list[Path]:
        return [self.binary, self.guest]


class WasmtimePython(Wasmtime):
    def __init__(self, variant: Variant) -> None:
        super().__init__(variant)
        self.languages = [Language(counterpart="tornado")]

    def prepare(self, options: Options) -> None:
        self.binary = install.wasmtime(options.may_build_long)
        source = places.BENCH / "guests" / self.variant.guest
        app = places.run_folder("wasmtime") / "python.wasm"
        if not app.exists() or app.stat().st_mtime < (source / "app.py").stat().st_mtime:
            tool = install.python_with(source / "requirements.txt").with_name("componentize-py")
            world: list[str | Path] = [tool, "-d", wasi_02_wit(), "-w", f"wasi:http/proxy@{WASI_02_VERSION}"]
            words: list[str | Path] = [*world, "componentize", "-p", source, "app", "-o", app]
            install.run(words, places.BENCH, "componentize-py", PYTHONDONTWRITEBYTECODE="1")
        self.guest = app.with_suffix(".cwasm")
        install.run([self.binary, "compile", "-o", self.guest, app], places.BENCH, "wasmtime compile")


def wasi_02_wit() -> Path:
    """Returns the definitions of WASI 0.2, which the crate of bench/guests/wasi-p2 contains."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    told = subprocess.run(command, cwd=places.BENCH / "guests", capture_output=True, text=True, timeout=60)
    packages = json.loads(told.stdout or '{"packages": []}')["packages"]
    crates = [package for package in packages if package["name"] == "wasip2"]
    if not crates:
        raise install.Missing(f"cargo metadata: {told.stderr.strip()}")
    return Path(crates[0]["manifest_path"]).parent / "wit"
