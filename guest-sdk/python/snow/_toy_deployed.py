"""The toy host's configuration, its deployment, and what a resumed call knows of its wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace


@dataclass
class Deployment:
    """What a deployer would say."""

    config: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    mount: str = ""
    base_url: str | None = None


@dataclass
class Wait:
    """The wait that a call of `resume` continues."""

    waited_ms: int
    left_ms: int
    # Whether the next wait keeps its deadline.
    is_kept: bool = False


# What holds now. Without a wait the call is one of `handle`.
deployed = Deployment()
wait: Wait | None = None


@contextmanager
def deploy(deployment: Deployment) -> Iterator[None]:
    """Lets guests find this deployment for a while."""
    global deployed
    before, deployed = deployed, deployment
    try:
        yield
    finally:
        deployed = before


@contextmanager
def resuming(over: Wait) -> Iterator[None]:
    """Lets a call be one that continues this wait."""
    global wait
    before, wait = wait, over
    try:
        yield
    finally:
        wait = before


def get(key: str) -> str | None:
    return deployed.secrets.get(key, deployed.config.get(key))


def get_all() -> list[tuple[str, str]]:
    return [pair for pair in deployed.config.items() if pair[0] not in deployed.secrets]


def mount() -> str:
    return deployed.mount


def base_url() -> str | None:
    return deployed.base_url


def waited_ms() -> int:
    return 0 if wait is None else wait.waited_ms


def left_ms() -> int | None:
    return None if wait is None else wait.left_ms


def keep_deadline() -> bool:
    if wait is not None:
        wait.is_kept = True
    return wait is not None


config_store = SimpleNamespace(get=get, get_all=get_all)
deployment = SimpleNamespace(mount=mount, base_url=base_url)
resumption = SimpleNamespace(waited_ms=waited_ms, left_ms=left_ms, keep_deadline=keep_deadline)
