"""How many fills may be under way at once: one count a key, over all threads and event loops."""

from __future__ import annotations

import hashlib
import threading
import time

from .doorbell import Doorbell

MOST = 24
"""How many tasks the hosted service lets one key have at once."""

_lock = threading.Lock()
_of_keys: dict[str, Places] = {}


class Place:
    """The right to have one task under way."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.expires = float("inf")

    def leave(self) -> None:
        """Give the place back: the task has ended."""
        self._places._leave(self)

    def leave_after(self, seconds: float) -> None:
        """Give it back later: the task goes on at the service, but nobody waits for it here."""
        self.expires = time.monotonic() + seconds


class Places:
    """The places of one key.

    Where the service refuses (429), fewer are given out; while it accepts, one more is tried from
    time to time, up to the limit. So it finds the level that the service takes.

    Parameters
    ----------
    limit
        How many there are at most.
    """

    def __init__(self, limit: int = MOST) -> None:
        self._lock = threading.Lock()
        self._limit = self._level = limit
        self._accepted = 0
        self._taken: set[Place] = set()
        self._waiting: list[Doorbell] = []

    @classmethod
    def of(cls, service: str, key: str, limit: int) -> Places:
        """Return the places that all clients of a service with this key share."""
        name = hashlib.sha256(f"{service} {key}".encode()).hexdigest()
        with _lock:
            places = _of_keys.setdefault(name, cls(limit))
        places._raise_limit(limit)
        return places

    @property
    def taken(self) -> int:
        """How many are taken now."""
        with self._lock:
            self._drop_expired()
            return len(self._taken)

    @property
    def level(self) -> int:
        """How many are given out at present."""
        return self._level

    async def take(self) -> Place:
        """Wait for a place, and take it."""
        while True:
            with self._lock:
                self._drop_expired()
                if len(self._taken) < self._level:
                    place = Place(self)
                    self._taken.add(place)
                    return place
                bell = Doorbell()
                self._waiting.append(bell)
                next_expiry = min(place.expires for place in self._taken)
            # Looked at again from time to time: a place may be set to expire meanwhile.
            try:
                await bell.wait(min(1.0, max(0.0, next_expiry - time.monotonic())))
            finally:
                with self._lock:
                    if bell in self._waiting:
                        self._waiting.remove(bell)

    def refused(self) -> None:
        """Note that the service took no more than those that are taken now."""
        with self._lock:
            self._level = max(1, min(self._level, len(self._taken)))
            self._accepted = 0

    def accepted(self) -> None:
        """Note that the service took a task."""
        with self._lock:
            self._accepted += 1
            if self._level < self._limit and self._accepted >= self._level:
                self._level += 1
                self._accepted = 0
                self._wake()

    def _raise_limit(self, limit: int) -> None:
        with self._lock:
            if limit > self._limit:
                if self._level == self._limit:
                    self._level = limit
                self._limit = limit

    def _leave(self, place: Place) -> None:
        with self._lock:
            self._taken.discard(place)
            self._wake()

    def _drop_expired(self) -> None:
        now = time.monotonic()
        self._taken = {place for place in self._taken if place.expires > now}

    def _wake(self) -> None:
        for bell in self._waiting:
            bell.ring()
        self._waiting.clear()
