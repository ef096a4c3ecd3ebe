"""The loop, which is the host's."""

from __future__ import annotations


class IOLoop:
    """Stands where Tornado's loop does, and does nothing."""

    @classmethod
    def current(cls) -> IOLoop:
        """Returns the loop."""
        return cls()

    instance = current

    def start(self) -> None:
        """Does nothing: the host's loop runs already."""
