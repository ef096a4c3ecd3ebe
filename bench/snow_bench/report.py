"""Tables for people and JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snow_bench import measures
from snow_bench.measures.base import Column, Measure
from snow_bench.results import Results, Row

Cells = list[list[str]]
Form = Callable[[Cells], list[str]]

NONE = "–"
FLAGGED = "*"


def text(head: dict[str, Any], results: Results) -> str:
    """Returns the report as text, with aligned columns."""
    return whole(head, results, plain)


def markdown(head: dict[str, Any], results: Results) -> str:
    """Returns the report as Markdown."""
    return whole(head, results, piped)


def whole(head: dict[str, Any], results: Results, form: Form) -> str:
    """Returns the whole report: a part for each measure, and the tail."""
    parts = [line for measure in measures.ALL for line in part_of(measure, results, form)]
    return "\n".join([*parts, *tail(head, results)]) + "\n"


def part_of(measure: Measure, results: Results, form: Form) -> list[str]:
    """Returns the part of one measure: title, tables, flags, and how to read it."""
    rows = results.tests.get(measure.name)
    if not rows:
        return []
    tables = [table(rows, measure.columns or found(rows), form)]
    parts = [(name, rows) for name, rows in results.tests.items() if name.startswith(f"{measure.name}: ")]
    tables += [[name, "", *table(rows, found(rows), form)] for name, rows in parts]
    flags = [f"{FLAGGED} {name}: {flag}" for name, row in rows.items() for flag in row.flags()]
    lines = [text for each in tables for text in [*each, ""]]
    return [f"## {measure.title}", "", *lines, *([*flags, ""] if flags else []), measure.reading, ""]


def table(rows: dict[str, Row], columns: list[Column], form: Form) -> list[str]:
    """Returns the lines of one table."""
    cells = [["server", *(column.heading for column in columns)]]
    return form(cells + [line(name, row, columns) for name, row in rows.items()])


def found(rows: dict[str, Row]) -> list[Column]:
    """Returns a column for each key in the rows."""
    keys = dict.fromkeys(key for row in rows.values() for key in row.values)
    return [Column(key, key.replace("_", " "), "{:,.6g}") for key in keys]


def line(name: str, row: Row, columns: list[Column]) -> list[str]:
    """Returns the cells of one row."""
    medians = [(column, row.median(column.key)) for column in columns]
    cells = [NONE if median is None else column.form.format(median) for column, median in medians]
    return [name + FLAGGED * bool(row.flags()), *cells]


def plain(cells: Cells) -> list[str]:
    """Aligns the first column to the left and the figures to the right."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]

    def aligned(row: list[str]) -> str:
        figures = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        return "  ".join([row[0].ljust(widths[0]), *figures])

    return [aligned(row) for row in cells]


def piped(cells: Cells) -> list[str]:
    """Formats cells as a Markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return [lines[0], "|---|" + "---:|" * (len(cells[0]) - 1), *lines[1:]]


def tail(head: dict[str, Any], results: Results) -> list[str]:
    """Returns what was skipped, and where, when and with which versions the rest was measured."""
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
    """Writes all results, with the values of each round."""
    file.write_text(json.dumps(head | results.as_json(), indent=2, ensure_ascii=False) + "\n")
