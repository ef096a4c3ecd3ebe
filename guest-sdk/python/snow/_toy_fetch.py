"""Requests to other servers in a plain Python: nothing is sent, and a test answers them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

from snow import _toy


@dataclass
class Options:
    timeout_ms: int | None
    connect_timeout_ms: int | None
    redirects_max: int | None
    response_bytes_max: int | None
    collapse: str | None


@dataclass
class Outgoing:
    method: str
    url: str
    headers: list[_toy.Field]
    body: bytes
    options: Options | None


@dataclass
class Sent:
    """A request with the pending that its answer settles."""

    outgoing: Outgoing
    pending: _toy.Pending


_sent: list[Sent] = []

# Who answers at once, if anybody does.
server: Callable[[Sent], None] | None = None


def start(request: Outgoing) -> _toy.Pending:
    sent = Sent(request, _toy.create(None))
    _sent.append(sent)
    if server is not None:
        server(sent)
    return sent.pending


def unanswered() -> list[Sent]:
    """Returns the requests that have no answer yet."""
    _sent[:] = [sent for sent in _sent if sent.pending.settlement is None]
    return list(_sent)


fetch = SimpleNamespace(Options=Options, Outgoing=Outgoing, start=start)
