"""What the deployer says to this guest, in `[guest.NAME.config]` of snow.toml."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar, overload

from snow import _contract

T = TypeVar("T")
D = TypeVar("D")


class ConfigError(Exception):
    """A value of the configuration that is missing, or that does not mean what it should.

    Raised out of a handler it is a 500, and its line in the log names the value and does not show
    it.
    """


class MissingConfig(ConfigError, KeyError):
    """A value that the deployer does not give."""

    __str__ = Exception.__str__


class Secret:
    """A text that is not shown by accident: `str`, `repr` and f-strings do not print it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def expose(self) -> str:
        """Returns the text."""
        return self._text

    def __eq__(self, other: object) -> bool:
        """Compares two secrets, in constant time."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Secret(…)"


class Config(Mapping[str, str]):
    """The texts of the configuration by their names: `snow.config["greeting"]`.

    A change takes effect with the next call, so read it in handlers, and keep nothing of it in
    global variables. Iteration leaves out the secrets, which are for who asks by name.
    """

    def __getitem__(self, name: str) -> str:
        found = _contract.config_value(name)
        if found is None:
            raise MissingConfig(
                f"the guest needs a value of {name!r}: give it one in [guest.NAME.config] of "
                "snow.toml"
            )
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _contract.config_value(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(_contract.config_values())

    def __len__(self) -> int:
        return len(_contract.config_values())

    def __repr__(self) -> str:
        return "<the configuration of this guest>"

    def secret(self, name: str) -> Secret | None:
        """Returns the secret of this name; `None` if the deployer gives none.

        Any value can be taken as a secret; one that the deployer calls so is left out by iteration.
        """
        found = _contract.config_value(name)
        return None if found is None else Secret(found)

    @overload
    def parsed(self, name: str, parse: Callable[[str], T]) -> T | None: ...
    @overload
    def parsed(self, name: str, parse: Callable[[str], T], default: D) -> T | D: ...
    def parsed(self, name: str, parse: Callable[[str], T], default: object = None) -> object:
        """Returns what a function makes of a value: `config.parsed("page_size", int, 20)`.

        What it does not take (by a `ValueError`) is a `ConfigError`.
        """
        found = _contract.config_value(name)
        if found is None:
            return default
        try:
            return parse(found)
        except ValueError:
            # Without the cause, whose text may have the value.
            raise ConfigError(
                f"the value of `{name}` in the `config` of snow.toml can't be used"
            ) from None


# The configuration of this guest.
config = Config()
