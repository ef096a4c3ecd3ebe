"""The host's functions and types: the contract of wit/snow.wit.

Inside the engine they are bindings that componentize-py makes. Under a plain Python there is a toy
host in their place, so that guests can be imported and tested.
"""

from __future__ import annotations

try:
    from componentize_py_types import Err  # type: ignore[import-not-found]
    from wit_world.imports import (  # type: ignore[import-not-found]
        deployment,
        fetch,
        http,
        jobs,
        pending_handles,
        resumption,
        sql,
    )
    from wit_world.imports import snow_host_store as store
    from wit_world.imports import wasi_config_store as config_store
except ImportError:
    from snow._toy import Err, http, pending_handles
    from snow._toy_deployed import config_store, deployment, resumption
    from snow._toy_fetch import fetch
    from snow._toy_jobs import jobs
    from snow._toy_sql import sql
    from snow._toy_store import store

__all__ = [
    "Err",
    "config_store",
    "deployment",
    "fetch",
    "http",
    "jobs",
    "pending_handles",
    "resumption",
    "sql",
    "store",
]
