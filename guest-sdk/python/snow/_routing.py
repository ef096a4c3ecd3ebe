"""Routes: which function answers which path, and what it may return."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, TypeAlias, TypeVar

from snow import _call, _contract, _loop
from snow._errors import HTTPError
from snow._headers import Headers
from snow._host import http, pending_handles
from snow._http import BYTES, JSON, TEXT, Request, Response
from snow._suspension import Resumed, Suspension, find

# What a handler may return. A tuple is a body with a status, with headers, or with both.
Answer: TypeAlias = (
    str | bytes | dict[Any, Any] | list[Any] | Response | tuple[Any, ...] | Suspension
)

Handler = TypeVar("Handler", bound=Callable[..., Any])

_RETURNS = "return str, bytes, dict, list, Response, (body, status) or suspend(...)"

_TEXT = [http.Field("content-type", TEXT.encode())]
_BYTES = [http.Field("content-type", BYTES.encode())]
_JSON = [http.Field("content-type", JSON.encode())]

# The groups of a pattern that have names, in the syntax of the host: `(?P<name>` and `(?<name>`.
_named_groups = re.compile(r"\(\?P?<(\w+)>").findall


@dataclass
class Route:
    """A function and what it serves."""

    methods: list[str]
    pattern: str
    function: Callable[..., Any]
    # The captures that the function takes by name.
    captures: list[str]
    # Whether it takes the request too.
    takes_request: bool

    def call(self, request: Request) -> Any:
        """Calls the function, and returns what it returned."""
        if not self.captures:
            return self.function(request) if self.takes_request else self.function()
        params = request.params
        named = {name: params[name] for name in self.captures}
        return self.function(request, **named) if self.takes_request else self.function(**named)


# What the guest serves, in the order in which it said so.
routes: list[Route] = []

# Whether the guest's file has run, and the host knows what it serves.
_is_complete = False

# A method (RFC 9110, section 9.1), less the bar, which stands between methods.
_is_method = re.compile(r"[!#$%&'*+\-.^_`~0-9A-Za-z]+").fullmatch
_USUAL = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def route(methods: str | Iterable[str], pattern: str) -> Callable[[Handler], Handler]:
    r"""Makes a function the handler of a path: `@route("GET", r"/hello/(?P<name>\w+)")`.

    - `methods`: one, several (`"GET|POST"` or a list), or `"any"` for every method. `GET` serves
      `HEAD` too.
    - `pattern`: a regular expression (the syntax of the Rust crate `regex`) for the whole path as
      sent, without the query. It is anchored at both ends. The first route that matches wins.

    A named group is handed to the parameter that has its name. One other parameter, if there is
    one, gets the `Request`; it has the groups as `request.params`.
    """
    names = _methods(methods)

    def add(function: Handler) -> Handler:
        _add(_route(names, pattern, function))
        return function

    return add


def _methods(methods: str | Iterable[str]) -> list[str]:
    """Returns the methods that somebody has named; none for all."""
    if isinstance(methods, str):
        methods = methods.replace("|", " ").split()
    names = list(methods)
    if names in (["any"], ["*"]):
        return []
    for name in names or [""]:
        if not _is_method(name):
            raise ValueError(f'{name!r} is not a method: write "GET", "GET|POST" or "any"')
        if name.upper() != name and name.upper() in _USUAL:
            raise ValueError(f"methods are case-sensitive: write {name.upper()}, not {name}")
    return names


def add_route(methods: list[str], pattern: str, function: Callable[[Request], Any]) -> None:
    """Adds a route whose function takes the request alone."""
    _add(Route(methods, pattern, function, [], True))


def _add(route: Route) -> None:
    _contract.text("the pattern of a route", route.pattern)
    if _is_complete:
        raise RuntimeError(
            f"the route {route.pattern} comes too late: name all routes while the file runs, "
            "outside of handlers"
        )
    routes.append(route)


def complete() -> None:
    """Takes no more routes: the guest's file has run."""
    global _is_complete
    _is_complete = True


def is_complete() -> bool:
    """Returns whether the guest's file has run."""
    return _is_complete


def _route(methods: list[str], pattern: str, function: Callable[..., Any]) -> Route:
    groups = _named_groups(pattern)
    parameters = inspect.signature(function).parameters.values()
    required, captures = [], []
    takes_all = False
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            takes_all = True
        elif parameter.name in groups:
            captures.append(parameter.name)
        elif (
            parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
        ):
            required.append(parameter.name)
    if takes_all:
        captures = list(dict.fromkeys(groups))
    if len(required) > 1:
        names = " and ".join(required)
        raise TypeError(
            f"{place(function)} has the parameters {names}, and {pattern} has no groups with these "
            "names: a handler takes the groups that have names, and one parameter for the request"
        )
    return Route(methods, pattern, function, captures, len(required) == 1)


def place(function: Callable[..., Any]) -> str:
    """Returns the name of a function with its file and line."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    name = getattr(function, "__qualname__", repr(function))
    return name if code is None else f"{name} ({code.co_filename}, line {code.co_firstlineno})"


def handle(index: int, raw: http.Request) -> Any:
    """Answers a request, by the route that has this index."""
    found = routes[index]
    return _call.run(lambda: _finish(found.function, lambda: found.call(Request(raw))))


def resume(cause: Any, request: Any, state: bytes, arrivals: list[Any]) -> Any:
    """Continues a request whose wait is over."""

    def run() -> Any:
        name, resumed = Resumed.lift(cause, request, state, arrivals)
        function = find(name)
        return _finish(function, lambda: function(resumed))

    return _call.run(run)


def _finish(function: Callable[..., Any], call: Callable[[], Any]) -> Any:
    """Calls a function to its end, and returns its answer as the contract has it."""
    try:
        answer = call()
        if type(answer) is CoroutineType:
            answer = _loop.run(answer)
    except HTTPError as error:
        answer = Response(error.text, error.status)
    try:
        return _outcome(function, answer)
    except Exception as error:
        # The lines that made it have run, and are in no traceback.
        error.add_note(f"That is what {place(function)} has returned.")
        raise


def _outcome(function: Callable[..., Any], answer: Any) -> Any:
    if isinstance(answer, str):
        lowered = http.Response(200, _TEXT, _contract.encode_text("the text", answer))
    elif isinstance(answer, (dict, list)):
        lowered = http.Response(200, _JSON, json.dumps(answer).encode())
    elif isinstance(answer, Suspension):
        return pending_handles.Outcome_Suspend(answer.lower())
    elif isinstance(answer, (bytes, bytearray, memoryview)):
        lowered = http.Response(200, _BYTES, bytes(answer))
    elif isinstance(answer, Response):
        lowered = answer.lower()
    elif isinstance(answer, tuple):
        lowered = _of_tuple(function, answer).lower()
    else:
        what = "nothing" if answer is None else f"a value of type {type(answer).__name__}"
        raise TypeError(f"{place(function)} returned {what}: {_RETURNS}")
    return pending_handles.Outcome_Respond(lowered)


def _of_tuple(function: Callable[..., Any], answer: tuple[Any, ...]) -> Response:
    """Returns what a tuple stands for: `(body, status)`, `(body, headers)`, or both."""
    body, *rest = answer or (None,)
    status = rest.pop(0) if rest and isinstance(rest[0], int) else 200
    headers = (
        Headers(rest.pop(0)) if rest and isinstance(rest[0], (dict, list, Headers)) else Headers()
    )
    if rest or not isinstance(body, (str, bytes, dict, list)):
        kinds = ", ".join(type(part).__name__ for part in answer)
        raise TypeError(
            f"{place(function)} returned a tuple of ({kinds}): "
            "return (body, status), (body, headers) or (body, status, headers)"
        )
    if isinstance(body, (dict, list)):
        if "content-type" not in headers:
            headers["content-type"] = JSON
        body = json.dumps(body)
    return Response(body, status, headers)
