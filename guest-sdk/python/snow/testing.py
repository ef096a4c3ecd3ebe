"""Calls a guest's handlers under a plain Python, without a host.

    import unittest, hello
    from snow import testing

    class Hello(unittest.TestCase):
        def test_it_greets(self):
            self.assertEqual(testing.call("GET", "/hello/ada").text, "hello ada")

Patterns are matched by Python's own regular expressions. A request that is suspended gives a
`Held`; settle it, and `go_on` calls its `resume` function. For requests over sockets there is
`snow-host test`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snow import _routing, _toy
from snow._http import Headers, Response


@dataclass
class Held:
    """A request that waits."""

    raw: _toy.Suspension
    request: _toy.Request

    def go_on(self) -> Response | Held:
        """Ends the wait: with what came by now, or at the deadline if that is not enough."""
        raw = self.raw
        came = [handle.look() for handle in raw.handles]
        count = sum(settlement is not None for settlement in came)
        is_over = count == len(came) if raw.until is _toy.Join.ALL else count > 0
        if not raw.resume:
            return self._by_the_host(came, is_over)
        cause = _toy.Cause.SETTLED if is_over else _toy.Cause.DEADLINE
        arrivals = [_toy.Arrival(*pair) for pair in zip(raw.handles, came, strict=True)]
        request = self.request if raw.keep_request else None
        return _answer(_routing.resume(cause, request, raw.state, arrivals), self.request)

    def _by_the_host(self, came: list[Any], is_over: bool) -> Response:
        """Returns what the host answers where there is no `resume` function."""
        if not is_over:
            late = self.raw.on_timeout
            return Response(status=504) if late is None else Response.lift(late)
        failures = [one for one in came if isinstance(one, _toy.Settlement_Failed)]
        if failures and self.raw.until is _toy.Join.ALL:
            return Response(status=502)
        first = next((one for one in came if one is not None), None)
        if isinstance(first, _toy.Settlement_Failed):
            return Response(status=502)
        if isinstance(first, _toy.Settlement_Response):
            return Response.lift(first.value)
        return Response(status=204) if first is None else Response(first.value)


def call(
    method: str,
    target: str,
    body: bytes | str = b"",
    headers: Mapping[str, str] | None = None,
) -> Response | Held:
    """Hands a request to the first route that matches, and returns its answer."""
    path, _, query = target.partition("?")
    fields = [
        _toy.Field(name.lower(), value.encode("latin-1"))
        for name, value in Headers(headers or {}).items()
    ]
    content = body.encode() if isinstance(body, str) else body
    allowed = False
    for index, route in enumerate(_routing.routes):
        match = re.fullmatch(re.sub(r"\(\?<(\w)", r"(?P<\1", route.pattern), path)
        if match is None:
            continue
        methods = [*route.methods, *(["HEAD"] if "GET" in route.methods else [])]
        if methods and method not in methods:
            allowed = True
            continue
        names = {number: name for name, number in match.re.groupindex.items()}
        params = [
            _toy.Param(names.get(number), match.group(number) or "")
            for number in range(1, match.re.groups + 1)
        ]
        request = _toy.Request(
            f"test-{time.monotonic_ns()}", "127.0.0.1:50000", "http", "localhost", method, path,
            query or None, params, fields, content,
        )  # fmt: skip
        return _answer(_routing.handle(index, request), request)
    return Response(status=405 if allowed else 404)


def _answer(outcome: object, request: _toy.Request) -> Response | Held:
    if isinstance(outcome, _toy.Outcome_Suspend):
        return Held(outcome.value, request)
    assert isinstance(outcome, _toy.Outcome_Respond)
    return Response.lift(outcome.value)
