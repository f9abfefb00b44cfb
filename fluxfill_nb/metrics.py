"""Numbers that say how a fill turned out: what changed outside, whether the rim shows, how sharp.

All compare pixels with pixels; none knows whether the picture is good. They rank fills of one
picture and one mask; across pictures they mean little.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from .errors import InvalidInput, InvalidOption
from .images import Picture
from .mask.morphology import dilate
from .mask.reading import FILLED
from .result import FillResult
from .wording import did_you_mean

CHANGED = 8
"""From which change on, in levels of 0..255, a pixel counts as changed."""

# What counts as near the rim, px.
_NEAR = 8
# Diversity is measured on holes scaled down to this, px: what differs must be seen, not noise.
_SMALL = 256
# Added to both sides of a ratio, so that flat surroundings do not make it endless.
_LEVEL = 1.0

Grey = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


class Sample:
    """What the metrics look at: one result's pixels, each step worked out once.

    Parameters
    ----------
    result
        With its request; a picture of another size is resampled to the original's.

    Attributes
    ----------
    original, filled
        The picture before, and as the service made it; mode RGB.
    hole
        What was to be filled; bool of shape ``(height, width)``.
    """

    def __init__(self, result: FillResult) -> None:
        request = result.request
        if request is None:
            raise InvalidInput(
                "The original picture is not known for this task, so there is nothing to measure "
                "against: wait for FillTask(id, polling_url, request=…)."
            )
        self.original = request.image
        # Not result.raw: results keep that, and those of a large sweep together would be gigabytes.
        self.filled = Picture.open(result.encoded).rgb
        if self.filled.size != self.original.size:
            self.filled = self.filled.resize(self.original.size, Image.Resampling.LANCZOS)
        self.hole: Flags = request.mask.array >= FILLED

    @cached_property
    def outside(self) -> Image.Image:
        """What was to be left alone, as white; mode L."""
        return Image.fromarray(np.where(self.hole, np.uint8(0), np.uint8(255)))

    @cached_property
    def change(self) -> Image.Image:
        """How much each pixel and channel has changed; mode RGB."""
        return ImageChops.difference(self.original, self.filled)

    @cached_property
    def pasted(self) -> Grey:
        """The luminance of the fill pasted into the original, without any feathering."""
        whole = self.filled.copy()
        whole.paste(self.original, mask=self.outside)
        return np.asarray(whole.convert("L"))

    @cached_property
    def small_hole(self) -> Grey:
        """The pixels of the hole, scaled down; uint8 of shape ``(pixels, 3)``."""
        hole = ImageChops.invert(self.outside)
        box = hole.getbbox() or (0, 0, *hole.size)
        width, height = box[2] - box[0], box[3] - box[1]
        scale = max(1.0, max(width, height) / _SMALL)
        size = max(1, round(width / scale)), max(1, round(height / scale))
        how = Image.Resampling.BOX
        pixels = np.asarray(self.filled.resize(size, how, box))
        return pixels[np.asarray(hole.resize(size, how, box)) >= FILLED]


@dataclass(frozen=True)
class Metric:
    """One number, and how to read it.

    Attributes
    ----------
    name
        What it is called.
    unit
        What it is counted in.
    better
        Which way is better, all else equal; ``'depends'`` if that is for a person to say.
    says
        What it tells, in a sentence.
    measure
        From a sample, and the small holes of other seeds, to the number; NaN where it means
        nothing.

    Examples
    --------
    >>> from fluxfill_nb.metrics import METRICS
    >>> METRICS["drift"].unit
    'levels, 0 to 255'
    """

    name: str
    unit: str
    better: Literal["lower", "near 1", "depends"]
    says: str
    measure: Callable[[Sample, Sequence[Grey]], float]


def drift(sample: Sample, _others: Sequence[Grey] = ()) -> float:
    """Return the mean absolute change outside the mask, 0..255 levels; NaN if nothing is outside.

    0: the service left the rest alone. 1 or 2 are what a JPEG loses by itself; what is more, the
    model has shifted, and so it may have shifted the fill, which then does not match the original.
    """
    levels = np.array(sample.change.histogram(sample.outside)).reshape(3, 256).sum(axis=0)
    return float(levels @ np.arange(256) / levels.sum()) if levels.any() else math.nan


def changed(sample: Sample, _others: Sequence[Grey] = ()) -> float:
    """Return the share of pixels outside the mask that changed by more than 8 levels, 0..1.

    In any of the channels. A high drift with few of them is a shift of all colours; a low one with
    some is a thing that was moved or redrawn where it should not.
    """
    red, green, blue = sample.change.split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    counts = most.histogram(sample.outside)
    return sum(counts[CHANGED + 1 :]) / sum(counts) if any(counts) else math.nan


def seam(sample: Sample, _others: Sequence[Grey] = ()) -> float:
    """Return how much steeper the picture is across the rim than near it; a ratio, above 0.

    Of the fill pasted into the original without feathering: about 1 is no seam; the higher, the
    more it needs feathering. NaN if there is no rim. Both are mean steps of luminance from pixel to
    pixel, near is within 8 px, and one level is added to both so that flat parts can be divided by.
    """
    top, bottom, left, right = _around(sample.hole)
    grey, hole = sample.pasted[top:bottom, left:right], sample.hole[top:bottom, left:right]
    filled = hole.astype(np.uint8)
    near = (dilate(filled, _NEAR) & dilate(1 - filled, _NEAR)).astype(bool)
    across = beside = 0.0
    pairs = others = 0
    for one, other in (
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[1:], np.s_[:-1]),
    ):
        step = np.maximum(grey[one], grey[other]) - np.minimum(grey[one], grey[other])
        rim = hole[one] != hole[other]
        close = near[one] & near[other] & ~rim
        across, pairs = across + float(step[rim].sum()), pairs + int(np.count_nonzero(rim))
        beside, others = beside + float(step[close].sum()), others + int(np.count_nonzero(close))
    if not pairs or not others:
        return math.nan
    return (across / pairs + _LEVEL) / (beside / others + _LEVEL)


def sharpness(sample: Sample, _others: Sequence[Grey] = ()) -> float:
    """Return how sharp the fill is, relative to the picture around; a ratio, above 0.

    Variance of the Laplacian inside the mask by that outside, of luminance, one added to both: 1 is
    as sharp as the rest; below is smoother, above is sharper, or noise. NaN if either side has no
    pixel whose four neighbours belong to it too.
    """
    grey = sample.pasted.astype(np.int16)
    curve = 4 * grey[1:-1, 1:-1]
    inside = sample.hole[1:-1, 1:-1].copy()
    outside = ~inside
    for part in (np.s_[:-2, 1:-1], np.s_[2:, 1:-1], np.s_[1:-1, :-2], np.s_[1:-1, 2:]):
        curve -= grey[part]
        inside &= sample.hole[part]
        outside &= ~sample.hole[part]
    if not inside.any() or not outside.any():
        return math.nan
    spread = [float(curve[where].var(dtype=np.float32)) for where in (inside, outside)]
    return (spread[0] + _LEVEL) / (spread[1] + _LEVEL)


def diversity(sample: Sample, others: Sequence[Grey]) -> float:
    """Return the mean difference inside the mask to the other seeds' results, 0..255 levels.

    Of the same settings, on holes scaled down to 256 px. 0: the seed changes nothing; the higher,
    the more there is to choose from. NaN without other seeds.
    """
    own = sample.small_hole
    if not others or not own.size:
        return math.nan
    if any(other.shape != own.shape for other in others):
        raise InvalidInput("Diversity compares fills of one mask: the other results have another.")
    found = [(np.maximum(own, other) - np.minimum(own, other)).mean() for other in others]
    return float(sum(found) / len(found))


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "drift", "levels, 0 to 255", "lower",
            "how far the model changed what lies outside the mask", drift,
        ),
        Metric(
            "changed", "share, 0 to 1", "lower",
            f"how much outside the mask changed by more than {CHANGED} levels", changed,
        ),
        Metric(
            "seam", "ratio", "near 1",
            "how much steeper the picture is across the mask's rim than near it", seam,
        ),
        Metric(
            "sharpness", "ratio", "near 1",
            "how sharp the fill is, relative to the picture around it", sharpness,
        ),
        Metric(
            "diversity", "levels, 0 to 255", "depends",
            "how much the fill differs from those of other seeds with the same settings", diversity,
        ),
    )
}  # fmt: skip
"""The metrics by name."""


def measure(result: FillResult, *names: str, others: Iterable[FillResult] = ()) -> dict[str, float]:
    """Return metrics of one result.

    Parameters
    ----------
    result
        With its request.
    *names
        Which of `METRICS`; none: all.
    others
        The results of other seeds with the same settings, for ``diversity``.

    Returns
    -------
    dict
        Name to number; NaN where a metric means nothing.

    Raises
    ------
    fluxfill_nb.errors.InvalidInput
        There is no such metric, or the result came without its request.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.metrics import measure
    >>> picture = Image.linear_gradient("L")
    >>> mask = ff.Mask.from_ellipse(picture.size, (80, 80, 140, 160))
    >>> with ff.connect("local") as client:
    ...     result = client.fill(picture, mask, steps=15, seed=7, output_format="png")
    >>> measure(result, "drift", "changed")
    {'drift': 0.0, 'changed': 0.0}
    """
    chosen = named_metrics(names)
    sample = Sample(result)
    holes = [Sample(other).small_hole for other in others]
    return {metric.name: metric.measure(sample, holes) for metric in chosen}


def named_metrics(names: Sequence[str]) -> list[Metric]:
    """Return the metrics of these names; all of them for none."""
    for name in names:
        if name not in METRICS:
            hint = did_you_mean(str(name), METRICS) or f"there are {', '.join(METRICS)}."
            raise InvalidOption(f"There is no metric {name!r}: {hint}")
    return [METRICS[name] for name in names or METRICS]


def _around(hole: Flags) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the hole with what is near it."""
    margin = 2 * _NEAR
    box: Any = Image.fromarray(hole).getbbox() or (0, 0, *hole.shape[::-1])
    left, top, right, bottom = box
    return max(0, top - margin), bottom + margin, max(0, left - margin), right + margin
