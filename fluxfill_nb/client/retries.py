"""What is tried again, how often, and after which pause."""

from __future__ import annotations

import logging
import math
import time
from email.utils import parsedate_to_datetime

import anyio
import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
    wait_random,
)
from tenacity.stop import stop_base

from ..errors import (
    ConnectionFailed,
    DownloadFailed,
    ServiceError,
    ServiceUnavailable,
    SubmissionUnconfirmed,
    TooManyTasks,
    UnexpectedAnswer,
)

_log = logging.getLogger(__name__)

_backoff = wait_exponential(multiplier=0.2, max=8) + wait_random(0, 0.2)
# How often at most, where it hardly helps: nobody there, or somebody who says nothing of sense.
_ATTEMPTS = 4


class Deadline(stop_base):
    """The moment after which nothing is tried again; it can be put off."""

    def __init__(self, seconds: float) -> None:
        self.moment = time.monotonic() + seconds

    def __call__(self, retry_state: RetryCallState) -> bool:
        """Whether the next attempt would come too late."""
        return time.monotonic() + retry_state.upcoming_sleep >= self.moment


def submitting(deadline: Deadline) -> AsyncRetrying:
    """Try a submission again where the service has certainly not taken it.

    Refused connections, 429 and 503. Everything else may have been taken, and charged.
    """
    return AsyncRetrying(
        retry=retry_if_exception(_was_not_taken),
        stop=deadline | _Hopeless(ConnectionFailed),
        wait=_pause,
        sleep=anyio.sleep,
        before_sleep=_note,
        reraise=True,
    )


def asking(seconds: float, attempts: int | None = None) -> AsyncRetrying:
    """Try a question again on every passing fault: asking costs nothing."""
    stop = stop_before_delay(seconds) | _Hopeless(UnexpectedAnswer)
    return AsyncRetrying(
        retry=retry_if_exception(_may_pass),
        stop=stop if attempts is None else stop | stop_after_attempt(attempts),
        wait=_pause,
        sleep=anyio.sleep,
        before_sleep=_note,
        reraise=True,
    )


def _was_not_taken(error: BaseException) -> bool:
    if isinstance(error, ServiceUnavailable):
        return error.response.status_code == 503
    if isinstance(error, SubmissionUnconfirmed):
        return False
    return isinstance(error, (TooManyTasks, ConnectionFailed))


class _Hopeless(stop_base):
    """Give up early where it hardly helps: that is not waited out for minutes."""

    def __init__(self, kind: type[Exception]) -> None:
        self._kind = kind

    def __call__(self, retry_state: RetryCallState) -> bool:
        hopeless = isinstance(_error(retry_state), self._kind)
        return hopeless and retry_state.attempt_number >= _ATTEMPTS


def _may_pass(error: BaseException) -> bool:
    return isinstance(
        error,
        (ConnectionFailed, DownloadFailed, TooManyTasks, ServiceUnavailable, UnexpectedAnswer),
    )


def _note(state: RetryCallState) -> None:
    error = _error(state)
    task = getattr(error, "task", None)
    _log.info(
        "Trying again in %.1f s: %s",
        state.upcoming_sleep,
        error,
        extra={} if task is None else {"task": task.id},
    )


def _pause(state: RetryCallState) -> float:
    """Return what the service asks for, else a growing time with some chance in it, s."""
    error = _error(state)
    asked = _retry_after(error.response) if isinstance(error, ServiceError) else None
    return asked or _backoff(state)


def _error(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()


def _retry_after(response: httpx.Response) -> float | None:
    """Read a Retry-After header: seconds, or a date."""
    text = response.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
