"""A guest is replaced again and again, under a steady load and while it holds requests."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from snow_bench import load, places
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
from snow_bench.peers.base import Peer, Route
from snow_bench.proc import Others, ended_children_seconds
from snow_bench.results import Results
from snow_bench.server import Server, all_cpus, running

HELD = 1_000
# All waiting requests are replaced in the time of two swaps (EVERY_MS each), so that three versions
# have requests at any time.
SETTLE_RATE = 1_000
EVERY_MS = 500
SWAPS = 50
QUICK_SWAPS = 10
# How long a server may come to rest before its memory is read.
REST_SECONDS = 2.0
# The text in the built module of bench/guests/swap that is replaced.
VERSION = b"0000-the-version"
ALONE, SWAPPED = "snow, not swapped", "snow, swapped"
KIB = 1 << 10


def swap_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round: the load alone, then with swaps."""
    swaps = SWAPS if effort.builds_long else QUICK_SWAPS
    for name in (ALONE, SWAPPED):
        folder = fresh_folder("swap")
        salt = secrets.token_hex(5)
        # The salt makes this a module that was never compiled before.
        first = version(0, salt)
        guest = write(folder / "guests" / "swap.wasm", first)
        for number in range(1, swaps + 1):
            write(folder / "versions" / f"{number:04}.wasm", version(number, salt))
        hello = Route("/who", first[1].decode())
        swapped = snow_of(peer).serving(guest.parent, [hello], folder / "cache")
        with running(swapped, SERVER_WORKERS, all_cpus()) as server, Others(server.pid) as others:
            take(server, name, guest, folder / "versions" if name == SWAPPED else None, swaps, results)
        results.share_with_others("swap", name, others.share)


def version(number: int, salt: str) -> tuple[bytes, bytes]:
    """Returns a module of the guest, and the version that it answers with."""
    built = places.built_guest(places.GUESTS_TARGET, "swap").read_bytes()
    text = f"{number:04}-{salt}".encode().ljust(len(VERSION), b".")
    assert built.count(VERSION) == 1, "the guest says its version once"
    return built.replace(VERSION, text), text


def write(file: Path, module: tuple[bytes, bytes]) -> Path:
    """Writes a module as a new file."""
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(module[0])
    return file


def take(server: Server, name: str, guest: Path, versions: Path | None, swaps: int, results: Results) -> None:
    """Runs the load, and reads memory and CPU before and after."""
    with load.swapper(server, HELD, (RATE, SETTLE_RATE), EVERY_MS, swaps, guest, versions) as client:
        held = client.step()
        time.sleep(REST_SECONDS)
        grown_from, mapped_from = server.memory_bytes(), mapped(server, guest)
        used, compiled = server.cpu_seconds(), ended_children_seconds(server.pid)
        end = client.next()
        used, compiled = server.cpu_seconds() - used, ended_children_seconds(server.pid) - compiled
        time.sleep(REST_SECONDS)
        grown_to, mapped_to = server.memory_bytes(), mapped(server, guest)
    check(name, held, end, swaps if versions else 0, results)
    if mapped_to > mapped_from:
        results.flag("swap", name, f"{mapped_to} files of code are mapped at the end, and {mapped_from} at the start")
    add_latencies("swap", name, end, results)
    results.add(
        "swap",
        name,
        held=end["held_answered"],
        strange=end["held_strange"],
        start_mib=grown_from / KIB / KIB,
        grown_kib=(grown_to - grown_from) / KIB,
        cpu_percent=100 * used / end["seconds"],
    )
    if versions:
        times = {f"{key}_ms": end[f"{key}_ms"] for key in ("first_p50", "first_max", "all_max")}
        results.add("swap", name, compile_ms=1e3 * compiled / swaps, **times)


def mapped(server: Server, guest: Path) -> int:
    """Counts the files of compiled code that the server has mapped."""
    cache = str(guest.parents[1] / "cache")
    lines = [line.split() for line in Path(f"/proc/{server.pid}/maps").read_text().splitlines() if cache in line]
    return len({inode for _, _, _, _, inode, *_ in lines})


def check(name: str, held: load.Counts, end: load.Counts, swaps: int, results: Results) -> None:
    """Flags requests that were lost, or answered by the wrong version."""
    problems = {
        f"{held['waiting']:,} wait at the start, and not {HELD:,}": held["waiting"] != HELD,
        f"{end['waiting']:,} wait at the end, and not {HELD:,}": end["waiting"] != HELD,
        f"{end['settle_failed']:,} settlements failed": end["settle_failed"] != 0,
        f"{end['missed']:,} settlements found nobody": end["missed"] != 0,
        f"{end['held_failed']:,} that waited failed": end["held_failed"] != 0,
        f"{end['held_strange']:,} were resumed by another version": end["held_strange"] != 0,
        f"{end['went_back']:,} answers of a version that was replaced": end["went_back"] != 0,
        f"{end['swaps']} of {swaps} swaps": end["swaps"] != swaps,
    }
    for problem, is_there in problems.items():
        if is_there:
            results.flag("swap", name, problem)


SWAP = Measure(
    "swap",
    f"A guest is replaced {SWAPS} times under {RATE:,} requests a second, with {HELD:,} held (two workers)",
    "An open loop of 16 keep-alive connections that ask the guest itself which version it is. "
    f"{SETTLE_RATE:,} of those it holds are woken each second, oldest first, and ask again; each {EVERY_MS} ms another "
    "module, never compiled before, is renamed over its file. `held`: those answered by the version that had suspended "
    "them, and `by another`. `new after`: from the rename to the new version's first answer, and to the old one's "
    f"last. `grown`: user memory, with {HELD:,} held by one version before and after; a row is marked if compiled code "
    "stays mapped. `CPU`: the server's, in percent of one; `compile`: its child's. No other server is measured: "
    "`wasmtime serve`, Spin, Node, Tornado and nginx take new code by a restart of the process, which loses "
    "all held requests.",
    [
        *LATENCIES,
        Column("p999_more_ms", "p99.9 against alone, ms", "{:+.2f}"),
        Column("held", "held"),
        Column("strange", "by another"),
        Column("first_p50_ms", "new after p50 ms"),
        Column("first_max_ms", "max ms"),
        Column("all_max_ms", "old last, max ms"),
        Column("start_mib", "MiB", "{:.1f}"),
        Column("grown_kib", "grown KiB"),
        Column("cpu_percent", "CPU %", "{:.0f}"),
        Column("compile_ms", "compile CPU ms each", "{:.0f}"),
    ],
    swap_round,
    lambda results: compare_with("swap", ALONE, results),
)
