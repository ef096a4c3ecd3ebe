"""The Python engine: CPython, its standard library, the module `snow`, and a guest's own text.

componentize-py runs this file once and keeps the memory that it leaves. In each instance of that
memory, the first call gets the guest's files from the host and runs them.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

# Before any module that may take a function of `random` for itself.
from fresh_random import NUMBERS  # isort: skip

import library
import output
from failure import report
from folder import Folder
from guest import load
from wit_world import exports
from wit_world.exports.handler import Route
from wit_world.imports import source

import snow.classic
import snow.tornado  # noqa: F401
from snow import _loop, _routing


class Guest:
    """The guest of this instance."""

    folder: Folder | None = None

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a function of the guest, which is loaded first. Tells the host if it fails."""
        NUMBERS.begin_call()
        try:
            if self.folder is None:
                output.redirect()
                self.folder = Folder(source)
                # The host asks for the routes when it loads the guest.
                self.folder.codes.is_loading = function is _routes
                load(self.folder, sys.modules)
            return function(*arguments)
        except BaseException as error:
            source.fail(report(error, self.folder))
            raise
        finally:
            if output.begun:
                output.end_lines()


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
