"""Waiting without an instance: a handler returns what it waits for, and is called again.

The call ends and only the client's connection stays. When the wait is over, the host calls the
`resume` function, in whatever instance is free, with what came and with the state that the
suspension carried.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from snow import _contract
from snow._host import pending_handles
from snow._http import Request, Response
from snow._pending import Pending, Settled, Value, lift, unwrap


@dataclass
class Suspension:
    """What a request waits for. Made by `suspend`."""

    pendings: list[Pending]
    until: Literal["all", "any"]
    resume: Callable[[Resumed], Any] | None
    state: Any
    timeout: float | None
    on_timeout: Response | None
    keep_request: bool
    keep_deadline: bool

    def lower(self) -> pending_handles.Suspension:
        """Returns the suspension as the contract has it."""
        name = None if self.resume is None else name_of(self.resume)
        if self.keep_deadline:
            _contract.keep_deadline()
        return _contract.suspension(
            [pending.handle for pending in self.pendings],
            self.until,
            self.timeout,
            None if self.on_timeout is None else self.on_timeout.lower(),
            name is not None,
            self.keep_request,
            b"" if name is None else json.dumps([name, self.state]).encode(),
        )


def suspend(
    *pendings: Pending,
    resume: Callable[[Resumed], Any] | None = None,
    state: Any = None,
    timeout: float | None = None,
    until: Literal["all", "any"] = "all",
    on_timeout: Response | tuple[Any, int] | str | None = None,
    keep_request: bool = False,
    keep_deadline: bool = False,
) -> Suspension:
    """Waits without an instance: `return suspend(Pending("orders/7"), resume=approved)`.

    - `resume`: a function at the top of a module, called as `resume(resumed)` when the wait is
      over; it returns what a handler may return. Without it the host answers by itself with what
      came.
    - `state`: what `resume` must know, as JSON; at most 64 KiB.
    - `timeout`: seconds; without it the host's default (30 unless the deployer says otherwise).
    - `until`: `"all"` of the pendings, or the first of `"any"`.
    - `on_timeout`: the answer at the deadline if there is no `resume`: a `Response`, text, or a
      body and a status, as in `("nobody came", 504)`. Without it that is a plain 504.
    - `keep_request`: whether `resume` gets the request again.
    - `keep_deadline`: whether the wait ends when the one before would have, whatever its `timeout`
      is. So a request that waits again and again has one deadline in all. It has no effect in the
      first wait of a request.
    """
    if until not in ("all", "any"):
        raise ValueError(f'until is "all" or "any", not {until!r}')
    for pending in pendings:
        if not isinstance(pending, Pending):
            raise TypeError(f"suspend waits for a Pending, not for {type(pending).__name__}")
    if len({id(pending.handle) for pending in pendings}) < len(pendings):
        raise ValueError("suspend was given one Pending twice")
    if timeout is not None:
        _contract.milliseconds(timeout)
    if resume is not None and on_timeout is not None:
        raise ValueError(
            "on_timeout is for suspensions without resume: ask resumed.timed_out there"
        )
    if isinstance(on_timeout, str):
        on_timeout = Response(on_timeout)
    elif isinstance(on_timeout, tuple):
        on_timeout = Response(*on_timeout)
    elif on_timeout is not None and not isinstance(on_timeout, Response):
        kind = type(on_timeout).__name__
        raise TypeError(f"on_timeout is a Response, a text, or a body and a status, not {kind}")
    return Suspension(
        list(pendings), until, resume, state, timeout, on_timeout, keep_request, keep_deadline
    )


class Resumed:
    """What a `resume` function gets."""

    __slots__ = ("pendings", "request", "settled", "state", "timed_out")

    def __init__(
        self,
        pendings: list[Pending],
        settled: list[Settled | None],
        state: Any = None,
        timed_out: bool = False,
        request: Request | None = None,
    ) -> None:
        # The suspension's pendings, in their order.
        self.pendings = pendings
        # What each was settled with; `None` for those that were not.
        self.settled = settled
        # The state that the suspension carried.
        self.state = state
        # Whether the deadline passed first.
        self.timed_out = timed_out
        # The request, if the suspension kept it.
        self.request = request

    @property
    def waited(self) -> float:
        """How many seconds the request has waited: from when it was suspended until this call."""
        return _contract.waited()

    @property
    def left(self) -> float:
        """How many seconds the deadline of that wait still has; 0 if it has passed.

        A further wait has its own deadline, unless it is to keep this one:
        `suspend(..., keep_deadline=True)`.
        """
        return _contract.left()

    @property
    def first(self) -> int | None:
        """The position of the first pending that is settled."""
        return next((at for at, came in enumerate(self.settled) if came is not None), None)

    @property
    def value(self) -> Value | Response:
        """What the first of them was settled with. Raises `Failed` if that is a failure."""
        came = next((came for came in self.settled if came is not None), None)
        if came is None:
            raise LookupError("nothing came: ask resumed.timed_out before resumed.value")
        return unwrap(came)

    @property
    def unsettled(self) -> list[Pending]:
        """Those that are not settled: alive, to be suspended again."""
        pairs = zip(self.pendings, self.settled, strict=True)
        return [pending for pending, came in pairs if came is None]

    @classmethod
    def lift(
        cls, cause: Any, request: Any, state: bytes, arrivals: list[Any]
    ) -> tuple[str, Resumed]:
        """Returns the name of the function to call, and what it gets."""
        name, own = json.loads(state)
        return name, cls(
            [Pending.of(arrival.handle) for arrival in arrivals],
            [lift(arrival.settlement) for arrival in arrivals],
            own,
            cause == pending_handles.Cause.DEADLINE,
            None if request is None else Request(request),
        )


_names: dict[Callable[..., Any], str] = {}


def name_of(function: Callable[..., Any]) -> str:
    """Returns a name by which another instance finds a function.

    Raises `ValueError` if there is none: for lambdas, functions within functions, methods of
    objects.
    """
    if function in _names:
        return _names[function]
    module = getattr(function, "__module__", None)
    path = getattr(function, "__qualname__", repr(function))
    try:
        found = find(f"{module}:{path}")
    except LookupError:
        found = None
    if found is not function:
        raise ValueError(
            f"resume is {path}, which another instance can't find: give it a function that is at "
            "the top of a module, and hand it what it needs by `state`"
        )
    _names[function] = f"{module}:{path}"
    return _names[function]


def find(name: str) -> Callable[..., Any]:
    """Returns the function that has a name. Raises `LookupError` if there is none."""
    module, _, path = name.partition(":")
    try:
        found: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise LookupError(f"there is no function {path} in {module}, to resume with") from error
    return found
