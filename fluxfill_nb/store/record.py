"""What the journal says of one attempt. The order of its lines does not matter."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import NoneType
from typing import Any, Literal

from ..options import FillOptions
from .journal import Line
from .process import Process

Kind = Literal["unconfirmed", "failed", "moderated", "expired"]
"""How an attempt ends without a picture.

``unconfirmed``: it was sent, and perhaps taken and charged, but no answer came. ``failed``: refused
or failed. ``moderated``: refused by the moderation, for free. ``expired``: taken and charged, and
not to be had any more.
"""

KINDS: tuple[Kind, ...] = ("unconfirmed", "failed", "moderated", "expired")

State = Literal[
    "claimed", "at work", "pending", "done", "free",
    "unconfirmed", "failed", "moderated", "expired",
]  # fmt: skip
"""``claimed``: nothing is written yet. ``free``: nothing was sent, or the picture was removed."""


# One request is not sent so often; the attempts before one are looked through.
_MOST_ATTEMPTS = 10_000
# What lines may say: digests, names of files in their folder, moments that a date can show.
_DIGEST, _FILE_NAME = re.compile("[0-9a-f]+"), re.compile(r"[^/\\\0]+")
_LATEST = 32e9
# The types of settings, as JSON has them.
_KINDS: dict[str, tuple[type, ...]] = {
    name: (type(field.default),) if isinstance(field.default, (str, bool)) else (int, float)
    for name, field in FillOptions.model_fields.items()
}


@dataclass(slots=True)
class Record:
    """One attempt at one request.

    Attributes
    ----------
    key
        The request's, with its service.
    attempt
        Its number, from 1.
    began
        When it was first heard of, s since 1970.
    settings, image, mask, request_key
        What was asked for: `FillOptions` as JSON values, digests of picture and soft mask, the
        picture's (width, height), and `FillRequest.key`.
    """

    key: str
    attempt: int
    began: float = float("inf")
    writer: Process | None = None
    service: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    request_key: str = ""
    image: str = ""
    image_size: tuple[int, int] | None = None
    mask: str = ""
    intended: bool = False
    task: str | None = None
    polling_url: str = ""
    submitted: float | None = None
    kind: Kind | None = None
    reason: str = ""
    unsent: bool = False
    picture: str | None = None
    finished: float = 0.0
    finisher: Process | None = None
    size: tuple[int, int] | None = None
    seed: int | None = None
    duration: float | None = None
    price: float | None = None
    made_by: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    removed: float = 0.0

    @property
    def id(self) -> str:
        """What the picture is known by."""
        return f"{self.key}-{self.attempt}"

    @property
    def state(self) -> State:
        """Where the attempt stands; ``at work`` also if nobody is any more."""
        if self.began == float("inf"):
            return "claimed"
        if self.picture is not None and self.removed < self.finished:
            return "done"
        if self.removed:
            return "free"
        if self.kind is not None and self.kind != "unconfirmed":
            return self.kind
        if self.task is not None:
            return "pending"
        if self.kind is not None:
            return self.kind
        return "free" if self.unsent else "at work"

    @property
    def when(self) -> datetime:
        """When the task was submitted, or else first heard of (UTC)."""
        moment = self.began if self.submitted is None else self.submitted
        return datetime.fromtimestamp(moment, UTC)

    def apply(self, line: Line) -> None:
        """Take in a line of the journal.

        Raises
        ------
        LookupError, TypeError, ValueError
            It is not as lines should be.
        """
        event = line.event
        name, moment = event["event"], _moment(event["t"])
        self.began = min(self.began, moment)
        if "settings" in event:
            self._ask(event)
        if name == "intent":
            self.intended, self.writer = True, line.writer
        elif name == "submitted":
            self.task, self.polling_url = str(event["id"]), str(event["polling_url"])
            self.submitted = _moment(event["submitted"])
            self.price = _number(event.get("cost")) if self.price is None else self.price
        elif name == "done":
            self._finish(event, moment)
            self.finisher = line.writer
        elif name == "ended":
            if event["kind"] not in KINDS:
                raise ValueError(event["kind"])
            # What is certain stands, whoever also says that he does not know.
            if self.kind in (None, "unconfirmed"):
                self.kind, self.reason = event["kind"], str(event["reason"])
        elif name == "not_sent":
            self.unsent = True
        elif name == "removed":
            self.removed = max(self.removed, moment)

    def _ask(self, event: dict[str, Any]) -> None:
        self.service = str(event["service"])
        self.settings = _settings(event["settings"])
        self.request_key = str(event["request"])
        self.image = _matching(_DIGEST, event["image"]["sha256"])
        self.mask = _matching(_DIGEST, event["mask"]["sha256"])
        self.image_size = _size(event["image"]["size"])

    def _finish(self, event: dict[str, Any], moment: float) -> None:
        self.size = None if event["size"] is None else _size(event["size"])
        self.seed = None if event["seed"] is None else int(event["seed"])
        self.duration = _number(event["duration"])
        self.price = _number(event["price"])
        self.made_by, self.details = str(event["made_by"]), dict(event["details"])
        self.finished = max(self.finished, moment)
        self.task = self.task or str(event["id"])
        self.submitted = _moment(event["submitted"]) if self.submitted is None else self.submitted
        self.picture = _matching(_FILE_NAME, event["picture"])


def _settings(value: Any) -> dict[str, Any]:
    """Settings, of which those known here have the right type; others are of a newer version."""
    settings = dict(value)
    for name in _KINDS.keys() & settings.keys():
        if not isinstance(settings[name], (*_KINDS[name], NoneType)):
            raise TypeError(name)
    return settings


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not (isinstance(value, str) and pattern.fullmatch(value)):
        raise ValueError(value)
    return value


def _size(value: Any) -> tuple[int, int]:
    width, height = map(int, value)
    if width < 1 or height < 1:
        raise ValueError(value)
    return width, height


def attempt_number(value: Any) -> int:
    """Return an attempt's number as lines and files have it.

    Raises
    ------
    ValueError, TypeError, OverflowError
        It is none.
    """
    number = int(value)
    if not 1 <= number <= _MOST_ATTEMPTS:
        raise ValueError(value)
    return number


def _moment(value: Any) -> float:
    moment = float(value)
    if not 0 <= moment < _LATEST:
        raise ValueError(value)
    return moment


def _number(value: Any) -> float | None:
    if value is not None and not math.isfinite(number := float(value)):
        raise ValueError(value)
    return None if value is None else number
