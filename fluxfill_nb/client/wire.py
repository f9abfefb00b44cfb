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
from .keys import is_hosted

_SHOWN = 300
_LISTED = 10
_LONGEST_ID = 256
_LAST_PORT = 65535

# What says how a task has ended, whatever the code of the answer.
_ENDED = (
    FillStatus.READY, FillStatus.REQUEST_MODERATED, FillStatus.CONTENT_MODERATED, FillStatus.ERROR,
    FillStatus.NOT_FOUND,
)  # fmt: skip


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
    task_id, polling_url = body.get("id"), body.get("polling_url")
    # Who names a task and where to ask for it has taken it on, whatever the code says.
    if not response.is_success and not (task_id and polling_url):
        refuse(response)
    if not (isinstance(task_id, str) and _is_id(task_id)):
        raise errors.SubmissionUnconfirmed(
            f"{response.request.url.host} took the request ({response.status_code}) but named no "
            "task, so its picture cannot be fetched. It may have been charged, so it was not sent "
            "again."
        )
    address = address_of(polling_url, result_url) if polling_url else None
    if address is None:
        # The answer to a request with a webhook has none.
        address = httpx.URL(result_url, params={"id": task_id})
    return FillTask(task_id, str(address), request)


def address_of(text: object, base: str = "") -> httpx.URL | None:
    """Return an http or https address, relative to another one or not; None if it is none."""
    if not isinstance(text, str):
        return None
    try:
        url = httpx.URL(urljoin(base, text))
    except (httpx.InvalidURL, ValueError):
        return None
    usable = url.scheme in ("http", "https") and url.host and (url.port or 0) <= _LAST_PORT
    return url if usable else None


def poll_of(response: httpx.Response, task: FillTask) -> Poll:
    """Read the answer to a poll; a task that ended without a picture raises its error."""
    body = _json_object(response)
    status = body.get("status")
    if not (isinstance(status, str) and _is_of_task(response, status)):
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
        more = "buy credits" if is_hosted(response.request.url) else f"ask who runs {host} for more"
        raise errors.InsufficientCredits(
            f"The account's credits do not pay for a fill, which costs ${USD_PER_FILL:.2f} "
            f"({USD_PER_FILL / USD_PER_CREDIT:g} credits). Nothing was charged; {more}, or "
            'work on with fluxfill_nb.connect("local").',
            response=response,
        )
    if code in (401, 403):
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
            f"{status} ({', '.join(reasons)[:_SHOWN] or 'no reason given'}). It cost nothing. "
            "Rephrase the prompt, or raise safety_tolerance (0 to 6).",
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


def _is_id(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_ID and text.isprintable()


def _is_of_task(response: httpx.Response, status: str) -> bool:
    """Whether a status is a task's; answers of failing services and gateways have others."""
    if response.is_success or status in _ENDED:
        return True
    # Not while the service asks to be left alone.
    return response.status_code in (404, 422) and status in list(FillStatus)


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
    listed = "; ".join(_problem(problem) for problem in problems[:_LISTED] if _object(problem))
    return listed or "no reason given"


def _problem(problem: dict[str, Any]) -> str:
    where = problem.get("loc")
    parts = [str(part) for part in where if part != "body"] if isinstance(where, list) else []
    return f"{'.'.join(parts)[:_SHOWN]}: {str(problem.get('msg', 'not valid'))[:_SHOWN]}"
