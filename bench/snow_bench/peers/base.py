"""What the benchmark needs to know about a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Route:
    """A path that answers at once."""

    path: str
    body: str
    # Tells the rows of a server with several routes apart.
    label: str = ""


@dataclass(frozen=True)
class Hold:
    """A path whose requests wait, and the paths that count and release them."""

    path: str
    # None: the server can't tell how many requests wait, and only the clock ends them.
    waiting: str | None = "/waiting/"
    release: str | None = "/stop-all/"
    label: str = ""
    # How many requests the server can hold.
    count_max: int = 15_000
    # A path that releases the request that has waited longest, with {value} as its answer.
    settle: str | None = None


@dataclass(frozen=True)
class Language:
    """The routes of the measure `languages`, in one language of a server."""

    # Tells the rows of a server with several languages apart.
    name: str = ""
    hello: Route = Route("/hello", "hello world")
    # A path that is answered with a table of 100 rows, as JSON.
    rows: str = "/rows"
    # The server in the same language with which it is compared.
    counterpart: str | None = None


@dataclass(frozen=True)
class Options:
    """The options of the command line that concern a peer."""

    may_build_long: bool = True
    snow_host: Path | None = None


@dataclass
class Peer:
    """A server that is measured. A subclass knows how it is installed and started."""

    name: str
    what: str
    tests: frozenset[str]
    hellos: list[Route] = field(default_factory=lambda: [Route("/hello", "hello world")])
    holds: list[Hold] = field(default_factory=list)
    languages: list[Language] = field(default_factory=list)
    # A path that computes for {rounds} rounds.
    spin: str | None = None
    # A path that is answered after {seconds}.
    sleep: str | None = None

    def prepare(self, options: Options) -> None:
        """Installs or builds the server. Raises `Missing` if that fails."""
        raise NotImplementedError

    def version(self) -> str:
        """Returns the name and version that a prepared server reports."""
        raise NotImplementedError

    def command(self, port: int, workers: int) -> list[str]:
        """Returns the command that starts the server with `workers` serving threads."""
        raise NotImplementedError

    def environment(self, workers: int) -> dict[str, str]:
        """Returns environment variables for the server, beside those of this process."""
        return {}

    def files(self) -> list[Path]:
        """Returns what the server reads when it starts: dropped from memory for a cold start."""
        return []

    def compiled(self) -> Path | None:
        """Returns the folder of compiled code, if there is one that the next start can do without."""
        return None
