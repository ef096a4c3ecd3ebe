"""The Python engine: CPython, its standard library, the module `snow`, and a guest's own text.

componentize-py runs this file once and keeps the memory that it leaves. In each instance of that
memory, the first call gets the guest's files from the host and runs them.
"""

from __future__ import annotations

import _random
import gc
import os
import random
import sys
from collections.abc import Callable
from typing import Any

import library
from failure import report
from folder import Folder
from guest import load
from output import Output, redirect
from snow import _loop, _routing
from wit_world import exports
from wit_world.exports.handler import Route
from wit_world.imports import source


class Guest:
    """The guest of this instance."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.folder: Folder | None = None

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a function of the guest, which is loaded first. Tells the host if it fails."""
        try:
            if self.folder is None:
                self.outputs = redirect()
                self.folder = Folder(source)
                load(self.folder, sys.modules)
            # An instance that is used again would go on where the last call's numbers ended.
            _random.Random.seed(random._inst, int.from_bytes(os.urandom(16)))
            return function(*arguments)
        except BaseException as error:
            source.fail(report(error, self.folder))
            raise
        finally:
            for output in self.outputs:
                output.end_line()


GUEST = Guest()


def _routes() -> list[Route]:
    return [Route(route.methods, route.pattern) for route in _routing.routes]


class Handler(exports.Handler):
    """The export `handler`."""

    def routes(self) -> Any:
        return GUEST.call(_routes)

    def handle(self, route: int, request: Any) -> Any:
        return GUEST.call(_routing.handle, route, request)


class Resumer(exports.Resumer):
    """The export `resumer`."""

    def resume(self, route: int, cause: Any, request: Any, state: bytes, arrivals: Any) -> Any:
        return GUEST.call(_routing.resume, cause, request, state, arrivals)


library.keep()
_loop.prepare()
# What is here now lives as long as the instance.
gc.collect()
gc.freeze()
