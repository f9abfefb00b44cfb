"""One fill's way: from the store or to the service, and its picture home."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from .. import errors
from ..request import USD_PER_CREDIT, FillRequest
from ..result import FillResult, FillTask
from ..store import Attempt, Pending, Stored
from . import retries, wire
from .doorbell import Doorbell
from .heartbeat import awake, to_its_end
from .keeper import Keeper
from .places import Place, Places
from .progress import OnProgress, tell
from .schedule import Schedule
from .service import SampleExpired, Service

if TYPE_CHECKING:
    from .receiver import Receiver

_log = logging.getLogger(__name__)

# How long a task keeps its place though nobody waits for it: it goes on at the service.
_LEFT_ALONE = 15.0
# The least time for a question, however near the deadline.
_LEAST = 0.5
# Tasks that are waited for from so early on, s, tell how long they take.
_WATCHED = 1.0
_LONGEST_NAME = 80


@dataclass(frozen=True, kw_only=True, eq=False)
class Courier:
    """Takes requests to a service, and brings their pictures home. For one event loop.

    Attributes
    ----------
    service
        Where to.
    name
        What it is called in results that do not say themselves who made them.
    price
        Of a fill, USD; None if it is not known.
    timeout
        How long to wait for one picture, s. Until there is a place for it, its time does not run.
    keeper
        Knows what is there already, and is told all that comes of it.
    places
        How many fills may be under way.
    schedule
        When to ask.
    webhooks
        Where the service may call; None: it does not.
    """

    service: Service
    name: str
    price: float | None
    timeout: float
    keeper: Keeper
    places: Places
    schedule: Schedule
    webhooks: Receiver | None
    _unfinished: dict[str, FillTask] = field(default_factory=dict)
    _place_of: dict[str, Place] = field(default_factory=dict)

    @property
    def unfinished(self) -> tuple[FillTask, ...]:
        """The tasks that were submitted here, or waited for, and whose picture is not here yet."""
        return tuple(self._unfinished.values())

    def take_back(self, tasks: Iterable[FillTask]) -> None:
        """Count tasks as unfinished again: their pictures were here, and reached nobody."""
        later = dict(self._unfinished)
        self._unfinished.clear()
        self._unfinished.update({task.id: task for task in tasks} | later)

    async def obtain(
        self,
        request: FillRequest,
        *,
        reuse: bool | None,
        retry: Collection[str],
        on_progress: OnProgress | None = None,
        before_sending: Callable[[], None] = lambda: None,
    ) -> FillResult:
        """Return the picture: from the store, of a task under way, or by sending the request.

        Parameters
        ----------
        request
            What is asked for.
        reuse
            Whether the store's picture will do; None: if it would come out the same again.
        retry
            The ends after which the request is sent again.
        on_progress
            Called after each look at the task.
        before_sending
            Called right before the request is sent for the first time; what it raises stops that.
        """
        while True:
            begun = await self.keeper.begin(
                request, reuse=reuse, retry=retry, patience=self.timeout
            )
            if isinstance(begun, Stored):
                return begun.result
            if not isinstance(begun, Pending):
                break
            try:
                return await self.collect(begun.task, begun.attempt, on_progress=on_progress)
            except errors.TaskNotFound:
                if "expired" not in retry:
                    raise
        with begun or nullcontext():
            task, give_up = await self.submit(request, begun, before_sending)
        return await self.collect(task, begun, give_up=give_up, on_progress=on_progress)

    async def submit(
        self,
        request: FillRequest,
        attempt: Attempt | None,
        before_sending: Callable[[], None] = lambda: None,
    ) -> tuple[FillTask, float]:
        """Send a request; return the task, and the moment at which to give it up."""
        deadline = retries.Deadline(self.timeout)
        # Of the trials so far; at hand also for who is stopped before the next one.
        refusals: list[errors.FluxFillError] = []
        try:
            async for trial in retries.submitting(deadline):
                with trial:
                    # However long it takes to get a place: the deadline is for the service.
                    began = time.monotonic()
                    place = await self.places.take()
                    deadline.moment += time.monotonic() - began
                    give_up = deadline.moment
                    post = partial(
                        self._post, request, place, give_up, attempt, before_sending, refusals
                    )
                    return await self._send(post, give_up), give_up
        finally:
            if attempt is not None and refusals:
                await self.keeper.note_refusal(attempt, refusals[-1])
        raise AssertionError("tenacity returns or raises")

    async def collect(
        self,
        task: FillTask,
        attempt: Attempt | None,
        *,
        give_up: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> FillResult:
        """Wait for a task in its place, keep its picture, and note how it ended.

        Parameters
        ----------
        task
            What to wait for.
        attempt
            Who tells the store; None: it does not know the task.
        give_up
            The moment at which to give it up, of the monotonic clock; default: the timeout from
            now.
        on_progress
            Called after each look at the task.
        """
        if attempt is not None and attempt.result is not None:
            self._unfinished.pop(task.id, None)
            return attempt.result
        if give_up is None:
            give_up = time.monotonic() + self.timeout
        self._unfinished.setdefault(task.id, task)
        if (place := self._place_of.get(task.id)) is not None:
            place.expires = float("inf")
        ended = False
        try:
            with anyio.fail_after(_left(give_up)):
                result = await awake(partial(self._result, task, give_up, on_progress))
            if attempt is not None:
                result = await self.keeper.keep(attempt, result)
            ended = True
        except TimeoutError:
            raise errors.TaskTimeout(
                f"Task {task.id} is not ready after {self.timeout:g} s. It goes on: "
                "client.wait(error.task) waits for it again.",
                task=task,
            ) from None
        except (errors.TaskModerated, errors.TaskFailed, errors.TaskNotFound) as error:
            ended = True
            if attempt is not None:
                await self.keeper.note_end(attempt, error)
            raise
        finally:
            if ended:
                self._unfinished.pop(task.id, None)
            self._leave_place(task, ended=ended)
        _log.info("Task %s: picture received", task.id, extra={"task": task.id})
        return result

    # ------------------------------------------------------------------------------------ sending

    async def _send(self, post: Callable[[], Awaitable[FillTask]], give_up: float) -> FillTask:
        """Send a request once, and say more of what hinders it."""
        try:
            # Not even a stop breaks this off: the id would be lost, but not the price.
            return await to_its_end(post)
        except errors.TooManyTasks as error:
            raise self._too_many(error) from None
        except errors.InsufficientCredits as error:
            raise await self._with_credits(error, give_up) from None

    async def _post(
        self,
        request: FillRequest,
        place: Place,
        give_up: float,
        attempt: Attempt | None,
        before_sending: Callable[[], None],
        refusals: list[errors.FluxFillError],
    ) -> FillTask:
        """Send the request, in a place that its task keeps; note why it was not taken."""
        try:
            if not refusals:
                before_sending()
                if attempt is not None:
                    await to_thread.run_sync(attempt.intend)
            task = await self.service.submit(request, within=_left(give_up))
            refusals.clear()
            if attempt is not None:
                await to_thread.run_sync(attempt.submitted, task)
        except BaseException as error:
            place.leave()
            if isinstance(error, errors.FluxFillError):
                refusals.append(error)
            if isinstance(error, errors.TooManyTasks):
                self.places.refused()
            raise
        self._unfinished[task.id] = task
        self._place_of[task.id] = place
        self._leave_place(task, ended=False)
        self.places.accepted()
        _log.info("Task %s: submitted", task.id, extra={"task": task.id})
        return task

    def _too_many(self, error: errors.TooManyTasks) -> errors.TooManyTasks:
        return errors.TooManyTasks(
            f"{error} {self.places.taken} of this process's tasks are under way with this key, "
            "and the service takes no more.",
            response=error.response,
        )

    async def _with_credits(
        self, error: errors.InsufficientCredits, give_up: float
    ) -> errors.InsufficientCredits:
        """Say how many credits are left, if the service says so."""
        try:
            left = await self.service.credits(within=_left(give_up))
        except errors.FluxFillError:
            return error
        return errors.InsufficientCredits(
            f"{error} {left:g} credits are left.", response=error.response
        )

    # ------------------------------------------------------------------------------------ waiting

    async def _result(
        self, task: FillTask, give_up: float, on_progress: OnProgress | None
    ) -> FillResult:
        poll, was_seen = await self._until_ready(task, give_up, on_progress)
        try:
            encoded = await self.service.fetch(task, poll.sample, within=_left(give_up))
        except SampleExpired:
            _log.info("Task %s: address expired", task.id, extra={"task": task.id})
            poll, _ = await self._until_ready(task, give_up, None)
            encoded = await self._fetch_afresh(task, poll, give_up)
        details = dict(poll.details)
        asked = None if task.request is None else task.request.seed
        return FillResult(
            task=task,
            encoded=encoded,
            service=str(details.pop("service", self.name))[:_LONGEST_NAME],
            seed=asked if poll.seed is None else poll.seed,
            duration=_age(task) if was_seen else None,
            price=self.price if poll.cost is None else poll.cost * USD_PER_CREDIT,
            details=details,
        )

    async def _fetch_afresh(self, task: FillTask, poll: wire.Poll, give_up: float) -> bytes:
        try:
            return await self.service.fetch(task, poll.sample, within=_left(give_up))
        except SampleExpired:
            raise errors.DownloadFailed(
                f"The picture of task {task.id} is ready and paid for, but its address is refused, "
                "a fresh one too. client.wait(error.task) asks for another.",
                task=task,
            ) from None

    async def _until_ready(
        self, task: FillTask, give_up: float, on_progress: OnProgress | None
    ) -> tuple[wire.Poll, bool]:
        """Poll when the schedule says so, or when the service calls.

        Returns also whether it was seen to become ready: else nobody knows how long ago that was.
        """
        bell, unready, age = Doorbell(), None, _age(task)
        watched = age < _WATCHED
        born = time.monotonic() - age  # clocks on the wall may be set meanwhile
        unsubscribe = self.webhooks.subscribe(task.id, bell.ring) if self.webhooks else None
        try:
            for moment in self.schedule.moments():
                if moment <= age and unready is not None:
                    continue  # past while the last answer came
                # A call comes once; without one, the schedule goes on.
                was_rung = bell.is_rung
                await (anyio.sleep if was_rung else bell.wait)(max(0.0, moment - age))
                asked = time.monotonic() - born
                poll = await self.service.poll(task, age=asked, within=_left(give_up))
                age = time.monotonic() - born
                _log.debug("Task %s: %s", task.id, poll.status, extra={"task": task.id})
                if on_progress is not None:
                    await tell(on_progress, task, poll, age=age)
                if not poll.is_ready:
                    unready = asked
                    continue
                if was_seen := watched or unready is not None:
                    called = bell.is_rung and not was_rung
                    self.schedule.learn(asked, unready=asked if called else unready or 0.0)
                return poll, was_seen
        finally:
            if unsubscribe is not None:
                unsubscribe()
        raise AssertionError("the moments never end")

    def _leave_place(self, task: FillTask, *, ended: bool) -> None:
        """Give the task's place back, at once or when the task must be over."""
        place = self._place_of.get(task.id)
        if place is None:
            return
        if ended:
            del self._place_of[task.id]
            place.leave()
        else:
            place.leave_after(max(_LEFT_ALONE, 3 * (self.schedule.typical or 0.0)))


def _left(give_up: float) -> float:
    """How much time is left, s."""
    return max(_LEAST, give_up - time.monotonic())


def _age(task: FillTask) -> float:
    """How long ago a task was submitted, s; another machine's clock may be ahead of this one's."""
    return max(0.0, (datetime.now(UTC) - task.submitted).total_seconds())
