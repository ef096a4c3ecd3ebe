"""Texts that a client keeps and can't change: signed cookies. Signed is not secret.

keys = SigningKeys.stored()
response.set_signed_cookie("basket", basket, keys, max_age=86_400)
basket = request.signed_cookie("basket", keys, max_age=86_400)
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import re
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, TypeAlias

from snow import _contract
from snow._cookies import seconds
from snow._store import ABSENT, Bucket, Conflict, Entry

# Bytes of a secret at least: what SHA-256 makes of a longer one.
_SECRET_BYTES_MIN = 32
# The key of a bucket that holds signing keys.
_STORED = "signing-keys"
# How many seconds later than this host's clock another host may have signed.
_SKEW = 60
_VERSION_MAX = (1 << 32) - 1
_TIME_MAX = (1 << 64) - 1

_is_base64 = re.compile(r"[A-Za-z0-9_-]*").fullmatch
# With room for a few zeros before the largest number of 64 bits.
_is_whole = re.compile(r"\+?[0-9]{1,40}").fullmatch

_log = logging.getLogger("snow")

Reason: TypeAlias = Literal["malformed", "unknown-key", "forged", "expired", "from-the-future"]

_REASONS: dict[Reason, str] = {
    "malformed": "it is no signed text, or was cut",
    "unknown-key": "the key that has signed it is not among the signing keys",
    "forged": "its value, its time or its name was changed",
    "expired": "it was signed too long ago",
    "from-the-future": "it was signed later than now",
}


class SignatureError(Exception):
    """A signed text that is not taken. `reason` is `malformed`, `unknown-key`, `forged`, `expired`
    or `from-the-future`: for the author, and not for the client."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(_REASONS[reason])
        self.reason = reason


class SigningKeys:
    """Secret keys that sign by HMAC-SHA256, each with a version: `SigningKeys({2: new, 1: old})`.

    The first one signs, and texts that any of them has signed are taken. So a key is replaced by
    putting a new one before it, and is left out once what it has signed is too old.

    In a signature are the name of the text, its value, the time and the key's version: a cookie
    can't be sent back under another name, nor after its time.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys:
            raise ValueError("there is no signing key: give one, as in SigningKeys({1: secret})")
        for version, secret in keys.items():
            _contract.whole("the version of a signing key", version, 0, _VERSION_MAX)
            if not isinstance(secret, bytes):
                raise TypeError(f"a signing key is bytes, not {type(secret).__name__}")
            if len(secret) < _SECRET_BYTES_MIN:
                raise ValueError(
                    f"a signing key has {_SECRET_BYTES_MIN} random bytes or more, not {len(secret)}"
                )
        self._keys = dict(keys)

    def __repr__(self) -> str:
        """Returns the versions, without the secrets."""
        return f"<SigningKeys {list(self._keys)}>"

    @classmethod
    def stored(cls, bucket: Bucket | None = None) -> SigningKeys:
        """Returns the keys that a bucket holds under `signing-keys`.

        If it holds none, that is a random one, which it holds from now on. Nobody has to make them
        up, and whoever can read the bucket has them. Without a bucket it is the guest's own one.
        """
        bucket = Bucket() if bucket is None else bucket
        entry = bucket.get(_STORED)
        if entry is None:
            fresh = cls({1: secrets.token_bytes(_SECRET_BYTES_MIN)})
            try:
                bucket.set(_STORED, fresh._to_text(), only=ABSENT)
                return fresh
            except Conflict as conflict:
                if conflict.entry is None:
                    raise
                entry = conflict.entry
        return cls._parse(entry.text)

    @classmethod
    def rotate(cls, keep: int, bucket: Bucket | None = None) -> SigningKeys:
        """Puts a random key before those that a bucket holds, and keeps so many in all."""
        bucket = Bucket() if bucket is None else bucket

        def rotated(entry: Entry | None) -> str:
            try:
                held = cls._parse("" if entry is None else entry.text)._keys
            except ValueError:
                # Keys that can't be read sign nothing anyway.
                held = {}
            version = max(held, default=0) + 1
            keys = [(version, secrets.token_bytes(_SECRET_BYTES_MIN)), *held.items()]
            return cls(dict(keys[: max(keep, 1)]))._to_text()

        return cls._parse(bucket.update(_STORED, rotated).text)

    def _to_text(self) -> str:
        return "".join(f"{version} {_encode(secret)}\n" for version, secret in self._keys.items())

    @classmethod
    def _parse(cls, text: str) -> SigningKeys:
        unreadable = ValueError(f"the bucket's `{_STORED}` can't be read")
        keys: dict[int, bytes] = {}
        for line in text.replace("\r\n", "\n").removesuffix("\n").split("\n"):
            number, _, secret = line.partition(" ")
            version, key = _whole(number, _VERSION_MAX), _decode(secret)
            if version is None or key is None or version in keys:
                raise unreadable
            keys[version] = key
        return cls(keys)

    def sign(self, name: str, value: str) -> str:
        """Signs a value under a name, now. The text has letters, digits, `-`, `_` and `.` only."""
        return self.sign_at(name, value, int(time.time()))

    def verify(self, name: str, text: str, max_age: timedelta | float) -> str:
        """Returns the value of a text that was signed under this name, at most `max_age` ago.

        Raises `SignatureError`.
        """
        return self.verify_at(name, text, seconds(max_age), int(time.time()))

    def taken(self, name: str, text: str | None, max_age: timedelta | float) -> str | None:
        """Returns the value of a text that a client sent; `None` if there is none, or it is not
        taken. The logger `snow` says why, at `DEBUG`."""
        if text is None:
            return None
        try:
            return self.verify(name, text, max_age)
        except SignatureError as why:
            _log.debug("the cookie %r is not taken: %s", name, why)
            return None

    def sign_at(self, name: str, value: str, now: int) -> str:
        """Signs a value at a time, in seconds since 1970."""
        version, secret = next(iter(self._keys.items()))
        data = _encode(_contract.encode_text("a signed value", value))
        signed = f"1.{version}.{now}.{data}"
        return f"{signed}.{_encode(_code(secret, name, signed))}"

    def verify_at(self, name: str, text: str, max_age: float, now: int) -> str:
        """Returns the value of a signed text, at a time in seconds since 1970."""
        signed, is_one, sent = text.rpartition(".")
        parts = signed.split(".", 4)
        if not is_one or len(parts) != 4 or parts[0] != "1":
            raise SignatureError("malformed")
        version, code = _whole(parts[1], _VERSION_MAX), _decode(sent)
        if version is None or code is None:
            raise SignatureError("malformed")
        secret = self._keys.get(version)
        if secret is None:
            raise SignatureError("unknown-key")
        # In constant time.
        if not hmac.compare_digest(_code(secret, name, signed), code):
            raise SignatureError("forged")
        # From here on it is our own text.
        signed_at, data = _whole(parts[2], _TIME_MAX), _decode(parts[3])
        if signed_at is None:
            raise SignatureError("malformed")
        if signed_at > now + _SKEW:
            raise SignatureError("from-the-future")
        # Not `>`: an age that is no number (NaN) lets nothing pass.
        if not now - signed_at <= max_age:
            raise SignatureError("expired")
        try:
            return (b"\xff" if data is None else data).decode()
        except UnicodeDecodeError:
            raise SignatureError("malformed") from None


def _code(secret: bytes, name: str, signed: str) -> bytes:
    """Returns the code of a text under a name. The length of the name stands first, so that no
    other name and text give these bytes."""
    data = _contract.encode_text("the name of a signed text", name)
    # What a client sends may be no text; then it is forged.
    sent = signed.encode(errors="surrogatepass")
    return hmac.digest(secret, len(data).to_bytes(8, "big") + data + sent, "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes | None:
    """Returns the bytes of a text in base64 as `_encode` writes it; `None` for any other text."""
    if not _is_base64(text):
        return None
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
    # Bits that say nothing must be zero, or many texts would have one signature.
    return data if _encode(data) == text else None


def _whole(text: str, most: int) -> int | None:
    """Returns a number in decimal digits; `None` for any other text."""
    number = int(text) if _is_whole(text) else None
    return None if number is None or number > most else number
