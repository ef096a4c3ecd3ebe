"""Random numbers that are fresh in each call.

An instance that serves several calls would go on where the last call's numbers ended, and who has
seen enough of them knows the next ones. So the functions of `random` get a new seed from the host
in each call, at their first use: a call that needs no number does not pay for it.
"""

from __future__ import annotations

import os
import random
from typing import Any


class Numbers(random.Random):
    """A generator that is seeded by the host at its first use in each call."""

    # The number of the call, and that of the call in which it was seeded.
    call = 0
    seeded = -1

    def begin_call(self) -> None:
        """Forgets what the last call has left."""
        self.call += 1

    def seed(self, *arguments: Any, **named: Any) -> None:
        """Seeds the generator: the numbers of this call are then those of the seed."""
        super().seed(*arguments, **named)
        self.seeded = self.call

    def setstate(self, state: Any) -> None:
        super().setstate(state)
        self.seeded = self.call

    def getstate(self) -> Any:
        self._refresh()
        return super().getstate()

    def random(self) -> float:
        if self.seeded != self.call:
            self._refresh()
        return super().random()

    def getrandbits(self, k: int) -> int:
        if self.seeded != self.call:
            self._refresh()
        return super().getrandbits(k)

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        # It keeps every second number for the next time.
        self._refresh()
        return super().gauss(mu, sigma)

    def _refresh(self) -> None:
        if self.seeded != self.call:
            self.seed(int.from_bytes(os.urandom(16)))


def _install() -> Numbers:
    """Makes the module `random` use such a generator."""
    numbers = Numbers()
    random._inst = numbers
    for name in random.__all__:
        # Its functions are methods of one generator; its classes are none.
        if getattr(getattr(random, name), "__self__", None) is not None:
            setattr(random, name, getattr(numbers, name))
    return numbers


# The generator of this instance.
NUMBERS = _install()
