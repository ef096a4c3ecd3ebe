"""What a guest prints and logs becomes lines of the host's log."""

from __future__ import annotations

import io
import logging
import sys

from wit_world.imports import logging as host
from wit_world.imports.logging import Level

from snow._contract import shown

# The streams with a line that has no end yet.
begun: set[Output] = set()


def _log(level: Level, line: str) -> None:
    """Writes a line. A client's JSON may have what is no text."""
    host.log(level, shown(line))


class Output(io.RawIOBase):
    """A stream whose lines go to the host's log at one level."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._line = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        *lines, self._line = (self._line + bytes(data)).split(b"\n")
        for line in lines:
            _log(self._level, line.decode(errors="replace"))
        if self._line:
            begun.add(self)
        else:
            begun.discard(self)
        return len(data)


def end_lines() -> None:
    """Writes the lines that have no end yet."""
    for output in list(begun):
        output.write(b"\n")


def tell(text: str) -> None:
    """Writes the lines of a traceback, as errors."""
    for line in text.splitlines():
        _log(Level.ERROR, line)


class LogHandler(logging.Handler):
    """Writes records of `logging` at their level, a traceback line by line."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            for line in self.format(record).splitlines():
                _log(_level(record.levelno), line)
        except Exception:
            self.handleError(record)


def _level(number: int) -> Level:
    if number >= logging.ERROR:
        return Level.ERROR
    if number >= logging.WARNING:
        return Level.WARN
    if number >= logging.INFO:
        return Level.INFO
    return Level.DEBUG if number >= logging.DEBUG else Level.TRACE


def redirect() -> None:
    """Sends `sys.stdout` (info), `sys.stderr` (warn) and `logging` to the host's log."""
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(Output(level), "utf-8", "backslashreplace", write_through=True)  # type: ignore[arg-type]
        for level in (Level.INFO, Level.WARN)
    )
    logging.root.addHandler(LogHandler())
    logging.root.setLevel(logging.INFO)
