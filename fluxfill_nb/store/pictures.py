"""The pictures: files with names for people, which say themselves how they were made."""

from __future__ import annotations

import os
import re
import unicodedata
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image

from .. import provenance
from ..errors import InvalidImage
from ..result import FillResult
from .inputs import suffix_of, write_whole
from .record import Record, attempt_number

_LONGEST_PROMPT, _LONGEST_TITLE = 40, 120
# How much of a request's key its files have in their names.
_KEY = 12


class Pictures:
    """The pictures in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, record: Record, result: FillResult) -> tuple[str, tuple[int, int] | None]:
        """Write a result's picture with every pixel as it came; return the file's name and size.

        Raises
        ------
        OSError
            It cannot be written.
        """
        file = result.encoded
        seed = result.seed if record.settings.get("seed") is None else record.settings["seed"]
        name = f"{_title(record, seed)}_{_tail(record)}{suffix_of(file)}"
        origin = result.provenance() | {"shown": "raw", "run": _run(record)}
        with suppress(InvalidImage):  # no JPEG or PNG, or a prompt of 60,000 letters
            file = provenance.embed(file, origin)
        write_whole(self.folder / name, file)
        return name, size_of(self.folder / name)

    def names(self) -> set[str]:
        """Return the names of all files."""
        try:
            return set(os.listdir(self.folder))  # noqa: PTH208 (of 10,000, three times as fast)
        except OSError:
            return set()

    def of(self, key: str, attempt: int) -> str | None:
        """Return the name of an attempt's picture, if it is there."""
        tail = f"_{key[:_KEY]}-{attempt}."
        names = (name for name in self.names() if tail in name and not name.startswith("."))
        return next(names, None)

    def told(self, name: str) -> dict[str, Any]:
        """Return what a picture says of itself, as the journal's line ``done`` has it.

        Raises
        ------
        fluxfill_nb.errors.InvalidImage
            It says nothing, or not that it belongs into a store.
        """
        path = self.folder / name
        origin = provenance.read(path)
        try:
            run = origin["run"]
            line = {
                "key": str(run["key"]),
                "attempt": attempt_number(run["attempt"]),
                "id": origin["task"],
                "submitted": datetime.fromisoformat(origin["submitted"]).timestamp(),
                "seed": (origin.get("settings") or {}).get("seed"),
                "duration": origin["duration_s"],
                "price": origin["price_usd"],
                "made_by": origin["service"],
                "details": {},
                "picture": name,
                "size": size_of(path),
            }
            if "settings" in origin:
                line |= {
                    "service": run["service"],
                    "request": run["request"],
                    "settings": origin["settings"] | {"seed": run["seed"]},
                    "image": origin["image"],
                    "mask": {"sha256": run["mask"]},
                }
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise InvalidImage(f"{name!r} was saved elsewhere, not by a store.") from error
        return line


def size_of(path: Path) -> tuple[int, int] | None:
    """Return a picture's size by its header, px; None if it has none."""
    try:
        with Image.open(path) as image:
            return image.size
    except Exception:  # Pillow raises nearly anything
        return None


def _title(record: Record, seed: int | None) -> str:
    """The settings as part of a file's name, for any file system."""
    settings = record.settings
    prompt = unicodedata.normalize("NFKD", settings.get("prompt") or "")
    words = re.sub(r"[^a-z0-9]+", "-", prompt.encode("ascii", "ignore").decode().lower())
    parts = [words[:_LONGEST_PROMPT].strip("-") or "fill"]
    for letter, name in (("g", "guidance"), ("s", "steps")):
        if settings.get(name) is not None:
            parts.append(f"{letter}{settings[name]:g}")
    if seed is not None:
        parts.append(f"seed{seed}")
    return "_".join(parts)[:_LONGEST_TITLE]


def _tail(record: Record) -> str:
    return f"{record.key[:_KEY]}-{record.attempt}"


def _run(record: Record) -> dict[str, Any]:
    return {
        "key": record.key,
        "attempt": record.attempt,
        "service": record.service,
        "request": record.request_key,
        "seed": record.settings.get("seed"),
        "mask": record.mask,
    }
