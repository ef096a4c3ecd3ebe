"""hello and a table as JSON in each language: what the language costs, beside its own servers."""

from __future__ import annotations

import json

from snow_bench import load, peers
from snow_bench.measures.base import Column, Effort, Measure
from snow_bench.measures.http import CPU_CONNECTIONS, check
from snow_bench.peers.base import Language, Peer
from snow_bench.results import Results
from snow_bench.server import Failed, Server, running

ROWS = [
    {"id": row, "name": f"item {row}", "price": row + 0.5, "tags": ["new", f"shelf {row % 7}"]} for row in range(100)
]
ANSWERS = ["hello", "rows"]


def languages_round(peer: Peer, effort: Effort, results: Results) -> None:
    """Runs one round of each language: hello, then the table."""
    for language in peer.languages:
        name = row_name(peer.name, language)
        with running(peer) as server:
            server.wait_for_answer(language.hello)
            check_rows(server, language.rows)
            for answer, path in zip(ANSWERS, [language.hello.path, language.rows]):
                load.wrk(server, path, CPU_CONNECTIONS, effort.warm_seconds)
                ask(server, name, answer, path, effort, results)


def ask(server: Server, name: str, answer: str, path: str, effort: Effort, results: Results) -> None:
    """Runs one load."""
    before = server.cpu_seconds()
    counts = load.wrk(server, path, CPU_CONNECTIONS, effort.load_seconds)
    used = server.cpu_seconds() - before
    check("languages", name, CPU_CONNECTIONS, counts, results)
    requests = max(counts["requests"], 1)
    values = {f"{answer}_us": used / requests * 1e6, f"{answer}_requests_s": requests / counts["seconds"]}
    results.add("languages", name, **values)


def check_rows(server: Server, path: str) -> None:
    """Raises `Failed` unless the table is right."""
    status, body = server.get(path)
    try:
        right = status == 200 and json.loads(body) == {"rows": ROWS}
    except json.JSONDecodeError:
        right = False
    if not right:
        raise Failed(f"{path} answers {status} {body[:60]!r}")


def row_name(peer: str, language: Language) -> str:
    return f"{peer} {language.name}".strip()


def compare(results: Results) -> None:
    """Adds how many times as many requests a row answers for a CPU second as its counterpart."""
    rows = results.tests["languages"]
    for peer in peers.ALL:
        for language in peer.languages:
            name = row_name(peer.name, language)
            if language.counterpart is None or name not in rows:
                continue
            for answer in ANSWERS:
                own, other = rows[name].median(f"{answer}_us"), counterpart_us(results, language, answer)
                if own and other:
                    results.add("languages", name, **{f"{answer}_ratio": other / own})


def counterpart_us(results: Results, language: Language, answer: str) -> float | None:
    """Returns the CPU of a request to a language's counterpart; `None` if it was not measured."""
    row = results.tests["languages"].get(language.counterpart or "")
    return None if row is None else row.median(f"{answer}_us")


LANGUAGES = Measure(
    "languages",
    "Languages: hello, and a table of 100 rows as JSON (64 connections)",
    "The server on one CPU, wrk on the other. The table is made for each request, of objects with an id, a name, a "
    "price and tags, and written by what the language has for it (C: sprintf). `×`: requests for a CPU second, against "
    "Node for JavaScript and Tornado for Python (goals, with instances reused: 0.5 and 5).",
    [
        Column("hello_us", "hello: CPU µs/request", "{:.1f}"),
        Column("hello_requests_s", "requests/s"),
        Column("hello_ratio", "×", "{:.2f}"),
        Column("rows_us", "rows: CPU µs/request", "{:.1f}"),
        Column("rows_requests_s", "requests/s"),
        Column("rows_ratio", "×", "{:.2f}"),
    ],
    languages_round,
    compare,
)
