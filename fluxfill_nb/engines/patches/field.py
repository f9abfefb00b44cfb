"""Which known patch every patch at the hole copies from: the match field of one level.

A *query* is an anchor whose patch touches the hole, a *source* one whose patch is known all over.
The field gives every query a source, its *match*. It is found by offers: a query looks at what
somebody offers, and takes it if it fits better (Barnes et al., "PatchMatch", 2009). All queries
look at one offer at once, which is what makes NumPy fast enough.

On a large level only every other anchor asks, in both directions: patches overlap widely even so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .descriptors import COARSE, PATCH, describe
from .hole import touched

_FAR = 1 << 30
_EXHAUSTIVE = 1_000_000  # pairs of query and source up to which every pair is looked at
_CHUNK = 1 << 15  # pairs that are compared at once: bounds the memory, and the time between ticks
_UNRELATED = 1 << 20  # distance of a match that nobody has looked for
_BLOCK = 80  # rows and columns that are multiplied at once
_CELL = 4  # anchors, a side: the grain in which copies are counted

Ints = NDArray[np.int32]
Indices = NDArray[np.int32] | NDArray[np.int64]
Descriptors = NDArray[np.int16]


class MatchField:
    """The matches of one level.

    Parameters
    ----------
    pixels
        uint8 (H, W, 5), see `fluxfill_nb.engines.patches.descriptors.add_grain`.
    hole
        bool (H, W), with at least one pixel, and at least one patch that is known all over.
    tick
        Called every few hundredths of a second; may raise to stop.
    stride
        Distance of the queries, 1 or 2 px. Height and width are even if it is 2: so the last
        anchors ask, and every pixel of the hole is covered.
    length
        Of the descriptors.

    Attributes
    ----------
    height, width
        Of the grid of anchors.
    count
        Number of queries.
    query_y, query_x
        int32 (queries,): the anchors of the queries, in px.
    match_y, match_x
        int32 (queries,): the anchors of their matches, in px.
    distance
        int32 (queries,): how badly query and match agree, penalty included.
    penalty
        int32 (anchors,), what makes a source less welcome, or None.
    """

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        hole: NDArray[np.bool_],
        tick: Callable[[], None],
        stride: int = 1,
        length: int = COARSE,
    ) -> None:
        self._pixels, self._tick, self.stride, self.length = pixels, tick, stride, length
        asks = touched(hole)
        tick()
        self.height, self.width = asks.shape  # of the grid of anchors
        self._known = ~asks.ravel()
        self.penalty: Ints | None = None

        row, column = (a.astype(np.int32) for a in np.nonzero(asks[::stride, ::stride]))
        self.query_y, self.query_x = row * stride, column * stride
        self.count = row.size
        # Every place where a query may be, with a margin: looking at a neighbour needs no check.
        self.rows, self.columns = (2 * PATCH + (n - 1) // stride + 1 for n in asks.shape)
        self.place = self.place_of(self.query_y, self.query_x)
        self._query_at = np.full(self.rows * self.columns, self.count, np.int32)
        self._query_at[self.place] = np.arange(self.count)
        first = np.divmod(np.int32(self._known.argmax()), np.int32(self.width))
        self.match_y, self.match_x = (np.full(self.count, at, np.int32) for at in first)
        self.distance = np.full(self.count, _FAR, np.int32)
        tick()

    @cached_property
    def descriptors(self) -> Descriptors:
        """int16 (anchors, length), of the picture as it was when they were first asked for."""
        return describe(self._pixels, self.length, self._tick).reshape(-1, self.length)

    @cached_property
    def _sources(self) -> Ints:
        return np.flatnonzero(self._known).astype(np.int32)

    def place_of(self, y: Ints, x: Ints) -> Ints:
        """Return where in the grid of queries (flat) the one is that lies at, or before, (y, x)."""
        row, column = y // self.stride, x // self.stride
        return (row + PATCH) * np.int32(self.columns) + (column + PATCH)

    def inherit(self, coarser: MatchField, rng: np.random.Generator) -> None:
        """Take over the field of the level of half the size; random matches where it has none."""
        parent_y = np.minimum(self.query_y // 2, coarser.height - 1)
        parent_x = np.minimum(self.query_x // 2, coarser.width - 1)
        parent = coarser._query_at[coarser.place_of(parent_y, parent_x)]
        orphan = parent == coarser.count
        parent[orphan] = 0
        y = 2 * (coarser.match_y[parent] - coarser.query_y[parent]) + self.query_y
        x = 2 * (coarser.match_x[parent] - coarser.query_x[parent]) + self.query_x
        self._tick()
        orphan = self._match(y, x, orphan, rng)
        self.distance = np.where(orphan, _UNRELATED, coarser.distance[parent]).astype(np.int32)
        self._tick()

    def follow(self, down: Ints, right: Ints, rng: np.random.Generator) -> None:
        """Match as the pixels of the hole were copied; see `fluxfill_nb.engines.patches.growth`."""
        y, x = self.query_y + PATCH // 2, self.query_x + PATCH // 2
        y, x = self.query_y + down[y, x], self.query_x + right[y, x]
        self._match(y, x, np.zeros(self.count, np.bool_), rng)

    def _match(
        self, y: Ints, x: Ints, orphan: NDArray[np.bool_], rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        """Match with the sources at (y, x); return for whom there is none: random ones for them."""
        y, x = np.clip(y, 0, self.height - 1), np.clip(x, 0, self.width - 1)
        orphan = orphan | ~self._known[y * self.width + x]
        if orphan.any():
            lot = rng.integers(0, self._sources.size, np.count_nonzero(orphan))
            y[orphan], x[orphan] = np.divmod(self._sources[lot], self.width)
        self.match_y, self.match_x = y, x
        return orphan

    def search(
        self,
        queries: Descriptors,
        rng: np.random.Generator,
        *,
        jumps: tuple[int, ...] = (1, 3),
        lots: int = 4,
    ) -> None:
        """Find better matches: the best ones on a small level, else one round of offers.

        Parameters
        ----------
        queries
            int16 (queries, length): what the queries look like now.
        rng
            Where the random offers come from.
        jumps
            How many queries away the neighbours are that make offers; below 8.
        lots
            Number of random offers, drawn around the match from ever smaller windows.
        """
        if self.count * self._sources.size <= _EXHAUSTIVE:
            self._search_all(queries)
            return
        everyone = np.arange(self.count, dtype=np.int32)
        self.distance = self._distances(queries, everyone, self.match_y * self.width + self.match_x)
        for who, y, x in self._neighbours(jumps):
            self._offer(queries, who, y, x)
        reach = max(self.height, self.width)
        for _ in range(lots):
            off = rng.integers(-reach, reach + 1, (2, self.count), dtype=np.int32)
            self._offer(queries, everyone, self.match_y + off[0], self.match_x + off[1])
            reach = max(1, reach // 3)

    def crowding(self, weight: int) -> Ints:
        """Return a penalty on what is copied too often (int32, (anchors,)).

        Else what fits a little everywhere would be copied again and again, side by side (Kaspar et
        al., "Self tuning texture optimization", 2015). It is 0 up to a fair share of the copies,
        ``weight`` at twice as many, and four times that at most. The share is at least one: what is
        copied once, whole and in order, is welcome.
        """
        height, width = -(-self.height // _CELL), -(-self.width // _CELL)
        cell = self.match_y // _CELL * np.int32(width) + self.match_x // _CELL
        copies = np.bincount(cell, minlength=height * width).astype(np.int64)
        padded = np.pad(copies.reshape(height, width), 1, mode="edge")
        rows = padded[:-2] + padded[1:-1] + padded[2:]
        copies = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
        asked = self.stride * self.stride  # anchors that a query stands for
        copies = copies * (256 * asked) // (3 * _CELL) ** 2  # of an anchor, in 256ths
        fair = max(256, 256 * asked * self.count // self._sources.size)
        self._tick()
        penalty = (np.clip(copies - fair, 0, 4 * fair) * weight // fair).astype(np.int32)
        full = np.repeat(np.repeat(penalty, _CELL, 0), _CELL, 1)
        return full[: self.height, : self.width].ravel()

    def mismatch(self) -> float:
        """Return the root mean square distance of queries and matches."""
        return math.sqrt(int(self.distance.sum(dtype=np.int64)) / self.count)

    def _search_all(self, queries: Descriptors) -> None:
        # The matrix product is of integers and below 2**53: exact in float64, in whatever order a
        # BLAS adds it up.
        sources = self.descriptors[self._sources].astype(np.float64)
        asked = queries.astype(np.float64)
        square = (sources * sources).sum(1)
        if self.penalty is not None:
            square = square + self.penalty[self._sources]
        partial = square - 2.0 * _product(asked, sources)
        best = partial.argmin(1)
        distance = partial[np.arange(self.count), best] + (asked * asked).sum(1)
        self.distance = np.minimum(distance, _FAR).astype(np.int32)
        self.match_y, self.match_x = np.divmod(self._sources[best], np.int32(self.width))
        self._tick()

    def _neighbours(self, jumps: tuple[int, ...]) -> Iterator[tuple[Ints, Ints, Ints]]:
        """Yield who gets an offer, and which: a neighbour's match, moved back by the jump."""
        for jump in jumps:
            for down, right in ((0, jump), (0, -jump), (jump, 0), (-jump, 0)):
                neighbour = self._query_at.take(self.place + (down * self.columns + right))
                who = np.flatnonzero(neighbour < self.count).astype(np.int32)
                neighbour = neighbour.take(who)
                y = self.match_y.take(neighbour) - down * self.stride
                x = self.match_x.take(neighbour) - right * self.stride
                yield who, y, x

    def _offer(self, queries: Descriptors, who: Ints, y: Ints, x: Ints) -> None:
        """Offer the sources at (y, x) to the queries ``who``; what fits better is taken."""
        there = (y >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
        there &= (y != self.match_y.take(who)) | (x != self.match_x.take(who))
        kept = np.flatnonzero(there)
        who, anchors = who.take(kept), y.take(kept) * self.width + x.take(kept)
        kept = np.flatnonzero(self._known.take(anchors))
        who, anchors = who.take(kept), anchors.take(kept)
        distance = self._distances(queries, who, anchors)
        kept = np.flatnonzero(distance < self.distance.take(who))
        who = who.take(kept)
        self.distance[who] = distance.take(kept)
        self.match_y[who], self.match_x[who] = np.divmod(anchors.take(kept), np.int32(self.width))

    def _distances(self, queries: Descriptors, who: Ints, anchors: Indices) -> Ints:
        """Return how badly the queries ``who`` agree with the sources at flat ``anchors``."""
        out = np.empty(who.size, np.int32)
        for start in range(0, who.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            difference = self.descriptors.take(anchors[part], 0).astype(np.int32)
            difference -= queries.take(who[part], 0)
            np.einsum("ij,ij->i", difference, difference, out=out[part])
            self._tick()
        if self.penalty is not None:
            out += self.penalty.take(anchors)
        return out


def _product(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``left @ right.T``, by this thread alone.

    A whole product is just large enough for OpenBLAS to share it among all processors, where its
    threads then wait busily for the next one: of little use to this fill, and a loss to all others.
    """
    out = np.empty((len(left), len(right)))
    for row in range(0, len(left), _BLOCK):
        rows = slice(row, row + _BLOCK)
        for column in range(0, len(right), _BLOCK):
            columns = slice(column, column + _BLOCK)
            np.matmul(left[rows], right[columns].T, out=out[rows, columns])
    return out
