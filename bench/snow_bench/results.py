"""The results: for each measure, row and column, a value of each round."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

# The column for how many CPUs were busy for other processes, and from how many on a row is marked
# as disturbed.
OTHERS = "others"
OTHERS_MAX = 0.25


def short(value: float) -> float:
    """Rounds a value to the digits that mean something."""
    return round(value, 3)


@dataclass
class Row:
    """The results of one server, or of one of its routes, in one measure."""

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    problems: list[str] = field(default_factory=list)

    def flags(self) -> list[str]:
        """Returns what puts the row in doubt."""
        others = max(self.values.get(OTHERS, [0.0]))
        if others <= OTHERS_MAX:
            return self.problems
        return [*self.problems, f"disturbed: others took up to {others:.1f} CPUs meanwhile"]

    def median(self, column: str) -> float | None:
        """Returns the median of the rounds; `None` if there is none."""
        values = self.values.get(column)
        return statistics.median(values) if values else None


@dataclass
class Results:
    """Everything that one run measured."""

    tests: dict[str, dict[str, Row]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Row)))
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, test: str, row: str, **values: float) -> None:
        """Adds one round's values to a row."""
        for column, value in values.items():
            self.tests[test][row].values[column].append(value)

    def flag(self, test: str, row: str, problem: str) -> None:
        """Notes a problem that puts a row in doubt."""
        problems = self.tests[test][row].problems
        if problem not in problems:
            problems.append(problem)

    def share_with_others(self, test: str, row: str, others: float) -> None:
        """Notes how many CPUs were busy for other processes while a row was measured."""
        self.tests[test][row].values[OTHERS].append(others)

    def as_json(self) -> dict[str, Any]:
        """Returns medians and rounds, to be written as JSON."""
        tests = {
            test: {
                name: {
                    "median": {column: short(statistics.median(values)) for column, values in row.values.items()},
                    "rounds": {column: [short(value) for value in values] for column, values in row.values.items()},
                    "flags": row.flags(),
                }
                for name, row in rows.items()
            }
            for test, rows in self.tests.items()
        }
        return {"tests": tests, "skipped": self.skipped, "notes": self.notes}
