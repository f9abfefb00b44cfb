"""The workers' side: one engine, one fill, in whatever thread, process or machine it runs."""

from __future__ import annotations

import functools
import io
import pickle
import threading
import time
import traceback
from dataclasses import dataclass
from typing import Any

from PIL import Image

from ..engines import Cancelled, Engine, Progress
from ..options import FillOptions
from .sent import Sent

_unpacking = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """What came of running an engine: a picture file, a failure, or neither: it was stopped.

    ``seconds`` says how long it took, by the worker's clock.
    """

    seconds: float
    picture: bytes = b""
    failure: str = ""


class Carried:
    """An engine that can be sent along with each fill: a process unpacks it once, and keeps it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @functools.cached_property
    def pickled(self) -> bytes:
        """The engine as other processes get it."""
        return pickle.dumps(self.engine)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpacked, (self.pickled,)


def _unpacked(pickled: bytes) -> Carried:
    with _unpacking:  # several threads of a worker share one engine, weights and all
        return Carried(_engine(pickled))


@functools.lru_cache(maxsize=2)
def _engine(pickled: bytes) -> Engine:
    engine: Engine = pickle.loads(pickled)
    return engine


def work(carried: Carried, sent: Sent, options: FillOptions, progress: Progress) -> Outcome:
    """Run an engine on one fill; never raises."""
    started = time.perf_counter()
    try:
        progress(0.0)
        image, mask = sent.decoded()
        filled = carried.engine(image, mask, options, progress)
        picture = _encoded(filled, image.size, str(options.output_format))
        return Outcome(time.perf_counter() - started, picture)
    except Cancelled:
        return Outcome(time.perf_counter() - started)
    except BaseException:  # SystemExit of an engine, too, is its own affair
        return Outcome(time.perf_counter() - started, failure=traceback.format_exc())


def _encoded(filled: object, size: tuple[int, int], output_format: str) -> bytes:
    if not isinstance(filled, Image.Image):
        raise TypeError(f"It returned {type(filled).__name__}, not a Pillow image")
    if (filled.mode, filled.size) != ("RGB", size):
        raise ValueError(
            f"It returned {filled.mode} of {filled.width} x {filled.height} px, not RGB of "
            f"{size[0]} x {size[1]} px"
        )
    buffer = io.BytesIO()
    if output_format == "png":
        filled.save(buffer, "PNG", compress_level=3)
    else:
        filled.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()
