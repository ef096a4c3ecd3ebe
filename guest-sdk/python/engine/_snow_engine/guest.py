"""Runs a guest's own file, as a module that has the guest's name."""

from __future__ import annotations

import importlib.machinery
import linecache
import types

from _snow_engine.folder import Folder, install


def load(folder: Folder, modules: dict[str, types.ModuleType]) -> types.ModuleType:
    """Runs the guest's file. What it says about itself is in `snow`'s list of routes then."""
    install(folder)
    name, file, text = folder.module, folder.main.name, folder.main.text
    # Tracebacks show these lines.
    lines = text.decode(errors="replace").splitlines(keepends=True)
    linecache.cache[file] = (len(text), None, lines, file)
    module = types.ModuleType(name)
    module.__file__ = f"/{folder.name}/{file}"
    # With a path, it may import what lies in its folder by `from .name import` too.
    module.__path__ = [f"/{folder.name}"]
    module.__package__ = name
    spec = importlib.machinery.ModuleSpec(name, None, origin=module.__file__, is_package=True)
    spec.submodule_search_locations = module.__path__
    module.__spec__ = spec
    modules[name] = module
    exec(folder.codes.get(file, lambda: text), module.__dict__)
    return module
