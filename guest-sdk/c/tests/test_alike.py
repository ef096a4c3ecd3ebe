"""This SDK and the one for Python read the same requests alike: those of random pieces, which the
cases of all languages do not have."""

from __future__ import annotations

import random
import sys
import tempfile
import unittest
from pathlib import Path

from asked import Argument, answers, line
from native import SDK, build

sys.path.insert(0, str(SDK.parent / "python"))

from snow import HTTPError, Request, _toy  # noqa: E402
from snow._session import Record  # noqa: E402
from snow._store import Entry  # noqa: E402

CASES = 4_000

PIECES = (
    '\r\n|--xyz|\r\n--xyz|--xyz--|\r\n\r\n|\r|\n|--|-|:|;|=|"|\\|\\"|,|&|%|%2|%22|%0D|%ff|%41|%F0%9F'
    '|+| |\t|\f|a|b|xyz|content-disposition: form-data; name=a|; filename=b|; NAME="c"|name=|q=0.5'
    "|content-type: text/plain|Content-Transfer-Encoding: 8BIT|multipart/|application/json"
    "|text/html|text/*;q=0.3|*/*|;q=1.0|;q=.5|é|😀|1700000000 |0 |+1 "
).split("|")
BYTES = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xe2\x82", b"\xc0\xaf"]

KINDS = [
    "multipart/form-data; boundary=xyz",
    "multipart/form-data; boundary=xyz",
    'Multipart/Form-Data; a="b;c" ; BOUNDARY="xyz"',
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded ; charset=utf-8",
]


def sent(count: int, dirt: float = 0.05) -> bytes:
    """Returns some pieces of what a client might send, now and then with bytes that are no text."""
    return b"".join(
        random.choice(BYTES) if random.random() < dirt else random.choice(PIECES).encode()
        for _ in range(random.randrange(count))
    )


def request(fields: list[tuple[str, bytes]], body: bytes = b"") -> Request:
    """Returns a request of the SDK for Python."""
    raw = [_toy.Field(name, value) for name, value in fields]
    return Request(_toy.Request("1", "127.0.0.1:1", "http", "a", "POST", "/", None, [], raw, body))


def form(kind: str, body: bytes, limits: tuple[int, int, int]) -> list[bytes | None]:
    """Returns what the SDK for Python makes of a form, as `answers.c` says it."""
    names = ("parts_max", "value_bytes_max", "file_bytes_max")
    try:
        found = request([("content-type", kind.encode())], body).form(
            **dict(zip(names, limits, strict=True))
        )
    except HTTPError as error:
        return [str(error.status).encode(), error.text.encode()]
    answer: list[bytes | None] = [b"200", str(len(list(found.fields()))).encode()]
    for pair in found.fields():
        answer += [text.encode() for text in pair]
    for file in found.files:
        kind_sent = None if file.content_type is None else file.content_type.encode()
        answer += [file.field.encode(), file.name.encode(), kind_sent, file.content]
    return answer


class Alike(unittest.TestCase):
    maxDiff = None
    program: Path

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.program = build("answers", Path(folder.name))

    def setUp(self) -> None:
        random.seed(17)

    def compare(self, word: str, cases: list[tuple[list[Argument], list[bytes | None]]]) -> None:
        found = answers(self.program, [line(word, *asked) for asked, _ in cases])
        for (asked, wanted), answer in zip(cases, found, strict=True):
            self.assertEqual(answer, wanted, asked)

    def test_forms(self) -> None:
        head = b"--xyz\r\ncontent-disposition: form-data; name=a"
        cases: list[tuple[list[Argument], list[bytes | None]]] = []
        for _ in range(CASES):
            kind, limits = random.choice(KINDS), (random.choice([1000, 2]), 20, 20)
            body = sent(40)
            if "xyz" in kind and random.random() < 0.8:
                parts = [head + sent(4, 0.01) + b"\r\n\r\n" + sent(6) + b"\r\n" for _ in range(3)]
                body = b"".join(parts[: random.randrange(4)]) + random.choice([b"--xyz--", body])
            cases.append(([kind, body, *limits], form(kind, body, limits)))
        statuses = {wanted[0] for _, wanted in cases}
        self.assertEqual(statuses, {b"200", b"400", b"413"}, "there is something of each kind")
        self.compare("form", cases)

    def test_cookies(self) -> None:
        cases: list[tuple[list[Argument], list[bytes | None]]] = []
        for _ in range(CASES):
            fields: list[Argument] = [sent(20, 0.02).replace(b"&", b"; ") for _ in range(2)]
            found = request([("cookie", field) for field in fields]).all_cookies()
            cases.append((fields, [text.encode() for pair in found for text in pair]))
        self.compare("cookies", cases)

    def test_accepts(self) -> None:
        cases: list[tuple[list[Argument], list[bytes | None]]] = []
        offered = ["application/json", "text/html;q=0.1", "text/plain"]
        for _ in range(CASES):
            field = sent(12, 0)
            best = request([("accept", field)]).accepts(*offered)
            cases.append(([1, field, *offered], [None if best is None else best.encode()]))
        self.compare("accepts", cases)

    def test_records(self) -> None:
        cases: list[tuple[list[Argument], list[bytes | None]]] = []
        for _ in range(CASES):
            text = random.choice([b"", b"1 ", b"1700000000 "]) + sent(20)
            try:
                record = Record.parse(Entry(text, 1))
            except ValueError:
                cases.append(([text], [None]))
                continue
            fields = sorted(
                (name.encode(), value.encode()) for name, value in record.fields.items()
            )
            words = [word for pair in fields for word in pair]
            cases.append(
                ([text], [str(record.written).encode(), record.to_text().encode(), *words])
            )
        self.compare("record", cases)

    def test_bytes_that_are_no_text(self) -> None:
        texts = [sent(12, 0.5) for _ in range(CASES)]
        self.compare(
            "shown",
            [([text], [text.decode(errors="replace").encode()]) for text in texts],
        )


if __name__ == "__main__":
    unittest.main()
