"""The picture at one scale: what is in its hole now, and the votes that decide it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .descriptors import CHANNELS, PATCH, describe
from .evenness import even_out
from .field import MatchField
from .hole import depth, rim
from .membrane import membrane, round_off

_DEEPEST = 16
# Trust in a patch by the depth of its centre, round(256 / 1.3**depth): the deeper, the less it is
# founded on. So agreement grows inwards from the rim (Newson et al. 2014 weight the same way).
_TRUST = np.array([256, 197, 151, 117, 90, 69, 53, 41, 31, 24, 19, 14, 11, 8, 7, 5, 4], np.int64)
_LARGEST_VOTE = 4095  # keeps the sums of 64 votes times 255 in 32 bits
_LARGEST_STEP = 28  # grey levels; a larger step at the rim is an edge that belongs there
_CHUNK = 1 << 15  # pixels that are voted for at once: bounds the memory, and the time between ticks

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
        self.field = MatchField(pixels, hole, tick)
        self._y, self._x = (a.astype(np.int32) for a in np.nonzero(hole))
        centre = np.pad(depth(hole, _DEEPEST), ((0, PATCH), (0, PATCH)), mode="edge")
        self._trust = _TRUST[
            centre[self.field.query_y + PATCH // 2, self.field.query_x + PATCH // 2]
        ]
        # The part of the picture that the queries cover.
        self._top, self._left = (max(0, int(a.min()) - PATCH + 1) for a in (self._y, self._x))
        self._bottom, self._right = (
            min(length, int(a.max()) + PATCH)
            for length, a in zip(hole.shape, (self._y, self._x), strict=True)
        )

    @property
    def size(self) -> int:
        """Number of pixels in the hole."""
        return self._y.size

    def guess(self) -> None:
        """Fill the hole smoothly: where the coarsest level starts from."""
        smooth = round_off(membrane(self.pixels, self.hole)[self.hole])
        self.pixels[self.hole] = np.clip(smooth, 0, 255)

    def describe_queries(self, noise: Ints | None = None) -> NDArray[np.int16]:
        """Return the descriptors of the queries, with ``noise`` (int32, (size, 3)) on the hole."""
        window = self.pixels[self._top : self._bottom, self._left : self._right].astype(np.int16)
        if noise is not None:
            window[self._y - self._top, self._x - self._left, :3] += noise.astype(np.int16)
        described = describe(window, self._tick)
        return described[self.field.query_y - self._top, self.field.query_x - self._left]

    def vote(self, sharpness: int, *, stride: int = 1, phase: int = 0) -> None:
        """Let every patch vote for the pixels of the hole that it covers.

        Parameters
        ----------
        sharpness
            0: all patches of a pixel have a say; 5: nearly only the best of them.
        stride
            1: all 64 patches of a pixel vote; 2: every other one in both directions, four times
            faster.
        phase
            Which patches vote at a stride of 2, 0 or 1; alternate.
        """
        offsets = [
            (a, b)
            for a in range(PATCH)
            for b in range(PATCH)
            if (a + phase) % stride == 0 and (b + phase // stride) % stride == 0
        ]
        colour, votes = self._count(self._y, self._x, self._weights(sharpness), offsets, CHANNELS)
        # At the picture's corners a stride may leave a pixel without a vote: it stays as it is.
        decided = votes > 0
        self.pixels[self._y[decided], self._x[decided]] = colour[decided]

    def finish(self, sharpness: int) -> None:
        """Vote for the last time, and spread the colour step at the rim smoothly over the hole.

        The votes say something about the known pixels around the hole as well. Where that differs
        from what is there, a seam would show; so the difference is interpolated over the hole and
        added (Pérez et al., "Poisson image editing", 2003, solved by pull-push). What is blotchy
        inside is evened out at last.
        """
        rim_y, rim_x = (a.astype(np.int32) for a in np.nonzero(rim(self.hole)))
        y, x = np.concatenate([self._y, rim_y]), np.concatenate([self._x, rim_x])
        offsets = [(a, b) for a in range(PATCH) for b in range(PATCH)]
        # The grain has served: three channels.
        colour, votes = self._count(y, x, self._weights(sharpness), offsets, 3)
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
        """Return the weight of every query's vote, and a zero for "no query there"."""
        distance = self.field.distance.astype(np.int64)
        usual = max(1, upper_quartile(self.field.distance))
        fit = (usual << 7) // (distance + (usual >> sharpness) + 1)
        weights = (np.minimum(fit, _LARGEST_VOTE) * self._trust >> 8) + 1
        return np.append(weights, 0).astype(np.int32)

    def _count(
        self, y: Ints, x: Ints, weights: Ints, offsets: list[tuple[int, int]], channels: int
    ) -> tuple[Ints, Ints]:
        """Return the mean vote for each pixel (int32, (n, channels)) and the votes' sum (n,)."""
        width = self.hole.shape[1]
        field = self.field
        source = np.append(field.match_y * width + field.match_x, 0).astype(np.int32)
        known = self.pixels[..., :channels].reshape(-1, channels)
        query_at, stride = field.query_at.ravel(), field.query_at.shape[1]
        colour, votes = np.empty((y.size, channels), np.int32), np.empty(y.size, np.int32)
        for start in range(0, y.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            place = (y[part] + PATCH) * stride + x[part] + PATCH
            total, sum_of_weights = np.zeros((place.size, channels), np.int32), np.zeros_like(place)
            for a, b in offsets:
                query = query_at[place - (a * stride + b)]  # has this pixel at (a, b) of its patch
                weight = weights[query]
                total += known[source[query] + (a * width + b)] * weight[:, None]
                sum_of_weights += weight
            half = sum_of_weights[:, None] >> 1
            colour[part] = (total + half) // np.maximum(sum_of_weights, 1)[:, None]
            votes[part] = sum_of_weights
            self._tick()
        return colour, votes


def upper_quartile(values: Ints) -> int:
    """Return the value that three quarters of ``values`` do not exceed."""
    rank = 3 * values.size // 4
    return int(np.partition(values, rank)[rank])
