"""Which known patch every patch at the hole copies from: the match field of one level.

A *query* is an anchor whose patch touches the hole, a *source* one whose patch is known all over.
The field gives every query a source, its *match*. It is found by offers: a query looks at what
somebody offers, and takes it if it fits better (Barnes et al., "PatchMatch", 2009). All queries
look at one offer at once, which is what makes NumPy fast enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from .descriptors import FEATURES, PATCH, describe
from .hole import touched

_FAR = 1 << 30
_EXHAUSTIVE = 1_000_000  # pairs of query and source up to which every pair is looked at
_CHUNK = 1 << 15  # pairs that are compared at once: bounds the memory, and the time between ticks
_UNRELATED, _INHERITED = 1 << 20, 1 << 8  # distances to start with: trust what is inherited

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

    Attributes
    ----------
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
        self, pixels: NDArray[np.uint8], hole: NDArray[np.bool_], tick: Callable[[], None]
    ) -> None:
        self._tick = tick
        asks = touched(hole)
        self.height, self.width = asks.shape  # of the grid of anchors
        self._known = ~asks.ravel()
        self._sources = np.flatnonzero(self._known).astype(np.int32)
        self.descriptors = describe(pixels, tick).reshape(-1, FEATURES)
        self.penalty: Ints | None = None

        self.query_y, self.query_x = (a.astype(np.int32) for a in np.nonzero(asks))
        self.count = self.query_y.size
        # Index of the query at every anchor, `count` where there is none; with a margin of one
        # patch, so that looking at a neighbour needs no check.
        padded = self.height + 2 * PATCH, self.width + 2 * PATCH
        self.query_at = np.full(padded, self.count, np.int32)
        self.query_at[PATCH + self.query_y, PATCH + self.query_x] = np.arange(self.count)
        self.match_y, self.match_x = np.zeros(self.count, np.int32), np.zeros(self.count, np.int32)
        self.distance = np.full(self.count, _FAR, np.int32)

    def inherit(self, coarser: MatchField, rng: np.random.Generator) -> None:
        """Take over the field of the level of half the size; random matches where it has none."""
        parent_y = np.minimum(self.query_y // 2, coarser.height - 1)
        parent_x = np.minimum(self.query_x // 2, coarser.width - 1)
        parent = coarser.query_at[PATCH + parent_y, PATCH + parent_x]
        orphan = parent == coarser.count
        parent[orphan] = 0
        y = 2 * coarser.match_y[parent] + self.query_y - 2 * parent_y
        x = 2 * coarser.match_x[parent] + self.query_x - 2 * parent_x
        y, x = np.clip(y, 0, self.height - 1), np.clip(x, 0, self.width - 1)
        orphan |= ~self._known[y * self.width + x]
        if orphan.any():
            lot = rng.integers(0, self._sources.size, np.count_nonzero(orphan))
            y[orphan], x[orphan] = np.divmod(self._sources[lot], self.width)
        self.match_y, self.match_x = y, x
        self.distance = np.where(orphan, _UNRELATED, _INHERITED).astype(np.int32)

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
            int16 (queries, `FEATURES`): what the queries look like now.
        rng
            Where the random offers come from.
        jumps
            Distances, in px, of the neighbours that make offers; below 8.
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
        partial = square - 2.0 * (asked @ sources.T)
        best = partial.argmin(1)
        distance = partial[np.arange(self.count), best] + (asked * asked).sum(1)
        self.distance = np.minimum(distance, _FAR).astype(np.int32)
        self.match_y, self.match_x = np.divmod(self._sources[best], np.int32(self.width))
        self._tick()

    def _neighbours(self, jumps: tuple[int, ...]) -> Iterator[tuple[Ints, Ints, Ints]]:
        """Yield who gets an offer, and which: a neighbour's match, moved back by the jump."""
        for jump in jumps:
            for dy, dx in ((0, jump), (0, -jump), (jump, 0), (-jump, 0)):
                neighbour = self.query_at[PATCH + self.query_y + dy, PATCH + self.query_x + dx]
                who = np.flatnonzero(neighbour < self.count).astype(np.int32)
                neighbour = neighbour[who]
                yield who, self.match_y[neighbour] - dy, self.match_x[neighbour] - dx

    def _offer(self, queries: Descriptors, who: Ints, y: Ints, x: Ints) -> None:
        """Offer the sources at (y, x) to the queries ``who``; what fits better is taken."""
        there = (y >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
        who, y, x = who[there], y[there], x[there]
        new = (y != self.match_y[who]) | (x != self.match_x[who])
        new &= self._known[y * self.width + x]
        who, y, x = who[new], y[new], x[new]
        distance = self._distances(queries, who, y * self.width + x)
        better = distance < self.distance[who]
        who = who[better]
        self.distance[who], self.match_y[who], self.match_x[who] = (
            distance[better], y[better], x[better],
        )  # fmt: skip

    def _distances(self, queries: Descriptors, who: Ints, anchors: Indices) -> Ints:
        """Return how badly the queries ``who`` agree with the sources at flat ``anchors``."""
        out = np.empty(who.size, np.int32)
        for start in range(0, who.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            difference = self.descriptors[anchors[part]].astype(np.int32)
            difference -= queries[who[part]]
            np.einsum("ij,ij->i", difference, difference, out=out[part])
            self._tick()
        if self.penalty is not None:
            out += self.penalty[anchors]
        return out
