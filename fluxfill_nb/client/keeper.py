"""The client's way through the store: what is there, what is under way, what was sent."""

from __future__ import annotations

import time
from collections.abc import Collection
from functools import partial

import anyio
from anyio import to_thread

from .. import errors
from ..request import FillRequest
from ..result import FillResult, FillTask
from ..store import Attempt, Elsewhere, Ended, Kind, Pending, RunStore, Stored, Unconfirmed
from ..sweep import Sweep
from .heartbeat import to_its_end

ENDS = ("failed", "moderated", "expired", "unconfirmed")
"""How a fill can end without a picture."""
# Of these the service charges nothing: who asks again means it.
_FREE = ("failed", "moderated")
# How often another process's work is looked at, s.
_LOOK = 0.25


class Keeper:
    """Asks a store before anything is sent, and tells it what came of it.

    Parameters
    ----------
    store
        None: nothing is kept.
    service
        By which name the store knows the service.
    is_free
        Whether its pictures cost nothing: then whatever got lost is simply sent again.
    is_within
        Whether it runs in this process: no other one can ask for its tasks, nor this one for those
        of another.
    """

    def __init__(
        self, store: RunStore | None, service: str, *, is_free: bool, is_within: bool
    ) -> None:
        self.store = store
        self._service = service
        self._is_free = is_free
        self._is_within = is_within

    def kinds(self, retry: bool | Collection[str], *, single: bool) -> tuple[str, ...]:
        """Return which ends are no hindrance to sending a request again."""
        if self._is_free or retry is True:
            return ENDS
        given = () if retry is False else (retry,) if isinstance(retry, str) else tuple(retry)
        if unknown := sorted(set(given) - set(ENDS)):
            raise errors.InvalidOption(
                f"retry has {unknown[0]!r}: it must be True, False, or some of {', '.join(ENDS)}."
            )
        return (*given, *(_FREE if single else ()))

    async def begin(
        self, request: FillRequest, *, reuse: bool | None, retry: Collection[str], patience: float
    ) -> Stored | Pending | Attempt | None:
        """Find out what is to be done for a request; None: send it, and keep nothing.

        Waits while another process is about to send the same.

        Raises
        ------
        fluxfill_nb.errors.FluxFillError
            How it ended before, unless that is to be tried again.
        """
        if (store := self.store) is None:
            return None
        give_up = time.monotonic() + patience
        while True:
            begun = await to_thread.run_sync(
                partial(store.begin, request, service=self._service, reuse=reuse, retry=retry)
            )
            if isinstance(begun, Ended):
                raise _as_error(begun)
            if self._is_within and isinstance(begun, Pending) and begun.attempt.is_elsewhere:
                reuse = False  # whoever is at it may never ask for it
                continue
            if not isinstance(begun, Elsewhere):
                return begun
            if time.monotonic() > give_up:
                raise errors.FluxFillError(
                    "Another notebook or process is at the same fill, and nothing has come of it "
                    f"for {patience:g} s. Nothing was sent from here."
                )
            await anyio.sleep(_LOOK)

    async def found(self, request: FillRequest, *, reuse: bool | None) -> FillResult | None:
        """Return what is there already, without a right to send anything."""
        if (store := self.store) is None:
            return None
        if reuse is False or not (reuse or request.is_repeatable):
            return None
        news = await to_thread.run_sync(lambda: store.news(store.key(request, self._service)))
        return news.result if isinstance(news, Stored) else None

    async def attempt_of(self, task: FillTask) -> Attempt | None:
        """Return the attempt that a task belongs to, if the store knows it."""
        return None if self.store is None else await to_thread.run_sync(self.store.attempt_of, task)

    async def note_refusal(self, attempt: Attempt, error: errors.FluxFillError) -> None:
        """Write down that a submission brought no task."""
        if isinstance(error, errors.TaskModerated):
            await self._settle(attempt, "moderated", error)
        elif was_not_taken(error):
            await to_its_end(lambda: to_thread.run_sync(attempt.not_sent))
        else:
            await self._settle(attempt, "unconfirmed", error)

    async def note_end(self, attempt: Attempt, error: errors.TaskError) -> None:
        """Write down that a task has ended without a picture."""
        kind: Kind = (
            "moderated" if isinstance(error, errors.TaskModerated)
            else "expired" if isinstance(error, errors.TaskNotFound)
            else "failed"
        )  # fmt: skip
        await self._settle(attempt, kind, error)

    async def keep(self, attempt: Attempt, result: FillResult) -> FillResult:
        """Keep a picture."""
        return await to_its_end(lambda: to_thread.run_sync(attempt.done, result))

    async def note_sweep(self, sweep: Sweep) -> None:
        """Keep what is compared."""
        if (store := self.store) is not None:
            await to_its_end(lambda: to_thread.run_sync(store.save_sweep, sweep))

    def pending(self) -> list[FillTask]:
        """Return the service's tasks whose picture is not here yet, and can be asked for here."""
        if (store := self.store) is None:
            return []
        tasks = store.pending(self._service)
        if not self._is_within:
            return tasks
        attempts = ((task, store.attempt_of(task)) for task in tasks)
        return [task for task, attempt in attempts if not (attempt and attempt.is_elsewhere)]

    def unconfirmed(self) -> list[Unconfirmed]:
        """Return what may have been sent to the service, and nobody knows what came of it."""
        if self.store is None:
            return []
        return [one for one in self.store.unconfirmed() if one.service == self._service]

    def durations(self) -> list[float]:
        """Return how long the last fills took, s."""
        return [] if self.store is None else self.store.durations(self._service)

    async def _settle(self, attempt: Attempt, kind: Kind, error: errors.FluxFillError) -> None:
        await to_its_end(lambda: to_thread.run_sync(attempt.failed, kind, str(error)))


def was_not_taken(error: BaseException) -> bool:
    """Whether a submission that ended so has certainly not become a task."""
    if isinstance(error, errors.SubmissionUnconfirmed):
        return False
    if isinstance(error, errors.ServiceUnavailable):
        return error.response.status_code == 503
    return isinstance(
        error,
        (
            errors.ConnectionFailed, errors.TooManyTasks, errors.NotAuthenticated,
            errors.InsufficientCredits, errors.RequestRejected, errors.InvalidInput,
            errors.StoreError, errors.BudgetReached,
        ),
    )  # fmt: skip


def was_free(outcome: object) -> bool:
    """Whether a fill that ended so has certainly not been charged."""
    return isinstance(outcome, (errors.TaskModerated, errors.TaskFailed)) or (
        isinstance(outcome, BaseException) and was_not_taken(outcome)
    )


def _as_error(ended: Ended) -> errors.FluxFillError:
    if ended.kind == "unconfirmed" or ended.task is None:
        return errors.SubmissionUnconfirmed(
            f"This was sent before, and nobody knows whether it was taken: {ended.reason} Look at "
            "the service's page or credits(); retry=True sends it again, and may pay twice."
        )
    reason = f"{ended.reason} retry=True sends it again."
    if ended.kind == "moderated":
        return errors.TaskModerated(reason, task=ended.task)
    if ended.kind == "expired":
        return errors.TaskNotFound(reason, task=ended.task)
    return errors.TaskFailed(reason, task=ended.task)
