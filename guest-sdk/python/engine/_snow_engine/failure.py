"""What a guest's author reads when it fails: a traceback of their own lines."""

from __future__ import annotations

import sys
from traceback import StackSummary, TracebackException

from _snow_engine.folder import Folder


def report(error: BaseException, folder: Folder | None) -> str:
    """Returns a traceback without frames of the engine and of the standard library.

    `folder` has the guest's files; without it nothing of the guest has run.
    """
    try:
        return _report(error, folder)
    except Exception as wrong:
        # An exception can be anything: with a name that is no text, or with a thousand causes.
        kinds = f"{type(error).__name__}, which can't be shown: {type(wrong).__name__}"
        return f"Traceback (most recent call last):\n{kinds}"


def _report(error: BaseException, folder: Folder | None) -> str:
    if folder is not None:
        _advise(error, folder)
    traceback = TracebackException.from_exception(error)
    if folder is not None:
        _cut(traceback, folder)
    return "".join(traceback.format()).rstrip()


def _cut(traceback: TracebackException | None, folder: Folder) -> None:
    if traceback is None:
        return
    frames = [frame for frame in traceback.stack or () if _is_of_author(frame.filename, folder)]
    # Without frames there is no heading either: a syntax error has its place in itself.
    traceback.stack = StackSummary.from_list(frames) if frames else None  # type: ignore[assignment]
    _cut(traceback.__cause__, folder)
    _cut(traceback.__context__, folder)
    for one in traceback.exceptions or ():
        _cut(one, folder)


def _is_of_author(file: str, folder: Folder) -> bool:
    # Templates and the like have names in angle brackets.
    is_made = file.startswith("<") and not file.startswith(("<stdlib>", "<frozen"))
    return is_made or file == folder.main.name or file.startswith(f"{folder.name}/")


def _advise(error: BaseException, folder: Folder) -> None:
    """Adds what to do about a module that is not there."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return
    top = error.name.partition(".")[0]
    if top == "snow":
        error.add_note("The module snow is the engine's, and has no such part.")
        return
    if top in sys.stdlib_module_names:
        error.add_note(f"The engine has no {top}: it needs a system that a guest does not have.")
        return
    error.add_note(
        f"Packages in pure Python go into the folder {folder.name}/ beside {folder.main.name}: "
        f"pip install --target {folder.name} {top}"
    )
