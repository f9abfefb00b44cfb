"""Claims: the right to send a request once. One file each, which only one process can create."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from .process import Process

# A claim is written at once; one without content, s later, was given up in between.
_WRITTEN = 10.0


class Claim(NamedTuple):
    """What a claim's file says.

    Attributes
    ----------
    holder
        Who made it; None if it does not say.
    journal
        The file in which the holder writes down what it does; empty if that cannot be read.
    since
        When it was made, s since 1970.
    over
        The numbers of the attempts, given up by others, whose place this one takes.
    is_bare
        Whether the file is empty: its holder has done nothing yet.
    """

    holder: Process | None
    journal: str
    since: float
    over: tuple[int, ...] = ()
    is_bare: bool = False

    @property
    def is_held(self) -> bool:
        """Whether its holder is still there."""
        if self.holder is None:
            return time.time() - self.since < _WRITTEN
        return self.holder.is_living(self.since)


class Claims:
    """The claims in a folder, named for a request's key and the number of the attempt."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, key: str, attempt: int) -> Path:
        return self._folder / f"{key[:32]}.{attempt}"

    def make(self, key: str, attempt: int, journal: str, over: Collection[int] = ()) -> bool:
        """Make a claim; False if somebody has it.

        Raises
        ------
        OSError
            It cannot be written.
        """
        path = self._path(key, attempt)
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return False
        content = {**Process.this().dump(), "journal": journal, "over": list(over)}
        data = json.dumps(content).encode()
        try:
            with os.fdopen(file, "wb") as opened:
                opened.write(data)
        except OSError:
            path.unlink()
            raise
        return True

    def read(self, key: str, attempt: int) -> Claim | None:
        """Return a claim; None if there is none."""
        path = self._path(key, attempt)
        try:
            data = path.read_bytes()
            since = path.stat().st_mtime
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            content = json.loads(data)
            over = tuple(int(number) for number in content["over"])
            return Claim(Process.read(content), str(content["journal"]), since, over)
        except (ValueError, LookupError, TypeError, OverflowError):
            return Claim(None, "", since, is_bare=not data)

    def after(self, key: str, attempt: int) -> Iterator[Claim]:
        """Yield the claims with higher numbers, in turn."""
        while (claim := self.read(key, attempt := attempt + 1)) is not None:
            yield claim
