"""Every error that fluxfill_nb raises on purpose, as one tree.

::

    FluxFillError
    ├── InvalidInput (ValueError)       before anything is sent
    │   ├── InvalidImage                not a picture, truncated, too large
    │   ├── InvalidMask                 empty, ambiguous, of another size than the picture
    │   ├── InvalidOption               a setting outside its range, or an unknown one
    │   └── MissingKey                  the hosted service needs an API key
    ├── ServiceError                    the service's answer was no; carries ``response``
    │   ├── NotAuthenticated            401, 403
    │   ├── InsufficientCredits         402
    │   ├── RequestRejected             400, 422
    │   ├── TooManyTasks                429
    │   ├── ServiceUnavailable          500 and above
    │   └── UnexpectedAnswer            an answer that the contract does not know
    ├── ConnectionFailed                no answer at all; carries ``task`` if one was known
    │   └── SubmissionUnconfirmed       the request may have been taken, and charged
    ├── TaskError                       no picture of a task; carries ``task``
    │   ├── TaskModerated
    │   │   ├── RequestModerated        the prompt or the picture was refused
    │   │   └── ContentModerated        what was made was refused
    │   ├── DownloadFailed              ready and paid for, but the picture did not arrive whole
    │   ├── TaskFailed                  the service's engine failed
    │   ├── TaskNotFound                unknown there: another region, or too old
    │   └── TaskTimeout                 not ready within the client's deadline; still resumable
    ├── StoreError                      the store cannot be written; carries ``result`` if any
    ├── BudgetReached                   the next fill would cost more than was allowed
    └── RunStopped                      a single fill was cancelled before its picture came

Messages say what was wrong, which value, and what to do. Keys, Base64 and signed URLs are never
part of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from .result import FillResult, FillTask

__all__ = [
    "BudgetReached",
    "ConnectionFailed",
    "ContentModerated",
    "DownloadFailed",
    "FluxFillError",
    "InsufficientCredits",
    "InvalidImage",
    "InvalidInput",
    "InvalidMask",
    "InvalidOption",
    "MaskWarning",
    "MissingKey",
    "NotAuthenticated",
    "RequestModerated",
    "RequestRejected",
    "RunStopped",
    "ServiceError",
    "ServiceUnavailable",
    "StoreError",
    "SubmissionUnconfirmed",
    "TaskError",
    "TaskFailed",
    "TaskModerated",
    "TaskNotFound",
    "TaskTimeout",
    "TooManyTasks",
    "UnexpectedAnswer",
]


class FluxFillError(Exception):
    """What every error of fluxfill_nb is; catch this to catch them all.

    Examples
    --------
    >>> import fluxfill_nb as ff
    >>> try:
    ...     ff.open_image(b"not a picture")
    ... except ff.errors.FluxFillError as error:
    ...     print(type(error).__name__)
    InvalidImage
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are rebuilt from ``args`` alone, which lack what is given by keyword.
        return _rebuilt, (type(self), self.args, vars(self))


def _rebuilt(kind: type[FluxFillError], args: Any, attributes: Any) -> FluxFillError:
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error


class MaskWarning(UserWarning):
    """A mask that can be used, but hardly is what was meant."""


class InvalidInput(FluxFillError, ValueError):
    """Something given to fluxfill_nb cannot be used. Nothing was sent, nothing was charged."""


class InvalidImage(InvalidInput):
    """What was given is no picture that can be filled."""


class InvalidMask(InvalidInput):
    """What was given is no mask, or none for this picture."""


class InvalidOption(InvalidInput):
    """A setting is unknown, of a wrong type, or outside its range."""


class MissingKey(InvalidInput):
    """The hosted service needs an API key, and none was given."""


class ServiceError(FluxFillError):
    """The service answered with an error.

    Attributes
    ----------
    response
        The answer (``httpx.Response``).
    task
        The task that was asked for; None if there is none yet. ``client.wait(error.task)`` asks for
        it again.
    """

    def __init__(
        self, message: str, *, response: httpx.Response, task: FillTask | None = None
    ) -> None:
        super().__init__(message)
        self.response = response
        self.task = task


class NotAuthenticated(ServiceError):
    """401 or 403: the key is missing or wrong."""


class InsufficientCredits(ServiceError):
    """402: the account's credits do not pay for this fill."""


class RequestRejected(ServiceError):
    """400 or 422: the service refused the request's content. Nothing was charged."""


class TooManyTasks(ServiceError):
    """429: as many tasks are active as the key allows."""


class ServiceUnavailable(ServiceError):
    """500 and above: the service failed, or is overloaded."""


class UnexpectedAnswer(ServiceError):
    """The answer is none that the contract knows."""


class ConnectionFailed(FluxFillError):
    """No answer came: refused, reset, or too slow.

    Attributes
    ----------
    task
        The task that was asked for; None if it was the submission that failed.
    """

    def __init__(self, message: str, *, task: FillTask | None = None) -> None:
        super().__init__(message)
        self.task = task


class SubmissionUnconfirmed(ConnectionFailed):
    """A request was sent, but its answer was lost: it may have been taken and charged.

    It is not sent again: whether to is for a person to say.
    """


class TaskError(FluxFillError):
    """A task ended, or was given up, without a picture.

    Attributes
    ----------
    task
        The task, a `fluxfill_nb.FillTask`; ``client.wait(error.task)`` asks for it again.
    """

    def __init__(self, message: str, *, task: FillTask) -> None:
        super().__init__(message)
        self.task = task


class DownloadFailed(TaskError):
    """The picture is ready and paid for, but did not arrive whole; wait for the task again."""


class TaskModerated(TaskError):
    """Refused by the service's moderation; it cost nothing.

    Attributes
    ----------
    reasons
        What the service says about it, often nothing.
    """

    def __init__(self, message: str, *, task: FillTask, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message, task=task)
        self.reasons = reasons


class RequestModerated(TaskModerated):
    """The prompt or the picture was refused."""


class ContentModerated(TaskModerated):
    """What the model made was refused."""


class TaskFailed(TaskError):
    """The service's engine failed on this task."""


class TaskNotFound(TaskError):
    """The service does not know this task: another region's host was asked, or it is too old."""


class TaskTimeout(TaskError):
    """The picture was not ready before the deadline; the task can be waited for again."""


class StoreError(FluxFillError):
    """The store cannot be written: the disk is full, or the folder not one's own.

    Attributes
    ----------
    result
        A picture that was paid for and could not be kept; None if nothing was lost.
    """

    def __init__(self, message: str, *, result: FillResult | None = None) -> None:
        super().__init__(message)
        self.result = result


class BudgetReached(FluxFillError):
    """The next fill would cost more than was allowed; it was not sent."""


class RunStopped(FluxFillError):
    """A fill was cancelled before its picture came; what was sent can be had by ``resume()``."""
