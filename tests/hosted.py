"""A service on a socket that does as it is told, and counts what it is sent."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fluxfill_nb.listening import Listener

KEY = "bfl-0123456789-secret"
SIGNATURE = "a-signed-address"


@contextlib.contextmanager
def hosting(size: tuple[int, int]) -> Iterator[Hosted]:
    """Serve pictures of a size on a port of this machine."""
    hosted = Hosted(size)
    listener = Listener(hosted, "127.0.0.1", 0)
    hosted.url = listener.url
    try:
        yield hosted
    finally:
        listener.close()


class Hosted:
    """The hosted service's contract, as an ASGI application.

    Each of these may be changed at any time:

    ``answers_after``, ``lasts``
        How long a submission waits for its answer, and a task for its picture, s.
    ``sample_says``
        The status with which pictures are sent.
    ``refusal``
        Of a request's settings, the status with which it is not taken; None: it is.
    ``end``
        Of a request's settings, the status with which its task ends.
    ``noise``
        How many bytes more each picture has.
    ``cost``
        What it says that a picture costs, credits; None: nothing.
    ``on``
        Called with the name of each event: "received", "answered", "polled", "fetched".
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.url = ""
        self.start_afresh()

    def __repr__(self) -> str:
        return f"<Hosted: {self.submits} taken, {len(self.refused)} refused, {dict(self.asked)}>"

    def start_afresh(self) -> None:
        """Know nothing, and do as a good service does."""
        self.answers_after, self.lasts, self.noise = 0.0, 0.0, 0
        self.sample_says = 200
        self.cost: float | None = None
        self.refusal: Callable[[dict[str, Any]], int | None] = lambda asked: None
        self.end: Callable[[dict[str, Any]], str] = lambda asked: "Ready"
        self.on: Callable[[str], object] = lambda event: None
        self.taken: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.asked: Counter[str] = Counter()
        self.answered, self.last_answer = 0, 0.0
        self.most = 0
        self._tasks: dict[str, tuple[float, dict[str, Any]]] = {}

    @property
    def submits(self) -> int:
        """How many requests were taken."""
        return len(self.taken)

    @property
    def seeds(self) -> list[int]:
        """The seeds of those, sorted."""
        return sorted(asked["seed"] for asked in self.taken)

    def forget(self) -> None:
        """Know no task any more."""
        self._tasks.clear()

    def end_now(self) -> None:
        """Have the pictures of all tasks ready."""
        self._tasks = {task: (0.0, asked) for task, (_, asked) in self._tasks.items()}

    async def __call__(self, scope, receive, send) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return  # not all of it came: it is not taken
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer = await self._answer(scope, body)
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": content})
        if scope["method"] == "POST":
            self.answered += 1
            self.last_answer = time.monotonic()
            self.on("answered")

    async def _answer(self, scope, body):
        path, query = scope["path"], scope["query_string"].decode()
        if scope["method"] == "POST":
            return await self._submit(json.loads(body))
        if path == "/v1/credits":
            return {"credits": 12.5}
        task = query.partition("=")[2].partition("&")[0]
        self.asked[path] += 1
        if path == "/sample":
            self.on("fetched")
            known = SIGNATURE in query and task in self._tasks
            return (self.sample_says, self._picture(task)) if known else (403, b"")
        self.on("polled")
        return self._state(task)

    async def _submit(self, asked):
        asked = {name: value for name, value in asked.items() if name not in ("image", "mask")}
        if (status := self.refusal(asked)) is not None:
            self.refused.append(asked)
            return status, {"detail": "No"}
        self.taken.append(asked)
        number = f"task-{len(self.taken)}-{id(self):x}"
        now = time.monotonic()
        self._tasks[number] = (now + self.answers_after + self.lasts, asked)
        # Like the service, it counts what waits for an answer, or runs.
        self.most = max(self.most, sum(now < ready for ready, _ in self._tasks.values()))
        self.on("received")
        await asyncio.sleep(self.answers_after)
        return {"id": number, "polling_url": f"{self.url}/v1/get_result?id={number}"}

    def _state(self, task):
        if task not in self._tasks:
            return 404, {"id": task, "status": "Task not found", "result": None}
        ready, asked = self._tasks[task]
        status = "Pending" if time.monotonic() < ready else self.end(asked)
        result = None
        if status == "Ready":
            result = {"sample": f"{self.url}/sample?id={task}&signature={SIGNATURE}"}
        return {"id": task, "status": status, "result": result, "cost": self.cost}

    def _picture(self, task):
        seed = self._tasks[task][1].get("seed") or 0
        file, more = io.BytesIO(), PngInfo()
        more.add_text("noise", " " * self.noise)
        Image.new("RGB", self.size, (seed % 256, 80, 160)).save(file, "PNG", pnginfo=more)
        return file.getvalue()
