"""The wire format, as the client reads it: answers become tasks, states, or errors."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urljoin

import httpx

from .. import errors
from ..request import USD_PER_CREDIT, USD_PER_FILL, FillRequest
from ..result import FillStatus, FillTask

_SHOWN = 300


@dataclass(frozen=True)
class Poll:
    """What one poll says of a task."""

    status: str
    sample: str = ""
    seed: int | None = None
    cost: float | None = None
    fraction: float | None = None
    preview: Any = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether there is a picture to fetch."""
        return self.status == FillStatus.READY


def task_of(response: httpx.Response, request: FillRequest, result_url: str) -> FillTask:
    """Read the answer to a submission: the task, or the error that it means."""
    body = _json_object(response)
    task_id = body.get("id")
    named = isinstance(task_id, str) and bool(task_id)
    # Who names a task has taken it on, whatever the code says.
    if not named and not response.is_success:
        refuse(response)
    if not isinstance(task_id, str) or not named:
        raise errors.SubmissionUnconfirmed(
            f"{response.request.url.host} took the request ({response.status_code}) but named no "
            "task, so its picture cannot be fetched. It may have been charged, so it was not sent "
            "again."
        )
    polling_url = body.get("polling_url")
    if not isinstance(polling_url, str) or not polling_url:
        # The answer to a request with a webhook has none.
        polling_url = str(httpx.URL(result_url, params={"id": task_id}))
    return FillTask(task_id, urljoin(result_url, polling_url), request)


def poll_of(response: httpx.Response, task: FillTask) -> Poll:
    """Read the answer to a poll; a task that ended without a picture raises its error."""
    body = _json_object(response)
    status = body.get("status")
    if not isinstance(status, str):
        refuse(response)
    details = _object(body.get("details"))
    _raise_if_ended(status, task, details)
    result = _object(body.get("result"))
    sample, seed = result.get("sample"), result.get("seed")
    if status == FillStatus.READY and not (isinstance(sample, str) and sample):
        raise errors.UnexpectedAnswer(
            f"Task {task.id} is ready, but the service gave no address of its picture. "
            "Ask again with client.wait(task).",
            response=response,
        )
    return Poll(
        status=status,
        sample=sample if isinstance(sample, str) else "",
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
        cost=_number(body.get("cost")),
        fraction=_number(body.get("progress")),
        preview=body.get("preview"),
        details=details,
    )


def credits_of(response: httpx.Response) -> float:
    """Read the answer to the question for credits."""
    amount = _number(_json_object(response).get("credits"))
    if response.status_code != 200 or amount is None:
        refuse(response)
    return amount


def refuse(response: httpx.Response) -> NoReturn:
    """Raise the error that an answer means."""
    code, host = response.status_code, response.request.url.host
    said = _said(response)
    if code == 402:
        raise errors.InsufficientCredits(
            f"The account's credits do not pay for a fill, which costs ${USD_PER_FILL:.2f} "
            f"({USD_PER_FILL / USD_PER_CREDIT:g} credits). Nothing was charged; buy credits, or "
            'work on with fluxfill_nb.connect("local").',
            response=response,
        )
    if code == 403:
        raise errors.NotAuthenticated(
            f"{host} does not accept the API key ({said}). Set the environment variable "
            "BFL_API_KEY, give api_key=, or call fluxfill_nb.login().",
            response=response,
        )
    if code in (400, 422):
        raise errors.RequestRejected(
            f"{host} refuses the request: {said}. Nothing was charged.", response=response
        )
    if code == 429:
        raise errors.TooManyTasks(
            f"{host} has as many active tasks as this key allows ({said}). "
            "Wait until some are done.",
            response=response,
        )
    if code >= 500:
        raise errors.ServiceUnavailable(
            f"{host} fails or is overloaded ({code}). Try again later.", response=response
        )
    raise errors.UnexpectedAnswer(
        f"{host} answers with status {code} and no content that the contract knows. "
        "Is this the address of a FLUX.1 Fill service?",
        response=response,
    )


def _raise_if_ended(status: str, task: FillTask, details: dict[str, Any]) -> None:
    """Raise the error of a terminal status other than ready."""
    if status in (FillStatus.REQUEST_MODERATED, FillStatus.CONTENT_MODERATED):
        listed = details.get("Moderation Reasons")
        reasons = tuple(str(reason) for reason in listed) if isinstance(listed, list) else ()
        kind = (
            errors.RequestModerated
            if status == FillStatus.REQUEST_MODERATED
            else errors.ContentModerated
        )
        raise kind(
            f"{status} ({', '.join(reasons) or 'no reason given'}). It cost nothing. Rephrase the "
            "prompt, or raise safety_tolerance (0 to 6).",
            task=task,
            reasons=reasons,
        )
    if status == FillStatus.ERROR:
        reason = str(details.get("error", "no reason given"))[:_SHOWN]
        raise errors.TaskFailed(f"Task {task.id} failed: {reason}. It cost nothing.", task=task)
    if status == FillStatus.NOT_FOUND:
        raise errors.TaskNotFound(
            f"The service does not know task {task.id}: it is too old, or lives in another region. "
            "Ask at the polling_url that came with it.",
            task=task,
        )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    """A finite number as such; everything else is not known."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < sys.float_info.max else None


def _json_object(response: httpx.Response) -> dict[str, Any]:
    """The body if it is a JSON object; else empty."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return _object(body)


def _said(response: httpx.Response) -> str:
    """What the service says of an error, without the echo of what was sent."""
    detail = _json_object(response).get("detail")
    if isinstance(detail, str):
        return detail[:_SHOWN]
    problems = detail if isinstance(detail, list) else []
    return (
        "; ".join(
            f"{'.'.join(str(part) for part in problem.get('loc', ()) if part != 'body')}: "
            f"{str(problem.get('msg', 'not valid'))[:_SHOWN]}"
            for problem in problems
            if isinstance(problem, dict)
        )
        or "no reason given"
    )
