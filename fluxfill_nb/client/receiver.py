"""Receiving the calls that say a task has ended, and waking who waits for it."""

from __future__ import annotations

import asyncio
import logging
import queue
import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self, TypeAlias

from pydantic import SecretStr

from .. import errors
from ..listening import Listener, check_address, is_loopback
from .webhooks import LARGEST, WebhookCall, WebhookRefused, plain, too_large, verify

_Told: TypeAlias = Callable[[WebhookCall], object]

_log = logging.getLogger(__name__)

_KEPT = 1000
# How long a caller may take to say what it has to, s.
_PATIENCE = 10.0
# How long a wait lasts at a time, s: between two the interpreter hears the stop button.
_SLICE = 0.1

_PATH = re.compile(r"/(?!/)[\w.~/%!$&'()*+,;=:@-]*", re.ASCII)


class Receiver:
    """Receives webhook calls on a port of this machine, and wakes whoever waits for a task.

    A service elsewhere reaches it through a tunnel or an open port only. Calls that came before
    anybody waited are remembered, the last 1000; a call that is delivered twice counts once. It
    may be used from any thread.

    Parameters
    ----------
    secret
        What the calls must prove to know; give the same to the service. None: on loopback no proof
        is asked for, elsewhere a secret is made up, since anybody could call there.
    host, port
        Where to listen; port 0 takes a free one.
    path
        Where calls are taken; all else is not found.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        The secret is empty, or the host, the port or the path is not one.

    Examples
    --------
    >>> import httpx
    >>> from fluxfill_nb.client import Receiver
    >>> with Receiver() as receiver:
    ...     answer = httpx.post(receiver.url, json={"task_id": "4f2a", "status": "SUCCESS"})
    ...     call = receiver.wait("4f2a", timeout=5)
    >>> answer.status_code, str(call.status)
    (204, 'Ready')
    """

    def __init__(
        self,
        secret: str | SecretStr | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        path: str = "/",
    ) -> None:
        if not _PATH.fullmatch(path):
            raise errors.InvalidOption(
                f"path is {path!r}: it must begin with one slash, and be as it stands in an URL."
            )
        check_address(host, port)
        given = plain(secret)
        if given is None and not is_loopback(host):
            given = secrets.token_urlsafe(32)
        self._secret = None if given is None else SecretStr(given)
        self._host, self._port, self._path = host, port, path
        self._listener: Listener | None = None
        self._lock = threading.Lock()
        self._known: dict[str, WebhookCall] = {}
        self._waiting: dict[str, dict[object, _Told]] = {}

    @property
    def secret(self) -> SecretStr | None:
        """What calls must prove to know, for ``webhook_secret``; None: nothing."""
        return self._secret

    @property
    def url(self) -> str:
        """The address, for ``webhook_url``, as seen from this machine.

        Raises
        ------
        RuntimeError
            It does not listen, so that its port is not known.
        """
        listener = self._listener
        if listener is None:
            raise RuntimeError("The receiver does not listen: use it in a with block, or start it.")
        return listener.url + self._path

    @property
    def calls(self) -> tuple[WebhookCall, ...]:
        """The last calls that said a task has ended, one a task, oldest first."""
        with self._lock:
            return tuple(self._known.values())

    def start(self) -> Self:
        """Listen on the port; from then on, ``url`` is the address.

        Raises
        ------
        OSError
            The port is taken, or the host is not this machine.
        """
        with self._lock:
            if self._listener is None:
                self._listener = Listener(self._answer, self._host, self._port)
        return self

    def close(self) -> None:
        """Stop listening, and free the port. What came is still known."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def subscribe(self, task_id: str, callback: Callable[[], object]) -> Callable[[], None]:
        """Have ``callback`` called once, when a call for the task comes.

        It is called from the receiver's thread, or, if the call has come already, at once. What it
        raises is logged, and harms nothing. An event loop is woken through its
        ``call_soon_threadsafe``.

        Parameters
        ----------
        task_id
            The task's id.
        callback
            Called without arguments: what is so is for the service to say, when it is asked.

        Returns
        -------
        collections.abc.Callable
            Call it when the task's call is not of interest any more; any number of times.
        """
        return self._listen(task_id, lambda _call: callback())

    def wait(self, task_id: str, timeout: float) -> WebhookCall | None:
        """Wait for the call for a task; the stop button ends the wait.

        Parameters
        ----------
        task_id
            The task's id.
        timeout
            How long to wait, s.

        Returns
        -------
        WebhookCall or None
            The call; None if it did not come.
        """
        came: queue.SimpleQueue[WebhookCall] = queue.SimpleQueue()
        give_up = time.monotonic() + timeout
        unsubscribe = self._listen(task_id, came.put)
        try:
            while True:
                left = give_up - time.monotonic()
                with suppress(queue.Empty):
                    return came.get(timeout=max(0.0, min(left, _SLICE)))
                if left <= 0:
                    return None
        finally:
            unsubscribe()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        listener = self._listener
        where = "not listening" if listener is None else f"{self._host}, port {listener.port}"
        return f"<Receiver: {where}, {'no proof' if self._secret is None else 'proof'} asked for>"

    def _listen(self, task_id: str, told: _Told) -> Callable[[], None]:
        token = object()
        with self._lock:
            call = self._known.get(task_id)
            if call is None:
                self._waiting.setdefault(task_id, {})[token] = told
        if call is not None:
            _tell(told, call)

        def unsubscribe() -> None:
            with self._lock:
                waiting = self._waiting.get(task_id, {})
                if waiting.pop(token, None) is not None and not waiting:
                    del self._waiting[task_id]

        return unsubscribe

    def _take(self, call: WebhookCall) -> list[_Told]:
        """Remember a call; return who is to be told of it."""
        with self._lock:
            if not call.has_ended or call.task_id in self._known:
                return []
            self._known[call.task_id] = call
            if len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
            return list(self._waiting.pop(call.task_id, {}).values())

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer a request; an ASGI application."""
        waiting: list[_Told] = []
        call: WebhookCall | None = None
        if scope["path"] != self._path:
            code = 404
        elif scope["method"] != "POST":
            code = 405
        else:
            pairs = scope["headers"]
            headers = [(name.decode("latin-1"), text.decode("latin-1")) for name, text in pairs]
            try:
                async with asyncio.timeout(_PATIENCE):
                    call = verify(headers, await _body(receive), self._secret)
                waiting = self._take(call)
                code = 204
                _log.debug("A webhook call for task %r: %r", call.task_id, str(call.status))
            except WebhookRefused as refused:
                _log.info("A webhook call was refused: %s", refused)
                code = refused.status_code
            except TimeoutError:
                code = 408
        allow = [(b"allow", b"POST")] if code == 405 else []
        await send({"type": "http.response.start", "status": code, "headers": allow})
        await send({"type": "http.response.body"})
        for told in waiting:
            # Whoever is told may take their time: that must hold up no other call.
            threading.Thread(target=_tell, args=(told, call), daemon=True).start()


async def _body(receive: Any) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise WebhookRefused("The call broke off.", status_code=400)
        body += message.get("body", b"")
        if len(body) > LARGEST:
            raise too_large()
        if not message.get("more_body"):
            return bytes(body)


def _tell(told: _Told, call: WebhookCall) -> None:
    try:
        told(call)
    except Exception:
        _log.exception("What was to be told of task %r failed", call.task_id)
