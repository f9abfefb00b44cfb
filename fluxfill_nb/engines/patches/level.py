"""The picture at one scale: what is in its hole now, and the votes that decide it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .descriptors import CHANNELS, COARSE, FINE, PATCH, describe
from .evenness import even_out
from .field import MatchField
from .growth import grow, is_affordable
from .hole import depth, is_spanned, rim
from .membrane import membrane, round_off

_DEEPEST = 8
# Trust in a patch halves with each pixel that its centre lies deeper: the less it is founded on. So
# agreement grows inwards from the rim (as in Newson et al. 2014).
_TRUST = np.array([256 >> depth for depth in range(_DEEPEST + 1)], np.int64)
_LARGEST_VOTE = 4095  # keeps the sums of 64 votes times 255 in 32 bits
_LARGEST_STEP = 28  # grey levels; a larger step at the rim is an edge that belongs there
_LARGE = 1 << 14  # px in the hole from which on only every other anchor asks, and in short
_CHUNK = 1 << 13  # pixels that are voted for at once: bounds the memory, and the time between ticks

Ints = NDArray[np.int32]


class Level:
    """One level of the pyramid.

    Parameters
    ----------
    pixels
        uint8 (H, W, 5). Becomes the level's own: its hole is written to.
    hole
        bool (H, W), see `MatchField`.
    tick
        Called every few hundredths of a second; may raise to stop.
    """

    def __init__(
        self, pixels: NDArray[np.uint8], hole: NDArray[np.bool_], tick: Callable[[], None]
    ) -> None:
        self.pixels, self.hole, self._tick = pixels, hole, tick
        self._y, self._x = (a.astype(np.int32) for a in np.nonzero(hole))
        tick()
        stride, length = (2, COARSE) if self.size > _LARGE else (1, FINE)
        self.field = MatchField(pixels, hole, tick, stride, length)
        self._trust = _TRUST.take(self._depths())
        tick()
        # The part of the picture that the queries cover.
        self._top, self._left = int(self.field.query_y.min()), int(self.field.query_x.min())
        self._bottom, self._right = (
            int(a.max()) + PATCH for a in (self.field.query_y, self.field.query_x)
        )

    def _depths(self) -> NDArray[np.uint8]:
        """Return how deep in the hole the centre of each query's patch lies."""
        top, left = int(self._y.min()), int(self._x.min())
        window = self.hole[top : int(self._y.max()) + 1, left : int(self._x.max()) + 1]
        # Around the hole nothing is one; behind the picture's border nothing is known.
        margins = [
            (min(1, start), min(1, whole - start - part))
            for start, part, whole in zip((top, left), window.shape, self.hole.shape, strict=True)
        ]
        deep = depth(np.pad(window, margins), _DEEPEST)
        y = self.field.query_y + (PATCH // 2 - top + margins[0][0])
        x = self.field.query_x + (PATCH // 2 - left + margins[1][0])
        return deep[np.clip(y, 0, deep.shape[0] - 1), np.clip(x, 0, deep.shape[1] - 1)]

    @property
    def size(self) -> int:
        """Number of pixels in the hole."""
        return self._y.size

    def guess(self) -> None:
        """Fill the hole smoothly."""
        smooth = round_off(membrane(self.pixels, self.hole)[self.hole])
        self.pixels[self.hole] = np.clip(smooth, 0, 255)

    def grow(self, rng: np.random.Generator) -> None:
        """Fill the hole with pieces of the known picture, if it is too wide to be guessed."""
        if not is_spanned(self.hole) and is_affordable(self.hole):
            self.field.follow(*grow(self.pixels, self.hole, self._tick), rng)

    def describe_queries(self, noise: Ints | None = None) -> NDArray[np.int16]:
        """Return the descriptors of the queries, with ``noise`` (int32, (size, 3)) on the hole."""
        window = self.pixels[self._top : self._bottom, self._left : self._right].astype(np.int16)
        if noise is not None:
            window[self._y - self._top, self._x - self._left, :3] += noise.astype(np.int16)
        stride = self.field.stride
        described = describe(window, self.field.length, self._tick, stride)
        row = (self.field.query_y - self._top) // stride
        column = (self.field.query_x - self._left) // stride
        place = row * described.shape[1] + column
        out: NDArray[np.int16] = described.reshape(-1, self.field.length).take(place, 0)
        return out

    def vote(self, sharpness: int) -> None:
        """Let every patch vote for the pixels of the hole that it covers.

        Parameters
        ----------
        sharpness
            0: all patches of a pixel have a say; 5: nearly only the best of them.
        """
        self.pixels[self._y, self._x] = self._count(self._y, self._x, sharpness, CHANNELS)[0]

    def finish(self, sharpness: int) -> None:
        """Vote for the last time, and spread the colour step at the rim smoothly over the hole.

        The votes say something about the known pixels around the hole as well. Where that differs
        from what is there, a seam would show; so the difference is interpolated over the hole and
        added (Pérez et al., "Poisson image editing", 2003, solved by pull-push). What is blotchy
        inside is evened out at last.
        """
        rim_y, rim_x = (a.astype(np.int32) for a in np.nonzero(rim(self.hole)))
        y, x = np.concatenate([self._y, rim_y]), np.concatenate([self._x, rim_x])
        colour, votes = self._count(y, x, sharpness, 3)  # the grain has served
        inside = colour[: self.size]
        if rim_y.size:
            step = self.pixels[rim_y, rim_x, :3] - colour[self.size :]
            step = np.where(votes[self.size :, None] > 0, step, 0)
            inside = inside + self._membrane_of_steps(rim_y, rim_x, step)
        self.pixels[self._y, self._x, :3] = np.clip(inside, 0, 255)
        even_out(self.pixels, self.hole, self._tick)

    def _membrane_of_steps(self, rim_y: Ints, rim_x: Ints, step: Ints) -> Ints:
        top = min(max(0, self._top + PATCH - 2), int(rim_y.min()))
        left = min(max(0, self._left + PATCH - 2), int(rim_x.min()))
        shape = self._bottom - top, self._right - left
        values, unknown = np.zeros((*shape, 3), np.int32), np.ones(shape, np.bool_)
        values[rim_y - top, rim_x - left] = np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
        unknown[rim_y - top, rim_x - left] = False
        return round_off(membrane(values, unknown, self._tick)[self._y - top, self._x - left])

    def _weights(self, sharpness: int) -> Ints:
        """Return the weight of every query's vote."""
        distance = self.field.distance.astype(np.int64)
        usual = max(1, upper_quartile(self.field.distance))
        fit = (usual << 7) // (distance + (usual >> sharpness) + 1)
        return ((np.minimum(fit, _LARGEST_VOTE) * self._trust >> 8) + 1).astype(np.int32)

    def _count(self, y: Ints, x: Ints, sharpness: int, channels: int) -> tuple[Ints, Ints]:
        """Return the mean vote for each pixel (int32, (n, channels)) and the votes' sum (n,)."""
        field, width = self.field, self.hole.shape[1]
        known = np.ascontiguousarray(self.pixels[..., :channels]).reshape(-1, channels)
        # Where a patch is copied from, and its weight; no weight where there is none.
        source_at, weight_at = np.zeros((2, field.rows * field.columns), np.int32)
        source_at[field.place] = field.match_y * width + field.match_x
        weight_at[field.place] = self._weights(sharpness)
        self._tick()
        place, stride = field.place_of(y, x), field.stride
        colour, votes = np.empty((y.size, channels), np.int32), np.empty(y.size, np.int32)
        # Pixels at the same place between the queries are at the same places of their patches.
        for down, right in np.ndindex(stride, stride):
            pixels = np.flatnonzero((y % stride == down) & (x % stride == right))
            for start in range(0, pixels.size, _CHUNK):
                part = pixels[start : start + _CHUNK]
                centre = place.take(part)
                total, votes_here = np.zeros((part.size, channels), np.int32), np.zeros_like(centre)
                for a, b in np.ndindex(PATCH // stride, PATCH // stride):
                    query = centre - (a * field.columns + b)
                    weight = weight_at.take(query)
                    pixel = (a * stride + down) * width + b * stride + right  # of this patch
                    total += known.take(source_at.take(query) + pixel, 0) * weight[:, None]
                    votes_here += weight
                half = votes_here[:, None] >> 1
                colour[part] = (total + half) // np.maximum(votes_here, 1)[:, None]
                votes[part] = votes_here
                self._tick()
        return colour, votes


def upper_quartile(values: Ints) -> int:
    """Return the value that three quarters of ``values`` do not exceed."""
    rank = 3 * values.size // 4
    return int(np.partition(values, rank)[rank])
