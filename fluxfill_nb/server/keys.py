"""Whose keys a server knows: names for people, keys for their programs."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InvalidOption
from . import checks

_NAME = re.compile(r"[\w.@+-]+( [\w.@+-]+)*")
_KEY = re.compile(r"[!-~]([ -~]*[!-~])?")
_EXAMPLE = 'name = "key", or a table [name] with key, max_active and credits'


@dataclass(frozen=True)
class Holder:
    """Somebody who may submit. The key is in no repr.

    Parameters
    ----------
    name
        What metrics and messages call them: letters, digits, ``_ . @ + -`` and single spaces.
    key
        What their requests carry; printable ASCII, without spaces around it.
    max_active
        How many of their tasks may wait or run at once; None: what the server allows everybody.
    credits
        What they can spend, at 5 credits a picture; None: what the server gives everybody.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        One of these is not as it should be; the key is not told.

    Examples
    --------
    >>> from fluxfill_nb.server import Holder
    >>> Holder("ada", "some-key", max_active=4)
    Holder(name='ada', max_active=4, credits=None)
    """

    name: str
    key: str = field(repr=False)
    max_active: int | None = None
    credits: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            # Which one is not told: names and keys are mixed up easily.
            raise InvalidOption(
                "A key's name must be letters, digits, _ . @ + - and single spaces."
            )
        if not isinstance(self.key, str) or not _KEY.fullmatch(self.key):
            raise InvalidOption(
                f"The key of {self.name} must be printable ASCII, not empty, and have no spaces "
                "around it."
            )
        if self.max_active is not None:
            checks.count(f"max_active of {self.name}", self.max_active)
        if self.credits is not None:
            checks.amount(f"credits of {self.name}", self.credits)


def holders_of(keys: Sequence[str | Holder]) -> tuple[Holder, ...]:
    """Give those without a name one, and check that nobody shares a name or a key.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        This is no list of keys, or two have the same name, or the same key.
    """
    holders = tuple(
        key if isinstance(key, Holder) else Holder(f"key {number}", key)
        for number, key in enumerate(checks.several("keys", keys, "['some-key']"), 1)
    )
    by_name: dict[str, Holder] = {}
    by_key: dict[str, Holder] = {}
    for holder in holders:
        if holder.name in by_name:
            raise InvalidOption(f"Two keys have the name {holder.name!r}.")
        if holder.key in by_key:
            raise InvalidOption(f"{by_key[holder.key].name} and {holder.name} have the same key.")
        by_name[holder.name] = by_key[holder.key] = holder
    return holders


def parse(text: str) -> str | Holder:
    """Read ``NAME=KEY``, or a key without a name.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        There is nothing behind the name; or it is a key that ends in ``=``, whose most part would
        become a name, which everybody may know.
    """
    name, equals, key = text.partition("=")
    if equals and not key.strip("= "):
        raise InvalidOption(
            "Behind the = of NAME=KEY there is no key. A key that ends in = needs a name before it."
        )
    return Holder(name.strip(), key.strip()) if equals else text


def read(path: Path) -> list[Holder]:
    """Read a TOML file of keys: ``name = "key"``, or a table for each name.

    Parameters
    ----------
    path
        The file. A table ``[name]`` has ``key``, and ``max_active`` and ``credits`` if they differ
        from everybody's.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        It cannot be read, or is not of this form; keys are not told.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidOption(f"{str(path)!r} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        # The parser's words may quote a line, and a line may be a key.
        where = re.search(r"line \d+", str(error))
        raise InvalidOption(
            f"{str(path)!r} is no TOML{f' ({where[0]})' if where else ''}: it needs {_EXAMPLE}."
        ) from None
    return [_holder(path, name, given) for name, given in content.items()]


def is_open_to_others(path: Path) -> bool:
    """Whether other people of this machine can read a file."""
    return os.name == "posix" and bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _holder(path: Path, name: str, given: Any) -> Holder:
    table = {"key": given} if isinstance(given, str) else given
    known = {"key", "max_active", "credits"}
    if not isinstance(table, dict) or "key" not in table or table.keys() - known:
        raise InvalidOption(f"{name!r} in {str(path)!r} is not understood: it needs {_EXAMPLE}.")
    return Holder(name, **table)
