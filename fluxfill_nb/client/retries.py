"""What is tried again, how often, and after which pause."""

from __future__ import annotations

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
)

_backoff = wait_exponential(multiplier=0.2, max=8) + wait_random(0, 0.2)
_ATTEMPTS = 4


def submitting(seconds: float) -> AsyncRetrying:
    """Try a submission again where the service has certainly not taken it.

    Refused connections, 429 and 503. Everything else may have been taken, and charged.
    """
    return AsyncRetrying(
        retry=retry_if_exception(_was_not_taken),
        stop=stop_before_delay(seconds) | _Unreachable(),
        wait=_pause,
        sleep=anyio.sleep,
        reraise=True,
    )


def asking(seconds: float, attempts: int | None = None) -> AsyncRetrying:
    """Try a question again on every passing fault: asking costs nothing."""
    stop = stop_before_delay(seconds)
    return AsyncRetrying(
        retry=retry_if_exception(_may_pass),
        stop=stop if attempts is None else stop | stop_after_attempt(attempts),
        wait=_pause,
        sleep=anyio.sleep,
        reraise=True,
    )


def _was_not_taken(error: BaseException) -> bool:
    if isinstance(error, ServiceUnavailable):
        return error.response.status_code == 503
    if isinstance(error, SubmissionUnconfirmed):
        return False
    return isinstance(error, (TooManyTasks, ConnectionFailed))


class _Unreachable(stop_base):
    """Give up early on who cannot be reached at all: that is not waited out for minutes."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        unreachable = isinstance(_error(retry_state), ConnectionFailed)
        return unreachable and retry_state.attempt_number >= _ATTEMPTS


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, (ConnectionFailed, DownloadFailed, TooManyTasks, ServiceUnavailable))


def _pause(state: RetryCallState) -> float:
    """Return what the service asks for, else a growing time with some chance in it, s."""
    error = _error(state)
    asked = _retry_after(error.response) if isinstance(error, ServiceError) else None
    return _backoff(state) if asked is None else asked


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
        except ValueError:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
