"""Requests to other servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from snow import _contract
from snow._headers import Headers
from snow._http import JSON
from snow._pending import WAIT_SECONDS, Pending

# How much longer than its own time a request is awaited, so that it is the host that gives it up.
_SLACK_SECONDS = 1.0


def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    body: str | bytes = b"",
    json: Any = None,
    timeout: float | None = None,
    connect_timeout: float | None = None,
    redirects: int = 0,
    response_bytes_max: int | None = None,
    collapse: str | None = None,
) -> Pending:
    """Sends a request to another server: `await fetch("https://weather.example/today")`.

    The pending is settled with the server's `Response`, of any status, or with a `Failed` whose
    `code` is one of `invalid-url`, `denied`, `dns`, `refused`, `tls`, `timeout`, `too-large`,
    `reset`, `protocol`, `overloaded`. `suspend(fetch(url))` sends the answer to the client as it
    came. The deployer says where a guest may send requests: `outbound` of its table in snow.toml.

    - `url`: an absolute one, `http` or `https`, without a user and a password.
    - `headers`: sent beside what the host writes: the fields of the connection, `content-length`,
      and `x-request-id`, `user-agent` and `accept-encoding` unless they are given.
    - `body`: the content. `json`: a value that is sent as JSON in its place.
    - `timeout`: seconds for all of it, redirects and the answer's content included; without it the
      host's default, 30. An `await` has a second more than that.
    - `connect_timeout`: seconds until there is a connection; without it as many as for all.
    - `redirects`: how many are followed, each to where the guest may send requests.
    - `response_bytes_max`: the most bytes of the answer's content; without it the host's most.
    - `collapse`: what the request is equal to. While one of this guest with the same text is under
      way, this one is not sent: it is settled with the answer to that one, or its failure. Nothing
      else is compared, so the text says all that makes a difference; what belongs to one client
      alone must not be shared. Each has its own `timeout`, and the request goes on as long as
      anybody waits for it.

    Raises `Refused` if the host has no room for one more pending.
    """
    fields = Headers(headers or ())
    content: Any = body
    if json is not None:
        if len(body) > 0:
            raise ValueError("fetch was given a body and json: a request has one content")
        content = _contract.encode_json(json)
        if "content-type" not in fields:
            fields.add("content-type", JSON)
    handle = _contract.start(
        method,
        url,
        fields.items(),
        content,
        timeout=timeout,
        connect_timeout=connect_timeout,
        redirects=redirects,
        response_bytes_max=response_bytes_max,
        collapse=collapse,
    )
    seconds = WAIT_SECONDS if timeout is None else max(timeout, 0)
    return Pending.of(handle, seconds + _SLACK_SECONDS)
