"""Carrying out a run: many fills at once, until they are done, stopped, or too dear."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from .. import errors
from ..request import FillRequest
from ..result import FillResult
from ..sweep import Outcome, Point, Sweep, SweepResult
from .heartbeat import awake
from .keeper import was_free
from .purse import Purse
from .run import OnResult, Run
from .tally import Tally

if TYPE_CHECKING:
    from .core import AsyncFluxFill

_log = logging.getLogger(__name__)

Again = Callable[[Sweep, tuple[str, ...]], SweepResult]

# What each further fill of a run would meet as well: nothing more is sent.
_HALTING = (
    errors.NotAuthenticated, errors.InsufficientCredits, errors.BudgetReached, errors.StoreError,
)  # fmt: skip

_in_background: set[asyncio.Task[None]] = set()


def prepare(
    client: AsyncFluxFill,
    what: Sweep | FillRequest,
    *,
    on_result: OnResult | None,
    budget: float | None,
    reuse: bool | None,
    retry: bool | Collection[str],
    again: Again | None = None,
    here: bool = False,
) -> tuple[Run[Any], Callable[[], Coroutine[Any, Any, None]]]:
    """Return a run, and what carries it out; nothing has begun yet.

    Parameters
    ----------
    client
        Who fills.
    what
        A sweep, or one request.
    on_result, budget, reuse, retry
        As in `AsyncFluxFill.start`.
    again
        How the results' missing points are sent again; None: they have no way to.
    here
        Whether this thread's own event loop is to do the work: nobody may wait for it here then.
    """
    if not isinstance(what, (Sweep, FillRequest)):
        raise errors.InvalidInput(
            f"A {type(what).__name__} cannot be run: give a FillRequest or a Sweep."
        )
    single = isinstance(what, FillRequest)
    points = (Point(0, {}, what),) if isinstance(what, FillRequest) else what.points
    kinds = client._keeper.kinds(retry, single=single)

    def conclude(outcomes: list[Outcome]) -> Any:
        return _the_one(tally, outcomes) if single else _labelled(client, what, outcomes, again)

    tally: Tally[Any] = Tally(len(points), conclude, Purse(client.price, budget))
    if here:
        tally.thread = threading.get_ident()
    client._under_way.add(tally)

    async def outcome_of(point: Point) -> Outcome:
        tally.under_way(point.index)
        try:
            return await client._courier.obtain(
                point.request,
                reuse=reuse,
                retry=kinds,
                on_progress=partial(tally.heard, point.index),
                before_sending=partial(tally.sending, point.index),
            )
        except errors.FluxFillError as error:
            return error

    async def work() -> None:
        await _carry_out(client, tally, points, outcome_of, on_result, what)

    return Run(points, client.service, tally), work


async def _carry_out(
    client: AsyncFluxFill,
    tally: Tally[Any],
    points: tuple[Point, ...],
    outcome_of: Callable[[Point], Awaitable[Outcome]],
    on_result: OnResult | None,
    what: Sweep | FillRequest,
) -> None:
    failure: BaseException | None = None
    waiting = iter(points)

    async def worker(points: Iterator[Point]) -> None:
        for point in points:
            async with client._own_places:
                if tally.is_stopped:
                    return
                outcome = await outcome_of(point)
            if isinstance(outcome, _HALTING):
                tally.halt(outcome)
            if isinstance(outcome, errors.BudgetReached):
                outcome = None
            tally.settled(point.index, outcome, was_free=was_free(outcome))
            if on_result is not None and outcome is not None:
                try:
                    on_result(point, outcome)
                except Exception:
                    _log.exception("The callback of %s failed", point)

    try:
        with anyio.CancelScope() as scope:
            loop = asyncio.get_running_loop()
            if tally.begin(lambda: loop.call_soon_threadsafe(scope.cancel)):
                try:
                    if isinstance(what, Sweep):
                        await client._keeper.note_sweep(what)
                except errors.StoreError as error:
                    tally.halt(error)
                async with anyio.create_task_group() as group:
                    for _ in range(min(len(points), client._max_active)):
                        group.start_soon(worker, waiting)
    except BaseExceptionGroup as several:
        failure = several.exceptions[0]
    except Exception as error:
        failure = error
    except BaseException:  # its loop ends
        tally.stop()
        raise
    finally:
        tally.end(failure)


def in_background(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Let a run go on beside its caller, on the running loop."""
    task = asyncio.get_running_loop().create_task(_awake_while(work))
    _in_background.add(task)
    task.add_done_callback(_in_background.discard)


async def _awake_while(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Await work while the loop hears the stop button."""
    await awake(work)


async def what_is_there(client: AsyncFluxFill, sweep: Sweep, *, reuse: bool | None) -> SweepResult:
    """Return what of a sweep is in the store; send nothing."""
    outcomes: list[Outcome] = [
        await client._keeper.found(point.request, reuse=reuse) for point in sweep.points
    ]
    return _labelled(client, sweep, outcomes, None)


def _labelled(
    client: AsyncFluxFill, what: Any, outcomes: list[Outcome], again: Again | None
) -> SweepResult:
    return SweepResult(what, outcomes, ratings=client.store, again=again)


def _the_one(tally: Tally[Any], outcomes: list[Outcome]) -> FillResult:
    match outcomes:
        case [FillResult() as result]:
            return result
        case [errors.FluxFillError() as error]:
            raise error
    if tally.halted_by is not None:
        raise tally.halted_by
    if tally.is_stopped:
        raise errors.RunStopped(
            "The fill was stopped before its picture came. If it was sent, client.resume() "
            "collects it."
        )
    raise errors.FluxFillError("The picture is not here yet: run.wait() waits for it.")
