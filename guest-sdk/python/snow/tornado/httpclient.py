"""Requests to other servers, by the names that Tornado has for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from snow import _contract
from snow._fetch import fetch
from snow._headers import Headers
from snow._http import Response
from snow._pending import Failed

# The status that Tornado gives to what has failed without an answer.
_NO_ANSWER = 599


class HTTPError(Exception):
    """An answer that is no success, or none at all: then its `code` is 599.

    The client of the handler that raises it is answered 500, as with Tornado.
    """

    def __init__(
        self, code: int, message: str | None = None, response: HTTPResponse | None = None
    ) -> None:
        self.code = code
        self.message = message or _phrase(code)
        self.response = response
        super().__init__(f"HTTP {code}: {self.message}")


# The name that it has had since Tornado 5.1.
HTTPClientError = HTTPError


@dataclass
class HTTPRequest:
    """A request to another server."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None
    body: str | bytes | None = None
    connect_timeout: float = 20.0
    request_timeout: float = 20.0
    follow_redirects: bool = True
    max_redirects: int = 5


@dataclass
class HTTPResponse:
    """What another server has answered."""

    request: HTTPRequest
    code: int
    headers: Headers
    body: bytes

    @property
    def reason(self) -> str:
        """The name of the status."""
        return _phrase(self.code)

    @property
    def error(self) -> HTTPError | None:
        """The error that the answer is, if it is no success."""
        return None if 200 <= self.code < 300 else HTTPError(self.code, response=self)

    def rethrow(self) -> None:
        """Raises the error that the answer is."""
        error = self.error
        if error is not None:
            raise error


class AsyncHTTPClient:
    """Sends requests. They wait in place; `suspend(snow.fetch(url))` waits without an instance."""

    async def fetch(
        self, request: str | HTTPRequest, raise_error: bool = True, **named: Any
    ) -> HTTPResponse:
        """Returns the answer to a request, or to a URL with what else an `HTTPRequest` takes.

        Raises `HTTPError` for an answer that is no success, unless `raise_error` is false, and with
        the code 599 if none came; its cause is a `snow.Failed`.
        """
        if isinstance(request, str):
            request = HTTPRequest(request, **named)
        elif named:
            raise ValueError("fetch was given an HTTPRequest, and arguments that belong into it")
        try:
            came = await fetch(
                request.url,
                method=request.method,
                headers=request.headers,
                body=request.body or b"",
                timeout=request.request_timeout,
                connect_timeout=request.connect_timeout,
                redirects=request.max_redirects if request.follow_redirects else 0,
            )
        except Failed as failed:
            raise HTTPError(_NO_ANSWER, failed.code) from failed
        assert isinstance(came, Response)
        answer = HTTPResponse(
            request, came.status, came.headers, _contract.encode("the body", came.body)
        )
        if raise_error:
            answer.rethrow()
        return answer


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "Unknown"
