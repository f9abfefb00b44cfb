"""What comes back: a task that was accepted, the words for its state, and the filled picture."""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from . import provenance
from .errors import InvalidImage, InvalidInput, InvalidMask
from .images import Picture
from .mask import morphology
from .mask.reading import FILLED
from .request import FillRequest
from .triptych import triptych

FEATHER = 4
"""How far the fill of a hard mask fades in unless told otherwise, px."""


class FillStatus(StrEnum):
    """The service's words for the state of a task.

    Words that are not listed count as still in flight: the service has added some before.
    """

    PENDING = "Pending"
    REASONING = "Reasoning"
    GENERATING = "Generating"
    READY = "Ready"
    REQUEST_MODERATED = "Request Moderated"
    CONTENT_MODERATED = "Content Moderated"
    ERROR = "Error"
    NOT_FOUND = "Task not found"


@dataclass(frozen=True, eq=False)
class FillTask:
    """A fill that the service has accepted; enough to fetch the picture from another process.

    Parameters
    ----------
    id
        The service's name for it.
    polling_url
        Where to ask for it. Always this address: a task lives in one region.
    request
        What was asked for, if known: without it the result cannot be blended over the original.
    submitted
        When it was accepted (UTC).

    Examples
    --------
    >>> import fluxfill_nb as ff
    >>> ff.FillTask(id="4f2a", polling_url="https://api.eu2.bfl.ai/v1/get_result?id=4f2a").id
    '4f2a'
    """

    id: str
    polling_url: str
    request: FillRequest | None = None
    submitted: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FillTask):
            return NotImplemented
        return (self.id, self.polling_url) == (other.id, other.polling_url)

    def __hash__(self) -> int:
        return hash((self.id, self.polling_url))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}, submitted {self.submitted:%Y-%m-%d %H:%M} UTC>"


@dataclass(frozen=True, eq=False)
class FillProgress:
    """How far a task is, as callbacks get it.

    Attributes
    ----------
    task
        The task.
    status
        The service's word for it.
    elapsed
        Since the submission, s.
    fraction
        Share of the work that is done, 0 to 1; None if the service does not say.
    preview
        The picture so far; None if the service does not show it.
    """

    task: FillTask
    status: str
    elapsed: float
    fraction: float | None = None
    preview: Image.Image | None = None


@dataclass(frozen=True)
class PictureFile:
    """Where a result's picture lies on disk.

    Attributes
    ----------
    path
        The file, as the service sent it, with its origin inside.
    size
        Its (width, height), px; known without opening it.
    thumbs
        A folder in which small copies of it may be kept, named ``path.stem`` and more.
    """

    path: Path
    size: tuple[int, int]
    thumbs: Path


@dataclass(frozen=True, eq=False)
class FillResult:
    """A filled picture, and all that is known of how it was made.

    In a notebook it shows before, mask and after.

    Parameters
    ----------
    task
        The task that it came of, with its request if known.
    encoded
        The picture file exactly as the service sent it.
    service
        Who made it: ``'local engine: patches'``, or the host's name.
    seed
        The seed that was used; None if the service did not say and none was asked for.
    duration
        From the request to the picture in hand, s; None if it was ready before anybody looked.
    price
        What it cost, USD; None if not known.
    details
        What else the service said, as it said it.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> picture = Image.linear_gradient("L")
    >>> mask = ff.Mask.from_ellipse(picture.size, (80, 80, 140, 160))
    >>> with ff.connect("local") as client:
    ...     result = client.fill(picture, mask, steps=15, seed=7)
    >>> result
    <FillResult 256 x 256, seed 7, local engine: patches, free>
    >>> result.image.getpixel((0, 0)) == (0, 0, 0)
    True
    """

    task: FillTask
    encoded: bytes
    service: str
    seed: int | None = None
    duration: float | None = None
    price: float | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def request(self) -> FillRequest | None:
        """What was asked for; None if the task came from elsewhere without it."""
        return self.task.request

    @property
    def file(self) -> PictureFile | None:
        """Where the picture lies on disk; None if it is in no store."""
        return None

    @property
    def key(self) -> str:
        """What ratings know the picture by: its request, or else its task.

        In a store, each picture has its own.
        """
        return self.task.id if self.request is None else self.request.key

    @cached_property
    def raw(self) -> Image.Image:
        """The picture as the service made it, mode RGB; treat it as read-only.

        Its colours may have shifted outside the mask, and its size may differ from the original's.

        Raises
        ------
        fluxfill_nb.errors.InvalidImage
            ``encoded`` is not a picture, or not a whole one.
        """
        return Picture.open(self.encoded).rgb

    @cached_property
    def image(self) -> Image.Image:
        """The fill over the original, blended as `composited` does by default; read-only."""
        return self.raw if self.request is None else self.composited()

    @property
    def is_resampled(self) -> bool:
        """Whether the service sent another size than the original's, so that blending resamples."""
        return self.request is not None and self._size != self.request.image.size

    def composited(self, feather: float | None = None) -> Image.Image:
        """Return the original picture with the fill inside the mask only.

        Every pixel where the mask is 0 is the original's, bit for bit. A picture that came back in
        another size is resampled to the original's first.

        Parameters
        ----------
        feather
            Over how many px the fill fades in, from the mask's rim (where it reaches 128) inwards.
            Where the mask is thinner than that, it fades in faster, so that thin strokes are filled
            too. 0: the mask's own edge, hard or soft. None: 4 for a hard mask, 0 for a soft one.

        Returns
        -------
        PIL.Image.Image
            Mode RGB, of the original's size, with its colour profile.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            The request is not known, or ``feather`` is negative.
        """
        if self.request is None:
            raise InvalidInput(
                "The original picture is not known for this task, so there is nothing to blend "
                "over: use .raw, or wait for FillTask(id, polling_url, request=…)."
            )
        original, mask = self.request.image, self.request.mask
        if feather is None:
            feather = FEATHER if mask == mask.threshold() else 0
        if not (isinstance(feather, Real) and feather >= 0):
            raise InvalidMask(f"feather is {feather!r} px: it must be a number, 0 or above.")
        filled = self.raw
        if filled.size != original.size:
            filled = filled.resize(original.size, Image.Resampling.LANCZOS)
        out = original.copy()
        out.paste(filled, mask=Image.fromarray(fade_in(mask.array, feather)))
        return out

    def triptych(self, *, height: int = 360) -> Image.Image:
        """Return one picture of before, mask and after, side by side with captions.

        Of a task that came without its request, only the last is known.

        Parameters
        ----------
        height
            Of each of the three, at most, px; 1 and above.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            ``height`` is below 1.
        """
        panels = [("after", self.image)]
        if self.request is not None:
            image = self.request.image
            panels = [("before", image), ("mask", self.request.mask.preview(image)), *panels]
        return triptych(panels, caption=self._caption(), height=height)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        feather: float | None = None,
        raw: bool = False,
        quality: int = 95,
    ) -> Path:
        """Save the picture with its origin inside, for `fluxfill_nb.FillRequest.from_file`.

        All settings, digests of picture and mask, the service and the task's id are written into
        the file; no key and no address.

        Parameters
        ----------
        path
            Ends with .png, .jpg, .jpeg or .webp.
        feather
            As in `composited`.
        raw
            Save what the service made instead of the blend.
        quality
            Of JPEG and WebP, 1 to 100.

        Returns
        -------
        pathlib.Path
            The file.
        """
        raw = raw or self.request is None
        image = self.raw if raw else self.composited(feather)
        origin = self.provenance() | {"shown": "raw" if raw else "composited"}
        return provenance.write(image, path, origin, quality=quality)

    def provenance(self) -> dict[str, Any]:
        """Return how the picture was made, as JSON values: what `save` writes into the file."""
        origin: dict[str, Any] = {
            "service": self.service,
            "task": self.task.id,
            "submitted": self.task.submitted.isoformat(timespec="seconds"),
            "duration_s": self.duration,
            "price_usd": self.price,
        }
        if self.request is not None:
            settings = self.request.options.model_dump(
                mode="json", exclude={"webhook_url", "webhook_secret"}
            )
            origin |= {
                "settings": settings | ({} if self.seed is None else {"seed": self.seed}),
                "image": {"size": self.request.image.size, "sha256": self.request.picture.digest},
                "mask": {"sha256": self.request.mask.threshold().digest},
            }
        return origin

    @property
    def _size(self) -> tuple[int, int]:
        """Of the picture as the service made it."""
        return self.raw.size

    def __repr__(self) -> str:
        try:
            width, height = self._size
        except InvalidImage:
            return f"<FillResult, damaged: {len(self.encoded):,} bytes that are no picture>"
        return f"<FillResult {width} x {height}, {self._caption(', ')}>"

    def _caption(self, separator: str = "  ·  ") -> str:
        parts = [] if self.seed is None else [f"seed {self.seed}"]
        parts.append(self.service)
        if self.is_resampled:
            width, height = self._size
            parts.append(f"resampled from {width} x {height}")
        if self.price is not None:
            parts.append(f"${self.price:.2f}" if self.price else "free")
        return separator.join(parts)

    def _repr_jpeg_(self) -> bytes:
        buffer = io.BytesIO()
        self.triptych().save(buffer, "JPEG", quality=90)
        return buffer.getvalue()


def fade_in(mask: np.ndarray[Any, np.dtype[np.uint8]], feather: float) -> Any:
    """How much of the fill shows, 0 to 255: the mask's values, rising from the rim inwards."""
    reach = round(min(feather, *mask.shape))
    if reach == 0:
        return mask
    inside = mask >= FILLED
    depth = morphology.depth(inside, reach + 1)
    deepest = float(depth.max())
    share = np.minimum(np.ceil(depth * (255 / deepest)), 255).astype(np.uint8)
    # In thin parts the deepest point nearby is the middle: there the fill shows fully.
    nearby = np.maximum(morphology.dilate(share, math.ceil(deepest)), 1)
    rising = share.astype(np.uint16) * 255 // nearby
    return np.where(inside, rising * mask // 255, 0).astype(np.uint8)
