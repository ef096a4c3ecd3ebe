"""The standard library, for instances that find no files.

What most guests use is imported when the engine is built, and costs nothing later. The rest is kept
as compressed code, and becomes a module when a guest imports it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.abc
import importlib.machinery
import marshal
import os
import sys
import types
import warnings
import zlib
from collections.abc import Sequence

# What is there from the start.
_COMMON = """
    abc ast asyncio base64 bisect calendar collections contextlib copy csv dataclasses datetime
    decimal email.utils enum fractions functools hashlib heapq hmac html http.client
    http.cookies importlib.abc importlib.machinery inspect io itertools json logging marshal
    math mimetypes numbers operator os pprint queue random re secrets statistics string struct
    sys tempfile textwrap threading traceback types typing urllib.parse uuid warnings weakref
    zlib
""".split()

# Parts that can't work in a guest, or that are no library.
_LEFT_OUT = {
    "__pycache__",
    "curses",
    "dbm",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "msilib",
    "pip",
    "pydoc_data",
    "site-packages",
    "test",
    "tkinter",
    "turtle.py",
    "turtledemo",
    "venv",
}


class Library(importlib.abc.InspectLoader, importlib.abc.MetaPathFinder):
    """Finds and loads the modules of the standard library that are kept as code."""

    def __init__(self) -> None:
        # For each module, whether it is a package, and its code.
        self.kept: dict[str, tuple[bool, bytes]] = {}

    def keep(self, name: str, is_package: bool, text: bytes) -> None:
        """Keeps a module."""
        file = f"{name.replace('.', '/')}{'/__init__' if is_package else ''}.py"
        code = compile(text, f"<stdlib>/{file}", "exec", dont_inherit=True)
        self.kept[name] = (is_package, zlib.compress(marshal.dumps(code), 9))

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self.kept:
            return None
        is_package = self.kept[fullname][0]
        return importlib.machinery.ModuleSpec(
            fullname, self, origin="stdlib", is_package=is_package
        )

    def get_code(self, fullname: str) -> types.CodeType:
        return marshal.loads(zlib.decompress(self.kept[fullname][1]))

    def get_source(self, fullname: str) -> None:
        """Returns nothing: only the code is kept."""

    def is_package(self, fullname: str) -> bool:
        return self.kept[fullname][0]


def keep() -> None:
    """Imports what is common, keeps the rest, and takes its files' place in the import system."""
    for name in _COMMON:
        importlib.import_module(name)
    library = Library()
    root = os.path.dirname(dataclasses.__file__)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for folder, folders, files in os.walk(root):
            folders[:] = [one for one in folders if not _is_left_out(one)]
            for file in files:
                if file.endswith(".py") and not _is_left_out(file):
                    _keep_file(library, root, os.path.join(folder, file))
    # The order of a search: built-in, frozen, then this; the guest's folder comes behind it.
    finders = [one for one in sys.meta_path if one is not importlib.machinery.PathFinder]
    sys.meta_path[:] = [*finders, library]


def _is_left_out(name: str) -> bool:
    return name in _LEFT_OUT or name.startswith("config-")


def _keep_file(library: Library, root: str, path: str) -> None:
    name = os.path.relpath(path, root).removesuffix(".py").replace("/", ".")
    is_package = name.endswith(".__init__")
    name = name.removesuffix(".__init__")
    if name in sys.modules or name == "__init__":
        return
    with open(path, "rb") as file:
        text = file.read()
    # Some files are meant not to compile.
    with contextlib.suppress(SyntaxError):
        library.keep(name, is_package, text)
