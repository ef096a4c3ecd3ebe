"""Installs what a peer needs from apt, pip, npm or crates.io. Raises `Missing` if that fails."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from snow_bench import places

BUILD_SECONDS_MAX = 3600
WASMTIME_VERSION = "48.0.8"
# The features that `serve` needs. The build takes half the time without the others, and the server
# is not slower.
WASMTIME_FEATURES = (
    "run,compile,serve,parallel-compilation,pooling-allocator,component-model-async,threads,wat,backtrace,cache"
)


class Missing(Exception):
    """A peer can't be measured on this machine; the message is the reason."""


def run(command: Sequence[str | Path], folder: Path, reason: str, **environment: str | Path) -> None:
    """Runs a tool to its end. Raises `Missing`, with the last line it printed, if it fails."""
    words = [str(word) for word in command]
    if shutil.which(words[0]) is None:
        raise Missing(f"{reason}: there is no {words[0]}")
    print(f"  $ {' '.join(words)}", file=sys.stderr, flush=True)
    settings = os.environ | {name: str(value) for name, value in environment.items()}
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=BUILD_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"{reason}: took more than {BUILD_SECONDS_MAX} seconds") from None
    if done.returncode != 0:
        last = done.stdout.decode(errors="replace").strip().splitlines()[-1:]
        raise Missing(f"{reason}: {' '.join(last) or 'failed'}")


@functools.cache
def debian(program: str, package: str) -> Path:
    """Returns a program of a Debian package, which is installed if need be."""
    # /usr/sbin is not on the PATH of every user.
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    if shutil.which(program, path=path) is None:
        if os.geteuid() != 0:
            raise Missing(f"run: apt-get install {package}")
        # RUNLEVEL=1 keeps a package from starting its service.
        apt = ["apt-get", "install", "-y", "--no-install-recommends", package]
        run(apt, places.BENCH, f"apt-get install {package}", DEBIAN_FRONTEND="noninteractive", RUNLEVEL="1")
    found = shutil.which(program, path=path)
    if found is None:
        raise Missing(f"{package} has no {program}")
    return Path(found)


@functools.cache
def python_with(requirements: Path) -> Path:
    """Returns the Python of a virtual environment in which these requirements are installed."""
    folder = places.CACHE / f"venv-{requirements.parent.name}"
    python = folder / "bin" / "python"
    if not python.exists():
        run([sys.executable, "-m", "venv", folder], places.BENCH, "python -m venv")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
    run(pip, places.BENCH, "pip install")
    return python


@functools.cache
def node_modules(source: Path) -> Path:
    """Installs the packages that a folder's package.json names, and returns their folder.

    package.json has exact versions, and there is no lock file: a lock file also names the packages
    with binaries for other systems, and `npm ci` fails if a registry does not have all of them.
    """
    folder = places.CACHE / f"npm-{source.name}"
    folder.mkdir(parents=True, exist_ok=True)
    installed = folder / "package.json"
    wanted = (source / "package.json").read_bytes()
    if not (folder / "node_modules").is_dir() or installed.read_bytes() != wanted:
        installed.write_bytes(wanted)
        install = ["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
        run(install, folder, "npm install")
    return folder / "node_modules"


@functools.cache
def cargo_build(workspace: Path, target: Path) -> None:
    """Builds a cargo workspace as its lock file says."""
    build = ["cargo", "build", "--release", "--locked"]
    run(build, workspace, f"cargo build in {workspace.name}/", CARGO_TARGET_DIR=target)


@functools.cache
def wasmtime(may_build: bool) -> Path:
    """Returns the `wasmtime` of the pinned version. It is built once, in 10 to 30 minutes."""
    root = places.CACHE / "wasmtime"
    binary = root / "bin" / "wasmtime"
    if binary.exists():
        return binary
    if not may_build:
        raise Missing("not built yet, which takes 10 to 30 minutes: bench/run --prepare")
    install = ["cargo", "install", "wasmtime-cli", "--version", WASMTIME_VERSION, "--locked", "--root", str(root)]
    install += ["--no-default-features", "--features", WASMTIME_FEATURES]
    run(install, places.BENCH, "cargo install wasmtime-cli", CARGO_TARGET_DIR=places.WASMTIME_TARGET)
    return binary
