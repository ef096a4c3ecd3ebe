"""Tables for people and JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snow_bench import measures
from snow_bench.measures.base import Measure
from snow_bench.results import Results, Row

Cells = list[list[str]]
Form = Callable[[Cells], list[str]]

NONE = "–"
FLAGGED = "*"


def text(head: dict[str, Any], results: Results) -> str:
    """Tables with aligned columns."""
    return whole(head, results, plain)


def markdown(head: dict[str, Any], results: Results) -> str:
    """The same as Markdown."""
    return whole(head, results, piped)


def whole(head: dict[str, Any], results: Results, form: Form) -> str:
    """A part for each measure, and the tail."""
    parts = [line for measure in measures.ALL for line in part_of(measure, results, form)]
    return "\n".join([*parts, *tail(head, results)]) + "\n"


def part_of(measure: Measure, results: Results, form: Form) -> list[str]:
    """Title, table, flags and a word on how to read it, if this measure was taken."""
    rows = results.tests.get(measure.name)
    if not rows:
        return []
    cells = [["server", *(column.heading for column in measure.columns)]]
    cells += [line(name, row, measure) for name, row in rows.items()]
    flags = [f"{FLAGGED} {name}: {flag}" for name, row in rows.items() for flag in row.flags()]
    return [f"## {measure.title}", "", *form(cells), "", *([*flags, ""] if flags else []), measure.reading, ""]


def line(name: str, row: Row, measure: Measure) -> list[str]:
    """A row's cells."""
    medians = [(column, row.median(column.key)) for column in measure.columns]
    cells = [NONE if median is None else column.form.format(median) for column, median in medians]
    return [name + FLAGGED * bool(row.flags()), *cells]


def plain(cells: Cells) -> list[str]:
    """First column to the left, figures to the right."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]

    def aligned(row: list[str]) -> str:
        figures = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        return "  ".join([row[0].ljust(widths[0]), *figures])

    return [aligned(row) for row in cells]


def piped(cells: Cells) -> list[str]:
    """A table of Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return [lines[0], "|---|" + "---:|" * (len(cells[0]) - 1), *lines[1:]]


def tail(head: dict[str, Any], results: Results) -> list[str]:
    """What was not measured, with what, where and when."""
    lines = [f"skipped: {name}: {reason}" for name, reason in results.skipped.items()]
    lines += [f"note: {note}" for note in results.notes]
    return [
        *lines,
        "",
        f"{head['date']}, {head['cpus']} CPUs ({head['cpu']}), {head['memory']}, {head['kernel']}; "
        f"medians of {head['rounds']} alternating rounds; load average before: {head['load_average']:.2f}.",
        "; ".join(dict.fromkeys(head["versions"].values())) + ".",
        "no server writes an access log.",
    ]


def write_json(file: Path, head: dict[str, Any], results: Results) -> None:
    """Everything, with each round."""
    file.write_text(json.dumps(head | results.as_json(), indent=2, ensure_ascii=False) + "\n")
