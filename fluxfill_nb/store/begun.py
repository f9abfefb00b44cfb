"""What `RunStore.begin` finds for a request: a picture, somebody at it, or the right to send it."""

from __future__ import annotations

import logging
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from ..errors import StoreError
from ..result import FillResult, FillTask
from .faults import cannot_write
from .process import Process
from .record import Kind, Record

if TYPE_CHECKING:
    from ..request import FillRequest
    from .ledger import Ledger

_log = logging.getLogger(__name__)

# What a picture may take on the disk, bytes a pixel, and what else is written.
_BYTES = {"png": 3, "jpeg": 1}
_BESIDES = 1 << 20
_LONGEST_REASON = 500


@dataclass(frozen=True)
class Stored:
    """The picture is there already."""

    result: FillResult


@dataclass(frozen=True)
class Elsewhere:
    """Another process, or another thread, is about to send the request: `RunStore.news` tells."""

    key: str


@dataclass(frozen=True)
class Ended:
    """An earlier attempt ended without a picture; sent again only if ``kind`` is in ``retry``."""

    key: str
    kind: Kind
    reason: str
    task: FillTask | None = None


@dataclass(frozen=True)
class Pending:
    """The request was submitted, and its picture is not here yet: wait for the task.

    Attributes
    ----------
    task
        The task.
    attempt
        What to tell how it ends.
    """

    task: FillTask
    attempt: Attempt


class Attempt:
    """The right to send a request once, and the way to tell the store how that goes.

    As a context manager it gives the right back, or notes that no answer came, if it is left before
    the answer is there. Every method may be called from any thread.

    Attributes
    ----------
    key
        The request's key in the store.
    number
        From 1.
    """

    def __init__(self, ledger: Ledger, record: Record, request: FillRequest | None = None) -> None:
        self._ledger = ledger
        self._record = record
        self._request = request
        self.key = record.key
        self.number = record.attempt

    @property
    def result(self) -> FillResult | None:
        """The picture, if it is there already."""
        return self._ledger.result_of(self._record) if self._record.state == "done" else None

    @property
    def is_elsewhere(self) -> bool:
        """Whether another process has sent it, which still lives."""
        writer, since = self._record.writer, self._record.began
        return writer not in (None, Process.this()) and writer.is_living(since)

    def intend(self) -> None:
        """Write down that the request is sent; call this right before the POST.

        What the service has certainly not taken may be sent again: once written down is enough.

        Raises
        ------
        fluxfill_nb.errors.StoreError
            That cannot be written, or the disk has no room for a picture: nothing may be sent.
        """
        ledger, request = self._ledger, self._request
        if request is not None and self._record.state == "at work":
            return
        if request is None or self._record.state != "claimed":
            raise StoreError("This attempt was made before. RunStore.begin gives another one.")
        try:
            self._check_room(request)
            ledger.inputs.save(request)
            ledger.journal.reserve()
            ledger.tell(self._record, "intent", durable=True, **self._asked())
        except OSError as error:
            raise cannot_write(ledger.folder, error) from error
        if ledger.is_taken_over(self._record):
            self.not_sent()
            raise StoreError(
                "Another computer has taken this request over, because nothing was heard of it "
                "here for minutes. Nothing was sent from here: run it again to get its picture."
            )

    def submitted(self, task: FillTask, cost: float | None = None) -> None:
        """Write down the task that the request has become; call this before the first poll.

        Parameters
        ----------
        task
            The task.
        cost
            What it costs, USD, if the service has said so.
        """
        if self._request is not None and not self._record.intended:
            with suppress(OSError):
                self._ledger.inputs.save(self._request)
        self._note("submitted", **_of(task), cost=cost)
        self._ledger.release(self._record)

    def done(self, result: FillResult) -> FillResult:
        """Keep the picture; return the result as it lies in the store.

        Raises
        ------
        fluxfill_nb.errors.StoreError
            It cannot be written. The error carries the result; the task stays among those that are
            waited for.
        """
        ledger, record = self._ledger, self._record
        if result.request is None:
            result = replace(result, task=ledger.task_of(record, result.task))
        self._request = self._request or result.request
        try:
            name, size = ledger.pictures.write(record, result)
        except OSError as error:
            raise StoreError(
                f"The picture of task {result.task.id} is here, but the store "
                f"{str(ledger.folder)!r} cannot be written ({error.strerror or error}). It is in "
                "error.result: save that elsewhere, or make room and call client.resume().",
                result=result,
            ) from error
        self._note(
            "done", picture=name, size=size, seed=result.seed, duration=result.duration,
            price=result.price, made_by=result.service, details=_harmless(result.details),
            **_of(result.task),
        )  # fmt: skip
        ledger.release(record)
        return ledger.result_of(record, task=result.task)

    def failed(self, kind: Kind, reason: str) -> None:
        """Write down that there will be no picture.

        Parameters
        ----------
        kind
            ``"unconfirmed"``, ``"failed"``, ``"moderated"`` or ``"expired"``.
        reason
            Why, for people.
        """
        self._note("ended", kind=kind, reason=_without_addresses(reason)[:_LONGEST_REASON])
        self._ledger.release(self._record)

    def not_sent(self) -> None:
        """Give the right back: certainly nothing was sent."""
        self._note("not_sent")
        self._ledger.release(self._record)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._record.state == "at work":
            self.failed("unconfirmed", "It was stopped before the answer came.")
        elif self._record.state == "claimed":
            self.not_sent()

    def __repr__(self) -> str:
        return f"<Attempt {self.number} at {self.key[:8]}, {self._record.state}>"

    def _asked(self) -> dict[str, Any]:
        return {} if self._request is None else self._ledger.asked(self._record, self._request)

    def _note(self, event: str, **values: Any) -> None:
        """Write a line, and hold to it even if that fails: what it says has happened."""
        asked = {} if self._record.settings or event == "not_sent" else self._asked()
        try:
            self._ledger.tell(self._record, event, durable=True, reserved=True, **values, **asked)
        except OSError as error:
            _log.warning("%s", cannot_write(self._ledger.folder, error))
            self._ledger.tell_nobody(self._record, event, **values, **asked)

    def _check_room(self, request: FillRequest) -> None:
        width, height = request.picture.image.size
        needed = width * height * _BYTES[request.output_format or "jpeg"] + _BESIDES
        free = shutil.disk_usage(self._ledger.folder).free
        if free < needed:
            raise StoreError(
                f"The disk of the store {str(self._ledger.folder)!r} has {free / 1e6:.1f} MB left, "
                f"and the picture may take {needed / 1e6:.1f} MB. Nothing was sent: make room."
            )


Begun: TypeAlias = Stored | Pending | Elsewhere | Ended | Attempt


def _of(task: FillTask) -> dict[str, Any]:
    return {
        "id": task.id,
        "polling_url": task.polling_url,
        "submitted": round(task.submitted.timestamp(), 3),
    }


def _harmless(details: dict[str, Any]) -> dict[str, Any]:
    """What the service said, without addresses, and as JSON has it."""
    plain = (str, int, float, bool, type(None))
    return {
        name: value
        for name, value in details.items()
        if isinstance(value, plain) and "://" not in str(value) and len(str(value)) < 500
    }


def _without_addresses(text: str) -> str:
    return re.sub(r"(\w+://[^\s/?#]*)\S*", r"\1/…", text)
