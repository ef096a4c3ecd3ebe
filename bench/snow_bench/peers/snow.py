"""snow-host itself, with its examples and a guest that computes."""

from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path

from snow_bench import install, places
from snow_bench.peers.base import Hold, Options, Peer, Route

TESTS = frozenset(
    {
        *("cpu", "latency", "held", "start", "spin", "neighbours", "workers", "timers", "settle"),
        *("churn", "million", "swap", "compile", "restart"),
    }
)
# Only the measures whose result depends on how long an instance lives.
REUSE_TESTS = frozenset({"cpu", "latency", "workers"})
REUSE = "instances = { reuse = 1_000_000 }"
# The profile that people install (README, "Install").
BUILD = ["cargo", "build", "--profile", "dist", "--locked", "--package", "snow-host"]
# Longer than any measure takes.
TIMEOUT = "?timeout=600"
SETTLE = "/stop/?value={value}"


class Snow(Peer):
    """snow-host with a manifest; without one, each call has a fresh instance."""

    def __init__(self, name: str, what: str, tests: frozenset[str], manifest: str = "") -> None:
        self.manifest = manifest
        super().__init__(
            name,
            f"snow-host, {what}, access log off",
            tests,
            hellos=[Route("/hello", "hello world", "/hello (WAT)"), Route("/index/", "OK", "/index/ (Rust)")],
            holds=[
                Hold(f"/hold/{TIMEOUT}", label="/hold/ (no resume)", settle=SETTLE),
                Hold(f"/req/{TIMEOUT}", label="/req/ (resume)", settle=SETTLE),
            ],
            spin="/spin?rounds={rounds}",
            sleep="/async/?seconds={seconds}",
        )

    def prepare(self, options: Options) -> None:
        built = places.REPOSITORY / "target" / "dist" / "snow-host"
        if options.snow_host is None and not built.exists():
            install.run(BUILD, places.REPOSITORY, "cargo build of snow-host")
        guests = places.REPOSITORY / "guests"
        install.cargo_build(guests, places.EXAMPLES_TARGET)
        install.cargo_build(places.BENCH / "guests", places.GUESTS_TARGET)
        # Everything is copied, so that a build during the run changes nothing.
        folder = places.run_folder(self.name)
        self.binary = folder / "snow-host"
        self.guests = folder / "guests"
        self.cache = folder / "cache"
        self.guests.mkdir(exist_ok=True)
        self.binary.unlink(missing_ok=True)
        shutil.copy(options.snow_host or built, self.binary)
        shutil.copy(guests / "hello.wat", self.guests)
        shutil.copy(places.built_guest(places.EXAMPLES_TARGET, "snow"), self.guests)
        shutil.copy(places.built_guest(places.GUESTS_TARGET, "spin"), self.guests)
        (self.guests / "snow.toml").write_text(self.manifest)

    def version(self) -> str:
        told = subprocess.run([self.binary, "--version"], capture_output=True, text=True, timeout=10).stdout.strip()
        git = ["git", "describe", "--always", "--dirty"]
        commit = subprocess.run(git, cwd=places.REPOSITORY, capture_output=True, text=True, timeout=10).stdout.strip()
        return f"{told} ({commit})" if commit else told

    def serving(self, guests: Path, hellos: list[Route], cache: Path) -> Snow:
        """Returns this server with another folder of guests and another cache."""
        other = copy.copy(self)
        other.guests, other.hellos, other.cache = guests, hellos, cache
        return other

    def command(self, port: int, workers: int) -> list[str]:
        return self.command_on(f"127.0.0.1:{port}", workers)

    def command_on(self, listen: str, workers: int) -> list[str]:
        """Returns the command that serves at an address, or on an inherited socket: `fd:N`."""
        options = ["--listen", listen, "--workers", str(workers), "--no-access-log", "--cache", str(self.cache)]
        return [str(self.binary), "run", str(self.guests), *options]

    def files(self) -> list[Path]:
        return [self.binary, self.guests, self.cache]

    def compiled(self) -> Path:
        return self.cache


FRESH = Snow("snow", "a fresh instance for each call", TESTS)
REUSED = Snow("snow-reused", "instances reused", REUSE_TESTS, f"[guest.hello]\n{REUSE}\n[guest.snow]\n{REUSE}\n")
