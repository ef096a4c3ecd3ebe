"""The command line, and the loop over measures, rounds and servers."""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from snow_bench import chart, load, machine, measures, peers, report, server
from snow_bench.install import Missing
from snow_bench.measures.base import FULL, QUICK, Effort, Measure
from snow_bench.peers.base import Options, Peer
from snow_bench.results import Results

ROUNDS = 3
TEST_MINUTES_MAX = 30
DISTURBED_LOAD = 0.5


def main(words: list[str]) -> int:
    """Installs, measures and reports. Returns the exit code: 1 if nothing could be measured."""
    arguments = parser().parse_args(words)
    if arguments.list:
        list_all()
        return 0
    chosen = chosen_of(arguments.peers, peers.ALL)
    tests = chosen_of(arguments.tests, measures.ALL)
    results = Results()
    ready = prepare(chosen, arguments, results)
    if arguments.prepare or not ready:
        print_skipped(results)
        return 0 if ready else 1
    # SIGTERM raises SystemExit, so that the servers are ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    raise_file_limit()
    os.sched_setaffinity(0, server.load_cpus())
    head = machine.describe() | {
        "rounds": arguments.rounds or (1 if arguments.quick else ROUNDS),
        "versions": {peer.name: peer.version() for peer in ready},
    }
    if head["load_average"] > DISTURBED_LOAD:
        results.notes.append("the machine was busy before the run: compare ratios, and repeat it on a quiet one")
    for test in tests:
        take(test, ready, head["rounds"], QUICK if arguments.quick else FULL, results)
        if test.compare is not None:
            test.compare(results)
    print(report.markdown(head, results) if arguments.markdown else report.text(head, results), end="")
    if arguments.json:
        report.write_json(arguments.json, head, results)
    if arguments.svg:
        chart.write(arguments.svg, head, results)
    return 0


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    options = argparse.ArgumentParser(
        prog="bench/run",
        description="Measures snow-host beside its peers on this machine. Installs them first, into "
        "~/.cache/snow-host-bench; the first run builds wasmtime-cli, which takes 10 to 30 minutes.",
    )
    options.add_argument("--peers", metavar="NAME,…", help="only these servers")
    options.add_argument("--tests", metavar="NAME,…", help="only these measures")
    options.add_argument("--rounds", type=int, metavar="N", help=f"rounds of each measure [{ROUNDS}; 1 with --quick]")
    options.add_argument("--quick", action="store_true", help="a round of short loads; builds no wasmtime-cli")
    options.add_argument("--snow-host", type=Path, metavar="FILE", help="this snow-host, not target/dist/snow-host")
    options.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    options.add_argument("--json", type=Path, metavar="FILE", help="write all rounds to a file")
    options.add_argument("--svg", type=Path, metavar="FILE", help="write the picture to a file")
    options.add_argument("--list", action="store_true", help="list servers and measures")
    options.add_argument("--prepare", action="store_true", help="only install and build what is missing")
    return options


def chosen_of(names: str | None, all_of_them: list[Any]) -> list[Any]:
    """Returns the ones that a comma-separated list names; without a list, all."""
    if names is None:
        return all_of_them
    by_name = {each.name: each for each in all_of_them}
    wanted = names.split(",")
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        sys.exit(f"bench/run: there is no {unknown[0]}, only: {', '.join(by_name)}")
    return [by_name[name] for name in wanted]


def list_all() -> None:
    """Prints the names that `--peers` and `--tests` take."""
    print("servers (--peers):")
    for peer in peers.ALL:
        print(f"  {peer.name:20} {peer.what}; {', '.join(sorted(peer.tests))}")
    print("measures (--tests):")
    for measure in measures.ALL:
        print(f"  {measure.name:20} {measure.title}")


def prepare(chosen: list[Peer], arguments: argparse.Namespace, results: Results) -> list[Peer]:
    """Prepares the servers, and returns those that can be measured.

    For the others, the reason goes into the results.
    """
    options = Options(may_build_long=not arguments.quick, snow_host=arguments.snow_host)
    try:
        load.prepare()
    except Missing as missing:
        sys.exit(f"bench/run: the clients are missing: {missing}")
    ready = []
    for peer in chosen:
        try:
            peer.prepare(options)
            ready.append(peer)
        except Missing as missing:
            results.skipped[peer.name] = str(missing)
    return ready


def print_skipped(results: Results) -> None:
    for name, reason in results.skipped.items():
        print(f"skipped: {name}: {reason}")


def raise_file_limit() -> None:
    """Raises the limit of open files to the hard limit. The servers inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def take(test: Measure, ready: list[Peer], rounds: int, effort: Effort, results: Results) -> None:
    """Takes one measure of all servers that take part in it.

    Every other round goes through the servers in the opposite order.
    """
    taking_part = [peer for peer in ready if test.name in peer.tests]
    deadline = time.monotonic() + TEST_MINUTES_MAX * 60
    for number in range(rounds):
        for peer in taking_part if number % 2 == 0 else reversed(taking_part):
            if time.monotonic() > deadline:
                results.notes.append(f"{test.name} was cut short after {TEST_MINUTES_MAX} minutes")
                return
            print(f"{test.name} {number + 1}/{rounds} {peer.name}", file=sys.stderr, flush=True)
            try:
                test.round(peer, effort, results)
            except Missing as missing:
                results.skipped[f"{test.name} of {peer.name}"] = str(missing)
            except (server.Failed, OSError) as failure:
                results.flag(test.name, peer.name, str(failure))
