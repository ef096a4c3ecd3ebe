"""Requests to other servers, which the tests answer."""

from __future__ import annotations

import unittest
from typing import Any

from test_http import Served

from snow import Failed, Request, Response, Resumed, fetch, route, suspend, testing, tornado


def relay(request: Request) -> Any:
    return suspend(fetch(request.query["url"], timeout=5))


def resumed(request: Request) -> Any:
    wanted = {"of": "ann"}
    sent = fetch("http://a/", method="PUT", json=wanted, redirects=2, collapse="ann")
    return suspend(sent, resume=came)


def came(resumed: Resumed) -> Any:
    try:
        answer = resumed.value
    except Failed as failed:
        return failed.code, 502
    assert isinstance(answer, Response)
    return f"{answer.status} {answer.headers['X-A']} {answer.text}"


async def awaited() -> Any:
    return await fetch("http://a/")


async def by_tornado(request: Request) -> Any:
    client = tornado.httpclient.AsyncHTTPClient()
    try:
        answer = await client.fetch("http://a/", method="POST", body="x")
    except tornado.httpclient.HTTPError as error:
        return f"{error} {error.response is not None}"
    return f"{answer.code} {answer.reason} {answer.body!r}"


class Fetch(Served):
    def setUp(self) -> None:
        super().setUp()
        for handler in (relay, resumed, awaited, by_tornado):
            route("GET", f"/fetch/{handler.__name__}")(handler)

    def held(self, target: str) -> testing.Held:
        held = testing.call("GET", target)
        assert isinstance(held, testing.Held)
        return held

    def answered(self, held: testing.Held) -> Response:
        response = held.go_on()
        assert isinstance(response, Response)
        return response

    def test_an_answer_is_passed_on_as_it_came(self) -> None:
        held = self.held("/fetch/relay?url=http://b/c")
        [sent] = testing.fetches()
        self.assertEqual((sent.method, sent.url, sent.body), ("GET", "http://b/c", b""))
        self.assertEqual((sent.options.timeout_ms, sent.options.redirects_max), (5000, 0))
        sent.answer(Response("tea", 418, {"x-a": "b"}))
        self.assertEqual(testing.fetches(), [])
        response = self.answered(held)
        self.assertEqual((response.status, response.text), (418, "tea"))
        self.assertEqual(response.headers["x-a"], "b")
        held = self.held("/fetch/relay?url=nothing")
        testing.fetches()[0].answer(Failed("invalid-url"))
        self.assertEqual(self.answered(held).status, 502)

    def test_a_guest_reads_what_came(self) -> None:
        held = self.held("/fetch/resumed")
        [sent] = testing.fetches()
        self.assertEqual((sent.method, sent.body), ("PUT", b'{"of": "ann"}'))
        self.assertEqual(sent.headers["Content-Type"], "application/json")
        self.assertEqual((sent.options.redirects_max, sent.options.collapse), (2, "ann"))
        sent.answer(Response("hello", 201, {"x-a": "b"}))
        self.assertEqual(self.answered(held).text, "201 b hello")
        held = self.held("/fetch/resumed")
        testing.fetches()[0].answer(Failed("denied"))
        response = self.answered(held)
        self.assertEqual((response.status, response.text), (502, "denied"))

    def test_an_answer_is_awaited(self) -> None:
        with testing.answering(lambda sent: f"{sent.method} {sent.url}"):
            answer = testing.call("GET", "/fetch/awaited")
        assert isinstance(answer, Response)
        self.assertEqual((answer.status, answer.text), (200, "GET http://a/"))

    def test_tornados_client(self) -> None:
        for answer, expected in [
            (Response("hi", 201), "201 Created b'hi'"),
            (Response("no", 404), "HTTP 404: Not Found True"),
            (Failed("refused"), "HTTP 599: refused False"),
        ]:
            with testing.answering(lambda sent, answer=answer: answer):
                came = testing.call("GET", "/fetch/by_tornado")
            assert isinstance(came, Response)
            self.assertEqual(came.text, expected)

    def test_what_can_not_be_sent_is_refused_by_its_name(self) -> None:
        for named, error, words in [
            ({"redirects": 256}, ValueError, "redirects is 256"),
            ({"redirects": None}, TypeError, "redirects is a whole number"),
            ({"timeout": "5"}, TypeError, "a number of seconds"),
            ({"response_bytes_max": -1}, ValueError, "response_bytes_max is -1"),
            ({"headers": {"a": "\u20ac"}}, ValueError, "header field a"),
            ({"method": None}, TypeError, "the method is str"),
            ({"collapse": 7}, TypeError, "collapse is str"),
            ({"body": "x", "json": 1}, ValueError, "a body and json"),
        ]:
            with self.assertRaisesRegex(error, words):
                fetch("http://a/", **named)  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "the URL is str, not NoneType"):
            fetch(None)  # type: ignore[arg-type]


if __name__ == "__main__":
    unittest.main()
