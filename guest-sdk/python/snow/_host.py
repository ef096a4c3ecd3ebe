"""The host's functions and types: the contract of wit/snow.wit.

Inside the engine they are bindings that componentize-py makes. Under a plain Python there is a toy
host in their place, so that guests can be imported and tested.
"""

from __future__ import annotations

import json
from typing import Any

try:
    from componentize_py_types import Err  # type: ignore[import-not-found]
    from wit_world.imports import http, pending_handles  # type: ignore[import-not-found]
except ImportError:
    from snow._toy import Err, http, pending_handles

__all__ = ["Err", "encode", "http", "milliseconds", "pending_handles"]

_MILLISECONDS_MAX = 0xFFFF_FFFF


def milliseconds(seconds: float) -> int:
    """Returns a time as the contract has it: rounded up, so that no wait is shorter than asked."""
    return min(max(-int(-seconds * 1000 // 1), 0), _MILLISECONDS_MAX)


def encode(value: Any) -> bytes:
    """Returns what is sent for a value: text in UTF-8, bytes as they are, anything else as JSON."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return json.dumps(value).encode()
