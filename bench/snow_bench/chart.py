"""The picture: bars for the CPU of each request and for the memory of each waiting request.

An SVG file is text, so no library is needed.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from snow_bench.results import Results

WIDTH = 760
LABEL_WIDTH = 210
VALUE_WIDTH = 90
BAR_HEIGHT = 16
LINE_HEIGHT = 24
TITLE_HEIGHT = 44
OURS = "snow"

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 15px; }
  .small { font-size: 11px; fill: #57606a; }
  .bar { fill: #8c959f; }
  .ours { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .small { fill: #8d96a0; }
    .bar { fill: #6e7681; }
    .ours { fill: #4493f8; }
  }
"""

Bars = list[tuple[str, float]]


def write(file: Path, head: dict[str, Any], results: Results) -> None:
    """Writes an SVG file that fits light and dark pages."""
    charts = [
        ("Server CPU a request, µs: hello, 64 connections, one CPU", cpu_bars(results), "{:.1f}"),
        ("User memory of a waiting request, bytes", held_bars(results), "{:,.0f}"),
    ]
    parts: list[str] = []
    top = 0
    for title, bars, form in charts:
        if bars:
            parts += chart(title, bars, form, top)
            top += TITLE_HEIGHT + LINE_HEIGHT * len(bars)
    note = f"{head['date'][:10]}, {head['cpus']} CPUs, {head['cpu']}; medians of {head['rounds']} rounds. bench/run"
    parts.append(f'<text class="small" x="0" y="{top + 28}">{escape(note)}</text>')
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 40}" width="{WIDTH}" role="img">'
    file.write_text("\n".join([opening, f"<style>{STYLE}</style>", *parts, "</svg>"]) + "\n")


def cpu_bars(results: Results) -> Bars:
    """Returns a bar for each server, the best first."""
    rows = results.tests.get("cpu", {})
    return ascending((name, row.median("cpu_us_64")) for name, row in rows.items())


def held_bars(results: Results) -> Bars:
    """Returns a bar for each server at the largest number it held, the best first."""
    by_server: dict[str, float | None] = {}
    for name, row in results.tests.get("held", {}).items():
        # The rows of a server come in ascending order, so the largest number is left.
        by_server[name.rpartition(", ")[0]] = row.median("bytes_each")
    return ascending(by_server.items())


def ascending(bars: Any) -> Bars:
    """Sorts the bars, without those that were not measured."""
    return sorted(((name, value) for name, value in bars if value is not None), key=lambda bar: bar[1])


def chart(title: str, bars: Bars, form: str, top: int) -> list[str]:
    """Returns the SVG elements of one chart: a title, and a line for each bar."""
    largest = max(value for _, value in bars) or 1
    parts = [f'<text class="title" x="0" y="{top + 28}">{escape(title)}</text>']
    for index, (name, value) in enumerate(bars):
        y = top + TITLE_HEIGHT + index * LINE_HEIGHT
        length = max(1.0, (WIDTH - LABEL_WIDTH - VALUE_WIDTH) * value / largest)
        kind = "bar ours" if name.split()[0] == OURS else "bar"
        parts += [
            f'<text x="{LABEL_WIDTH - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{LABEL_WIDTH}" y="{y}" width="{length:.1f}" height="{BAR_HEIGHT}" rx="2"/>',
            f'<text x="{LABEL_WIDTH + length + 6:.1f}" y="{y + 13}">{form.format(value)}</text>',
        ]
    return parts
