"""The Python engine: CPython, its standard library, the module `snow`, and a guest's own text.

componentize-py runs this file once and keeps the memory that it leaves. In each instance of that
memory, the first call gets the guest's files from the host and runs them.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
import sys
from collections.abc import Callable
from typing import Any

# Before any module that may take a function of `random` for itself.
from _snow_engine.fresh_random import NUMBERS  # isort: skip

from wit_world import exports, imports
from wit_world.exports.handler import Route
from wit_world.imports import source

import snow
import snow.classic
import snow.tornado
from _snow_engine import library, output
from _snow_engine.failure import report
from _snow_engine.folder import Folder
from _snow_engine.guest import load
from snow import _contract, _loop, _routing, jobs, sql
from snow._host import Err, pending_handles


class Guest:
    """The guest of this instance."""

    folder: Folder | None = None

    def call(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        failed: Callable[[BaseException], Any],
    ) -> Any:
        """Calls a function of the guest, which is loaded first.

        If its file can't be run, or memory is at its end, the host is told, and takes another
        instance. Whatever else is raised is logged, and `failed` makes the call's result of it.
        """
        NUMBERS.begin_call()
        try:
            if self.folder is None:
                output.redirect()
                self.folder = Folder(source)
                # The host asks for the routes when it loads the guest.
                self.folder.codes.is_loading = function is _routes
                load(self.folder, sys.modules)
                _routing.complete()
            return function(*arguments)
        except BaseException as error:
            text = _contract.shown(report(error, self.folder))
            is_out_of_memory = isinstance(error, MemoryError)
            if not _routing.is_complete() or is_out_of_memory:
                # The first line is all that some see of a job.
                source.fail(f"{OUT_OF_MEMORY}\n{text}" if is_out_of_memory else text)
                raise
            output.tell(text)
            return failed(error)
        finally:
            if output.begun:
                output.end_lines()


OUT_OF_MEMORY = "out of memory (memory_bytes_max is its limit)"

# What a client gets whose handler has raised something.
FAILED = pending_handles.Outcome_Respond(snow.Response("internal server error", 500).lower())
UNAVAILABLE = pending_handles.Outcome_Respond(snow.Response("service unavailable", 503).lower())

GUEST = Guest()


def _answer(error: BaseException) -> pending_handles.Outcome_Respond:
    """Returns the answer to a request whose handler has raised something."""
    is_temporary = isinstance(error, sql.SqlError) and error.is_temporary
    return UNAVAILABLE if is_temporary else FAILED


def _failure(error: BaseException) -> pending_handles.Failure:
    """Returns the failure of a job that has raised something."""
    kind = type(error).__name__
    try:
        message = f"{kind}: {error}"
    except Exception:
        message = kind
    return jobs.failure(snow.Failed("failed", message))


def _routes() -> list[Route]:
    if jobs.table:
        source.with_jobs()
    return [Route(route.methods, route.pattern) for route in _routing.routes]


class Handler(exports.Handler):
    """The export `handler`."""

    def routes(self) -> Any:
        return GUEST.call(_routes, failed=_answer)

    def handle(self, route: int, request: Any) -> Any:
        return GUEST.call(_routing.handle, route, request, failed=_answer)


class Resumer(exports.Resumer):
    """The export `resumer`."""

    def resume(self, route: int, cause: Any, request: Any, state: bytes, arrivals: Any) -> Any:
        return GUEST.call(_routing.resume, cause, request, state, arrivals, failed=_answer)


class JobRunner(exports.JobRunner):
    """The export `job-runner`."""

    def run(self, job: Any) -> bytes:
        done = GUEST.call(jobs.run, job, failed=_failure)
        if isinstance(done, pending_handles.Failure):
            raise Err(done)
        return done


# componentize-py imports the bindings of the whole contract when this file has run, and finds none
# then that is not imported yet.
for module in pkgutil.iter_modules(imports.__path__, f"{imports.__name__}."):
    importlib.import_module(module.name)
library.keep()
_loop.prepare()
# What is here now lives as long as the instance.
gc.collect()
gc.freeze()
