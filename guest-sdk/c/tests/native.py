"""Builds the SDK's native tests, with whatever finds mistakes of memory, and runs them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SDK = TESTS.parent

# What only the host can link.
_LEFT_OUT = {"snow_exports.c", "snow_pending.c"}

_FLAGS = "-std=gnu11 -g -O1 -Wall -Wextra -Werror -fno-sanitize-recover=all".split()


def _compilers() -> list[list[str]]:
    """Returns the commands of compilers that are here, the best first: the system's finds bytes
    that are read behind their end, and zig's finds only numbers that overflow and the like."""
    found = []
    if cc := shutil.which("cc"):
        found.append([cc, "-fsanitize=address,undefined"])
    zig = [sys.executable, "-m", "ziglang"]
    if subprocess.run([*zig, "version"], capture_output=True).returncode == 0:
        found.append([*zig, "cc", "-fsanitize=undefined"])
    return found


def build(name: str, folder: Path) -> Path:
    """Builds the program of `NAME.c` in a folder, with the SDK and the host of the tests."""
    program = folder / name
    sources = [path for path in sorted(SDK.glob("snow*.c")) if path.name not in _LEFT_OUT]
    sources += [TESTS / "host.c", TESTS / "host_work.c", TESTS / f"{name}.c"]
    said = "there is no C compiler: install gcc, or run `pip install ziglang==0.17.1`"
    for compiler in _compilers():
        command = [*compiler, *_FLAGS, *map(str, sources), "-o", str(program)]
        built = subprocess.run(command, capture_output=True, text=True)
        if built.returncode == 0:
            return program
        said = built.stderr
    raise RuntimeError(said)


def run(program: Path, lines: str = "") -> str:
    """Runs a program with a standard input, and returns what it prints. Its failure is one of the
    test, with what it has said."""
    done = subprocess.run([program], input=lines, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise AssertionError(f"{program.name}: {done.returncode}\n{done.stderr}")
    return done.stdout
