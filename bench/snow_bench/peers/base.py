"""What is to be known of a server that is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Route:
    """A path that answers at once."""

    path: str
    body: str
    # Set apart in the tables, where a server has more than one.
    label: str = ""


@dataclass(frozen=True)
class Hold:
    """A path whose request waits, and the paths that count and release those that do."""

    path: str
    # None: the server can't say how many wait, and nothing but the clock ends them.
    waiting: str | None = "/waiting/"
    release: str | None = "/stop-all/"
    label: str = ""
    # So many it can hold.
    count_max: int = 15_000
    # Releases the one that has waited longest, and gives it {value}.
    settle: str | None = None


@dataclass(frozen=True)
class Options:
    """What the command line says that concerns a peer."""

    may_build_long: bool = True
    snow_host: Path | None = None


@dataclass
class Peer:
    """A server. A subclass knows how it is installed and started."""

    name: str
    what: str
    tests: frozenset[str]
    hellos: list[Route] = field(default_factory=lambda: [Route("/hello", "hello world")])
    holds: list[Hold] = field(default_factory=list)
    # A path that computes for {rounds} rounds.
    spin: str | None = None
    # A path that is answered after {seconds}.
    sleep: str | None = None

    def prepare(self, options: Options) -> None:
        """Installs or builds it. Raises `Missing`."""
        raise NotImplementedError

    def version(self) -> str:
        """What it calls its version. Prepared before."""
        raise NotImplementedError

    def command(self, port: int, workers: int) -> list[str]:
        """How it is started, with so many threads that serve."""
        raise NotImplementedError

    def environment(self, workers: int) -> dict[str, str]:
        """Variables that it is started with, beside those of this process."""
        return {}

    def files(self) -> list[Path]:
        """Files and folders that it reads when it starts: not in memory for a cold start."""
        return []

    def compiled(self) -> Path | None:
        """The folder in which it keeps what it compiled, if it can do without: its next start then compiles."""
        return None
