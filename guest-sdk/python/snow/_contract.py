"""What goes to the host: its functions and values of its types, each checked before it goes.

componentize-py ends the whole instance when it is given a value that does not fit a type of the
contract: a number that is too large, a text with half of a surrogate pair, `None`. So no other
module calls the host or makes such a value, and here each of them is an exception of the author's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from snow._host import (
    Err,
    config_store,
    deployment,
    fetch,
    http,
    jobs,
    pending_handles,
    resumption,
    store,
)

T = TypeVar("T")

_U32_MAX = 0xFFFF_FFFF
_U64_MAX = 0xFFFF_FFFF_FFFF_FFFF

_REASONS = {
    "unknown": "nothing waits under this token",
    "already-settled": "this was settled before",
    "denied": "the host does not allow this guest to do that here",
    "limit": "a limit of the host is reached",
}


class Refused(Exception):
    """The host refused. `code` is `unknown`, `already-settled`, `denied` or `limit`."""

    def __init__(self, code: str) -> None:
        super().__init__(f"{_REASONS[code]} ({code})")
        self.code = code


# Values.


def text(what: str, value: Any) -> str:
    """Returns a text that the host can be given. Raises an exception that names it by `what`."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is str, not {type(value).__name__}")
    if not value.isascii():
        encode_text(what, value)
    return value


def encode_text(what: str, value: str) -> bytes:
    """Returns a text in UTF-8. JSON that a client sends can make one that has no UTF-8."""
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{what} has {value[error.start]!r}, half of a surrogate pair, which is no text"
        ) from None


def shown(value: str) -> str:
    r"""Returns a text for people. What is no text in it is shown as `\ud800`."""
    return value if value.isascii() else value.encode(errors="backslashreplace").decode()


def encode(what: str, value: Any) -> bytes:
    """Returns what is sent for a value: text in UTF-8, bytes as they are, anything else as JSON."""
    if isinstance(value, str):
        return encode_text(what, value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return encode_json(value)


def encode_json(value: Any) -> bytes:
    """Returns a value as JSON."""
    return json.dumps(value).encode()


def whole(what: str, value: Any, least: int, most: int) -> int:
    """Returns a whole number within these bounds."""
    if not isinstance(value, int):
        raise TypeError(f"{what} is a whole number, not {type(value).__name__}")
    if not least <= value <= most:
        raise ValueError(f"{what} is {int(value)}: it must be in {least} to {most}")
    return int(value)


def status(value: Any) -> int:
    """Returns a status of an answer."""
    return whole("the status", value, 200, 599)


def milliseconds(seconds: Any, most: int = _U32_MAX) -> int:
    """Returns a time as the contract has it: rounded up, so that no wait is shorter than asked."""
    if not isinstance(seconds, (int, float)):
        raise TypeError(f"a time is a number of seconds, not {type(seconds).__name__}")
    if seconds != seconds:
        raise ValueError("a time is a number of seconds, not nan")
    if seconds >= most / 1000:
        return most
    return -int(-seconds * 1000 // 1) if seconds > 0 else 0


def response(code: Any, fields: Iterable[tuple[str, str]], body: Any) -> http.Response:
    """Returns an answer of the contract."""
    return http.Response(status(code), _fields(fields), encode("the body", body))


def _fields(fields: Iterable[tuple[str, str]]) -> list[http.Field]:
    return [
        http.Field(text("a header field's name", name), _value(name, value))
        for name, value in fields
    ]


def _value(name: str, value: Any) -> bytes:
    """Returns a field's value as it is sent: in Latin-1, so that any byte can be."""
    if not isinstance(value, str):
        raise TypeError(f"the header field {name} has a value that is not str: {value!r}")
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"the header field {name} can't have {value[error.start]!r}: a field's value is "
            "Latin-1; write other text as urllib.parse.quote(text), or its bytes as "
            'text.encode().decode("latin-1")'
        ) from None


def suspension(
    handles: list[pending_handles.Pending],
    until: str,
    timeout: float | None,
    on_timeout: http.Response | None,
    resumes: bool,
    keeps_request: bool,
    state: bytes,
) -> pending_handles.Suspension:
    """Returns a suspension of the contract."""
    if len({id(handle) for handle in handles}) < len(handles):
        raise ValueError("a suspension has one Pending twice")
    join = pending_handles.Join.ALL if until == "all" else pending_handles.Join.ANY
    limit = None if timeout is None else milliseconds(timeout)
    return pending_handles.Suspension(
        handles, join, limit, on_timeout, bool(resumes), bool(keeps_request), state
    )


def failure(code: str, message: str) -> pending_handles.Settlement_Failed:
    """Returns a settlement that is a failure. Its message is for people."""
    message = shown(text_for_people("a failure's message", message))
    return pending_handles.Settlement_Failed(
        pending_handles.Failure(text("a failure's code", code), message)
    )


def text_for_people(what: str, value: Any) -> str:
    """Returns a text that is shown as well as it can be."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is str, not {type(value).__name__}")
    return value


# Functions.


def _ask(function: Callable[..., T], *arguments: Any) -> T:
    """Calls a function of the host. Raises `Refused` if it refuses."""
    try:
        return function(*arguments)
    except Err as error:
        raise Refused(error.value.name.lower().replace("_", "-")) from None


def create(key: str | None) -> pending_handles.Pending:
    """Creates a pending."""
    return _ask(pending_handles.create, None if key is None else text("the key", key))


def timer(seconds: float) -> pending_handles.Pending:
    """Creates a pending that the clock settles."""
    return _ask(pending_handles.timer, milliseconds(seconds))


def set_result(token: str, settlement: Any) -> None:
    """Settles the pending that has a token."""
    _ask(pending_handles.set_result, text("the token", token), settlement)


def set_next(key: str, settlement: Any) -> bool:
    """Settles the first pending under a key."""
    return _ask(pending_handles.set_next, text("the key", key), settlement)


def set_all(key: str, settlement: Any) -> int:
    """Settles all pendings under a key."""
    return _ask(pending_handles.set_all, text("the key", key), settlement)


def waiting(key: str) -> int:
    """Returns how many pendings wait under a key."""
    return pending_handles.waiting(text("the key", key))


def wait(
    handles: list[pending_handles.Pending], until: pending_handles.Join, limit_ms: int
) -> list[Any]:
    """Waits in place."""
    return _ask(pending_handles.wait, handles, until, limit_ms)


def start(
    method: str,
    url: str,
    fields: Iterable[tuple[str, str]],
    body: Any,
    *,
    timeout: float | None,
    connect_timeout: float | None,
    redirects: int,
    response_bytes_max: int | None,
    collapse: str | None,
) -> pending_handles.Pending:
    """Sends a request to another server."""
    options = fetch.Options(
        None if timeout is None else milliseconds(timeout),
        None if connect_timeout is None else milliseconds(connect_timeout),
        whole("redirects", redirects, 0, 255),
        None
        if response_bytes_max is None
        else whole("response_bytes_max", response_bytes_max, 0, _U32_MAX),
        None if collapse is None else text("collapse", collapse),
    )
    outgoing = fetch.Outgoing(
        text("the method", method),
        text("the URL", url),
        _fields(fields),
        encode("the body", body),
        options,
    )
    return _ask(fetch.start, outgoing)


# Jobs.


def start_job(
    name: str, payload: Any, error: Callable[[Any], Exception]
) -> pending_handles.Pending:
    """Starts a job. A refusal of the host is raised as what `error` makes of it."""
    try:
        return jobs.start(text("the name of a job", name), encode("the payload", payload))
    except Err as refused:
        raise error(refused.value) from None


def enqueue_job(
    name: str, payload: Any, delay: float, attempts: int, error: Callable[[Any], Exception]
) -> str:
    """Keeps a job, and returns its id."""
    how = jobs.Durable(milliseconds(delay), whole("attempts", attempts, 1, _U32_MAX))
    try:
        return jobs.enqueue(text("the name of a job", name), encode("the payload", payload), how)
    except Err as refused:
        raise error(refused.value) from None


# The deployment, and the wait that is over.


def mount() -> str:
    """Returns what the paths of this guest begin with."""
    return deployment.mount()


def base_url() -> str | None:
    """Returns the URL of the guest's root, if the host knows it."""
    return deployment.base_url()


def waited() -> float:
    """Returns how many seconds the request of this call has waited."""
    return resumption.waited_ms() / 1000


def left() -> float:
    """Returns how many seconds the deadline of that wait still has."""
    return (resumption.left_ms() or 0) / 1000


def keep_deadline() -> bool:
    """Lets the wait that this call returns end when the last one would have ended."""
    return resumption.keep_deadline()


def config_value(name: str) -> str | None:
    """Returns what the deployer says under a name."""
    try:
        return config_store.get(text("the name of a value", name))
    except Err:
        # The host has every value at hand, so no guest could do anything about it.
        return None


def config_values() -> dict[str, str]:
    """Returns all that the deployer says, less the secrets."""
    try:
        return dict(config_store.get_all())
    except Err:
        return {}


# The store.


def version(what: str, value: Any) -> int:
    """Returns a version of an entry."""
    return whole(what, value, 0, _U64_MAX)


class HostBucket:
    """A bucket that is open. A refusal of the host is raised as what `error` makes of it."""

    def __init__(self, name: str, error: Callable[[Any], Exception]) -> None:
        self._error = error
        self._raw = self._ask(store.Bucket.open, text("the name of a bucket", name))

    def _ask(self, function: Callable[..., T], *arguments: Any) -> T:
        try:
            return function(*arguments)
        except Err as error:
            raise self._error(error.value) from None

    def get(self, key: str) -> store.Entry | None:
        """Returns what a key holds."""
        return self._ask(self._raw.get, text("the key", key))

    def set(self, key: str, value: Any, expires: float | None, only: store.Condition) -> int:
        """Sets a key."""
        expires_ms = None if expires is None else milliseconds(expires, _U64_MAX)
        options = store.SetOptions(expires_ms, only)
        return self._ask(self._raw.set, text("the key", key), encode("the value", value), options)

    def delete(self, key: str, only: store.Condition) -> bool:
        """Deletes a key."""
        return self._ask(self._raw.delete, text("the key", key), only)

    def increment(self, key: str, by: int) -> int:
        """Adds to a key's value."""
        return self._ask(
            self._raw.increment, text("the key", key), whole("by", by, -(1 << 63), (1 << 63) - 1)
        )

    def list(self, prefix: str, after: str | None) -> store.Page:
        """Returns a page of keys."""
        return self._ask(self._raw.list, text("the prefix", prefix), after, _U32_MAX)

    def changed(self, key: str, since: int | None) -> pending_handles.Pending:
        """Creates a pending that a change of a key settles."""
        seen = None if since is None else version("since", since)
        return self._ask(self._raw.changed, text("the key", key), seen)
