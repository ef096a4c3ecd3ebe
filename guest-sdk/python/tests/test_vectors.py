"""The cases of guest-sdk/tests/vectors.json, which the SDKs of all languages take from there: so a
cookie, a session or a form means the same to each of them."""

import json
import unittest
from pathlib import Path

from snow import HTTPError, Request, Response, SignatureError, SigningKeys, _toy
from snow._session import Record
from snow._store import Entry

VECTORS = json.loads(
    (Path(__file__).resolve().parents[2] / "tests" / "vectors.json").read_text(encoding="utf-8")
)


def request(name: str, values: list[str], body: bytes = b"") -> Request:
    """Returns a request that has a header field so many times."""
    fields = [_toy.Field(name, value.encode()) for value in values]
    return Request(
        _toy.Request("1", "127.0.0.1:1", "http", "a", "POST", "/", None, [], fields, body)
    )


class Vectors(unittest.TestCase):
    maxDiff = None

    def test_every_group_is_known(self) -> None:
        """A group of cases that is added needs its test here."""
        self.assertEqual(set(VECTORS), set("signed sessions forms cookies accepts".split()))
        self.assertEqual(
            set(VECTORS["signed"]), set("keys read_keys bad_keys signs taken refused".split())
        )
        self.assertEqual(set(VECTORS["sessions"]), {"records", "read", "unreadable"})
        self.assertEqual(set(VECTORS["cookies"]), {"read", "set"})

    def test_signatures(self) -> None:
        cases = VECTORS["signed"]
        keys = SigningKeys._parse(cases["keys"])
        self.assertEqual(keys._to_text(), cases["keys"])
        for text in cases["read_keys"]:
            with self.subTest(text):
                self.assertEqual(SigningKeys._parse(text)._to_text(), cases["keys"])
        for case in cases["signs"]:
            with self.subTest(case):
                text = keys.sign_at(case["name"], case["value"], case["now"])
                self.assertEqual(text, case["text"])
        for case in cases["taken"] + cases["refused"]:
            with self.subTest(case):
                try:
                    found = keys.verify_at(case["name"], case["text"], case["max_age"], case["now"])
                except SignatureError as error:
                    self.assertEqual(error.reason, case.get("why"))
                else:
                    self.assertEqual(found, case.get("value"))
        for text in cases["bad_keys"]:
            with self.subTest(text), self.assertRaises(ValueError):
                SigningKeys._parse(text)

    def test_sessions(self) -> None:
        for case in VECTORS["sessions"]["records"]:
            with self.subTest(case):
                record = Record.parse(Entry(case["text"].encode(), 1))
                self.assertEqual((record.written, record.fields), (case["written"], case["fields"]))
                # Whatever their order was.
                record.fields = dict(reversed(record.fields.items()))
                self.assertEqual(record.to_text(), case["text"])
        for case in VECTORS["sessions"]["read"]:
            with self.subTest(case):
                record = Record.parse(Entry(case["text"].encode(), 1))
                self.assertEqual((record.written, record.fields), (case["written"], case["fields"]))
        for text in VECTORS["sessions"]["unreadable"]:
            with self.subTest(text), self.assertRaises(ValueError):
                Record.parse(Entry(text.encode(), 1))

    def test_forms(self) -> None:
        for case in VECTORS["forms"]:
            with self.subTest(case["body"][:100]):
                sent = request("content-type", [case["kind"]], case["body"].encode())
                try:
                    form = sent.form(**case.get("limits", {}))
                except HTTPError as error:
                    self.assertEqual(
                        (error.status, error.text), (case.get("status"), case.get("message"))
                    )
                    continue
                files = [
                    [file.field, file.name, file.content_type, file.content.decode()]
                    for file in form.files
                ]
                fields = [list(pair) for pair in form.fields()]
                self.assertEqual((fields, files), (case.get("fields"), case.get("files")))
                self.assertNotIn("status", case)

    def test_cookies_that_are_read(self) -> None:
        for case in VECTORS["cookies"]["read"]:
            with self.subTest(case):
                sent = request("cookie", case["fields"])
                first: dict[str, str] = {}
                for name, value in case["cookies"]:
                    first.setdefault(name, value)
                self.assertEqual(sent.cookies, first)
                self.assertEqual([list(pair) for pair in sent.all_cookies()], case["cookies"])
                for name, value in first.items():
                    self.assertEqual(sent.cookie(name), value)

    def test_cookies_that_are_set(self) -> None:
        for case in VECTORS["cookies"]["set"]:
            known = ("path", "domain", "max_age", "secure")
            attributes = {name: case[name] for name in known if name in case}
            attributes["httponly"] = case.get("http_only", False)
            attributes["samesite"] = case.get("same_site")
            with self.subTest(case):
                response = Response()
                try:
                    response.set_cookie(case["name"], case["value"], **attributes)
                except ValueError as error:
                    _, _, why = str(error).partition(": ")
                    self.assertEqual(why, case.get("why"))
                else:
                    self.assertEqual(response.headers.get_all("set-cookie"), [case.get("field")])

    def test_accepts(self) -> None:
        for case in VECTORS["accepts"]:
            with self.subTest(case):
                found = request("accept", case["fields"]).accepts(*case["offered"])
                self.assertEqual(found, case["best"])
