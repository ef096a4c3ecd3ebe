"""The host's functions and types: the contract of wit/snow.wit.

Inside the engine they are bindings that componentize-py makes. Under a plain Python there is a toy
host in their place, so that guests can be imported and tested.
"""

from __future__ import annotations

try:
    from componentize_py_types import Err  # type: ignore[import-not-found]
    from wit_world.imports import http, pending_handles, store  # type: ignore[import-not-found]
except ImportError:
    from snow._toy import Err, http, pending_handles
    from snow._toy_store import store

__all__ = ["Err", "http", "pending_handles", "store"]
