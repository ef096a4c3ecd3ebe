#!/usr/bin/env python3
"""Makes the Python engine: `python3 make.py OUT.wasm [--work DIR]`.

Installs componentize-py, which brings CPython for WebAssembly, into a virtual environment, and lets
it make a component of the files in this folder, of the module `snow` and of the host's contract.
The environment is in DIR, and is used again if it is there; without DIR it is removed at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

COMPONENTIZE_PY = "0.25.1"
PYTHON_MIN = (3, 10)
WORLD = "python-engine"

HERE = Path(__file__).resolve().parent
# Where the module `snow` and the contract are: beside this folder, or as in the repository.
SDK = (HERE, HERE.parent)
WIT = (
    HERE / "wit",
    HERE.parent / "wit",
    HERE.parents[2] / "wit" if len(HERE.parents) > 2 else HERE,
)


class Failure(Exception):
    """The engine can't be made; the message is the reason, and what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes the Python engine of snow-host.")
    parser.add_argument("out", type=Path, metavar="OUT.wasm", help="the file to write")
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="keeps the tools there, for the next time"
    )
    arguments = parser.parse_args()
    try:
        if arguments.work is not None:
            make(arguments.out, arguments.work)
        else:
            with tempfile.TemporaryDirectory(prefix="snow-engine-") as work:
                make(arguments.out, Path(work))
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    return 0


def make(out: Path, work: Path) -> None:
    """Makes the engine, with the tools in a work folder."""
    if sys.version_info < PYTHON_MIN:
        wanted = ".".join(map(str, PYTHON_MIN))
        raise Failure(
            f"this is Python {sys.version.split()[0]}, and {wanted} is needed: "
            "install it (Debian: apt-get install python3) and run this with it"
        )
    sdk = find("the module snow", SDK, "snow/__init__.py")
    wit = find("the contract", WIT, "engine.wit")
    tool = install(work)
    say("building the engine: CPython with its standard library")
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    # One folder has the whole package of the contract.
    contract = work / "wit"
    contract.mkdir(exist_ok=True)
    for file in (wit / "snow.wit", wit / "engine.wit", HERE / "world.wit"):
        shutil.copy(file, contract)
    command = [tool, "-d", contract, "-w", WORLD, "componentize"]
    command += ["-p", HERE, "-p", sdk, "-o", partial, "_snow_engine.engine"]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        run(command, "componentize-py can't build the engine")
        os.replace(partial, out)
    except OSError as error:
        raise Failure(f"can't write {out}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    say(f"made {out}: {out.stat().st_size / 1_000_000:.1f} MB")


def install(work: Path) -> Path:
    """Returns the program componentize-py, which is installed if it is not there."""
    venv = work / f"componentize-py-{COMPONENTIZE_PY}"
    folder = venv / ("Scripts" if os.name == "nt" else "bin")
    tool = folder / "componentize-py"
    # Written last, so that an installation that was cut short is made anew.
    complete = venv / "complete"
    if complete.exists():
        return tool
    say(f"making a Python environment in {venv}")
    run(
        [sys.executable, "-m", "venv", "--clear", venv],
        "Python can't make a virtual environment: install its module venv "
        "(Debian: apt-get install python3-venv)",
    )
    say(f"installing componentize-py {COMPONENTIZE_PY} from PyPI")
    pip = [folder / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(
        [*pip, "--only-binary", ":all:", f"componentize-py=={COMPONENTIZE_PY}"],
        "pip can't install componentize-py: it needs the network, and a system for which "
        "componentize-py is published (Linux, macOS and Windows, x86-64 and arm64)",
    )
    complete.touch()
    return tool


def find(what: str, folders: Sequence[Path], file: str) -> Path:
    """Returns the first of these folders that has a file."""
    for folder in folders:
        if (folder / file).is_file():
            return folder
    looked = ", ".join(str(folder) for folder in folders)
    raise Failure(f"{what} is not there: looked for {file} in {looked}")


def run(command: Sequence[str | Path], reason: str) -> None:
    """Runs a tool to its end. What it prints is shown if it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            # A backtrace of a tool's insides says nothing to people.
            env=os.environ | {"RUST_BACKTRACE": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        raise Failure(f"{reason}: {words[0]}: {error.strerror}") from error
    if done.returncode != 0:
        text = done.stdout.decode(errors="replace").strip()
        raise Failure(f"{reason}\n{text}")


def say(line: str) -> None:
    """Prints what is done now."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
