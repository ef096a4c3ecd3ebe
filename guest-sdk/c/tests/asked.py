"""Cases for the program of `answers.c`: what is asked of the SDK, and what it answers."""

from __future__ import annotations

from pathlib import Path

from native import run

Argument = str | bytes | int | bool | None


def line(word: str, *arguments: Argument) -> str:
    """Returns the line that asks something."""
    return " ".join([word, *map(_written, arguments)]) + "\n"


def _written(argument: Argument) -> str:
    if argument is None:
        return "-"
    if isinstance(argument, (int, bool)):
        argument = str(int(argument))
    return "x" + (argument.encode() if isinstance(argument, str) else argument).hex()


def answers(program: Path, lines: list[str]) -> list[list[bytes | None]]:
    """Puts all lines to the program, and returns its answer to each."""
    said = run(program, "".join(lines)).splitlines()
    if len(said) != len(lines):
        raise AssertionError(f"{len(said)} answers to {len(lines)} lines")
    return [[_read(word) for word in one.split()] for one in said]


def _read(word: str) -> bytes | None:
    return None if word == "-" else bytes.fromhex(word[1:])
