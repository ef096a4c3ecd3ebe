"""The tests that are programs in C: units, sessions, databases and jobs, and random requests."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from native import build, run


class Programs(unittest.TestCase):
    def passes(self, name: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            run(build(name, Path(folder)))

    def test_units(self) -> None:
        self.passes("units")

    def test_sessions(self) -> None:
        self.passes("sessions")

    def test_databases_and_jobs(self) -> None:
        self.passes("work")

    def test_random_requests(self) -> None:
        self.passes("fuzz")


if __name__ == "__main__":
    unittest.main()
