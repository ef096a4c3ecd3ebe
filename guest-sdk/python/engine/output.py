"""What a guest prints and logs becomes lines of the host's log."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable

from wit_world.imports import logging as host
from wit_world.imports.logging import Level


class Output(io.RawIOBase):
    """A stream whose lines go to the host's log at one level."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._begun = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        *lines, self._begun = (self._begun + bytes(data)).split(b"\n")
        for line in lines:
            self._write(line.decode(errors="replace"))
        return len(data)

    def end_line(self) -> None:
        """Writes a line that has no end yet."""
        if self._begun:
            self.write(b"\n")


class LogHandler(logging.Handler):
    """Writes records of `logging` at their level, a traceback line by line."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            for line in self.format(record).splitlines():
                host.log(_level(record.levelno), line)
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


def redirect() -> list[Output]:
    """Sends `sys.stdout` (info), `sys.stderr` (warn) and `logging` to the host's log."""
    outputs = [Output(lambda line: host.log(Level.INFO, line))]
    outputs.append(Output(lambda line: host.log(Level.WARN, line)))
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(output, "utf-8", "backslashreplace", write_through=True)  # type: ignore[arg-type]
        for output in outputs
    )
    logging.root.addHandler(LogHandler())
    logging.root.setLevel(logging.INFO)
    return outputs
