"""What the server asks of an engine: one call that fills a picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from PIL import Image

from ..mask import Mask
from ..options import FillOptions


class Cancelled(Exception):
    """Nobody wants this picture any more; raised by ``progress`` through the engine.

    Engines let it pass, and clean up on the way.
    """


class Progress(Protocol):
    """How an engine reports, and learns that it should stop.

    Call it after every step, and as often in between as stopping at once asks for: it is cheap.
    """

    def __call__(
        self, fraction: float, preview: Callable[[], Image.Image] | None = None, /
    ) -> None:
        """Say that ``fraction`` (0 to 1) is done.

        Parameters
        ----------
        fraction
            Share of the work that is done, 0 to 1.
        preview
            Makes a picture of the state so far. It is called only if somebody looks.

        Raises
        ------
        Cancelled
            The fill is to stop. Let it pass.
        """


@runtime_checkable
class Engine(Protocol):
    """A fill engine: a picklable callable, so that it can run on any executor.

    A plain function with the same four parameters serves as well; its ``__name__`` is then its
    name.

    Beyond the call, an engine may have

    ``name``
        What it is called where its results are shown.
    ``details(options)``
        What it says of itself and of a fill: a dict that fits into JSON.
    ``concurrency``
        How many calls at once suit it, each from a thread of its own. One that fills several
        pictures in one go asks for as many as it takes, gathers them under way, and answers each
        call by itself, with its own progress and its own end: see `fluxfill_nb.engines.FluxDev`.

    Examples
    --------
    >>> from PIL import Image
    >>> def grey(image, mask, options, progress):
    ...     progress(1.0)
    ...     return Image.composite(Image.new("RGB", image.size, "grey"), image, mask.to_pil())
    >>> import fluxfill_nb as ff
    >>> with ff.connect("local", engine=grey) as client:
    ...     result = client.fill(Image.new("RGB", (64, 64)), ff.Mask.full((64, 64)))
    >>> result.service
    'local engine: grey'
    """

    def __call__(
        self, image: Image.Image, mask: Mask, options: FillOptions, progress: Progress, /
    ) -> Image.Image:
        """Return ``image`` with what ``mask`` marks filled.

        Parameters
        ----------
        image
            The picture, mode RGB.
        mask
            What to fill, of the picture's size, hard (0 or 255 only).
        options
            Every setting resolved: no ``None`` where the contract has a default, and a seed.
        progress
            See `Progress`.

        Returns
        -------
        PIL.Image.Image
            Mode RGB, of the picture's size.
        """


def name_of(engine: Engine) -> str:
    """Return the name to show for an engine: its ``name``, else its function's name."""
    return str(getattr(engine, "name", None) or getattr(engine, "__name__", type(engine).__name__))
