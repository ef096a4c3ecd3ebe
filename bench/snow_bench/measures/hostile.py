"""The guests that the measure `neighbours` writes by itself, because they are large: names of
megabytes, and the largest patterns that are allowed."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from snow_bench.peers.snow import Snow
from snow_bench.server import Failed, running

NAME_BYTES = 1_000_000
# As many as a backtrace shows at most.
NAMES = 16
# Patterns that no path of `long_paths` matches, though all of it but the end does. {size} is what
# makes a pattern larger, and {number} tells those of a guest apart.
SHAPES = [
    "/(?:[ab]?){{{size}}}[ab]*c{number}",
    "/((?:[ab]?){{{size}}})[ab]*c{number}",
    "/[ab]*a[ab]{{{size}}}c{number}",
]
# How many of them a guest has.
COUNTS = [1, 30, 900]
SIZE_MAX = 1 << 16
# How exactly the largest size is found: to this part of it.
SIZE_PART = 32
# How many guests have such patterns, so that the table of all is as large as it can be.
TABLES = 8
CHECK_SECONDS_MAX = 60
PATH_BYTES = 8_192
# How many paths are tried to find out what a pattern costs, and how long one of them may take.
TRIED_PATHS = 3
COST_SECONDS_MAX = 2.0
# Decides the paths: the same in every round.
SEED = 1
# A path that a guest with large patterns has too. It traps: so it tells whether the guest serves.
MARK = "/table-{number}"

Patterns = list[str]


def long_names() -> str:
    """Returns a guest whose calls trap, and whose functions have names of a megabyte each."""
    functions = [
        f"(func $f{number}_{'n' * NAME_BYTES} {f'(call {number + 1})' if number + 1 < NAMES else 'unreachable'})"
        for number in range(NAMES)
    ]
    return guest(["/trap"], "\n".join(functions), "(call 0) unreachable")


def guest(patterns: Patterns, functions: str, handle: str) -> str:
    """Returns a guest of these routes, whose `handle` has this body.

    Its own functions are numbered from 0. How a list of routes lies in memory is explained in
    guests/hello.wat.
    """
    heads, texts = [number_of(8), number_of(len(patterns))], b""
    for pattern in patterns:
        heads += [bytes(8), number_of(8 + 16 * len(patterns) + len(texts)), number_of(len(pattern))]
        texts += pattern.encode()
    data = b"".join(heads) + texts
    # Behind the constants there is a page for the arguments of a call.
    heap = -len(data) % 16 + len(data)
    text = "".join(f"\\{byte:02x}" for byte in data)
    return f"""(module
  {functions}
  (memory (export "memory") {heap // 65_536 + 2})
  (data (i32.const 0) "{text}")
  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))
  (func (export "snow:host/handler@0.1.0#handle") (param i32) (result i32) {handle})
  (global $free (mut i32) (i32.const {heap}))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (global.get $free)
    (global.set $free
      (i32.and (i32.add (i32.add (global.get $free) (local.get $size)) (i32.const 15)) (i32.const -16)))))
"""


def number_of(value: int) -> bytes:
    """Returns an i32 as it lies in memory."""
    return value.to_bytes(4, "little")


def long_paths(count: int) -> list[str]:
    """Returns paths as long as snow-host allows, which no pattern matches."""
    dice = random.Random(SEED)
    return ["/" + "".join(dice.choices("ab", k=PATH_BYTES - 1)) for _ in range(count)]


@dataclass(frozen=True)
class Largest:
    """The patterns of a guest that cost the most among the largest that are allowed."""

    shape: str
    size: int
    count: int

    def patterns(self, table: int) -> Patterns:
        """Returns the patterns of one of the guests. No other guest has them too."""
        numbers = range(table * self.count, (table + 1) * self.count)
        large = [self.shape.format(size=self.size, number=number) for number in numbers]
        return [MARK.format(number=table), *large]

    def write(self, table: int, guests: Path) -> None:
        """Writes one of the guests."""
        (guests / f"table-{table}.wat").write_text(guest(self.patterns(table), "", "unreachable"))

    def __str__(self) -> str:
        return f"{self.shape.format(size=self.size, number=0)}, {self.count} like it in each guest"


# The patterns that were found, by the binary of snow-host: one search serves all rounds.
found_for: dict[Path, Largest] = {}


def largest(snow: Snow, folder: Path) -> Largest:
    """Finds the patterns that cost the most among the largest that snow-host loads."""
    if snow.binary not in found_for:
        found_for[snow.binary] = searched(snow, folder)
    return found_for[snow.binary]


def searched(snow: Snow, folder: Path) -> Largest:
    """Finds the largest size for each shape and number of routes, by trying; then the time of a
    request decides."""
    found = []
    for shape in SHAPES:
        for count in COUNTS:
            candidate = largest_of(shape, count, lambda each: is_allowed(each, snow, folder))
            if candidate is not None:
                found.append(candidate)
    if not found:
        raise Failed("loads none of the patterns")
    return max(found, key=lambda candidate: cost_seconds(candidate, snow, folder))


def largest_of(shape: str, count: int, allowed: Callable[[Largest], bool]) -> Largest | None:
    """Returns the largest patterns of one shape that are allowed; `None` if the smallest are not."""
    good, bad = 0, SIZE_MAX + 1
    while bad - good > max(1, good // SIZE_PART):
        # The first steps double the size, because the larger one is, the longer it takes to refuse.
        middle = min(max(1, 2 * good), (good + bad) // 2)
        good, bad = (middle, bad) if allowed(Largest(shape, middle, count)) else (good, middle)
    return Largest(shape, good, count) if good else None


def is_allowed(candidate: Largest, snow: Snow, folder: Path) -> bool:
    """Returns whether snow-host loads a guest with these patterns."""
    drafts = folder / "drafts"
    drafts.mkdir(exist_ok=True)
    candidate.write(0, drafts)
    command: list[str | Path] = [snow.binary, "check", "--no-cache", drafts / "table-0.wat"]
    try:
        return subprocess.run(command, capture_output=True, timeout=CHECK_SECONDS_MAX).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def cost_seconds(candidate: Largest, snow: Snow, folder: Path) -> float:
    """Returns the time of a request for a path that almost matches, or what it may take at most."""
    guests = folder / "costs"
    shutil.rmtree(guests, ignore_errors=True)
    guests.mkdir()
    shutil.copy(snow.guests / "hello.wat", guests)
    candidate.write(0, guests)
    with running(snow.serving(guests, snow.hellos[:1], folder / "cache")) as server:
        costs = []
        for path in long_paths(TRIED_PATHS):
            begun = time.monotonic()
            try:
                server.get(path, COST_SECONDS_MAX)
            except Failed:
                return COST_SECONDS_MAX
            costs.append(time.monotonic() - begun)
        return min(costs)
