"""What a guest's author reads when it fails: a traceback of their own lines."""

from __future__ import annotations

import sys
from traceback import StackSummary, TracebackException
from typing import Any


def report(error: BaseException, own: tuple[str, ...], folder: Any) -> str:
    """Returns a traceback without frames of the engine and the standard library.

    `own` are the engine's folders, `folder` is the guest's.
    """
    _advise(error, folder)
    traceback = TracebackException.from_exception(error)
    _cut(traceback, own)
    return "".join(traceback.format()).rstrip()


def _cut(traceback: TracebackException | None, own: tuple[str, ...]) -> None:
    if traceback is None or traceback.stack is None:
        return
    frames = [frame for frame in traceback.stack if _is_of_author(frame.filename, own)]
    # Without frames there is no heading either: a syntax error has its place in itself.
    traceback.stack = StackSummary.from_list(frames) if frames else None  # type: ignore[assignment]
    _cut(traceback.__cause__, own)
    _cut(traceback.__context__, own)
    for one in traceback.exceptions or ():
        _cut(one, own)


def _is_of_author(file: str, own: tuple[str, ...]) -> bool:
    return not file.startswith((*own, "<stdlib>", "<frozen", "/python/"))


def _advise(error: BaseException, folder: Any) -> None:
    """Adds what to do about a module that is not there."""
    if not isinstance(error, ModuleNotFoundError) or not error.name or folder is None:
        return
    top = error.name.partition(".")[0]
    if top in sys.stdlib_module_names:
        error.add_note(f"The engine has no {top}: it needs a system that a guest does not have.")
        return
    error.add_note(
        f"Packages in pure Python go into the folder {folder.name}/ beside {folder.main.name}: "
        f"pip install --target {folder.name} {top}"
    )
