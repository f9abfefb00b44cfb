"""What the journal says of one attempt. The order of its lines does not matter."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

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
        name, moment = event["event"], float(event["t"])
        self.began = min(self.began, moment)
        if "settings" in event:
            self._ask(event)
        if name == "intent":
            self.intended, self.writer = True, line.writer
        elif name == "submitted":
            self.task, self.polling_url = str(event["id"]), str(event["polling_url"])
            self.submitted = float(event["submitted"])
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
        self.settings = dict(event["settings"])
        self.request_key = str(event["request"])
        self.image, self.mask = str(event["image"]["sha256"]), str(event["mask"]["sha256"])
        self.image_size = _size(event["image"]["size"])

    def _finish(self, event: dict[str, Any], moment: float) -> None:
        self.size = None if event["size"] is None else _size(event["size"])
        self.seed, self.duration = event["seed"], _number(event["duration"])
        self.price = _number(event["price"])
        self.made_by, self.details = str(event["made_by"]), dict(event["details"])
        self.finished = max(self.finished, moment)
        self.task = self.task or str(event["id"])
        self.submitted = float(event["submitted"]) if self.submitted is None else self.submitted
        self.picture = str(event["picture"])


def _size(value: Any) -> tuple[int, int]:
    width, height = value
    return int(width), int(height)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
