"""Who may submit, how much at once, and what is left of the credits."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Sequence

from . import checks
from .keys import Holder

CREDITS_PER_FILL = 5.0
"""What the hosted service charges for a picture; one credit is one cent (USD)."""

EVERYBODY = "everybody"
"""The name of those who come without a key, where none is needed."""


class NotAllowed(Exception):
    """The answer is no, before any work; carries the HTTP status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Account:
    """What one key has: tasks that are active, and credits.

    Each task is opened once and closed once, from whichever thread.

    Parameters
    ----------
    name
        Who has it.
    credits
        What is there to spend; None: fills are free.
    max_active
        How many tasks may be open at once.
    """

    def __init__(self, name: str, credits: float | None, max_active: int) -> None:
        self.name = name
        self.is_free = credits is None
        self.cost = 0.0 if credits is None else CREDITS_PER_FILL
        self._credits = credits or 0.0
        self._max_active = max_active
        self._active = 0
        self._lock = threading.Lock()

    @property
    def credits(self) -> float:
        """What is left; what active tasks may cost still counts."""
        return self._credits

    def check_room(self) -> None:
        """Look whether a task could be opened now.

        Raises
        ------
        NotAllowed
            402: the credits do not pay for it as well; 429: too many are active.
        """
        if self._active >= self._max_active:
            raise NotAllowed(429, f"{self._max_active} tasks are active, and no more are allowed")
        if self._credits < self.cost * (self._active + 1):
            raise NotAllowed(402, "Insufficient credits")

    def open_task(self) -> None:
        """Take a task on, and set its price aside.

        Raises
        ------
        NotAllowed
            As from `check_room`.
        """
        with self._lock:
            self.check_room()
            self._active += 1

    def close_task(self, *, paid: bool) -> None:
        """Let a task go; only what became a picture is paid."""
        with self._lock:
            self._active -= 1
            if paid:
                self._credits -= self.cost


class Accounts:
    """The accounts of a server: one for each key, or one for everybody where there are no keys.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        ``credits`` or ``max_active`` is not as it should be.
    """

    def __init__(
        self, holders: Sequence[Holder], *, credits: float | None, max_active: int
    ) -> None:
        most = checks.count("max_active", max_active)
        budget = None if credits is None else checks.amount("credits", credits)
        self._by_key = {
            holder.key: Account(
                holder.name,
                budget if holder.credits is None else holder.credits,
                holder.max_active or most,
            )
            for holder in holders
        }
        self._everybody = None if holders else Account(EVERYBODY, budget, most)

    def all(self) -> list[Account]:
        """Return every account."""
        return [*self._by_key.values()] if self._everybody is None else [self._everybody]

    def of(self, key: str | None) -> Account:
        """Return the account of a key.

        Raises
        ------
        NotAllowed
            403: there is no key, or it is not known here.
        """
        if self._everybody is not None:
            return self._everybody
        if not key:
            raise NotAllowed(403, "Not authenticated")
        # All are compared, in constant time: how long it takes says nothing of the keys.
        found = [
            account
            for known, account in self._by_key.items()
            if hmac.compare_digest(known.encode(), key.encode())
        ]
        if not found:
            raise NotAllowed(403, "Not authenticated - Invalid Authentication")
        return found[0]
