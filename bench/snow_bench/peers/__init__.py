"""The servers that are measured, in the order of the tables."""

from __future__ import annotations

from snow_bench.peers.base import Peer
from snow_bench.peers.databases import ALL as DATABASES
from snow_bench.peers.languages import FRESH_LANGUAGES, REUSED_LANGUAGES
from snow_bench.peers.native import Hyper, Mio, Nginx
from snow_bench.peers.outside import ALL as OUTSIDE
from snow_bench.peers.scripted import Flask, Node, Tornado, Workerd
from snow_bench.peers.snow import FRESH, REUSED
from snow_bench.peers.stored import ALL as STORED
from snow_bench.peers.wasmtime import (
    PRECOMPILED,
    WASI_02,
    WASI_02_REUSED,
    WASI_03,
    WASI_03_ONE,
    WASI_PYTHON,
    WASI_PYTHON_REUSED,
    Wasmtime,
    WasmtimePython,
)

ALL: list[Peer] = [
    Mio(),
    Nginx(),
    Hyper(),
    FRESH,
    REUSED,
    FRESH_LANGUAGES,
    REUSED_LANGUAGES,
    Node(),
    Wasmtime(WASI_02_REUSED),
    Wasmtime(WASI_03_ONE),
    Wasmtime(WASI_03),
    Wasmtime(WASI_02),
    Wasmtime(PRECOMPILED),
    WasmtimePython(WASI_PYTHON_REUSED),
    WasmtimePython(WASI_PYTHON),
    Workerd(),
    Tornado(),
    Flask(),
    *STORED,
    *DATABASES,
    *OUTSIDE,
]
