"""Folders: the repository's own, and the cache for everything that is installed or built."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BENCH = REPOSITORY / "bench"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "snow-host-bench"

# Target folders of cargo. They are outside of the repository, so that they survive a clean clone.
PEERS_TARGET = CACHE / "target-peers"
GUESTS_TARGET = CACHE / "target-guests"
EXAMPLES_TARGET = CACHE / "target-examples"
WASMTIME_TARGET = CACHE / "target-wasmtime"


def peer_binary(name: str) -> Path:
    """Returns a program of bench/peers."""
    return PEERS_TARGET / "release" / name


def built_guest(target: Path, name: str) -> Path:
    """Returns a guest as cargo builds it: a core module."""
    return target / "wasm32-unknown-unknown" / "release" / f"{name}.wasm"


def run_folder(name: str) -> Path:
    """Returns a folder for the files that a peer needs while it runs."""
    folder = CACHE / "run" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
