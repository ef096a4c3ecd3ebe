"""The standard library, for instances that find no files.

What most guests use is imported when the engine is built, and costs nothing later. The rest is kept
as compressed code, and becomes a module when a guest imports it.
"""

from __future__ import annotations

# What is imported here is there from the start.
import abc  # noqa: F401
import ast  # noqa: F401
import asyncio  # noqa: F401
import base64  # noqa: F401
import bisect  # noqa: F401
import calendar  # noqa: F401
import collections  # noqa: F401
import contextlib  # noqa: F401
import copy  # noqa: F401
import csv  # noqa: F401
import dataclasses  # noqa: F401
import datetime  # noqa: F401
import decimal  # noqa: F401
import email.utils  # noqa: F401
import enum  # noqa: F401
import fractions  # noqa: F401
import functools  # noqa: F401
import hashlib  # noqa: F401
import heapq  # noqa: F401
import hmac  # noqa: F401
import html  # noqa: F401
import http.client  # noqa: F401
import http.cookies  # noqa: F401
import importlib.abc
import importlib.machinery
import inspect  # noqa: F401
import io  # noqa: F401
import itertools  # noqa: F401
import json  # noqa: F401
import logging  # noqa: F401
import marshal
import math  # noqa: F401
import mimetypes  # noqa: F401
import numbers  # noqa: F401
import operator  # noqa: F401
import os
import pprint  # noqa: F401
import queue  # noqa: F401
import random  # noqa: F401
import re  # noqa: F401
import secrets  # noqa: F401
import statistics  # noqa: F401
import string  # noqa: F401
import struct  # noqa: F401
import sys
import tempfile  # noqa: F401
import textwrap  # noqa: F401
import threading  # noqa: F401
import traceback  # noqa: F401
import types
import typing  # noqa: F401
import urllib.parse  # noqa: F401
import uuid  # noqa: F401
import warnings
import weakref  # noqa: F401
import zlib
from collections.abc import Sequence

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
        return importlib.machinery.ModuleSpec(fullname, self, origin="stdlib", is_package=is_package)

    def get_code(self, fullname: str) -> types.CodeType:
        return marshal.loads(zlib.decompress(self.kept[fullname][1]))

    def get_source(self, fullname: str) -> None:
        """Returns nothing: only the code is kept."""

    def is_package(self, fullname: str) -> bool:
        return self.kept[fullname][0]


def keep() -> None:
    """Keeps what is not imported, and takes its files' place in the import system."""
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
    try:
        library.keep(name, is_package, text)
    except SyntaxError:
        # Some files are meant not to compile.
        pass
