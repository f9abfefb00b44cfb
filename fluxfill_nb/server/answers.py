"""What the server answers, as the OpenAPI page shows it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from ..result import FillStatus


class Submitted(BaseModel):
    """A fill was taken on."""

    id: str = Field(description="The task.")
    polling_url: str = Field(description="Where to ask for it.")


class SubmittedWithWebhook(BaseModel):
    """A fill was taken on, and will be announced."""

    id: str = Field(description="The task.")
    status: FillStatus = Field(description="How far it is.")
    webhook_url: str = Field(description="Which address will be called when it has ended.")


class Result(BaseModel):
    """What there is of a finished fill."""

    sample: str = Field(description="Signed address of the picture; valid for 10 minutes.")
    prompt: str | None
    seed: int
    start_time: float = Field(description="When the engine began, seconds since 1970.")
    end_time: float = Field(description="When it was done, seconds since 1970.")
    duration: float = Field(description="Seconds in between.")


class Preview(BaseModel):
    """A look at a picture in the making."""

    image: str = Field(description="data: URL of a small JPEG.")


class State(BaseModel):
    """How far a task is."""

    id: str
    status: FillStatus
    result: Result | None = Field(description="Only when the status is Ready.")
    progress: float | None = Field(description="Share of the work that is done, 0 to 1.")
    details: dict[str, Any] | None
    preview: Preview | None = Field(description="Only while an engine at work gives one.")
    cost: float = Field(default=0.0, description="Credits; only when the status is Ready.")


class Credits(BaseModel):
    """What an account holds."""

    credits: float


class Refusal(BaseModel):
    """Why the answer is no."""

    detail: str


class Problem(BaseModel):
    """What is wrong with one field."""

    type: str
    loc: list[str | int] = Field(description="The field: body, and its name.")
    msg: str
    input: Any = Field(default=None, description="What was sent, cut.")
    ctx: dict[str, Any] = Field(default={}, description="The rule's numbers.")


class Problems(BaseModel):
    """What is wrong with a request, field by field."""

    detail: list[Problem]
