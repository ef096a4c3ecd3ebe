"""Where clients find this guest: what links, redirects and the paths of cookies begin with.

A guest sees paths without the prefix at which it is mounted, and what a client sends as `host` is
no evidence. So it asks the host: `request.url_for("/orders/7")` is
`https://example.org/shop/orders/7`, or `/shop/orders/7` if no public URL is known.
"""

from __future__ import annotations

from snow import _contract

__all__ = ["base_url", "cookie_path", "mount"]


def mount() -> str:
    """Returns what the paths of this guest begin with, as clients see them: `/shop`, or nothing."""
    return _contract.mount()


def base_url() -> str | None:
    """Returns the URL of the guest's root, such as `https://example.org/shop`, without a slash at
    its end.

    It is `None` unless the deployer says `public_url`, or trusts what a proxy says
    (`trust_forwarded`): then only a call that has the request knows it.
    """
    return _contract.base_url()


def cookie_path() -> str:
    """Returns the path for cookies that this guest alone shall get: `/shop`, or `/`."""
    return _contract.mount() or "/"


def path_for(path: str) -> str:
    """Returns a path of this guest, with its mount."""
    return _contract.mount() + _checked(path)


def url_for(path: str) -> str:
    """Returns a path of this guest as a whole URL, if the host knows that, else with its mount."""
    base = _contract.base_url()
    return path_for(path) if base is None else base + _checked(path)


def _checked(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f'a path of this guest begins with "/": {path!r}')
    return path
