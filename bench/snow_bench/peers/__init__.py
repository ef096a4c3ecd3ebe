"""The servers that are measured, in the order of the tables."""

from __future__ import annotations

from snow_bench.peers.base import Peer
from snow_bench.peers.native import Hyper, Mio, Nginx
from snow_bench.peers.scripted import Node, Tornado, Workerd
from snow_bench.peers.snow import FRESH, REUSED
from snow_bench.peers.wasmtime import PRECOMPILED, WASI_02, WASI_02_REUSED, WASI_03, WASI_03_ONE, Wasmtime

ALL: list[Peer] = [
    Mio(),
    Nginx(),
    Hyper(),
    FRESH,
    REUSED,
    Node(),
    Wasmtime(WASI_02_REUSED),
    Wasmtime(WASI_03_ONE),
    Wasmtime(WASI_03),
    Wasmtime(WASI_02),
    Wasmtime(PRECOMPILED),
    Workerd(),
    Tornado(),
]
