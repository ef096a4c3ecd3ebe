"""The files of a guest: modules and packages that it imports, and data that it reads.

The guest sees them in a folder `/NAME`, which is its working directory. They can't be changed.
"""

from __future__ import annotations

import builtins
import errno
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import posixpath
import stat
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from _snow_engine.kept_code import Codes

_NATIVE = (".so", ".pyd", ".dylib")


class Source(Protocol):
    """The import `source` of wit/engine.wit."""

    def main(self) -> Any: ...
    def files(self) -> list[str]: ...
    def find(self, path: str) -> bytes | None: ...
    def keep(self, name: str, data: bytes) -> None: ...
    def kept(self, name: str) -> bytes | None: ...


class Folder(importlib.abc.InspectLoader, importlib.abc.MetaPathFinder):
    """Finds and loads the modules in the folder beside the guest."""

    def __init__(self, source: Source) -> None:
        self._source = source
        # Code that was compiled when the guest was loaded.
        self.codes = Codes(source)
        # The guest's own file, `hello.py`.
        self.main = source.main()
        # The name of the guest and of its folder, `hello`.
        self.name = self.main.name.removesuffix(".py")
        # The name of the guest's module: another one, if a module has that name already.
        taken = self.name in sys.stdlib_module_names or self.name in sys.modules
        self.module = f"guest_{self.name}" if taken else self.name
        self.files = set(source.files())
        self.folders = {
            path[:at]
            for path in self.files
            for at, character in enumerate(path)
            if character == "/"
        } | {""}
        # The bytes of each file that was read: its text is copied from the host.
        self._sizes: dict[str, int] = {}
        # The file of each module that was found.
        self._modules: dict[str, str] = {}

    # Modules.

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        # A guest `hello` may write `from .dates import today`, which is `hello.dates`.
        base = fullname.removeprefix(f"{self.module}.").replace(".", "/")
        for file, is_package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
            if file in self.files:
                self._modules[fullname] = file
                origin = f"/{self.name}/{file}"
                spec = importlib.machinery.ModuleSpec(
                    fullname, self, origin=origin, is_package=is_package
                )
                spec.has_location = True
                if is_package:
                    spec.submodule_search_locations = [posixpath.dirname(origin)]
                return spec
        native = self._native(base)
        if native is not None:
            raise ImportError(
                f"{self.name}/{native} is native code, and a guest is WebAssembly: "
                "only packages in pure Python can be used",
                name=fullname,
            )
        if base in self.folders:
            # A namespace package (PEP 420).
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [f"/{self.name}/{base}"]
            return spec
        return None

    def _native(self, base: str) -> str | None:
        """Returns the file of a module that is native code."""
        for file in self.files:
            if file.startswith(f"{base}.") and file.endswith(_NATIVE):
                return file
        return None

    def get_filename(self, fullname: str) -> str:
        """Returns the path of a module, as people know it."""
        return f"{self.name}/{self._modules[fullname]}"

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self._text(self._modules[fullname]))

    def get_code(self, fullname: str) -> types.CodeType:
        file = self._modules[fullname]
        return self.codes.get(f"{self.name}/{file}", lambda: self._text(file))

    def is_package(self, fullname: str) -> bool:
        return self._modules[fullname].endswith("__init__.py")

    def get_data(self, path: str) -> bytes:
        """Returns what a file holds, for `pkgutil.get_data`."""
        own = self.own(path)
        if own is None or own not in self.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return self._text(own)

    def _text(self, file: str) -> bytes:
        text = self._source.find(file)
        if text is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{self.name}/{file}")
        self._sizes[file] = len(text)
        return text

    def _size(self, file: str) -> int:
        if file not in self._sizes:
            self._text(file)
        return self._sizes[file]

    # Files.

    def own(self, path: Any) -> str | None:
        """Returns a path as from the folder, or nothing if it leads out of it."""
        if isinstance(path, int):
            return None
        text = os.fsdecode(path)
        full = posixpath.normpath(posixpath.join(f"/{self.name}", text))
        if full == f"/{self.name}":
            return ""
        prefix = f"/{self.name}/"
        return full[len(prefix) :] if full.startswith(prefix) else None

    def is_there(self, path: Any) -> bool:
        """Returns whether a path is a file or a folder of the guest."""
        own = self.own(path)
        return own is not None and (own in self.files or own in self.folders)

    def stat(self, path: Any) -> os.stat_result:
        """Returns what `os.stat` does for a file or a folder of the guest."""
        own = self.own(path)
        if own in self.files:
            mode, size = stat.S_IFREG | 0o444, self._size(own)
        elif own in self.folders:
            mode, size = stat.S_IFDIR | 0o555, 0
        else:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return os.stat_result((mode, 0, 0, 1, 0, 0, size, 0, 0, 0))

    def names(self, path: Any) -> list[str]:
        """Returns what `os.listdir` does for a folder of the guest."""
        own = self.own(path)
        if own not in self.folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        prefix = own and f"{own}/"
        rests = (file[len(prefix) :] for file in self.files if file.startswith(prefix))
        return sorted({rest.split("/", 1)[0] for rest in rests})

    def open(self, path: Any) -> io.BytesIO:
        """Returns what a file of the guest holds."""
        own = self.own(path)
        if own in self.folders:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if own not in self.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return io.BytesIO(self._text(own))


class Entry:
    """What `os.scandir` gives."""

    def __init__(self, folder: Folder, parent: Any, name: str) -> None:
        self._folder = folder
        self.name = name
        self.path = posixpath.join(os.fsdecode(parent), name)

    def __fspath__(self) -> str:
        return self.path

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return self._folder.stat(self.path)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._folder.own(self.path) in self._folder.folders

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return self._folder.own(self.path) in self._folder.files

    def is_symlink(self) -> bool:
        return False

    def is_junction(self) -> bool:
        return False


class Entries:
    """The iterator that `os.scandir` returns."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[Entry]:
        return self._entries

    def __next__(self) -> Entry:
        return next(self._entries)

    def __enter__(self) -> Entries:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forgets the rest."""
        self._entries = iter(())


def install(folder: Folder) -> None:
    """Lets the standard library find the guest's modules and files."""
    sys.meta_path.append(folder)
    real_open = builtins.open

    def open_(
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        if isinstance(file, int):
            return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if set(mode) & set("wax+"):
            raise OSError(errno.EROFS, "a guest can't write files", file)
        data = folder.open(file)
        return data if "b" in mode else io.TextIOWrapper(data, encoding or "utf-8", errors, newline)

    def stat_(path: Any, *_: Any, **__: Any) -> os.stat_result:
        return folder.stat(path)

    builtins.open = io.open = open_  # type: ignore[assignment]
    os.stat = os.lstat = stat_
    os.listdir = lambda path=".": folder.names(path)
    os.scandir = lambda path=".": Entries(  # type: ignore[assignment]
        [Entry(folder, path, name) for name in folder.names(path)]
    )
    os.getcwd = lambda: f"/{folder.name}"
    os.access = lambda path, mode, **_: not mode & os.W_OK and folder.is_there(path)
