"""A crowd in the simulated world: what no machine has descriptors for."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from snow_bench import install, places
from snow_bench.measures.base import Effort, Measure
from snow_bench.peers.base import Peer
from snow_bench.results import Results
from snow_bench.server import Failed

COUNTS = [10_000, 100_000, 1_000_000]
QUICK_COUNTS = [10_000, 100_000]
SECONDS_MAX = 600
PACKAGE = "snow-simulation"
PROGRAM = "million"

Object = dict[str, Any]


def million_round(peer: Peer, effort: Effort, results: Results) -> None:
    """One run of the program: a list of objects, a row each. The peer is not started."""
    counts = COUNTS if effort.builds_long else QUICK_COUNTS
    command = [built(effort), *map(str, counts)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX)
        told = json.loads(done.stdout or "[]")
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as problem:
        raise Failed(f"{PROGRAM}: {problem}") from None
    if done.returncode != 0 or not told:
        raise Failed(f"{PROGRAM}: {done.stderr.strip()[-200:] or 'says nothing'}")
    for one in told if isinstance(told, list) else [told]:
        add(PROGRAM, name_of(one, counts), one, results)


def built(effort: Effort) -> str:
    """The program, built in the repository as snow-host is."""
    package = places.REPOSITORY / "tests" / "simulation"
    if not package.is_dir():
        raise install.Missing(f"there is no package {PACKAGE}")
    target = places.REPOSITORY / "target"
    program = target / "release" / PROGRAM
    if effort.builds_long:
        build = ["cargo", "build", "--release", "--locked", "-p", PACKAGE, "--bin", PROGRAM]
        install.run(build, places.REPOSITORY, f"cargo build of {PACKAGE}", CARGO_TARGET_DIR=target)
    if not program.exists():
        raise install.Missing(f"not built yet: cargo build --release -p {PACKAGE} --bin {PROGRAM}")
    return str(program)


def add(table: str, name: str, one: Object, results: Results) -> None:
    """Numbers are columns. Objects inside go to a table of their own, those of objects to a row each."""
    numbers = {key: float(value) for key, value in one.items() if isinstance(value, (bool, int, float))}
    if numbers:
        results.add(table, name, **numbers)
    for key, value in one.items():
        if isinstance(value, dict):
            rows = all(isinstance(each, dict) for each in value.values())
            for inner, each in value.items() if rows else [("", value)]:
                add(f"{PROGRAM}: {key}", f"{name} {inner}".strip(), each, results)


def name_of(one: Object, counts: list[int]) -> str:
    """Its words, and the count that was asked for: the same in each round."""
    words = [value for value in one.values() if isinstance(value, str)]
    return ", ".join([" ".join(words), *(f"{count:,}" for count in counts if count in one.values())])


MILLION = Measure(
    "million",
    "Requests that wait, in a simulated world",
    f"What {PACKAGE}'s program `{PROGRAM}` says (its source tells what each column is): one worker, and clients "
    "without sockets, in one process. It is not pinned, and not compared with anybody.",
    [],
    million_round,
)
