"""The measures, in the order they are taken."""

from __future__ import annotations

from snow_bench.measures.base import Measure
from snow_bench.measures.churn import CHURN
from snow_bench.measures.compiling import COMPILE
from snow_bench.measures.held import HELD
from snow_bench.measures.http import CPU, LATENCY
from snow_bench.measures.languages import LANGUAGES
from snow_bench.measures.million import MILLION
from snow_bench.measures.neighbours import NEIGHBOURS
from snow_bench.measures.outside import GATHER, RELAY
from snow_bench.measures.restart import RESTART
from snow_bench.measures.settle import SETTLE
from snow_bench.measures.spin import SPIN
from snow_bench.measures.sql import SQL
from snow_bench.measures.start import START
from snow_bench.measures.store import STORE
from snow_bench.measures.swap import SWAP
from snow_bench.measures.timers import TIMERS
from snow_bench.measures.workers import WORKERS

ALL: list[Measure] = [
    *(CPU, LATENCY, LANGUAGES, STORE, SQL, GATHER, RELAY, WORKERS, START, SPIN, NEIGHBOURS, HELD, TIMERS, SETTLE),
    *(CHURN, SWAP, COMPILE, RESTART, MILLION),
]
