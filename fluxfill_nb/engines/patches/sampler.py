"""The loop that fills a hole: from coarse to fine, and on each level noise, match, blend.

It has the shape of a diffusion sampler. Every step adds noise to the hole, finds for every patch
there the known patch that is nearest to it, and blends these: the mean of the posterior under the
picture's own distribution of patches, so to say (Wexler et al. 2007; Barnes et al. 2009; Newson et
al. 2014). The noise falls to zero, and what is blended last is the result.

All that decides a pixel is integer arithmetic, or correctly rounded: the same seed gives the same
bytes on every machine. Nothing is shared between calls: fills may run in parallel threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import noise, pyramid
from .colours import Colour
from .crops import Box, crops
from .descriptors import MEAN_COLOUR, PATCH, add_grain, mean_colour
from .dials import (
    colour_weight,
    looseness,
    noise_level,
    obedience,
    share_steps,
    taste_strength,
)
from .hole import depth, touched
from .level import Level, upper_quartile
from .membrane import SCALE, membrane, round_off

if TYPE_CHECKING:
    from ..engine import Progress

_NOISE, _TASTE = 0, 1  # the random streams of a crop
_STREAMS = 2
_SHARPEST = 2
_SEARCHED = 1 << 21  # px in the hole; larger levels only copy what the coarser one found
_QUIET = 0.5  # grey levels; less noise than this is none
_MISMATCHES = (64, 1 << 20)  # limits of what a picture is taken to differ from itself
_CLOSE, _WIDE = (1, 3), (1, 2, 5)  # px: the neighbours that are asked; more on a new level
_CHANNEL_WEIGHTS = np.array([1, 3, 3], np.int32)  # a wrong hue is worse than a wrong lightness
_LUMA_MISS = 480 * 480  # squared distance of mean colours that are 60 grey levels apart in luma
_HEAVIEST = 1 << 26  # keeps distance and penalty together in 32 bits
_OVERHEAD = 2000  # what a step costs apart from its pixels, in pixels

RGB = NDArray[np.uint8]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Settings:
    """How to fill.

    Attributes
    ----------
    seed
        Any integer.
    steps
        Rounds of noise, match and blend, 1 or more.
    guidance
        1.5 (varied, careless, colours ignored) to 100 (seeds agree, colours win).
    colours
        The hole should have these, as far as the picture offers them.
    """

    seed: int = 0
    steps: int = 50
    guidance: float = 60.0
    colours: tuple[Colour, ...] = ()


@dataclass(frozen=True)
class Filled:
    """What came out.

    Attributes
    ----------
    picture
        uint8 (H, W, 3).
    mismatch
        How badly the patches at the hole agree with what they copy, 0 is perfectly.
    """

    picture: RGB
    mismatch: float


def fill_hole(picture: RGB, hole: Bools, settings: Settings, progress: Progress) -> Filled:
    """Fill the hole of a picture.

    Parameters
    ----------
    picture
        uint8 (H, W, 3). What it holds in the hole has no influence.
    hole
        bool (H, W), true where to fill.
    settings
        See `Settings`.
    progress
        Told about the share of the work that is done: with a preview after every step, and without
        one many times in between. What it raises passes through.

    Returns
    -------
    Filled
        The picture is the same outside the hole, bit for bit.
    """
    whole = int(np.count_nonzero(hole))
    if not whole:
        progress(1.0, lambda: Image.fromarray(picture))
        return Filled(picture.copy(), 0.0)
    progress(0.0)
    square_sum, done = 0.0, 0
    for number, box in enumerate(crops(hole)):
        part = int(np.count_nonzero(hole[box]))

        def part_progress(
            fraction: float,
            preview: Callable[[], Image.Image] | None = None,
            /,
            done: int = done,
            part: int = part,
        ) -> None:
            progress((done + fraction * part) / whole, preview)

        filled = _fill_crop(picture, hole, box, settings, number, part_progress)
        picture = filled.picture
        square_sum += filled.mismatch * filled.mismatch * part
        done += part
    return Filled(picture, math.sqrt(square_sum / whole))


def _fill_crop(
    picture: RGB, hole: Bools, box: Box, settings: Settings, number: int, progress: Progress
) -> Filled:
    if min(hole[box].shape) < PATCH or touched(hole[box]).all():
        here = np.zeros_like(hole)
        here[box] = hole[box]
        return _fill_with_clouds(picture, here, settings, progress)
    progress(0.0)
    return _Sampler(picture, hole, box, settings, number, progress).run()


@dataclass(frozen=True)
class _Round:
    """Where a step stands in the plan."""

    height: int  # levels above the coarsest
    octaves: int  # levels below full size
    step: int  # of this level
    remaining: float  # 1 at a level's first step, falling to 0

    @property
    def is_last(self) -> bool:
        return self.remaining == 0.0


class _Sampler:
    """One fill: its pyramid, its random streams, and how far it has come."""

    def __init__(
        self,
        picture: RGB,
        hole: Bools,
        box: Box,
        settings: Settings,
        number: int,
        progress: Progress,
    ) -> None:
        self._picture, self._hole, self._box = picture, hole[box], box
        self._progress = progress
        self._steps_done = self._work_done = 0
        self._work = 1
        self._pyramid = pyramid.build(
            add_grain(picture[box], self._hole, self._tick), self._hole, self._tick
        )
        sizes = [int(np.count_nonzero(level_hole)) for _, level_hole in self._pyramid]
        self._copied = min(sum(size > _SEARCHED for size in sizes), len(sizes) - 1)
        self._plan = share_steps(settings.steps, len(sizes) - self._copied)
        self._rng = noise.generator(settings.seed, _STREAMS * number + _NOISE)
        self._taste_map = noise.smooth_map(
            noise.generator(settings.seed, _STREAMS * number + _TASTE)
        )
        self._obedience = obedience(settings.guidance)
        self._loose = looseness(settings.guidance)
        self._colours = settings.colours
        self._mismatch = 0  # how badly patches of this picture usually agree
        self._work = sum(
            steps * _cost(size)
            for steps, size in zip(self._plan, reversed(sizes[self._copied :]), strict=True)
        ) + sum(sizes[: self._copied])

    def run(self) -> Filled:
        level: Level | None = None
        for rounds in self._rounds():
            self._tick()
            coarser, level = level, Level(*self._pyramid.pop(), self._tick)
            if coarser is None:
                self._start(level)
            else:
                level.field.inherit(coarser.field, self._rng)
                level.vote(0)
            del coarser  # sets its memory free
            taste, distaste = self._taste(level), self._distaste(level)
            for this in rounds:
                level.field.penalty = self._penalty(level, taste, distaste, this)
                self._step(level, this)
                self._report(level, this.octaves)
        assert level is not None
        while self._pyramid:
            coarser, level = level, Level(*self._pyramid.pop(), self._tick)
            level.field.inherit(coarser.field, self._rng)
            del coarser
            if not self._pyramid:
                level.finish(_SHARPEST)
                self._work_done = self._work
                self._show(level.pixels, 0)
        return Filled(self._result(level.pixels, 0), level.field.mismatch())

    def _rounds(self) -> list[list[_Round]]:
        """Return the steps of each level, coarsest first."""
        finest = len(self._plan) - 1 + self._copied
        out = [
            [_Round(height, finest - height, step, 1.0 - step / steps) for step in range(steps)]
            for height, steps in enumerate(self._plan)
        ]
        out[-1][-1] = replace(out[-1][-1], remaining=0.0)
        return out

    def _start(self, level: Level) -> None:
        level.guess()
        if not (self._colours and self._obedience):  # what grows has the colours of its rim
            level.grow(self._rng)
        level.field.search(level.describe_queries(), self._rng, jumps=_WIDE)
        lowest, highest = _MISMATCHES
        self._mismatch = min(highest, max(lowest, upper_quartile(level.field.distance)))

    def _step(self, level: Level, this: _Round) -> None:
        sigma = noise_level(self._mismatch, self._loose, this.remaining, this.height)
        extra = None
        if sigma >= _QUIET:
            normal = noise.nearly_normal(self._rng, (level.size, 3))
            extra = (normal * round(sigma * 16)) >> 12
            self._tick()
        level.field.search(
            level.describe_queries(extra),
            self._rng,
            jumps=_CLOSE if this.step else _WIDE,
            lots=4 if this.octaves else 3,
        )
        if this.is_last:
            level.finish(_SHARPEST)
        else:
            # From the mean of all votes to the best one only: structure first, detail last.
            total = sum(self._plan)
            sharpness = (2 * _SHARPEST * self._steps_done + total) // (2 * total)
            level.vote(sharpness)

    def _penalty(
        self,
        level: Level,
        taste: NDArray[np.uint8],
        distaste: NDArray[np.int32] | None,
        this: _Round,
    ) -> NDArray[np.int32] | None:
        """Return what makes sources less welcome: a seed's taste, crowds, colours that are off."""
        if this.is_last:
            return None
        strength = taste_strength(self._mismatch, self._loose, this.remaining, this.height)
        table = np.arange(256, dtype=np.int64) * strength >> 8
        penalty: NDArray[np.int32] = table.astype(np.int32)[taste]
        if this.octaves:  # at full size no structure is left to decide
            usual = min(self._mismatch, upper_quartile(level.field.distance))
            penalty += level.field.crowding(int(usual * this.remaining) // 2)
        if distaste is None:
            return penalty
        weight = colour_weight(self._mismatch, self._obedience)
        both: NDArray[np.int64] = distaste.astype(np.int64) * weight // _LUMA_MISS + penalty
        return np.minimum(both, _HEAVIEST, out=both).astype(np.int32)

    def _taste(self, level: Level) -> NDArray[np.uint8]:
        """Return where this seed dislikes to copy from: 0 to 255 for every anchor."""
        chart = self._taste_map.astype(np.uint8)
        return noise.stretch(chart, level.field.height, level.field.width).ravel()

    def _distaste(self, level: Level) -> NDArray[np.int32] | None:
        """Return how far the mean colour of each patch is from the nearest wanted one, squared."""
        nearest: NDArray[np.int32] | None = None
        for colour in self._colours:
            off = level.field.descriptors[:, MEAN_COLOUR] - mean_colour(colour)
            square: NDArray[np.int32] = (off * off) @ _CHANNEL_WEIGHTS
            nearest = square if nearest is None else np.minimum(nearest, square)
        return nearest

    def _tick(self) -> None:
        self._progress(self._work_done / self._work)

    def _report(self, level: Level, octaves: int) -> None:
        self._steps_done += 1
        self._work_done += _cost(level.size)
        self._show(level.pixels, octaves)  # not the level: a preview should not keep the field

    def _show(self, pixels: NDArray[np.uint8], octaves: int) -> None:
        self._progress(
            self._work_done / self._work, lambda: Image.fromarray(self._result(pixels, octaves))
        )

    def _result(self, pixels: NDArray[np.uint8], octaves: int) -> RGB:
        """Return the whole picture, its hole as in the pixels of a level so many octaves down."""
        state = pixels[..., :3]
        height, width = self._hole.shape
        if octaves:
            small = Image.fromarray(state)
            large = small.resize(
                (small.width << octaves, small.height << octaves), Image.Resampling.BILINEAR
            )
            state = np.asarray(large)
        out = self._picture.copy()
        out[self._box][self._hole] = state[:height, :width][self._hole]
        return out


def _cost(pixels: int) -> int:
    return pixels + _OVERHEAD


def _fill_with_clouds(picture: RGB, hole: Bools, settings: Settings, progress: Progress) -> Filled:
    """Fill a hole where not one patch is known: soft clouds in the colours at hand."""
    rng = noise.generator(settings.seed, _NOISE)
    base = membrane(picture, hole, lambda: progress(0.0))
    if settings.colours:
        obedient = obedience(settings.guidance)
        weight = round(256 * obedient * obedient)
        wanted = np.array(settings.colours[0], np.int32) * SCALE
        base += (wanted - base) * weight >> 8
    # Close to known pixels their colour is right, far from them nobody knows.
    doubt = depth(hole, PATCH).astype(np.int64)
    cloud = noise.clouds(rng, *hole.shape) * doubt // PATCH
    out = picture.copy()
    out[hole] = np.clip(round_off(base) + cloud[..., None], 0, 255)[hole]
    progress(1.0, lambda: Image.fromarray(out))
    return Filled(out, 0.0)
