"""Stars for results, and where they are kept."""

from __future__ import annotations

from typing import Protocol

MOST_STARS = 5
"""The best rating."""


class Ratings(Protocol):
    """Where stars are kept; a `fluxfill_nb.RunStore` keeps them on disk."""

    def stars(self, key: str) -> int:
        """Return the stars of a result, by its key; 0: none."""

    def star(self, key: str, stars: int) -> None:
        """Give a result stars; 0 takes them away."""


class Memory:
    """Stars for as long as the process lives."""

    def __init__(self) -> None:
        self._stars: dict[str, int] = {}

    def stars(self, key: str) -> int:
        """Return the stars of a result."""
        return self._stars.get(key, 0)

    def star(self, key: str, stars: int) -> None:
        """Give a result stars."""
        self._stars[key] = stars
