"""Sessions: what a guest remembers of a client from one request to the next.

sessions = Sessions("shop/sessions", keys=SigningKeys.stored)

@route("POST", "/name")
def name(request):
    session, form = sessions.of(request), request.form()
    session.check_csrf(form.get("csrf"))
    session["name"] = form["name"]
    return session.save(Response.redirect("/name"))
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, unquote_plus

from snow import _contract, deployment
from snow._cookies import seconds
from snow._errors import BadToken
from snow._http import Request, Response
from snow._signed import SignatureError, SigningKeys
from snow._store import ABSENT, Bucket, Conflict, Entry, Only

# How often a session is written again when other requests of the client write it, too.
_WRITES_MAX = 100
# A session that is not changed is written again once this part of its time has passed, so that it
# goes on. Not with each request, since a write may cost a turn of the disk.
_SLIDES = 10

_is_id = re.compile(r"[0-9a-f]{32}").fullmatch
_is_time = re.compile(r"\+?[0-9]{1,40}").fullmatch
_pairs = re.compile("[^&]+").findall

_log = logging.getLogger("snow")


@dataclass
class Record:
    """A session in the store: `1700000000 name=value&name=value`."""

    version: int
    # When it was written, in seconds since 1970.
    written: int
    fields: dict[str, str]

    @classmethod
    def parse(cls, entry: Entry) -> Record:
        """Returns what an entry holds. Raises `ValueError` if that is no session."""
        written, is_one, fields = entry.text.partition(" ")
        if not is_one or not _is_time(written) or int(written) >= 1 << 64:
            raise ValueError("what the bucket has under a session's id is no session")
        pairs = (pair.partition("=") for pair in _pairs(fields))
        found = {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}
        return cls(entry.version, int(written), found)

    def to_text(self) -> str:
        """Returns the record as it is written: in the order of names, as all SDKs do."""
        pairs = sorted(self.fields.items())
        return f"{self.written} " + "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs
        )


class Sessions:
    """The sessions of a guest, in a bucket: one of its own, such as `shop/sessions`.

    A session is an entry under 128 random bits, which the client has in a cookie. It ends when it
    was not used for its lifetime, and when it is destroyed. This may be a global variable.

    - `keys`: `SigningKeys`, or a function that returns them, as `SigningKeys.stored`. They sign the
      cookie, so that an id that was made up costs no look into the store, and forms can have a
      token.
    - `lifetime`: how long a session lives that is not used, as seconds or a `timedelta`.
    - `cookie`: the name of the cookie.
    - `path`: the path below which it is sent back, as the client sees paths. By default that at
      which the guest is mounted: without `mount` in snow.toml it is `/`, and every other guest of
      the server gets the cookie too. Whoever has the cookie has the session.
    - `secure`: whether it is sent over TLS only, where a proxy in front speaks TLS.
    """

    def __init__(
        self,
        bucket: str,
        *,
        keys: SigningKeys | Callable[[], SigningKeys] | None = None,
        lifetime: timedelta | float = 86_400,
        cookie: str = "session",
        path: str | None = None,
        secure: bool = False,
    ) -> None:
        self.bucket = Bucket(bucket)
        self.keys = keys
        self.lifetime = seconds(lifetime)
        self.cookie = cookie
        self.path = path
        self.secure = secure

    def of(self, request: Request) -> Session:
        """Returns the session of the client that sent a request.

        It is empty, and not in the store until something is set, if the client has none, or says an
        id that this guest did not give out or that has ended.
        """
        return self.of_at(request, int(time.time()))

    def of_at(self, request: Request, now: int) -> Session:
        """Returns the session at a time in seconds since 1970."""
        keys = self.keys() if callable(self.keys) else self.keys
        cookie = request.cookie(self.cookie)
        found = cookie
        if found is not None and keys is not None:
            try:
                found = keys.verify_at(self.cookie, found, self.lifetime, now)
            except SignatureError as why:
                _log.debug("the session's cookie is not taken: %s", why)
                found = None
        if found is not None and not _is_id(found):
            found = None
        entry = None if found is None else self.bucket.get(found)
        stored = None if entry is None else Record.parse(entry)
        # An id that only a signature vouches for may stay: forms have tokens of it.
        if stored is None and keys is None:
            found = None
        return Session(self, keys, now, cookie is not None, found, stored)


class Session(MutableMapping[str, str]):
    """What a guest remembers of a client: a dict of texts. A handler ends with `save`.

    Requests of one client at the same time lose no change of each other: each writes only what it
    has set and deleted.
    """

    def __init__(
        self,
        sessions: Sessions,
        keys: SigningKeys | None,
        now: int,
        has_cookie: bool,
        found: str | None,
        stored: Record | None,
    ) -> None:
        self._sessions = sessions
        self._keys = keys
        self._now = now
        # Whether the client has sent any cookie of this name.
        self._has_cookie = has_cookie
        # Whether the client knows the id.
        self._is_told = found is not None
        self._id = secrets.token_hex(16) if found is None else found
        # As it was found in the store.
        self._stored = stored
        self._fields = {} if stored is None else dict(stored.fields)
        # What was set, and what was deleted.
        self._changes: dict[str, str | None] = {}
        # The id that it had in the store before it was renewed.
        self._old: str | None = None
        self._is_destroyed = False
        # Whether the client must know the id, though nothing is stored under it.
        self._must_tell = False

    def __getitem__(self, name: str) -> str:
        return self._fields[name]

    def __setitem__(self, name: str, value: str) -> None:
        for what, text in (("a name", name), ("a value", value)):
            _contract.text(f"{what} in a session", text)
        # What begins to be stored has an id that nobody knew before.
        if self._stored is None and not self._changes:
            self._new_id()
        self._fields[name] = self._changes[name] = value

    def __delitem__(self, name: str) -> None:
        del self._fields[name]
        self._changes[name] = None

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        """Returns the content, without the id, which is as good as a password."""
        return f"Session({self._fields!r})"

    def renew(self) -> None:
        """Gives it another id, and ends the one that it had: when a user logs in, or gets more
        rights. Whoever knew the id before knows nothing then."""
        if self._stored is not None and self._old is None:
            self._old = self._id
        self._new_id()

    def destroy(self) -> None:
        """Ends it, with all that is kept: when a user logs out."""
        self._fields.clear()
        self._changes.clear()
        self._is_destroyed = True

    def _new_id(self) -> None:
        self._id = secrets.token_hex(16)
        self._is_told = False

    def csrf_token(self) -> str:
        """Returns a token for a form of this session, in a hidden field: other sites can't know it.

        Clients without a session have one too, whose cookie is set by `save`. It belongs to the
        session's id, so it comes behind what is set and behind `renew`.
        """
        self._must_tell = True
        return self._need_keys().sign_at(self._csrf_name(), "", self._now)

    def check_csrf(self, token: str | None) -> None:
        """Checks the token of a form. If it is not of this session, or too old, the client gets a
        403 (`BadToken`)."""
        lifetime = self._sessions.lifetime
        try:
            self._need_keys().verify_at(self._csrf_name(), token or "", lifetime, self._now)
        except SignatureError as why:
            _log.debug("a form's token is not taken: %s", why)
            raise BadToken() from None

    def _csrf_name(self) -> str:
        return f"csrf {self._sessions.cookie} {self._id}"

    def _need_keys(self) -> SigningKeys:
        if self._keys is None:
            raise RuntimeError("tokens of forms need keys: Sessions(..., keys=SigningKeys.stored)")
        return self._keys

    def save(self, answer: Response | str | bytes | dict[Any, Any] | list[Any]) -> Response:
        """Writes what has changed, and returns an answer with the cookie that the client needs."""
        if isinstance(answer, (dict, list)):
            answer = Response.json(answer)
        response = answer if isinstance(answer, Response) else Response(answer)
        cookie = self._commit()
        if cookie is not None:
            lifetime = self._sessions.lifetime if cookie else 0
            response.set_cookie(
                self._sessions.cookie,
                cookie,
                max_age=lifetime,
                path=self._sessions.path or deployment.cookie_path(),
                httponly=True,
                samesite="lax",
                secure=self._sessions.secure,
            )
        return response

    def _commit(self) -> str | None:
        """Writes what has changed, and returns the cookie that the client needs, if it needs one:
        nothing in it removes the one that it has."""
        bucket, stored = self._sessions.bucket, self._stored
        if self._is_destroyed:
            if stored is not None:
                bucket.delete(self._old or self._id)
            return "" if self._has_cookie else None
        if stored is None:
            if not self._fields:
                return self._cookie() if self._must_tell and not self._is_told else None
            self._write(self._fields, ABSENT)
            return self._cookie()
        if self._old is not None:
            entry = bucket.get(self._old)
            if entry is None:
                return ""
            self._write(self._applied(Record.parse(entry).fields), ABSENT)
            bucket.delete(self._old)
            return self._cookie()
        is_due = max(self._now - stored.written, 0) >= self._sessions.lifetime / _SLIDES
        if not self._changes and not is_due:
            return None
        if not self._write_over(stored):
            # Another request has destroyed it, and that stays.
            return ""
        return self._cookie() if is_due else None

    def _write_over(self, stored: Record) -> bool:
        """Writes the changes over what the store holds; false if it holds nothing any more."""
        for _ in range(_WRITES_MAX):
            try:
                self._write(self._applied(stored.fields), stored.version)
                return True
            except Conflict as conflict:
                if conflict.entry is None:
                    return False
                stored = Record.parse(conflict.entry)
        raise RuntimeError("a session is written by too many requests at a time")

    def _applied(self, fields: dict[str, str]) -> dict[str, str]:
        """Returns what another request has written, with the changes of this one."""
        changed = {**fields, **self._changes}
        return {name: value for name, value in changed.items() if value is not None}

    def _write(self, fields: dict[str, str], only: Only) -> None:
        text = Record(0, self._now, fields).to_text()
        self._sessions.bucket.set(self._id, text, expires=self._sessions.lifetime, only=only)

    def _cookie(self) -> str:
        if self._keys is None:
            return self._id
        return self._keys.sign_at(self._sessions.cookie, self._id, self._now)
