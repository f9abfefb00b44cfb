"""Finished pictures, kept on disk: in a folder that ends with the server."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path


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

    def drop(self, name: str) -> None:
        """Remove a picture, if it is there."""
        (self.folder / name).unlink(missing_ok=True)


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not by a fork that ends before its parent
        shutil.rmtree(folder, ignore_errors=True)
