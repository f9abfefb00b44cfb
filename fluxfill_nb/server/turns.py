"""Waiting in line, fairly: those who come with many wait no less than those who come with one."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """A queue in which owners take turns, and each owner's things keep their order.

    Not safe for threads by itself.

    Examples
    --------
    >>> from fluxfill_nb.server.turns import Turns
    >>> turns = Turns()
    >>> for owner, thing in [("ada", 1), ("ada", 2), ("ada", 3), ("grace", 4)]:
    ...     turns.put(owner, thing)
    >>> [turns.take() for _ in range(len(turns))]
    [1, 4, 2, 3]
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[Hashable, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def put(self, owner: Hashable, thing: T) -> None:
        """Let a thing wait behind all of the same owner."""
        self._lines.setdefault(owner, deque()).append(thing)

    def put_back(self, owner: Hashable, thing: T) -> None:
        """Let a thing that had its turn in vain be the next one."""
        self._lines.setdefault(owner, deque()).appendleft(thing)
        self._lines.move_to_end(owner, last=False)

    def take(self) -> T:
        """Remove and return whose turn it is.

        Raises
        ------
        KeyError
            Nothing waits.
        """
        owner, line = self._lines.popitem(last=False)
        thing = line.popleft()
        if line:
            self._lines[owner] = line  # at the end: it is the others' turn now
        return thing

    def waiting(self) -> Counter[Hashable]:
        """Return how many things of each owner wait."""
        return Counter({owner: len(line) for owner, line in self._lines.items()})
