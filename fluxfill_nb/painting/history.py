"""What undo and redo need: patches between two masks, as many as memory allows."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .operation import Grey, IntBox, Operation

BUDGET = 64_000_000
"""Bytes of patches that are kept of what was done, and as many of what was undone."""


@dataclass(frozen=True, slots=True)
class Patch:
    """The difference of two masks: applied to either, it gives the other.

    Attributes
    ----------
    box
        What differs lies within it.
    where
        Which of its pixels differ, a bit each, compressed.
    by
        By what they differ (exclusive or), compressed; empty if all are black to white.
    """

    box: IntBox
    where: bytes
    by: bytes

    @classmethod
    def between(cls, before: Grey, after: Grey, within: IntBox) -> Patch | None:
        """Return the patch of two masks that are equal outside a box; None if inside as well."""
        left, top, right, bottom = within
        change = before[top:bottom, left:right] ^ after[top:bottom, left:right]
        rows = np.flatnonzero(change.any(axis=1))
        columns = np.flatnonzero(change.any(axis=0))
        if not rows.size:
            return None
        first, left = int(rows[0]), left + int(columns[0])
        change = change[first : rows[-1] + 1, columns[0] : columns[-1] + 1]
        height, width = change.shape
        flags = change != 0
        is_hard = np.count_nonzero(change == 255) == np.count_nonzero(flags)
        return cls(
            (left, top + first, left + width, top + first + height),
            zlib.compress(np.packbits(flags).data, 1),
            b"" if is_hard else zlib.compress(change[flags].data, 1),
        )

    def applied(self, mask: Grey) -> Grey:
        """Return the other mask."""
        left, top, right, bottom = self.box
        shape = bottom - top, right - left
        bits = np.frombuffer(zlib.decompress(self.where), np.uint8)
        flags = np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape)
        if self.by:
            change = np.zeros(shape, np.uint8)
            change[flags.view(np.bool_)] = np.frombuffer(zlib.decompress(self.by), np.uint8)
        else:
            change = np.negative(flags, out=flags)  # of 1, that is 255
        out = mask.copy()
        out[top:bottom, left:right] ^= change
        return out

    @property
    def size(self) -> int:
        """Memory that it takes, bytes, about."""
        return len(self.where) + len(self.by) + 200


class Steps:
    """Operations, each with its patch. Of the oldest, only the operations are kept.

    The patches take at most `BUDGET` bytes, or what the newest takes alone.
    """

    def __init__(self) -> None:
        self._operations: list[Operation] = []
        # Of the newest operations, in the same order.
        self._patches: deque[Patch] = deque()
        self._size = 0

    def push(self, operation: Operation, patch: Patch) -> None:
        """Add the newest."""
        self._operations.append(operation)
        self._patches.append(patch)
        self._size += patch.size
        while self._size > BUDGET and len(self._patches) > 1:
            self._size -= self._patches.popleft().size

    @property
    def last(self) -> tuple[Operation, Patch | None]:
        """The newest; None in the place of a patch that was dropped."""
        return self._operations[-1], self._patches[-1] if self._patches else None

    def pop(self) -> None:
        """Drop the newest."""
        del self._operations[-1]
        if self._patches:
            self._size -= self._patches.pop().size

    def clear(self) -> None:
        """Drop all."""
        self._operations.clear()
        self._patches.clear()
        self._size = 0

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations)

    def __len__(self) -> int:
        return len(self._operations)
