"""What `resume` brings home."""

from __future__ import annotations

from collections.abc import Iterable

from .. import errors
from ..result import FillResult
from ..store import Unconfirmed


class Collected(list[FillResult]):
    """The results that were still to be had; and what was not.

    Attributes
    ----------
    lost
        Why there will be no picture, for each task that has ended without one.
    unconfirmed
        What was sent, and perhaps charged, though no answer came.
    """

    def __init__(
        self,
        results: Iterable[FillResult],
        lost: Iterable[errors.TaskError],
        unconfirmed: Iterable[Unconfirmed],
    ) -> None:
        super().__init__(results)
        self.lost = tuple(lost)
        self.unconfirmed = tuple(unconfirmed)

    def __repr__(self) -> str:
        lines = [f"{len(self)} collected: {super().__repr__()}" if self else "0 collected"]
        lines += [f"lost: {error}" for error in self.lost]
        lines += [f"unconfirmed: {entry}" for entry in self.unconfirmed]
        if self.unconfirmed:
            lines.append("What is unconfirmed may have been charged; retry=True sends it again.")
        return "\n".join(lines)
