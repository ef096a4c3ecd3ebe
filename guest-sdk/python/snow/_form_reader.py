"""Reads forms: `application/x-www-form-urlencoded`, and `multipart/form-data` (RFC 7578, and RFC
2046 for the boundaries).

Multipart by hand: `cgi` is gone from the standard library, and `email` reads such contents as mail,
with line ends and encodings that forms do not have.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from snow._accept import SPACES, value_and_parameters
from snow._errors import BadForm, FormTooLarge
from snow._form import File, Form, Limits

# Bytes of a part's header fields, and of those of all parts together.
HEAD_BYTES_MAX = 8_192
HEADS_BYTES_MAX = 1 << 20

_is_boundary = re.compile(r"[A-Za-z0-9'()+_,\-./:=? ]{0,69}[A-Za-z0-9'()+_,\-./:=?]").fullmatch
_pairs = re.compile(b"[^&]+").finditer
_spaces = re.compile(rb"[ \t]*")


def parse(kind: str, body: bytes, limits: Limits) -> Form:
    """Returns the form in a content that has this `content-type`."""
    value, parameters = value_and_parameters(kind)
    if value.lower() == "application/x-www-form-urlencoded":
        return _urlencoded(body, limits)
    if value.lower() == "multipart/form-data":
        boundaries = (text for name, text in parameters if name.lower() == "boundary")
        return _multipart(body, next(boundaries, ""), limits)
    shown = json.dumps(value, ensure_ascii=False)
    raise BadForm(
        415,
        "the content must be `application/x-www-form-urlencoded` or `multipart/form-data`, "
        f"not {shown}",
    )


def _urlencoded(body: bytes, limits: Limits) -> Form:
    try:
        body.decode()
    except UnicodeDecodeError:
        raise BadForm(400, "the form is not UTF-8") from None
    fields: list[tuple[str, str]] = []
    # One after the other: a form of a million is left at its thousand-and-first field.
    for pair in _pairs(body):
        limits.room(len(fields))
        sent_name, _, sent = pair[0].partition(b"=")
        name, value = _decoded(sent_name), _decoded(sent)
        limits.part(name, len(value.encode()), limits.value_bytes_max)
        fields.append((name, value))
    return Form(fields, [])


def _decoded(sent: bytes) -> str:
    """Returns the text that was sent. It is more than twice as fast as `unquote_plus` where letters
    that are not ASCII are between those that are encoded."""
    return unquote_to_bytes(sent.replace(b"+", b" ")).decode(errors="replace")


def _multipart(body: bytes, boundary: str, limits: Limits) -> Form:
    """Returns the form in a content. Only what is kept of it is copied."""
    if not _is_boundary(boundary):
        raise _malformed("`content-type` has no `boundary` of 1 to 70 of its characters")
    delimiter = f"\r\n--{boundary}".encode()
    fields: list[tuple[str, str]] = []
    files: list[File] = []
    heads = 0
    start = _first_part(body, delimiter)
    while start is not None:
        limits.room(len(fields) + len(files))
        end = _end_of_head(body, start)
        heads += end - start
        if heads > HEADS_BYTES_MAX:
            raise FormTooLarge(f"the form has more than {HEADS_BYTES_MAX} bytes of header fields")
        if body.find(delimiter, start, end) >= 0:
            raise _malformed("a part has no empty line behind its header fields")
        # The line end of the empty line stays with the content: in a part without content it is the
        # next boundary's.
        at = body.find(delimiter, end + 2)
        if at < 0:
            raise _malformed("it is cut off: the last boundary is missing")
        content = body[end + 4 : at]
        head = _head(body[start:end])
        if head.file_name is None:
            limits.part(head.name, len(content), limits.value_bytes_max)
            fields.append((head.name, content.decode(errors="replace")))
        else:
            limits.part(head.name, len(content), limits.file_bytes_max)
            files.append(File(head.name, head.file_name, head.content_type, content))
        start = _behind_boundary(body, at + len(delimiter))
    return Form(fields, files)


def _malformed(why: str) -> BadForm:
    return BadForm(400, f"malformed multipart/form-data: {why}")


def _first_part(body: bytes, delimiter: bytes) -> int | None:
    """Returns the place behind the first boundary; `None` if that is the last one."""
    # At the beginning no line end stands before it. What stands before it is for nobody.
    if body.startswith(delimiter[2:]):
        return _behind_boundary(body, len(delimiter) - 2)
    at = body.find(delimiter)
    if at < 0:
        raise _malformed("the boundary that `content-type` names is not there")
    return _behind_boundary(body, at + len(delimiter))


def _behind_boundary(body: bytes, at: int) -> int | None:
    """Returns the place of the part behind a boundary; `None` if it is the last boundary. What
    stands behind that one is for nobody."""
    if body.startswith(b"--", at):
        return None
    # A gateway may have added spaces.
    spaces = _spaces.match(body, at)
    at = spaces.end() if spaces else at
    if body.startswith(b"\r\n", at):
        return at + 2
    if at >= len(body):
        raise _malformed("it is cut off behind a boundary")
    raise _malformed("a boundary has something behind it in its line")


def _end_of_head(body: bytes, start: int) -> int:
    """Returns the place of the empty line behind a part's header fields."""
    end = body.find(b"\r\n\r\n", start, start + HEAD_BYTES_MAX + 4)
    if end >= 0:
        return end
    if len(body) - start > HEAD_BYTES_MAX:
        raise FormTooLarge(
            f"a part of the form has more than {HEAD_BYTES_MAX} bytes of header fields"
        )
    raise _malformed("a part has no empty line behind its header fields")


@dataclass
class _Head:
    """What the header fields of a part say."""

    name: str
    file_name: str | None
    content_type: str | None


def _head(sent: bytes) -> _Head:
    try:
        text = sent.decode()
    except UnicodeDecodeError:
        raise _malformed("the header fields of a part are not UTF-8") from None
    names: dict[str, str] = {}
    content_type = None
    for line in text.split("\r\n"):
        field, is_one, value = line.partition(":")
        if not is_one:
            raise _malformed("a line among the header fields of a part is none")
        field, value = field.lower(), value.strip(SPACES)
        if field == "content-disposition":
            _disposition(value, names)
        elif field == "content-type":
            kind, _ = value_and_parameters(value)
            if kind.lower().startswith("multipart/"):
                raise _malformed("a part within a part: RFC 7578 has done away with it")
            content_type = value
        elif field == "content-transfer-encoding":
            if value.lower() not in ("7bit", "8bit", "binary"):
                raise _malformed("a part is encoded: RFC 7578 has done away with it")
    if "name" not in names:
        raise _malformed("a part has no name")
    return _Head(names["name"], names.get("filename"), content_type)


def _disposition(value: str, names: dict[str, str]) -> None:
    """Takes the names out of a `content-disposition`."""
    kind, parameters = value_and_parameters(value)
    if kind.lower() != "form-data":
        raise _malformed("`content-disposition` of a part is not `form-data`")
    for parameter, text in parameters:
        name = parameter.lower()
        if name not in ("name", "filename"):
            continue
        # Two readers may take two of them, so neither is right.
        if name in names:
            raise _malformed("a part has two names")
        # The three characters that browsers write otherwise in names.
        names[name] = text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
