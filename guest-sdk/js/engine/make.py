#!/usr/bin/env python3
"""Makes the JavaScript engine: `python3 make.py OUT.wasm [--work FOLDER]`.

It needs rustup with the target wasm32-wasip1, and the network for what is not there yet: zig, as
the C compiler, from PyPI, and the crates of Cargo.lock. Everything is pinned. What it makes on the
way is kept in the work folder, `target` beside this file unless another is named, and used again.

`snow-host engine install js` runs this, and then has the engine started once, for all instances.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import venv
from pathlib import Path

TARGET = "wasm32-wasip1"
ZIG = "ziglang==0.17.1"
HERE = Path(__file__).resolve().parent


class Failure(Exception):
    """Something that keeps the engine from being made, and what to do about it."""


def main() -> int:
    """Makes the engine, and returns the exit code."""
    parser = argparse.ArgumentParser(description="Makes the JavaScript engine of snow-host.")
    parser.add_argument("out", type=Path, metavar="OUT.wasm", help="the file to write")
    parser.add_argument("--work", type=Path, default=HERE / "target", help="the work folder")
    arguments = parser.parse_args()
    try:
        make(arguments.out.absolute(), arguments.work.absolute())
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    return 0


def make(out: Path, work: Path) -> None:
    """Writes the engine to `out`. Steps that are done already are not done again."""
    check_rust()
    work.mkdir(parents=True, exist_ok=True)
    python = zig(work)
    print("compiling QuickJS and the engine", flush=True)
    run(
        ["cargo", "build", "--release", "--locked", "--target", TARGET, "--target-dir", str(work)],
        "the engine does not compile",
        environment(work, python),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    # Beside the file, and then renamed: who reads it never sees a part of it.
    partial = out.with_name(f".{out.name}.partial")
    shutil.copyfile(work / TARGET / "release" / "snow_engine_js.wasm", partial)
    partial.replace(out)
    print(f"made {out} ({out.stat().st_size:,} bytes)", flush=True)


def check_rust() -> None:
    """Checks that cargo is there, and the target."""
    if shutil.which("cargo") is None or shutil.which("rustc") is None:
        raise Failure("cargo is missing: install Rust from https://rustup.rs")
    rustc = subprocess.run(
        ["rustc", "--print", "sysroot"], cwd=HERE, capture_output=True, text=True, check=False
    )
    if rustc.returncode != 0:
        raise Failure(f"rustc does not run:\n{rustc.stderr.rstrip()}")
    if not (Path(rustc.stdout.strip()) / "lib" / "rustlib" / TARGET).is_dir():
        raise Failure(
            f"Rust's target {TARGET} is missing: `rustup target add {TARGET}` installs it"
        )


def zig(work: Path) -> Path:
    """Returns a Python that has zig, in a virtual environment of the work folder."""
    folder = work / "venv"
    python = folder / "bin" / "python"
    done = folder / ".installed"
    if done.is_file() and done.read_text() == ZIG:
        return python
    print(f"installing {ZIG} into {folder}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        venv.create(folder, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failure(
            f"Python can't make a virtual environment ({error}): on Debian and Ubuntu "
            "`apt-get install python3-venv` installs what it needs"
        ) from error
    run(
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ZIG],
        f"pip can't install {ZIG}",
        dict(os.environ),
    )
    done.write_text(ZIG)
    return python


def environment(work: Path, python: Path) -> dict[str, str]:
    """Returns the environment of cargo: with zig in the place of a C compiler."""
    here = str(HERE / "make.py")
    tools = {}
    for tool in ("cc", "ar"):
        script = work / f"zig-{tool}"
        script.write_text(f'#!/bin/sh\nexec "{python}" "{here}" --as-{tool} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        tools[tool] = str(script)
    # Cargo compiles the C anew when its flags change, but not when what goes with it changes.
    own = [HERE / "make.py", *sorted((HERE / "c").iterdir())]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in own)).hexdigest()
    # What shapes a native build is not meant for this one.
    shaping = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CFLAGS"]
    kept = {name: value for name, value in os.environ.items() if name not in shaping}
    return kept | {
        "RQUICKJS_SYS_NO_WASI_SDK": "1",
        "CC_wasm32_wasip1": tools["cc"],
        "AR_wasm32_wasip1": tools["ar"],
        "CFLAGS_wasm32_wasip1": f"-Oz -DSNOW_ENGINE=0x{digest[:8]}",
        "CARGO_TERM_COLOR": "never",
    }


def run(command: list[str], failed: str, variables: dict[str, str]) -> None:
    """Runs a command, and shows what it says only if it fails."""
    done = subprocess.run(
        command,
        cwd=HERE,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise Failure(f"{failed}. `{' '.join(command)}` says:\n{done.stdout.rstrip()}")


def compile_c(arguments: list[str]) -> None:
    """Becomes zig's C compiler, for the arguments of the crate `cc`."""
    mine = ["-target", "wasm32-wasi", "-fno-sanitize=all"]
    for argument in arguments:
        if argument.startswith("--target="):
            continue
        if argument.endswith("/quickjs.c"):
            # It includes the file that stands here.
            mine += ["-I", str(Path(argument).parent)]
            argument = str(HERE / "c" / "engine.c")
        mine.append(argument)
    os.execv(sys.executable, [sys.executable, "-m", "ziglang", "cc", *mine])


def archive(arguments: list[str]) -> None:
    """Becomes zig's archiver."""
    os.execv(sys.executable, [sys.executable, "-m", "ziglang", "ar", *arguments])


if __name__ == "__main__":
    # The scripts that cargo calls for a C compiler come back here.
    if sys.argv[1:2] == ["--as-cc"]:
        compile_c(sys.argv[2:])
    elif sys.argv[1:2] == ["--as-ar"]:
        archive(sys.argv[2:])
    else:
        sys.exit(main())
