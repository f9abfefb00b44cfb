"""Engines that other processes can import, for tests of what happens there."""

from __future__ import annotations

import os
import signal
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from PIL import Image


def shade(seed: int) -> tuple[int, int, int]:
    return seed % 256, 100, 200


@dataclass(frozen=True)
class Mortal:
    """Fills with a colour for each seed; kills its process when it is given seed 13.

    It writes down in a folder what it begins, and how often it was loaded.
    """

    folder: str
    deaths: int = 1
    name = "mortal"

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.note("loaded")

    def note(self, what: str) -> None:
        (Path(self.folder) / f"{what} {uuid.uuid4()}").touch()

    def noted(self, what: str) -> int:
        return len(list(Path(self.folder).glob(f"{what} *")))

    def __call__(self, image, mask, options, progress):
        self.note(f"begun-{options.seed}")
        if options.seed == 13 and self.noted("begun-13") <= self.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return Image.new("RGB", image.size, shade(options.seed))


@dataclass(frozen=True)
class Endless(Mortal):
    """Reports half of the work, with a preview, again and again; says when it was stopped."""

    name = "endless"

    def __call__(self, image, mask, options, progress):
        self.note(f"process-{os.getpid()}")
        preview = Image.new("RGB", (64, 32), "red")
        try:
            while True:
                progress(0.5, lambda: preview)
                time.sleep(0.02)
        finally:
            self.note("stopped")


@dataclass(frozen=True)
class Deaf(Mortal):
    """Works for a long while, and never looks whether it should stop."""

    name = "deaf"

    def __call__(self, image, mask, options, progress):
        self.note("begun")
        time.sleep(600)
        return image
