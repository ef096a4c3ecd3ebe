"""Cookies (RFC 6265, and `SameSite` of its successor).

The standard library's `http.cookies` reads none at all of a header field if one cookie in it is
odd, and quotes what it writes, which is read differently elsewhere. So the rules of all SDKs are
here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Literal, TypeAlias

# With which requests from other sites a browser sends a cookie.
SameSite: TypeAlias = Literal["strict", "lax", "none"]

_SPACES = " \t\n\x0c\r"

_is_token = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+").fullmatch
_is_value = re.compile(r"[!#-+\--:<-\[\]-~]*").fullmatch
_is_path = re.compile(r"/[ -:<-~]*").fullmatch

_SAME_SITES = {"strict": "Strict", "lax": "Lax", "none": "None"}


def read(fields: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Returns the cookies of these fields `cookie`, in the order sent.

    Values are without the quotes that may be around them. What is no cookie, or not UTF-8, is left
    out.
    """
    for field in fields:
        start = 0
        # Not `split`: a field may be long, and who looks for one cookie needs no list of all.
        while start <= len(field):
            end = field.find(b";", start)
            end = len(field) if end < 0 else end
            pair = _pair(field[start:end])
            if pair is not None:
                yield pair
            start = end + 1


def _pair(sent: bytes) -> tuple[str, str] | None:
    try:
        name, is_one, value = sent.decode().partition("=")
    except UnicodeDecodeError:
        return None
    if not is_one:
        return None
    value = value.strip(_SPACES)
    if len(value) >= 2 and value[0] == '"' and value[-1] == '"':
        value = value[1:-1]
    return name.strip(_SPACES), value


def seconds(time: timedelta | float) -> float:
    """Returns a length of time in seconds."""
    if isinstance(time, timedelta):
        return time.total_seconds()
    if not isinstance(time, (int, float)):
        raise TypeError(f"a time is seconds or a timedelta, not {type(time).__name__}")
    return time


def field(
    name: str,
    value: str,
    *,
    max_age: timedelta | float | None = None,
    path: str = "/",
    domain: str | None = None,
    secure: bool = False,
    httponly: bool = False,
    samesite: SameSite | None = None,
) -> str:
    """Returns the value of `set-cookie`. Raises `ValueError` for what a browser would not take."""
    same_site = None if samesite is None else samesite.lower()
    why = _fault(name, value, path, domain, secure, same_site)
    age = None if max_age is None else seconds(max_age)
    if why is None and age is not None and not 0 <= age < 1 << 53:
        why = "its age is none"
    if why is not None:
        shown = json.dumps(name)
        raise ValueError(f"the cookie {shown} can't be set: {why}")
    parts = [f"{name}={value}", f"Path={path}"]
    if domain is not None:
        parts.append(f"Domain={domain}")
    if age is not None:
        parts.append(f"Max-Age={int(age)}")
        if int(age) == 0:
            parts.append("Expires=Thu, 01 Jan 1970 00:00:00 GMT")
    if secure:
        parts.append("Secure")
    if httponly:
        parts.append("HttpOnly")
    if same_site is not None:
        parts.append(f"SameSite={_SAME_SITES[same_site]}")
    return "; ".join(parts)


def _fault(
    name: str,
    value: str,
    path: str,
    domain: str | None,
    secure: bool,
    same_site: str | None,
) -> str | None:
    """Returns why browsers would drop such a cookie, or take a part of it for an attribute."""
    for text in (name, value, path, domain or ""):
        if not isinstance(text, str):
            raise TypeError(f"what a cookie has is str, not {type(text).__name__}")
    prefix = name.lower()
    if not _is_token(name):
        return "a name is letters, digits and `!#$%&'*+-.^_|~` or a backtick"
    if not _is_value(value):
        return "a value is visible ASCII without quotes, commas, semicolons, backslashes"
    if not _is_path(path):
        return "a path begins with a slash, and is ASCII without semicolons"
    if domain is not None and not _is_token(domain):
        return "its domain is none"
    if same_site is not None and same_site not in _SAME_SITES:
        return "`SameSite` is `strict`, `lax` or `none`"
    if same_site == "none" and not secure:
        return "`SameSite=None` needs `secure`"
    if prefix.startswith("__secure-") and not secure:
        return "the prefix `__Secure-` needs `secure`"
    if prefix.startswith("__host-") and (not secure or path != "/" or domain is not None):
        return "the prefix `__Host-` needs `secure`, the path `/` and no domain"
    return None
