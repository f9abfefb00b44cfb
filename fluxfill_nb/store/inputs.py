"""What was filled: each picture and each mask once, named for its content."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np
from PIL import Image

from ..errors import FluxFillError
from ..images import Picture, encode_png
from ..mask import Mask
from ..request import FillRequest, _Content

_SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"RIFF": ".webp"}
# How old a file that is being written may be, s: whoever wrote an older one was killed.
_ABANDONED = 3600.0
# How many of them stay in memory though nobody has a request of them.
_KEPT = 2


def suffix_of(file: bytes) -> str:
    """Return the suffix of a picture's file, by what it begins with."""
    return next((found for start, found in _SUFFIXES.items() if file.startswith(start)), ".bin")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all, whatever happens.

    Raises
    ------
    OSError
        It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def clear_parts(folder: Path) -> None:
    """Remove what writers who were killed have left unfinished."""
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > _ABANDONED:
                part.unlink()


class Inputs:
    """The pictures and masks in a folder.

    Parameters
    ----------
    folder
        Where they are. Made when the first is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._names: WeakKeyDictionary[_Content, tuple[str, str]] = WeakKeyDictionary()
        self._contents: WeakValueDictionary[tuple[str, str], _Content] = WeakValueDictionary()
        self._last: deque[_Content] = deque(maxlen=_KEPT)

    def digests(self, request: FillRequest) -> tuple[str, str]:
        """Return what a request's picture and soft mask are named for."""
        content = request._content
        with self._lock:
            names = self._names.get(content)
        if names is None:
            names = content.picture.digest, content.mask.digest
            with self._lock:
                self._names[content] = names
        return names

    def save(self, request: FillRequest) -> None:
        """Keep a request's picture, as its file if it came as one, and its mask.

        Raises
        ------
        OSError
            They cannot be written.
        """
        content = request._content
        names = self.digests(request)
        with self._lock:
            if self._contents.get(names) is not None:
                return
        image, mask = names
        if self._find(image) is None:
            file = content.picture.encoded
            write_whole(self._folder / f"{image[:32]}{suffix_of(file)}", file)
        if not (path := self.mask_path(mask)).exists():
            write_whole(path, encode_png(content.mask.to_pil()))
        with self._lock:
            self._contents[names] = content

    def load(self, image: str, mask: str, settings: dict[str, Any]) -> FillRequest | None:
        """Return a request again; None if its picture or mask is not here as it was."""
        with self._lock:
            content = self._contents.get((image, mask))
        if content is None:
            content = self._read(image, mask)
            if content is None:
                return None
            with self._lock:
                content = self._contents.setdefault((image, mask), content)
                self._last.append(content)
        try:
            return FillRequest._of(content, settings)
        except FluxFillError:  # settings of a newer version
            return None

    def missing(self, image: str, mask: str) -> list[str]:
        """Return which of the files are not there."""
        missing = [] if self._find(image) else [f"inputs/{image[:32]}"]
        return missing if self.mask_path(mask).exists() else [*missing, self.mask_path(mask).name]

    def _find(self, image: str) -> Path | None:
        paths = (self._folder / f"{image[:32]}{suffix}" for suffix in _SUFFIXES.values())
        return next((path for path in paths if path.exists()), None)

    def mask_path(self, mask: str) -> Path:
        """Return the file of a mask."""
        return self._folder / f"{mask[:32]}-mask.png"

    def _read(self, image: str, mask: str) -> _Content | None:
        path = self._find(image)
        if path is None:
            return None
        try:
            picture = Picture.open(path, max_megapixels=float("inf"))
            with Image.open(self.mask_path(mask)) as opened:
                values = Mask._of(np.array(opened.convert("L")))
            if (picture.digest, values.digest) != (image, mask):
                return None
            content = _Content.of(picture, values)
        except (FluxFillError, OSError):
            return None
        return content
