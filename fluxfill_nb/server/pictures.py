"""Pictures on disk, in a folder that ends with the server: those that wait, and finished ones."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path

from .sent import Sent

_IMAGE, _MASK = ".image", ".mask"


class Pictures:
    """A temporary folder of picture files, removed by `close` or when the program ends."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fluxfill-"))
        self.close = weakref.finalize(self, _remove, self.folder, os.getpid())

    def put(self, name: str, encoded: bytes) -> None:
        """Keep a picture."""
        (self.folder / name).write_bytes(encoded)

    def get(self, name: str) -> bytes | None:
        """Return a picture; None if it is not there, or not any more."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None

    def put_sent(self, name: str, sent: Sent) -> None:
        """Keep what is to be filled."""
        self.put(name + _IMAGE, sent.image)
        if sent.mask is not None:
            self.put(name + _MASK, sent.mask)

    def sent(self, name: str) -> Sent:
        """Return what is to be filled."""
        return Sent((self.folder / (name + _IMAGE)).read_bytes(), self.get(name + _MASK))

    def drop_sent(self, name: str) -> None:
        """Remove what was to be filled."""
        self.drop(name + _IMAGE)
        self.drop(name + _MASK)

    def drop(self, name: str) -> None:
        """Remove a picture, if it is there."""
        (self.folder / name).unlink(missing_ok=True)


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not by a fork that ends before its parent
        shutil.rmtree(folder, ignore_errors=True)
