"""The store: a folder in which everything that was paid for stays."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ..errors import InvalidOption
from ..request import FillRequest
from ..result import FillResult, FillTask
from ..sweep.ratings import MOST_STARS
from . import shelf
from .begun import Attempt, Begun
from .faults import cannot_write
from .inputs import write_whole
from .ledger import Ledger, key_of
from .record import KINDS


class SweepLike(Protocol):
    """What a store keeps of a sweep."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""


@dataclass(frozen=True)
class Unconfirmed:
    """A request that was sent, and perhaps taken and charged, though no answer came.

    Attributes
    ----------
    key
        What the store knows it by.
    when
        When it was sent (UTC).
    service
        Where to.
    settings
        Of the request.
    reason
        What happened, if that is known.
    """

    key: str
    when: datetime
    service: str
    settings: dict[str, Any]
    reason: str


class RunStore:
    """Everything that was sent and made, in a folder that people can look into.

    Clients write it: what is there already is not sent again, and what was submitted before a crash
    is waited for. Notebooks may share one at the same time. No key is in it.

    Parameters
    ----------
    folder
        Where it is. It is made when there is something to keep.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.store import RunStore
    >>> picture = Image.new("RGB", (64, 48))
    >>> mask = ff.Mask.from_box(picture.size, (10, 10, 30, 30))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = RunStore(folder)
    ...     request = ff.FillRequest(picture, mask, "a vase", seed=7)
    ...     with store.begin(request, service="example") as attempt:
    ...         attempt.intend()
    ...         attempt.submitted(ff.FillTask("4f2a", "https://example.org/4f2a", request))
    ...     [task.id for task in store.pending()]
    ['4f2a']
    """

    def __init__(self, folder: str | os.PathLike[str] = "runs") -> None:
        self._ledger = Ledger(Path(folder).expanduser().absolute())

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._ledger.folder

    # ------------------------------------------------------------------------- for clients, to send

    def begin(
        self,
        request: FillRequest,
        *,
        service: str,
        reuse: bool | None = None,
        retry: Collection[str] = (),
    ) -> Begun:
        """Find out whether a request must be sent, and if so, take the right to send it.

        Parameters
        ----------
        request
            What is asked for.
        service
            Who is asked: a picture of one service never answers for another.
        reuse
            Whether an earlier picture will do. None: if the request is repeatable. False: it is
            sent, whatever there is.
        retry
            Kinds of failure after which it is sent again: ``"unconfirmed"`` (it may be paid for
            twice), ``"failed"``, ``"moderated"``, ``"expired"``.

        Returns
        -------
        Stored, Pending, Elsewhere, Ended or Attempt
            Only an `Attempt` is the right to send it, once.

        Raises
        ------
        fluxfill_nb.errors.StoreError
            The store cannot be written.
        """
        retry = [retry] if isinstance(retry, str) else retry
        if unknown := set(retry).difference(KINDS):
            odd = ", ".join(map(repr, sorted(unknown)))
            raise InvalidOption(f"retry has {odd}: it may have {', '.join(KINDS)}.")
        shared = request.is_repeatable if reuse is None else reuse
        return self._ledger.begin(request, service, shared=shared, retry=retry)

    def key(self, request: FillRequest, service: str) -> str:
        """Return what the store knows a request to a service by, hexadecimal.

        Parameters
        ----------
        request, service
            What is sent, and to whom.
        """
        return key_of(request.key, service)

    def news(self, key: str) -> Begun | None:
        """Return how a request stands now, as `begin` does, but take nothing.

        Parameters
        ----------
        key
            Of what `begin` returned.

        Returns
        -------
        Stored, Pending, Elsewhere, Ended or None
            None: it is free, call `begin` again.
        """
        self._ledger.refresh()
        return self._ledger.judge(key, None)

    def attempt_of(self, task: FillTask) -> Attempt | None:
        """Return what to tell how a task ends; None if the store does not know it."""
        self._ledger.refresh()
        record = self._ledger.by_task(task)
        return None if record is None else Attempt(self._ledger, record)

    def pending(self, service: str | None = None) -> list[FillTask]:
        """Return the tasks whose picture is not here yet, first submitted first.

        Parameters
        ----------
        service
            Only those of this one, as ``begin`` was told it.
        """
        self._ledger.refresh()
        records = [
            record
            for record in self._ledger.all()
            if record.state == "pending" and service in (None, record.service)
        ]
        return [
            self._ledger.task_of(record)
            for record in sorted(records, key=lambda record: record.when)
            if not self._ledger.adopt(record)
        ]

    def unconfirmed(self) -> list[Unconfirmed]:
        """Return what was sent, and perhaps charged, though no answer came; oldest first.

        They are sent again only by ``retry=["unconfirmed"]``; what was sent again is not listed.
        """
        self._ledger.refresh()
        last: dict[str, int] = {}
        records = [record for record in self._ledger.all() if record.state != "free"]
        for record in records:
            last[record.key] = max(last.get(record.key, 0), record.attempt)
        return [
            Unconfirmed(
                record.id, record.when, record.service, dict(record.settings), record.reason
            )
            for record in sorted(records, key=lambda record: record.began)
            if self._ledger.state(record) == "unconfirmed" and record.attempt == last[record.key]
        ]

    def durations(self, service: str, limit: int = 16) -> list[float]:
        """Return how long the last fills of a service took, s, oldest first.

        Parameters
        ----------
        service
            Its name, as in results.
        limit
            How many, at most.
        """
        self._ledger.refresh()
        known = [
            (record.when, record.duration)
            for record in self._ledger.all()
            if record.duration is not None and record.service == service
        ]
        return [duration for _, duration in sorted(known)[-limit:]]

    # ------------------------------------------------------------------------------- for everybody

    def __len__(self) -> int:
        self._ledger.refresh()
        return sum(record.state == "done" for record in self._ledger.all())

    def __bool__(self) -> bool:
        return True  # a store is one though it is empty

    def __contains__(self, request: object) -> bool:
        """Whether there is a picture of a `fluxfill_nb.FillRequest`, whichever service made it."""
        if not isinstance(request, FillRequest):
            return False
        self._ledger.refresh()
        key = request.key
        return any(
            record.request_key == key and record.state == "done" for record in self._ledger.all()
        )

    def __iter__(self) -> Iterator[FillResult]:
        self._ledger.refresh()
        return map(self._ledger.result_of, shelf.done(self._ledger))

    def find(self, **wanted: Any) -> list[FillResult]:
        """Return the pictures with these settings, oldest first.

        Parameters
        ----------
        **wanted
            Settings, and ``service``: a value, or several of them, as a list or an array. Of text,
            a part is enough. None: the service's default.

        Raises
        ------
        fluxfill_nb.errors.InvalidOption
            There is no such setting, or it cannot have such a value.

        Examples
        --------
        >>> from fluxfill_nb.store import RunStore
        >>> RunStore("nowhere").find(prompt="vase", guidance=30, seed=[1, 2])
        []
        """
        self._ledger.refresh()
        found = shelf.matching(shelf.done(self._ledger), wanted)
        return [self._ledger.result_of(record) for record in found]

    def table(self) -> list[dict[str, Any]]:
        """Return a row for all that was sent, oldest first: state, settings, price, file."""
        self._ledger.refresh()
        records = [
            record for record in self._ledger.all() if record.state not in ("free", "claimed")
        ]
        return [
            shelf.row(self._ledger, record)
            for record in sorted(records, key=lambda record: record.when)
        ]

    def to_frame(self) -> Any:
        """Return `table` as a pandas DataFrame.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError(
                "A DataFrame needs pandas: pip install pandas. RunStore.table() does without."
            ) from None
        return pandas.DataFrame(self.table())

    def stars(self, key: str) -> int:
        """Return how many stars a picture has, 0 to 5.

        Parameters
        ----------
        key
            `FillResult.key`.
        """
        self._ledger.refresh()
        return self._ledger.stars.get(_checked_key(key), (0.0, 0))[1]

    def star(self, key: str, stars: int = 1) -> None:
        """Give a picture stars, 0 to 5; they are kept.

        Parameters
        ----------
        key
            `FillResult.key`.
        stars
            How many; 0 takes them away.
        """
        if isinstance(stars, bool) or stars not in range(MOST_STARS + 1):
            raise InvalidOption(
                f"stars is {stars!r}: it must be a whole number from 0 to {MOST_STARS}."
            )
        self._ledger.star(_checked_key(key), int(stars))

    def prune(
        self,
        keep: Callable[[FillResult], bool] | None = None,
        *,
        before: datetime | None = None,
        unstarred: bool = False,
        dry_run: bool = True,
    ) -> shelf.Pruning:
        """Move pictures out of the way, into the folder ``removed``; at first, only say which.

        What is moved is no more known: asked for again, it is sent and paid for again. Pictures go
        that meet all of the conditions given.

        Parameters
        ----------
        keep
            Function of a result; those stay for which it is true.
        before
            Only those that were submitted before.
        unstarred
            Only those without a star.
        dry_run
            Say what would be moved, and move nothing.

        Returns
        -------
        Pruning
            Which pictures, and how large they are; it says so in words.
        """
        self._ledger.refresh()
        return shelf.prune(self._ledger, keep, before, unstarred, dry_run)

    def rebuild(self) -> int:
        """Take in what the pictures in the folder say of themselves; return how many were new.

        Where the journal is lost or damaged, and for pictures that were copied from another store
        or renamed.
        """
        self._ledger.refresh()
        return shelf.rebuild(self._ledger)

    @property
    def problems(self) -> list[str]:
        """What is damaged or missing; nothing else is concerned by it."""
        self._ledger.refresh()
        return shelf.problems(self._ledger)

    def save_sweep(self, sweep: SweepLike, name: str | None = None) -> Path:
        """Keep what was compared; return the file.

        Parameters
        ----------
        sweep
            A `fluxfill_nb.Sweep`.
        name
            What to call it; default: its axes, and a digest.
        """
        content = sweep.to_dict()
        text = json.dumps(content, indent=1)
        if name is None:
            axes = content.get("axes", ())
            digest = hashlib.sha256(text.encode()).hexdigest()[:8]
            name = "-".join([*map(str, axes), digest])
        name = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:80] or "sweep"
        path = self.folder / "sweeps" / f"{name}.json"
        try:
            self._ledger.prepare()
            write_whole(path, text.encode())
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        return path

    @property
    def sweeps(self) -> dict[str, Path]:
        """The files of the sweeps that were saved, by name."""
        return {path.stem: path for path in sorted((self.folder / "sweeps").glob("*.json"))}

    def __repr__(self) -> str:
        self._ledger.refresh()
        return f"<RunStore {str(self.folder)!r}: {shelf.summary(self._ledger)}>"

    def _repr_html_(self) -> str:
        self._ledger.refresh()
        return shelf.as_html(self._ledger, self.table())

    def __reduce__(self) -> tuple[Any, ...]:
        return RunStore, (self.folder,)


def _checked_key(key: str) -> str:
    if not isinstance(key, str):
        raise InvalidOption(f"The key is {key!r}: give text, a picture's is result.key.")
    return key
