"""A crowd in the simulated world: more requests than a machine has file descriptors."""

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
    """Runs the program, which prints a list of objects: a row each. The peer is not started."""
    counts = COUNTS if effort.builds_long else QUICK_COUNTS
    command = [built(effort), *map(str, counts)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX)
        told = json.loads(done.stdout or "[]")
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as problem:
        raise Failed(f"{PROGRAM}: {problem}") from None
    if done.returncode != 0 or not told:
        raise Failed(f"{PROGRAM}: {done.stderr.strip()[-200:] or 'prints nothing'}")
    for one in told if isinstance(told, list) else [told]:
        add(PROGRAM, name_of(one, counts), one, results)


def built(effort: Effort) -> str:
    """Returns the program, built in the repository's target folder."""
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
    """Adds an object as a row, with its numbers as columns.

    An object inside goes to another table, as a row; if it has objects inside, as a row for each.
    """
    numbers = {key: float(value) for key, value in one.items() if isinstance(value, (bool, int, float))}
    if numbers:
        results.add(table, name, **numbers)
    for key, value in one.items():
        if isinstance(value, dict):
            rows = all(isinstance(each, dict) for each in value.values())
            for inner, each in value.items() if rows else [("", value)]:
                add(f"{PROGRAM}: {key}", f"{name} {inner}".strip(), each, results)


def name_of(one: Object, counts: list[int]) -> str:
    """Returns a name that is the same in each round: the object's words and the count."""
    words = [value for value in one.values() if isinstance(value, str)]
    return ", ".join([" ".join(words), *(f"{count:,}" for count in counts if count in one.values())])


MILLION = Measure(
    "million",
    "Requests that wait, in a simulated world",
    f"The output of {PACKAGE}'s program `{PROGRAM}` (its source explains each column): one worker, and clients without "
    "sockets, in one process. It is not pinned, and no other server is measured.",
    [],
    million_round,
)
