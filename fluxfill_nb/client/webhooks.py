"""Calls that say a task has ended: what they say, and whether they may be heeded.

A call is a hint to poll now, and no more: the picture is always asked for at the task's own
``polling_url``. So a call that is lost, forged or late costs a little time, never a picture.
"""

from __future__ import annotations

import hmac
import json
import math
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from pydantic import SecretStr

from .. import errors
from ..result import FillStatus

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


LARGEST = 1_000_000
"""Size of the largest body that is read, bytes; the services' calls have some hundred."""

_SHOWN = 300
_LONGEST_ID = 200
_FIRST_MILLISECONDS = 1e11  # as seconds, it would be in the year 5138

_STATUSES = {status.lower(): status for status in FillStatus} | {
    "success": FillStatus.READY,
    "failed": FillStatus.ERROR,
}
_IN_FLIGHT = {FillStatus.PENDING, FillStatus.REASONING, FillStatus.GENERATING}

_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]{0,20}://\S+", re.IGNORECASE)


class WebhookRefused(errors.FluxFillError):
    """A webhook call that must not be heeded: no valid proof, too old, or not understood.

    Attributes
    ----------
    status_code
        What to answer the caller: 400, 403 or 413.

    Examples
    --------
    >>> from fluxfill_nb.client.webhooks import WebhookRefused, verify
    >>> try:
    ...     verify({}, b'{"id": "4f2a", "status": "Ready"}', "my secret")
    ... except WebhookRefused as refused:
    ...     print(refused.status_code)
    403
    """

    def __init__(self, message: str, *, status_code: int) -> None:
        super().__init__(message)
        self.status_code = status_code


@dataclass(frozen=True)
class WebhookCall:
    """What a webhook call says.

    Parameters
    ----------
    task_id
        The task's id.
    status
        What is said to have become of it; a word that is not known stays as it came.
    error
        What is said to have gone wrong, often nothing; addresses in it are left out.

    Examples
    --------
    >>> from fluxfill_nb.client.webhooks import WebhookCall
    >>> WebhookCall("4f2a", "Reasoning").has_ended
    False
    """

    task_id: str
    status: FillStatus | str
    error: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether the task is said to have ended, with a picture or without.

        Words that are not known count as an end, other than in an answer to a poll: services call
        at the end, and what a needless poll costs is nothing.
        """
        return self.status not in _IN_FLIGHT


def verify(
    headers: Headers, body: bytes, secret: str | SecretStr | None, *, tolerance: float = 300.0
) -> WebhookCall:
    """Check a webhook call, and read it.

    Two forms are in use, and both are understood: ``X-BFL-Signature``, an HMAC of the body, and
    ``X-Webhook-Secret``, the secret itself. A call may carry both; then both must hold.

    Parameters
    ----------
    headers
        The call's headers, a mapping or pairs; upper and lower case are the same.
    body
        The body exactly as it came, at most 1 MB.
    secret
        What was given to the service as ``webhook_secret``; None: no proof is asked for.
    tolerance
        How far the call's time may be from this machine's, s; calls without a time are taken.

    Returns
    -------
    WebhookCall
        What the service says.

    Raises
    ------
    fluxfill_nb.client.webhooks.WebhookRefused
        The call must not be heeded. The message tells nothing of what it carried.
    fluxfill_nb.errors.InvalidOption
        The secret is empty, or the tolerance below 0.

    Examples
    --------
    >>> import hashlib, hmac
    >>> from fluxfill_nb.client.webhooks import verify
    >>> body = b'{"id": "4f2a", "status": "Ready"}'
    >>> signature = hmac.new(b"my secret", body, hashlib.sha256).hexdigest()
    >>> verify({"X-BFL-Signature": f"sha256={signature}"}, body, "my secret").task_id
    '4f2a'
    """
    if not tolerance >= 0:
        raise errors.InvalidOption(f"tolerance is {tolerance!r} s: it must be at least 0.")
    expected = plain(secret)
    if len(body) > LARGEST:
        raise too_large()
    # The proof comes first: what strangers send does not even reach the JSON parser.
    if expected is not None:
        _check_proof(headers, body, expected)
    content = _json_object(body)
    _check_time(content.get("timestamp"), tolerance)
    said = content.get("status")
    details = content.get("details")
    error = content.get("error") or (details.get("error") if isinstance(details, dict) else None)
    return WebhookCall(
        task_id=_task_id(content),
        status=_STATUSES.get(str(said).lower()) or _shown(said, expected),
        error=_shown(error, expected),
    )


def _check_proof(headers: Headers, body: bytes, secret: str) -> None:
    key = _encoded(secret)
    signature = b"sha256=" + hmac.new(key, body, "sha256").hexdigest().encode()
    proofs = []
    # A mapping of headers may also be a message object, which is none in name.
    pairs: Any = getattr(headers, "items", lambda: headers)()
    for name, value in pairs:
        if name.lower() == "x-bfl-signature":
            proofs.append(hmac.compare_digest(_encoded(value.strip().lower()), signature))
        elif name.lower() == "x-webhook-secret":
            proofs.append(_is_secret(value, key))
    if not proofs:
        raise WebhookRefused(
            "The call carries no proof that it comes from the service, which a secret asks for. "
            "Was webhook_secret given with the request?",
            status_code=403,
        )
    if not all(proofs):
        raise WebhookRefused(
            "The call's proof does not hold: it was made with another secret, or the body was "
            "changed. Is webhook_secret the same here and there?",
            status_code=403,
        )


def _is_secret(value: str, key: bytes) -> bool:
    same = hmac.compare_digest(_encoded(value), key)
    # Servers read the bytes of a header as Latin-1, whatever was meant.
    with suppress(UnicodeEncodeError):
        same |= hmac.compare_digest(value.encode("latin-1"), key)
    return same


def _check_time(timestamp: object, tolerance: float) -> None:
    """Refuse what was said long ago: somebody may have listened, and say it again."""
    if timestamp is None:
        return
    try:
        seconds = _seconds(timestamp)
    except (ValueError, OverflowError):
        raise WebhookRefused("The call's timestamp cannot be read.", status_code=400) from None
    late = time.time() - seconds
    if not abs(late) <= tolerance:
        raise WebhookRefused(
            f"The call is from {abs(late):.0f} s {'ago' if late > 0 else 'ahead'}, and at most "
            f"{tolerance:g} s are taken: it is a replay, or one of the clocks is wrong.",
            status_code=403,
        )


def _seconds(timestamp: object) -> float:
    """Epoch seconds of a time as services write it: seconds, milliseconds, or ISO 8601."""
    if isinstance(timestamp, bool) or not isinstance(timestamp, (int, float, str)):
        raise ValueError
    try:
        number = float(timestamp)
    except ValueError:
        moment = datetime.fromisoformat(str(timestamp))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(number):
        raise ValueError
    return number / 1000 if abs(number) >= _FIRST_MILLISECONDS else number


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise WebhookRefused("The call's body is not a JSON object.", status_code=400)
    return content


def _task_id(content: dict[str, Any]) -> str:
    task_id = content.get("id") or content.get("task_id")
    # Ids are kept and logged, so they are not taken at any length, nor with line breaks.
    if isinstance(task_id, str) and 0 < len(task_id) <= _LONGEST_ID and task_id.isprintable():
        return task_id
    raise WebhookRefused("The call names no task.", status_code=400)


def _shown(text: object, secret: str | None) -> str:
    """A text from outside such as may be shown: short, without the secret and without addresses."""
    if not isinstance(text, str):
        return ""
    if secret is not None:
        text = text.replace(secret, "…")
    return _ADDRESS.sub("…", text)[:_SHOWN]


def plain(secret: str | SecretStr | None) -> str | None:
    """Return the secret as text; refuse an empty one."""
    text = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
    if text == "":
        # An empty environment variable, most likely; everybody would know that secret.
        raise errors.InvalidOption("The webhook secret is empty: give one, or None.")
    return text


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def too_large() -> WebhookRefused:
    """Return the refusal of what nobody needs to read."""
    return WebhookRefused("The call's body is above 1 MB.", status_code=413)
