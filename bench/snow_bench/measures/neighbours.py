"""hello at a constant rate, beside every kind of bad neighbour."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from snow_bench import load, places, proc
from snow_bench.install import Missing
from snow_bench.measures import hostile
from snow_bench.measures.base import Column, Effort, Measure
from snow_bench.measures.compiling import python_component
from snow_bench.measures.spin import calibrated
from snow_bench.measures.steady import fresh_folder
from snow_bench.peers.base import Peer
from snow_bench.peers.snow import Snow
from snow_bench.proc import Others
from snow_bench.results import Results
from snow_bench.server import Failed, Server, all_cpus, load_cpus, running, server_cpus

WARM_SECONDS = 1
# How much longer the load is than in other measures, so that its p99 is the twelfth worst answer.
WINDOW_FACTOR = 1.5
# How long the load runs before the neighbour comes.
ALONE_SECONDS = 1.0
# How long the load may take beyond its time: a server that is so late has failed.
PATIENCE_SECONDS = 20
# How long a server may come to rest before it has to sleep, and how long it is watched then.
REST_SECONDS = 1.0
WATCHED_SECONDS = 2.0
# More than any server computes until it is ended.
ENDLESS = 10**15
COMPUTING = 16
SPINNING, PARKED = 100, 900
PIPELINING, TRAPPING = 4, 4
ASKING, PATHS = 16, 64
BODIES = 200
# As long as snow-host accepts; half of it is sent.
BODY_BYTES = 8_388_608
# Nothing ends before the load does.
MANIFEST = "[limits]\ncall_running_ms_max = 600_000\njob_running_ms_max = 600_000\njob_ms_max = 600_000\n"
MORE_PLACES = "calls_parked_max = 1_024\n"
# The default of snow-host.
PLACES = 256
GOAL_MS, GOAL_PIPELINING_MS = 5, 10


@dataclass
class Stage:
    """Where a neighbour plays its part."""

    server: Server
    # The row of the results.
    row: str
    results: Results
    # The folder of guests, if the server has one.
    guests: Path | None
    # How long a client may be there at most.
    seconds: int
    client_cpus: set[int]

    def flag(self, problem: str, is_there: bool) -> None:
        if is_there:
            self.results.flag("neighbours", self.row, problem)


# Prepares a neighbour before the load begins. What it returns brings the neighbour, and takes it
# away at the end; the body gets a function that ends it, and returns what came of its requests, if
# they are counted.
Beside = Callable[[Stage], AbstractContextManager[Callable[[], load.Counts]]]
# Writes the guests of a neighbour into a folder. The other one is for drafts.
Guests = Callable[[Snow, Path, Path], None]


@contextmanager
def nobody(stage: Stage) -> Iterator[Callable[[], load.Counts]]:
    """Brings nobody."""
    yield dict


def crowd(way: str, clients: int, paths: Callable[[Stage], list[str]], lasts: bool = False) -> Beside:
    """Brings clients of a kind. With `lasts`, none of their requests may end."""

    @contextmanager
    def come(stage: Stage, asked: list[str]) -> Iterator[Callable[[], load.Counts]]:
        with load.crowd(stage.server, way, clients, stage.seconds, asked, stage.client_cpus) as process:

            def end() -> load.Counts:
                counts = process.next()
                ended = counts["answered"] + counts["broken"]
                stage.flag(f"{ended:,} requests of its {clients} clients ended", lasts and ended > 0)
                stage.flag(f"{counts['broken']:,} of its requests broke off", counts["broken"] > 0)
                return counts

            yield end

    return lambda stage: come(stage, paths(stage))


def resumptions(count: int, path: str) -> Beside:
    """Brings requests that are held, and has all of them resumed at once."""

    @contextmanager
    def beside(stage: Stage) -> Iterator[Callable[[], load.Counts]]:
        with load.holder(stage.server, count, path, "/waiting", None) as holder:
            stage.flag(f"{holder.held['waiting']} of {count} were held", holder.held["waiting"] != count)
            stage.server.get("/free")
            yield dict

    return beside


def jobs(path: str) -> Beside:
    """Has a guest start jobs, which nobody waits for."""

    @contextmanager
    def beside(stage: Stage) -> Iterator[Callable[[], load.Counts]]:
        status, _ = stage.server.get(path)
        stage.flag(f"its jobs were not taken: {status}", status != 200)
        yield dict

    return lambda stage: beside(stage)


@contextmanager
def compiler(stage: Stage) -> Iterator[Callable[[], load.Counts]]:
    """Drops a large component into the folder, and leaves while it is being compiled."""
    assert stage.guests is not None
    draft = stage.guests / ".python.draft"
    shutil.copy(python_component(), draft)
    draft.rename(stage.guests / "python.wasm")

    def end() -> load.Counts:
        status, _ = stage.server.get("/python")
        stage.flag("the compiler ended before the load", status == 200)
        return {}

    yield end


def written(snow: Snow, guests: Path, folder: Path) -> None:
    """Writes the guest that computes and waits."""
    shutil.copy(places.BENCH / "guests" / "neighbours.wat", guests)


def working(snow: Snow, guests: Path, folder: Path) -> None:
    """Writes the guest that has jobs."""
    shutil.copy(places.BENCH / "guests" / "jobs.wat", guests)


def nothing(snow: Snow, guests: Path, folder: Path) -> None:
    """Writes no guest: only hello serves."""


def long_names(snow: Snow, guests: Path, folder: Path) -> None:
    """Writes the guest whose functions have long names."""
    (guests / "names.wat").write_text(hostile.long_names())


def tables(snow: Snow, guests: Path, folder: Path) -> None:
    """Writes as many guests as may serve with patterns that are as large as is allowed."""
    largest = hostile.largest(snow, folder)
    for table in range(hostile.TABLES):
        largest.write(table, guests)


def no_component_yet(snow: Snow, guests: Path, folder: Path) -> None:
    """Writes no guest, but builds the component before the load begins."""
    python_component()


def almost_matching(stage: Stage) -> list[str]:
    """Returns the long paths, and notes for which patterns they are."""
    if stage.guests is not None:
        marks = [hostile.MARK.format(number=number) for number in range(hostile.TABLES)]
        serving = sum(stage.server.get(mark)[0] == 500 for mark in marks)
        stage.results.add("neighbours", stage.row, tables=serving)
    return hostile.long_paths(PATHS)


def spins(stage: Stage) -> list[str]:
    assert stage.server.peer.spin is not None
    return [stage.server.peer.spin.format(rounds=ENDLESS)]


def waits_then_spins(stage: Stage) -> list[str]:
    return [path.replace("/spin", "/late") for path in spins(stage)]


def spins_then_waits(stage: Stage) -> list[str]:
    assert stage.server.peer.spin is not None
    return [calibrated(stage.server, stage.server.peer.spin).replace("/spin", "/busy")]


class Sleeps(Enum):
    """When a server has to sleep, if nobody asks for hello."""

    NEVER = auto()
    BESIDE = auto()
    AFTER = auto()


@dataclass(frozen=True)
class Neighbour:
    """A kind of bad neighbour."""

    label: str
    beside: Beside
    # Why only snow-host can have it; empty if others can.
    only_snow: str = ""
    guests: Guests = written
    # Lines of the manifest, in the table of limits.
    limits: str = ""
    # When nothing can run, so that the server has to sleep. Calls whose clients have left go on.
    sleeps: Sleeps = Sleeps.NEVER
    # Whether the server may use all CPUs. Its p99 is compared with that of hello alone on these.
    unpinned: bool = False


JOBS = "it has no jobs on other threads"
RESUMES = "only its own instance can end a wait, so nothing is resumed"
ALONE, ALONE_UNPINNED = "alone", "alone, not pinned"
KINDS = [
    Neighbour(ALONE, nobody, guests=nothing, sleeps=Sleeps.BESIDE),
    Neighbour(f"{COMPUTING} that spin", crowd("ask:200", COMPUTING, spins, lasts=True)),
    Neighbour(
        f"{COMPUTING} that compute 100 ms and wait, again and again",
        crowd("ask:200", COMPUTING, spins_then_waits, lasts=True),
    ),
    Neighbour(f"{COMPUTING} that wait 400 ms and spin", crowd("ask:200", COMPUTING, waits_then_spins, lasts=True)),
    Neighbour(f"{SPINNING} resumptions that spin", resumptions(SPINNING, "/hold"), RESUMES),
    Neighbour(
        f"{PARKED} resumptions that wait",
        resumptions(PARKED, "/rest"),
        RESUMES,
        limits=MORE_PLACES,
        sleeps=Sleeps.BESIDE,
    ),
    Neighbour(f"{PARKED}, {PLACES} of which may wait", resumptions(PARKED, "/rest"), RESUMES, sleeps=Sleeps.BESIDE),
    Neighbour(
        f"{PIPELINING} that pipeline",
        crowd("pipeline", PIPELINING, lambda stage: [stage.server.peer.hellos[0].path]),
        guests=nothing,
        sleeps=Sleeps.AFTER,
    ),
    Neighbour(
        f"{TRAPPING} that trap, names of 1 MB",
        crowd("ask:500", TRAPPING, lambda stage: ["/trap"]),
        "its guest is not built with such names",
        guests=long_names,
        sleeps=Sleeps.AFTER,
    ),
    Neighbour(
        f"{ASKING} that ask for 8 KB paths, the largest patterns",
        crowd("ask:404", ASKING, almost_matching),
        guests=tables,
        sleeps=Sleeps.AFTER,
    ),
    Neighbour(
        f"{BODIES} half-sent bodies", crowd(f"half:{BODY_BYTES}", BODIES, lambda stage: ["/spin"]), sleeps=Sleeps.BESIDE
    ),
    Neighbour("a job that spins", jobs("/jobs/one"), JOBS, guests=working),
    Neighbour("8 jobs that spin", jobs("/jobs/eight"), JOBS, guests=working),
    Neighbour("16 jobs that spin, 10,000 queued", jobs("/jobs/pile"), JOBS, guests=working),
    Neighbour(ALONE_UNPINNED, nobody, "it is compared with the compile alone", guests=nothing, unpinned=True),
    Neighbour(
        "a compile, not pinned",
        compiler,
        "it compiles before it serves",
        guests=no_component_yet,
        sleeps=Sleeps.BESIDE,
        unpinned=True,
    ),
]


def neighbours_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round: hello alone, then beside each neighbour, each time of a new server."""
    folder = fresh_folder("neighbours")
    for number, neighbour in enumerate(KINDS):
        row = f"{peer.name}, {neighbour.label}"
        if neighbour.only_snow and not isinstance(peer, Snow):
            results.skipped[f"neighbours of {row}"] = neighbour.only_snow
            continue
        guests = folder / f"guests-{number}" if isinstance(peer, Snow) else None
        try:
            serving = serving_of(peer, neighbour, guests, folder)
            take(serving, neighbour, row, guests, effort, results)
        except Missing as missing:
            results.skipped[f"neighbours of {row}"] = str(missing)
        except (Failed, OSError) as failure:
            # The other neighbours can be measured nevertheless.
            results.flag("neighbours", row, str(failure))
    if isinstance(peer, Snow) and (found := hostile.found_for.get(peer.binary)):
        note = f"neighbours: the most costly patterns of {peer.name} that are loaded: {found}"
        results.notes += [note] if note not in results.notes else []


def serving_of(peer: Peer, neighbour: Neighbour, guests: Path | None, folder: Path) -> Peer:
    """Returns the server with the guests of a neighbour."""
    if not isinstance(peer, Snow) or guests is None:
        return peer
    guests.mkdir()
    shutil.copy(peer.guests / "hello.wat", guests)
    (guests / "snow.toml").write_text(MANIFEST + neighbour.limits)
    neighbour.guests(peer, guests, folder)
    return peer.serving(guests, peer.hellos[:1], folder / "cache")


def take(peer: Peer, neighbour: Neighbour, row: str, guests: Path | None, effort: Effort, results: Results) -> None:
    """Runs the load, and beside it the neighbour."""
    seconds = round(WINDOW_FACTOR * effort.paced_seconds)
    hello = peer.hellos[0].path
    cpus = (all_cpus(), all_cpus()) if neighbour.unpinned else (server_cpus(), load_cpus())
    with running(peer, cpus=cpus[0]) as server, Others(server.pid) as others:
        load.pacer(server, hello, WARM_SECONDS)
        there = seconds + 2 * PATIENCE_SECONDS
        stage = Stage(server, row, results, guests, there, cpus[1])
        beside = neighbour.beside(stage)
        paced = load.steady(server.address, hello, load.PACED_RATE, seconds, cpus[1], PATIENCE_SECONDS)
        with paced as ended:
            time.sleep(ALONE_SECONDS)
            begun, before = time.monotonic(), proc.own_cpu_seconds(server.pid)
            with beside as end:
                counts = ended()
                used = (proc.own_cpu_seconds(server.pid) - before) / (time.monotonic() - begun)
                if neighbour.sleeps is Sleeps.BESIDE:
                    results.add("neighbours", row, idle_ms_s=cpu_ms_s(server))
                came = end()
        if neighbour.sleeps is Sleeps.AFTER:
            results.add("neighbours", row, idle_ms_s=cpu_ms_s(server))
    results.share_with_others("neighbours", row, others.share)
    stage.flag(f"{counts['failed']} of {counts['requests']} failed", counts["failed"] > 0)
    times = {f"{key}_ms": counts[f"{key}_us"] / 1e3 for key in ("p50", "p99", "max")}
    results.add("neighbours", row, cpu_percent=100 * used, **times)
    if came:
        values = {"theirs_s": came["answered"] / came["seconds"], "other": came["other"], "open": came["waiting"]}
        results.add("neighbours", row, **values)


def cpu_ms_s(server: Server) -> float:
    """Returns the CPU, in milliseconds a second, of a server that has nothing to do."""
    time.sleep(REST_SECONDS)
    begun, before = time.monotonic(), proc.own_cpu_seconds(server.pid)
    time.sleep(WATCHED_SECONDS)
    return 1e3 * (proc.own_cpu_seconds(server.pid) - before) / (time.monotonic() - begun)


def compare(results: Results) -> None:
    """Adds to each row how much its median p99 differs from that of hello alone."""
    rows = results.tests.get("neighbours", {})
    unpinned = {neighbour.label for neighbour in KINDS if neighbour.unpinned}
    for name, row in rows.items():
        server, _, label = name.partition(", ")
        alone = rows.get(f"{server}, {ALONE_UNPINNED if label in unpinned else ALONE}")
        base, other = (each.median("p99_ms") if each else None for each in (alone, row))
        if row is not alone and base is not None and other is not None:
            row.values["p99_more_ms"] = [other - base]


NEIGHBOURS = Measure(
    "neighbours",
    f"hello ({load.PACED_RATE}/s, {load.PACED_CONNECTIONS} connections, one worker) beside every kind of bad neighbour",
    "An open loop, with a new server for each row. The neighbour comes after a second, and stays. Goal for snow: a p99 "
    f"at most {GOAL_MS} ms above that alone ({GOAL_PIPELINING_MS} ms beside clients that pipeline), and no CPU while "
    "nothing can run. All waits are in place. `CPU`: of the server's process beside the neighbour, in percent of one, "
    "without a compiler. `answers/s`, `unexpected`, `open`: what the neighbour got; how many answers had another "
    "status than 200 (traps: 500, paths: 404), as that to a body for which the server has no room; and how many of its "
    f"requests are unanswered at the end. `tables`: how many of {hostile.TABLES} guests serve whose patterns are the "
    "largest that are loaded; other servers get the long paths alone. `asleep`: the server's CPU when nobody asks for "
    "hello either, beside a neighbour that only waits or compiles, or after one that has gone. The server has one CPU "
    "and the clients the other; both are everybody's in the rows `not pinned`, since a compiler needs one. `wasmtime "
    "serve` answers before it has the body, so it holds no half of one.",
    [
        Column("p50_ms", "p50 ms", "{:.2f}"),
        Column("p99_ms", "p99 ms", "{:.2f}"),
        Column("p99_more_ms", "against alone, ms", "{:+.2f}"),
        Column("max_ms", "max ms", "{:.1f}"),
        Column("cpu_percent", "CPU %", "{:.0f}"),
        Column("theirs_s", "answers/s", "{:,.0f}"),
        Column("other", "unexpected"),
        Column("open", "open"),
        Column("tables", "tables"),
        Column("idle_ms_s", "asleep, ms of CPU a second", "{:.2f}"),
    ],
    neighbours_round,
    compare,
)
