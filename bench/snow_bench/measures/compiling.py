"""A large guest is compiled beside a steady load."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from snow_bench import install, load, places
from snow_bench.measures.base import Column, Effort, Measure
from snow_bench.measures.steady import (
    LATENCIES,
    RATE,
    SERVER_WORKERS,
    add_latencies,
    compare_with,
    fresh_folder,
    snow_of,
)
from snow_bench.peers.base import Peer
from snow_bench.proc import Others, ended_children_seconds
from snow_bench.results import Results
from snow_bench.server import Failed, Server, all_cpus, running

# The compiler is busy for about 20 seconds of these.
LOAD_SECONDS = 40
# How long the load runs before the component is dropped.
ALONE_SECONDS = 1.0
# The pause between two attempts to reach the guest.
LOOK_SECONDS = 0.05
COMPILE_SECONDS_MAX = 100.0
HELLO = "/hello"
ALONE, COMPILED = "snow, hello alone", "snow, hello beside the compiler"


def compile_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round: the load alone, then beside a component that is dropped into the folder."""
    component = python_component()
    snow = snow_of(peer)
    for name in (ALONE, COMPILED):
        folder = fresh_folder("compile")
        guests = folder / "guests"
        guests.mkdir()
        shutil.copy(snow.guests / "hello.wat", guests)
        # The cache is new, so nothing is compiled yet.
        serving = snow.serving(guests, snow.hellos[:1], folder / "cache")
        with running(serving, SERVER_WORKERS, all_cpus()) as server, Others(server.pid) as others:
            take(server, name, component if name == COMPILED else None, guests, results)
        results.share_with_others("compile", name, others.share)


def take(server: Server, name: str, component: Path | None, guests: Path, results: Results) -> None:
    """Runs the load, and beside it the compilation, if there is a component."""
    load_before = server.cpu_seconds()
    with load.steady(server.address, HELLO, RATE, LOAD_SECONDS) as ended:
        time.sleep(ALONE_SECONDS)
        if component is not None:
            compile_beside(server, name, component, guests, results)
        counts = ended()
    used = server.cpu_seconds() - load_before
    add_latencies("compile", name, counts, results)
    results.add("compile", name, cpu_percent=100 * used / counts["seconds"])


def compile_beside(server: Server, name: str, component: Path, guests: Path, results: Results) -> None:
    """Drops a component into the folder, and waits until it answers."""
    draft = guests / ".python.draft"
    shutil.copy(component, draft)
    begun = time.monotonic()
    draft.rename(guests / "python.wasm")
    while server.get("/python") != (200, "Python 3"):
        if time.monotonic() - begun > COMPILE_SECONDS_MAX:
            raise Failed(f"the component does not answer after {COMPILE_SECONDS_MAX:.0f} seconds")
        time.sleep(LOOK_SECONDS)
    seconds = time.monotonic() - begun
    if seconds > LOAD_SECONDS - ALONE_SECONDS:
        results.flag("compile", name, f"the compiler took {seconds:.1f} s, longer than the load")
    results.add("compile", name, answers_s=seconds, compile_s=ended_children_seconds(server.pid))


def python_component() -> Path:
    """Builds bench/guests/python, which contains CPython, once. Raises `Missing` if that fails."""
    source = places.BENCH / "guests" / "python"
    built = places.run_folder("python") / "python.wasm"
    wit = places.REPOSITORY / "wit"
    newest = max(file.stat().st_mtime for file in [*source.glob("*.*"), *wit.iterdir()])
    if built.exists() and built.stat().st_mtime > newest:
        return built
    tool = install.python_with(source / "requirements.txt").with_name("componentize-py")
    command: list[str | Path] = [tool, "-d", wit, "-w", "guest", "componentize", "-s", "-p", source, "app", "-o", built]
    install.run(command, places.BENCH, "componentize-py", PYTHONDONTWRITEBYTECODE="1")
    return built


COMPILE = Measure(
    "compile",
    f"hello ({RATE:,}/s, 16 connections, two workers) beside the compilation of an 18 MB component",
    "An open loop. The component is CPython, built by componentize-py; it is dropped into the folder after a second, "
    f"and no code is cached; the load lasts {LOAD_SECONDS} s. `answers after`: from the rename to its first answer. "
    "`compiler CPU`: of the child process. `CPU`: the server's, in percent of one, without the child. No other server "
    "is measured: those that take new code by a restart compile it then.",
    [
        *LATENCIES,
        Column("p999_more_ms", "p99.9 against alone, ms", "{:+.2f}"),
        Column("answers_s", "answers after s", "{:.1f}"),
        Column("compile_s", "compiler CPU s", "{:.1f}"),
        Column("cpu_percent", "CPU %", "{:.0f}"),
    ],
    compile_round,
    lambda results: compare_with("compile", ALONE, results),
)
