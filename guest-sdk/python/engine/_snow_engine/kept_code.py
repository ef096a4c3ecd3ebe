"""Code that was compiled when the guest was loaded, for the instances that come later.

The host keeps it with the version of the guest: an instance gets what was made of the very texts
that it would compile itself. Code may be anything, also what crashes CPython. It was made by an
engine for this guest, and by nobody else; and a guest that gives itself bad code, by the module of
the host's contract, harms its own instances, as it could in any other way.
"""

from __future__ import annotations

import marshal
import types
from collections.abc import Callable
from typing import Protocol

# Bytes of one file's code. The host ends a call that hands it more than 16 MiB at a time.
_BYTES_MAX = 8 << 20


class Keeper(Protocol):
    """The part of the import `source` that keeps something."""

    def keep(self, name: str, data: bytes) -> None: ...
    def kept(self, name: str) -> bytes | None: ...


class Codes:
    """The code of a guest's files."""

    # Whether the guest is being loaded: the host keeps nothing before or later.
    is_loading = False

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def get(self, file: str, text: Callable[[], bytes]) -> types.CodeType:
        """Returns the code of a file, by its path from the guests folder.

        It is compiled from its text, unless that was done already.
        """
        kept = self._keeper.kept(file)
        if kept is not None:
            return marshal.loads(kept)
        code = compile(text(), file, "exec", dont_inherit=True)
        if self.is_loading:
            data = marshal.dumps(code)
            if len(data) <= _BYTES_MAX:
                self._keeper.keep(file, data)
        return code
