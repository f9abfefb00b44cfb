"""Who may send what: the journal's records, and the claims beside them."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from ..errors import InvalidImage
from ..request import FillRequest
from ..result import FillResult, FillTask, PictureFile
from ..sweep.ratings import MOST_STARS
from .begun import Attempt, Begun, Elsewhere, Ended, Pending, Stored
from .claims import Claim, Claims
from .faults import cannot_read, cannot_write
from .inputs import Inputs, clear_parts
from .journal import Journal, Line
from .pictures import Pictures
from .process import LEFT_ALONE, Process
from .record import Record, State, attempt_number
from .stored import StoredResult, StoredTask

_EVENTS = {"intent", "submitted", "done", "ended", "not_sent", "removed"}
_README = """\
What fluxfill_nb has made: kept so that nothing is paid for twice, and nothing lost.

pictures/   as the service sent them; each says inside how it was made
inputs/     what was filled, and the masks, each once
sweeps/     what was compared
journal/    what was sent, and what came of it; without it, pictures are found again by
            fluxfill_nb.RunStore("this folder").rebuild()
claims/     who was about to send what; keeps two notebooks from paying for the same
thumbs/     small copies; may be deleted at any time

Pictures may be looked at, copied, and moved away. To delete some: RunStore.prune().
"""

# The attempts that this process is at, over all stores: one that nobody holds any more is over.
# Under the lock, each claim that this process has made is among them.
_at_work: WeakValueDictionary[tuple[int, str, str, int], Attempt] = WeakValueDictionary()
_claiming = threading.Lock()


def key_of(request_key: str, service: str) -> str:
    """Return what a store knows a request to a service by."""
    return hashlib.sha256(f"{service}\n{request_key}".encode()).hexdigest()


class Ledger:
    """The records of a store's folder, and the rules by which requests are sent.

    Parameters
    ----------
    folder
        Of the store. Made when there is something to write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(folder / "journal")
        self.claims = Claims(folder / "claims")
        self.inputs = Inputs(folder / "inputs")
        self.pictures = Pictures(folder / "pictures")
        self.lock = threading.RLock()
        self.records: dict[str, dict[int, Record]] = {}
        self.stars: dict[str, tuple[float, int]] = {}
        self.problems: dict[str, None] = {}
        self._is_prepared = False
        self._by_task: dict[tuple[str, str], Record] = {}

    # ------------------------------------------------------------------------------------- reading

    def refresh(self) -> None:
        """Take in what the journal has to tell.

        Raises
        ------
        fluxfill_nb.errors.StoreError
            It cannot be read.
        """
        try:
            with self.lock:
                for line in self.journal.news():
                    self._take(line)
        except OSError as error:
            raise cannot_read(self.folder, error) from error

    def _take(self, line: Line) -> None:
        event = line.event
        try:
            if event["event"] in _EVENTS:
                record = self.record(str(event["key"]), attempt_number(event["attempt"]))
                record.apply(line)
                if record.task is not None:
                    self._by_task[record.task, record.polling_url] = record
            elif event["event"] == "star":
                moment, stars = float(event["t"]), int(event["stars"])
                if stars not in range(MOST_STARS + 1):
                    raise ValueError(stars)
                if moment >= self.stars.get(event["key"], (0.0, 0))[0]:
                    self.stars[event["key"]] = moment, stars
            elif event["event"] != "writer":
                self._problem(f"journal/{line.file}: lines of a newer version, passed over")
        except (LookupError, TypeError, ValueError, OverflowError):
            self._problem(f"journal/{line.file}: lines that make no sense, passed over")

    def record(self, key: str, attempt: int) -> Record:
        """Return the record of an attempt, a new one if need be."""
        with self.lock:
            attempts = self.records.setdefault(key, {})
            if (record := attempts.get(attempt)) is None:
                record = attempts[attempt] = Record(key, attempt)
            return record

    def all(self) -> Iterator[Record]:
        """Yield all records."""
        with self.lock:
            return iter([one for attempts in self.records.values() for one in attempts.values()])

    def by_task(self, task: FillTask) -> Record | None:
        """Return the record of a task; two services may use the same id."""
        with self.lock:
            return self._by_task.get((task.id, task.polling_url))

    # ------------------------------------------------------------------------------------- writing

    def tell(
        self, record: Record, event: str, *, durable: bool = False, reserved: bool = False,
        **values: Any,
    ) -> None:  # fmt: skip
        """Write a line about an attempt.

        Raises
        ------
        OSError
            It is not written.
        """
        line = self.journal.append(
            event, durable=durable, reserved=reserved, key=record.key, attempt=record.attempt,
            **values,
        )  # fmt: skip
        with self.lock:
            self._take(line)

    def star(self, key: str, stars: int) -> None:
        """Keep how many stars a picture has.

        Raises
        ------
        fluxfill_nb.errors.StoreError
            The store cannot be written.
        """
        try:
            self.prepare()
            line = self.journal.append("star", key=key, stars=stars)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        with self.lock:
            self._take(line)

    def tell_nobody(self, record: Record, event: str, **values: Any) -> None:
        """Hold to what cannot be written."""
        content = {"t": time.time(), "event": event, "key": record.key, "attempt": record.attempt}
        with self.lock:
            self._take(Line(content | values, Process.this(), ""))

    def asked(self, record: Record, request: FillRequest) -> dict[str, Any]:
        """Return what an attempt asks for, as its first line says it."""
        image, mask = self.inputs.digests(request)
        return {
            "service": record.service,
            "request": record.request_key,
            "settings": request.options.model_dump(
                mode="json", exclude={"webhook_url", "webhook_secret"}
            ),
            "image": {"sha256": image, "size": request.picture.image.size},
            "mask": {"sha256": mask},
        }

    def prepare(self) -> None:
        """Make the folder, and say in it what it is.

        Raises
        ------
        OSError
            It cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        readme = self.folder / "README.txt"
        if not readme.exists():
            readme.write_text(_README, encoding="utf-8")
        if not self._is_prepared:
            self._is_prepared = True
            for name in ("pictures", "inputs", "sweeps"):
                clear_parts(self.folder / name)

    # -------------------------------------------------------------------------------------- values

    def task_of(self, record: Record, task: FillTask | None = None) -> FillTask:
        """Return an attempt's task, whose request is made again when it is asked for."""
        return StoredTask(
            record.task or "" if task is None else task.id,
            record.polling_url if task is None else task.polling_url,
            partial(self.inputs.load, record.image, record.mask, record.settings),
            record.when if task is None else task.submitted,
        )

    def result_of(self, record: Record, task: FillTask | None = None) -> FillResult:
        """Return the result of an attempt that is done."""
        path = self.pictures.folder / str(record.picture)
        # As nearly always; a picture that could not be read when it came has none of its own.
        size = record.size or record.image_size or (0, 0)
        return StoredResult(
            self.task_of(record) if task is None else task,
            PictureFile(path, size, self.folder / "thumbs"),
            record.made_by,
            record.seed,
            record.duration,
            record.price,
            record.details,
            key=record.id,
            original=record.image_size,
        )

    # --------------------------------------------------------------------------------------- rules

    def begin(
        self, request: FillRequest, service: str, *, shared: bool, retry: Collection[str]
    ) -> Begun:
        """Find out where a request stands, and claim the right to send it if it is free.

        Raises
        ------
        fluxfill_nb.errors.StoreError
            The claim cannot be written.
        """
        request_key = request.key
        key = key_of(request_key, service)
        if shared and (found := self.judge(key, request, look=False)) and isinstance(found, Stored):
            return found
        given_up: list[int] = []
        passed = 0
        while True:
            self.refresh()
            # Before judging: who claims something meanwhile claims this number.
            with self.lock:
                number = max([passed, *given_up, *self.records.get(key, ())]) + 1
            if shared:
                found = self.judge(key, request)
                if found is not None and not (isinstance(found, Ended) and found.kind in retry):
                    return found
            record = Record(key, number, service=service, request_key=request_key)
            attempt = self._claim(record, request, given_up)
            if attempt is not None:
                if given_up and self._is_alive_after_all(key, given_up):
                    attempt.not_sent()
                    given_up.clear()
                    continue
                return attempt
            if not shared:
                passed = number
                continue
            found = self._examine(key, number, given_up, request)
            if found is not None and not (isinstance(found, Ended) and found.kind in retry):
                return found

    def judge(self, key: str, request: FillRequest | None, *, look: bool = True) -> Begun | None:
        """Say where a request stands by the journal; None: nothing hinders sending it.

        Parameters
        ----------
        key
            Of the request.
        request
            The request; None: it is made again from the store.
        look
            Look for pictures that are there though the journal does not know it.
        """
        with self.lock:
            records = sorted(self.records.get(key, {}).items(), reverse=True)
            states = [(record, record.state) for _, record in records]
        ended: Ended | None = None
        for record, state in states:
            if state == "done":
                if (self.pictures.folder / str(record.picture)).exists():
                    return Stored(self.result_of(record, self._task_with(record, request)))
                if self._may_come(record):
                    return Elsewhere(key)
        if not look:
            return None
        for record, state in states:
            if state in ("claimed", "at work") and self._is_held(record):
                return Elsewhere(key)
            if state in ("pending", "at work") and self.adopt(record):
                return Stored(self.result_of(record, self._task_with(record, request)))
            if state == "pending":
                return Pending(self._task_with(record, request), Attempt(self, record, request))
            if record.picture is not None:
                break  # it was made, and is gone: what was before does not count
            if state not in ("claimed", "free") and ended is None:
                ended = self._ended(record)
        return Elsewhere(key) if self._is_claimed(key) else ended

    def state(self, record: Record) -> State:
        """Where an attempt stands; one at which nobody is any more is unconfirmed."""
        state = record.state
        return "unconfirmed" if state == "at work" and not self._is_held(record) else state

    def adopt(self, record: Record) -> bool:
        """Take in an attempt's picture if it is there though the journal does not know it."""
        name = self.pictures.of(record.key, record.attempt)
        return name is not None and self.adopt_file(name) and record.state == "done"

    def adopt_file(self, name: str) -> bool:
        """Take in a picture by what it says of itself; False if it says nothing."""
        try:
            told = self.pictures.told(name)
        except InvalidImage:
            return False
        record = self.record(told.pop("key"), told.pop("attempt"))
        told["polling_url"] = record.polling_url
        try:
            self.tell(record, "done", **told)
        except OSError:
            self.tell_nobody(record, "done", **told)
        return True

    def release(self, record: Record) -> None:
        """Note that nobody is at an attempt any more."""
        _at_work.pop(self._place(record.key, record.attempt), None)

    def is_taken_over(self, record: Record) -> bool:
        """Whether somebody has claimed an attempt's place meanwhile, taking it for given up."""
        claims = self.claims.after(record.key, record.attempt)
        return any(claim.is_bare or record.attempt in claim.over for claim in claims)

    def _claim(self, record: Record, request: FillRequest, given_up: list[int]) -> Attempt | None:
        """Claim an attempt; None if somebody has it."""
        key, number = record.key, record.attempt
        try:
            self.prepare()
            journal = self.journal.name
            with _claiming:
                if not self.claims.make(key, number, journal, given_up):
                    return None
                with self.lock:
                    record = self.records.setdefault(key, {}).setdefault(number, record)
                attempt = Attempt(self, record, request)
                _at_work[self._place(key, number)] = attempt
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        return attempt

    def _examine(
        self, key: str, number: int, given_up: list[int], request: FillRequest
    ) -> Begun | None:
        """Say what a claim means that the journal knew nothing of a moment ago."""
        claim = self.claims.read(key, number)
        if claim is None or self._holds(claim, key, number):
            return None if claim is None else Elsewhere(key)
        self.refresh()
        with self.lock:
            if number in self.records.get(key, ()):
                return None  # judged by that
        name = self.pictures.of(key, number)
        if name is not None and self.adopt_file(name):
            return self.judge(key, request)
        given_up.append(number)
        if claim.is_bare or self.journal.is_whole(claim.journal):
            return None
        return Ended(
            key, "unconfirmed",
            "It was begun, and what came of it is lost: the journal is damaged.",
        )  # fmt: skip

    def _is_alive_after_all(self, key: str, given_up: list[int]) -> bool:
        self.refresh()
        with self.lock:
            known = self.records.get(key, {})
            return any(number in known and known[number].state != "free" for number in given_up)

    def _task_with(self, record: Record, request: FillRequest | None) -> FillTask:
        """An attempt's task, with the request of whoever asks: its mask's edge may be another."""
        task = self.task_of(record)
        if request is None:
            return task
        return FillTask(task.id, task.polling_url, request, task.submitted)

    def _is_claimed(self, key: str) -> bool:
        """Whether somebody is about to send a request, and has written nothing yet."""
        with self.lock:
            known = set(self.records.get(key, ()))
        last = max(known, default=0)
        # A claim may have been passed over: who made it has yet to write its first line.
        passed = [number for number in range(1, last) if number not in known]
        claims = [(number, self.claims.read(key, number)) for number in passed]
        claims += enumerate(self.claims.after(key, last), start=last + 1)
        return any(claim and self._holds(claim, key, number) for number, claim in claims)

    def _holds(self, claim: Claim, key: str, number: int) -> bool:
        return self._is_own(key, number) if claim.holder == Process.this() else claim.is_held

    def _is_held(self, record: Record) -> bool:
        if record.writer == Process.this() or not record.intended:
            return self._is_own(record.key, record.attempt)
        since = record.began
        return record.writer.is_living(since) if record.writer else time.time() - since < LEFT_ALONE

    def _may_come(self, record: Record) -> bool:
        """Whether another machine's picture may only not be seen here yet."""
        finisher = record.finisher
        return (
            finisher is not None
            and finisher.machine != Process.this().machine
            and time.time() - record.finished < LEFT_ALONE
        )

    def _ended(self, record: Record) -> Ended:
        if record.kind is not None:
            task = None if record.task is None else self.task_of(record)
            return Ended(record.key, record.kind, record.reason, task)
        return Ended(
            record.key,
            "unconfirmed",
            "It was sent, and the process ended before the answer came: it may have been charged.",
        )

    def _is_own(self, key: str, number: int) -> bool:
        """Whether this process is at an attempt."""
        with _claiming:
            return self._place(key, number) in _at_work

    def _place(self, key: str, number: int) -> tuple[int, str, str, int]:
        return os.getpid(), str(self.folder), key, number

    def _problem(self, text: str) -> None:
        self.problems[text] = None
