"""The cases of guest-sdk/tests/vectors.json, which the SDKs of all languages take from there: so a
cookie, a session or a form means the same to each of them."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

from asked import Argument, answers, line
from native import SDK, build

VECTORS = json.loads((SDK.parent / "tests" / "vectors.json").read_text(encoding="utf-8"))

SAME_SITES = [None, "strict", "lax", "none"]


def texts(answer: list[bytes | None]) -> list[str | None]:
    """Returns an answer whose words are texts."""
    return [None if word is None else word.decode() for word in answer]


class Vectors(unittest.TestCase):
    maxDiff = None
    program: Path

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.program = build("answers", Path(folder.name))

    def asked(self, word: str, cases: list[list[Argument]]) -> list[list[str | None]]:
        """Returns what the SDK answers to each case."""
        lines = [line(word, *case) for case in cases]
        return [texts(answer) for answer in answers(self.program, lines)]

    def test_every_group_is_known(self) -> None:
        """A group of cases, or what a case says, that is added needs its test here."""
        groups: dict[str, Any] = {
            "signed": {
                "keys": "",
                "read_keys": [""],
                "bad_keys": [""],
                "signs": [{"name", "value", "now", "text"}],
                "taken": [{"name", "text", "max_age", "now", "value"}],
                "refused": [{"name", "text", "max_age", "now", "why"}],
            },
            "sessions": {
                "records": [{"text", "written", "fields"}],
                "read": [{"text", "written", "fields"}],
                "unreadable": [""],
            },
            "forms": [
                {"kind", "body", "fields", "files", "status", "message", "limits", "lenient"}
            ],
            "cookies": {
                "read": [{"fields", "cookies"}],
                "set": [
                    {"name", "value", "path", "domain", "max_age", "secure", "http_only"}
                    | {"same_site", "field", "why"}
                ],
            },
            "accepts": [{"fields", "offered", "best"}],
        }

        def check(known: Any, found: Any) -> None:
            if isinstance(known, list):
                for case in found:
                    check(known[0], case)
            elif isinstance(known, set):
                self.assertLessEqual(set(found), known)
            elif isinstance(known, dict):
                self.assertEqual(set(found), set(known))
                for name, group in known.items():
                    check(group, found[name])
            else:
                self.assertIsInstance(found, str)

        check(groups, VECTORS)

    def test_signatures(self) -> None:
        cases = VECTORS["signed"]
        keys = cases["keys"]
        self.assertEqual(self.asked("keys", [[keys]]), [[keys]])
        read = [[text] for text in cases["read_keys"]]
        self.assertEqual(self.asked("keys", read), [[keys]] * len(read))
        signs = [[keys, case["name"], case["value"], case["now"]] for case in cases["signs"]]
        self.assertEqual(self.asked("sign", signs), [[case["text"]] for case in cases["signs"]])
        verifies = cases["taken"] + cases["refused"]
        wanted = [[case.get("why", "taken"), case.get("value")] for case in verifies]
        found = self.asked(
            "verify",
            [[keys, case["name"], case["text"], case["max_age"], case["now"]] for case in verifies],
        )
        self.assertEqual(found, wanted)
        bad = [[text] for text in cases["bad_keys"]]
        self.assertEqual(self.asked("keys", bad), [[None]] * len(bad))

    def test_sessions(self) -> None:
        cases = VECTORS["sessions"]
        found = self.asked("record", [[case["text"]] for case in cases["records"]])
        for case, answer in zip(cases["records"], found, strict=True):
            with self.subTest(case):
                fields = [word for pair in case["fields"].items() for word in pair]
                self.assertEqual(answer, [str(case["written"]), case["text"], *fields])
        found = self.asked("record", [[case["text"]] for case in cases["read"]])
        for case, [written, _, *fields] in zip(cases["read"], found, strict=True):
            with self.subTest(case):
                pairs = dict(zip(fields[::2], fields[1::2], strict=True))
                self.assertEqual((written, pairs), (str(case["written"]), case["fields"]))
        unreadable = [[text] for text in cases["unreadable"]]
        self.assertEqual(self.asked("record", unreadable), [[None]] * len(unreadable))

    def test_forms(self) -> None:
        cases = VECTORS["forms"]
        names = ("parts_max", "value_bytes_max", "file_bytes_max")
        asked = [
            [case["kind"], case["body"], *(case.get("limits", {}).get(name, 0) for name in names)]
            for case in cases
        ]
        for case, answer in zip(cases, self.asked("form", asked), strict=True):
            with self.subTest(case["body"][:100]):
                if "status" in case:
                    wanted = [str(case["status"]), case["message"]]
                else:
                    parts = [word for part in case["fields"] + case["files"] for word in part]
                    wanted = ["200", str(len(case["fields"])), *parts]
                self.assertEqual(answer, wanted)

    def test_cookies_that_are_read(self) -> None:
        cases = VECTORS["cookies"]["read"]
        wanted = [[word for pair in case["cookies"] for word in pair] for case in cases]
        self.assertEqual(self.asked("cookies", [case["fields"] for case in cases]), wanted)

    def test_cookies_that_are_set(self) -> None:
        cases = VECTORS["cookies"]["set"]
        asked: list[list[Argument]] = [
            [
                *(case.get(name) for name in ("name", "value", "path", "domain")),
                *(case.get("max_age", 0), case.get("max_age") == 0),
                *(case.get(name, False) for name in ("secure", "http_only")),
                SAME_SITES.index(case.get("same_site")),
            ]
            for case in cases
        ]
        for case, answer in zip(cases, self.asked("set", asked), strict=True):
            with self.subTest(case):
                self.assertEqual(answer, [case.get("field"), case.get("why")])

    def test_accepts(self) -> None:
        cases = VECTORS["accepts"]
        asked = [[len(case["fields"]), *case["fields"], *case["offered"]] for case in cases]
        self.assertEqual(self.asked("accepts", asked), [[case["best"]] for case in cases])


if __name__ == "__main__":
    unittest.main()
