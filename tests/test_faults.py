"""The client against a service on a real socket that does everything wrong.

Of each fault: what the user sees, how often the service may have charged, and that what was paid
for can still be fetched.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import io
import json
import logging
import pickle
import random
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import anyio
import httpx
import pytest
from PIL import Image
from tenacity import wait_random

import fluxfill_nb as ff
from fluxfill_nb.client import retries, service
from fluxfill_nb.errors import (
    ConnectionFailed,
    ContentModerated,
    DownloadFailed,
    FluxFillError,
    InsufficientCredits,
    InvalidOption,
    NotAuthenticated,
    RequestModerated,
    RequestRejected,
    ServiceError,
    ServiceUnavailable,
    SubmissionUnconfirmed,
    TaskFailed,
    TaskModerated,
    TaskNotFound,
    TaskTimeout,
    TooManyTasks,
    UnexpectedAnswer,
)

KEY = "bfl-0123456789-secret"
HTML = b"<html><body><h1>Bad gateway</h1></body></html>"
# What may come on top of a deadline, s: the last answer's half second, and a busy machine.
SLACK = 10.0


# ------------------------------------------------------------------------------------ the faults


@dataclass
class Exchange:
    """One request, and the means to answer it badly."""

    service: Misbehaving
    writer: asyncio.StreamWriter
    stage: str = ""
    key: str = ""

    async def say(self, status, body=b"", **headers):
        """Answer as one should."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"content_length": len(body), "connection": "close"} | headers
        lines = [f"HTTP/1.1 {status} Something"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def write(self, data):
        self.writer.write(data)
        await self.writer.drain()

    def reset(self):
        """End the connection so that the other side notices."""
        there = self.writer.get_extra_info("socket")
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def says(status, body, **headers):
    """A fault that is a proper answer of the wrong content."""

    async def fault(x):
        await x.say(status, body, **headers)

    fault.__name__ = ""
    return fault


def named(value):
    """What a test is called by."""
    if isinstance(value, list):
        return "-".join(named(one) for one in value)
    return getattr(value, "__name__", None) or (value[:40] if isinstance(value, str) else None)


async def fine(x):
    """What a good service does."""
    answers = {
        "submit": {"id": "t1", "polling_url": f"{x.service.url}/v1/get_result?id=t1"},
        "poll": {
            "id": "t1",
            "status": "Ready",
            "result": {"sample": f"{x.service.url}/sample?signed=yes", "seed": 7},
        },
        "sample": x.service.picture,
        "credits": {"credits": 12.5},
    }
    await x.say(200, answers[x.stage])


async def reset_unread(x):
    x.reset()


async def reset(x):
    x.reset()


async def hang_up(x):
    pass


async def hang(x):
    await asyncio.sleep(60)


async def answers_late(x):
    await asyncio.sleep(0.4)
    await fine(x)


async def trickle(x):
    await x.write(b"HTTP/1.1 200 OK\r\nx-pad: ")
    while True:
        await x.write(b"x")
        await asyncio.sleep(0.02)


async def trickle_body(x):
    await x.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        await x.write(b" ")
        await asyncio.sleep(0.02)


async def short(x):
    await x.say(200, b'{"id": "t1", ', content_length=1000)


async def endless(x):
    await x.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
    while True:
        await x.write(b"[" * 50_000)


async def garbage(x):
    await x.write(b"\x00\xff\x16SSH-2.0 this is no HTTP\r\n\r\n" * 3)


async def busy_until_a_date(x):
    then = email.utils.formatdate(time.time() + 1.9, usegmt=True)
    await x.say(429, {"detail": "Too many"}, retry_after=then)


async def redirect(x):
    await x.say(307, b"", location=f"{x.service.other.url}/elsewhere")


async def foreign(x):
    await x.say(200, {"id": "t1", "polling_url": f"{x.service.other.url}/v1/get_result?id=t1"})


async def echoes_the_key(x):
    await x.say(403, {"detail": f"Invalid key {x.key}"})


async def echoes_the_key_in_a_header(x):
    await x.say(403, {"detail": "Not authenticated"}, x_seen=x.key)


async def cut_picture(x):
    await x.say(200, x.service.picture[:-40])


async def sample_elsewhere(x):
    await x.say(302, b"", location=f"{x.service.other.url}/sample")


def picture_file(mode, size, kind="PNG"):
    buffer = io.BytesIO()
    Image.new(mode, size, 1).save(buffer, kind)
    return buffer.getvalue()


TASK = {"id": "t1", "result": None}
busy = says(429, {"detail": "Too many"})
busy_awhile = says(429, {"detail": "Too many"}, retry_after=1)
busy_for_hours = says(429, {"detail": "Too many"}, retry_after=3600)
busy_not_at_all = says(429, b"", retry_after=0)
busy_beyond_time = says(429, b"", retry_after="Mon, 01 Jan 99999999999 00:00:00 GMT")
overloaded = says(503, b"", retry_after=1)
down = says(503, HTML)
down_with_status = says(503, {"id": "t1", "status": "Pending"})
bad_gateway = says(502, HTML)
broken = says(500, {"error": "oops", "status": "error"})
html, empty, cut_json = says(200, HTML), says(200, b""), says(200, b'{"id": "t1", "pol')
listed, deep, number = says(200, [1, 2]), says(200, b"[" * 100_000), says(200, b"1" * 9000)
no_gzip = says(200, b"no gzip at all", content_encoding="gzip")
no_text = says(200, b"\xff\xfe\x00\xd8\x00")
odd_types = says(200, {"id": 7, "status": [], "result": "x", "details": 3, "progress": {}})
nameless = says(200, {"polling_url": "/v1/get_result?id=t1"})
unsayable = says(200, {"id": "\ud800", "polling_url": "/x"})
unsent = says(402, {"detail": "Insufficient credits"})
rejected = says(
    422,
    {"detail": [{"loc": None, "msg": "Bad mask", "input": "QUJD" * 5000}, {"loc": 5, "msg": None}]},
)
missing = says(404, TASK | {"status": "Task not found"})
missing_page = says(404, HTML)
not_yet, dreaming = says(202, TASK | {"status": "Pending"}), says(200, TASK | {"status": "Dreams"})
no_address = says(200, TASK | {"status": "Ready", "result": {}})
refused_by_prompt = says(
    200, TASK | {"status": "Request Moderated", "details": {"Moderation Reasons": ["Violence"]}}
)
refused_by_picture = says(200, TASK | {"status": "Content Moderated"})
failed = says(422, TASK | {"status": "Error", "details": {"error": "out of memory"}})
expired, gone, unsigned = says(403, b"<Error/>"), says(410, b""), says(400, b"ExpiredToken")
bomb = says(200, picture_file("1", (9000, 9000)))
wrong_size = says(200, picture_file("RGB", (80, 48)))

for _name, _value in list(globals().items()):
    if getattr(_value, "__name__", None) == "":
        _value.__name__ = _name

# After these the service has certainly not taken a request, and does not charge.
NOT_TAKEN = {
    busy, busy_awhile, busy_for_hours, busy_not_at_all, busy_beyond_time, busy_until_a_date,
    overloaded, down, reset_unread, redirect, unsent, rejected, echoes_the_key,
}  # fmt: skip


class Misbehaving:
    """A service with a list of faults for each stage; when they are used up, it is a good one.

    ``...`` after a fault: for ever.
    """

    def __init__(self, picture, other=None, closed_for=0.0, **faults):
        self.picture = picture
        self.other = other
        self.closed_for = closed_for
        self.faults = {stage: deque(listed) for stage, listed in faults.items()}
        self.charged = 0
        self.asked: list[str] = []
        self.heard = b""
        self._handlers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self):
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))  # until it listens, connections are refused
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if self.closed_for:
            self._handlers.add(asyncio.create_task(self._listen(listener)))
        else:
            await self._listen(listener)

    async def _listen(self, listener):
        await asyncio.sleep(self.closed_for)
        self._server = await asyncio.start_server(self._serve, sock=listener)

    async def close(self):
        if self._server is not None:
            self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    def heal(self):
        self.faults = {}

    async def _serve(self, reader, writer):
        handler = asyncio.current_task()
        self._handlers.add(handler)
        try:
            await self._answer(reader, Exchange(self, writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            self._handlers.discard(handler)
            writer.close()

    async def _answer(self, reader, x):
        first = self.faults.get("submit")
        if first and first[0] is reset_unread:
            first.popleft()
            self.asked.append("submit")
            x.reset()
            return
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:-2])
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        self.heard += head + body
        x.key = fields.get("x-key", "")
        x.stage = stage_of(head)
        self.asked.append(x.stage)
        fault = self._next(x.stage)
        if x.stage == "submit" and fault not in NOT_TAKEN:
            self.charged += 1
        await fault(x)

    def _next(self, stage):
        faults = self.faults.get(stage)
        if not faults:
            return fine
        return faults[0] if len(faults) > 1 and faults[1] is ... else faults.popleft()


def stage_of(head):
    for start, stage in [
        (b"POST ", "submit"),
        (b"GET /v1/get_result", "poll"),
        (b"GET /sample", "sample"),
        (b"GET /v1/credits", "credits"),
    ]:
        if head.startswith(start):
            return stage
    return "elsewhere"


# --------------------------------------------------------------------------------- the fixtures


@pytest.fixture(scope="module")
def loop():
    """An event loop in a thread of its own, for all services."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def sample(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def start(loop, sample):
    """Start services that do wrong what they are told to."""
    services = []

    def start(**faults):
        other = Misbehaving(sample)
        chosen = Misbehaving(sample, other, **faults)
        for one in (other, chosen):
            asyncio.run_coroutine_threadsafe(one.open(), loop).result(10)
            services.append(one)
        return chosen

    yield start
    for one in services:
        asyncio.run_coroutine_threadsafe(one.close(), loop).result(10)


@pytest.fixture(scope="module")
def request_(picture, mask):
    return ff.FillRequest(picture, mask, "a vase", seed=7, steps=15)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """The client's patience with one answer is a quarter of a minute: too long for a test."""
    monkeypatch.setattr(service, "_POLL", 0.25)
    monkeypatch.setattr(service, "_DOWNLOAD", 0.4)
    monkeypatch.setattr(service, "_NOT_YET_KNOWN", 0.5)
    # Endless answers come to this end sooner.
    monkeypatch.setattr(service, "MAX_DOWNLOAD", 1_000_000)
    # Pauses between attempts grow to 8 s.
    monkeypatch.setattr(retries, "_backoff", wait_random(0.02, 0.08))


def fill(one, request, timeout=3.0, **arguments):
    """What the user sees: a result, or the error."""

    async def main():
        async with ff.AsyncFluxFill(KEY, base_url=one.url, timeout=timeout) as client:
            return await client.fill(request, **arguments)

    return asyncio.run(main())


def wait(one, task, timeout=3.0, **arguments):
    async def main():
        async with ff.AsyncFluxFill(KEY, base_url=one.url, timeout=timeout) as client:
            return await client.wait(task, **arguments)

    return asyncio.run(main())


@contextlib.contextmanager
def within(seconds):
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


# ------------------------------------------------------------------------------- the submission


@pytest.mark.parametrize(
    ("fault", "kind", "charged"),
    [
        (reset, SubmissionUnconfirmed, 1),
        (hang_up, SubmissionUnconfirmed, 1),
        (trickle, SubmissionUnconfirmed, 1),
        (trickle_body, SubmissionUnconfirmed, 1),
        (hang, SubmissionUnconfirmed, 1),
        (short, SubmissionUnconfirmed, 1),
        (endless, SubmissionUnconfirmed, 1),
        (garbage, SubmissionUnconfirmed, 1),
        (html, SubmissionUnconfirmed, 1),
        (empty, SubmissionUnconfirmed, 1),
        (cut_json, SubmissionUnconfirmed, 1),
        (listed, SubmissionUnconfirmed, 1),
        (deep, SubmissionUnconfirmed, 1),
        (number, SubmissionUnconfirmed, 1),
        (no_gzip, SubmissionUnconfirmed, 1),
        (no_text, SubmissionUnconfirmed, 1),
        (odd_types, SubmissionUnconfirmed, 1),
        (nameless, SubmissionUnconfirmed, 1),
        (unsayable, SubmissionUnconfirmed, 1),
        (bad_gateway, ServiceUnavailable, 1),
        (broken, ServiceUnavailable, 1),
        (missing_page, UnexpectedAnswer, 1),
        (redirect, UnexpectedAnswer, 0),
        (unsent, InsufficientCredits, 0),
        (rejected, RequestRejected, 0),
        (echoes_the_key, NotAuthenticated, 0),
    ],
    ids=named,
)
def test_a_submission_that_may_have_been_taken_is_sent_once(start, request_, fault, kind, charged):
    one = start(submit=[fault])
    with within(0.6 + SLACK), pytest.raises(kind) as caught:
        fill(one, request_, timeout=0.6)
    assert one.charged == charged
    assert one.asked.count("submit") == 1
    assert one.other.asked == []
    assert caught.value.task is None
    assert KEY not in str(caught.value)


def test_a_reset_before_the_request_was_read_is_never_charged_twice(start, request_):
    one = start(submit=[reset_unread])
    try:
        fill(one, request_)
    except SubmissionUnconfirmed:
        # It had all been sent by then: nobody can know.
        assert (one.charged, one.asked) == (0, ["submit"])
    else:
        assert (one.charged, one.asked[:2]) == (1, ["submit", "submit"])


def test_what_a_service_repeats_of_the_key_is_not_kept(start, request_):
    for fault in (echoes_the_key, echoes_the_key_in_a_header):
        with pytest.raises(NotAuthenticated, match="BFL_API_KEY.*api_key=") as caught:
            fill(start(submit=[fault]), request_)
        response = caught.value.response
        assert KEY not in f"{caught.value} {response.text} {response.headers.raw}"
        assert "[key]" in f"{response.text} {response.headers.raw}"


def test_a_refusal_echoes_nothing_that_was_sent(start, request_):
    with pytest.raises(RequestRejected, match="Bad mask") as caught:
        fill(start(submit=[rejected]), request_)
    assert "QUJD" not in str(caught.value)


def test_refused_connections_are_tried_again(start, request_):
    one = start(closed_for=0.05)
    assert fill(one, request_).seed == 7
    assert one.charged == 1


@pytest.mark.parametrize(
    "faults",
    [
        [busy],
        [busy] * 6,
        [busy_not_at_all] * 3,
        [busy_beyond_time],
        [overloaded],
        [down, busy, down],
    ],
    ids=named,
)
def test_what_was_certainly_not_taken_is_sent_again(start, request_, faults):
    one = start(submit=faults)
    assert fill(one, request_).seed == 7
    assert one.charged == 1
    assert one.asked.count("submit") == len(faults) + 1


@pytest.mark.parametrize(
    ("stage", "fault"),
    [
        ("submit", busy_awhile),
        ("submit", busy_until_a_date),
        ("submit", overloaded),
        ("poll", overloaded),
        ("sample", busy_awhile),
    ],
)
def test_retry_after_wins_over_the_clients_own_pauses(start, request_, stage, fault):
    one = start(**{stage: [fault]})
    began = time.monotonic()
    fill(one, request_, timeout=6)
    assert 0.85 < time.monotonic() - began < 5
    assert one.charged == 1


def test_a_busy_service_is_not_flooded(start, request_, monkeypatch):
    monkeypatch.undo()  # the real pauses
    one = start(submit=[busy_not_at_all, ...])
    with within(1.5 + SLACK), pytest.raises(TooManyTasks, match=r"0 of this process's tasks"):
        fill(one, request_, timeout=1.5)
    assert 2 <= one.asked.count("submit") <= 5
    assert one.charged == 0


def test_a_pause_beyond_the_deadline_is_not_waited_for(start, request_):
    one = start(submit=[busy_for_hours])
    with within(1), pytest.raises(TooManyTasks):
        fill(one, request_)
    assert one.asked == ["submit"]


@pytest.mark.parametrize(
    "address",
    [None, 7, "", "http://[", "ftp://x.org/y", "http://x:99999/", "x" * 70_000],
)
def test_a_task_is_not_lost_when_its_address_is_nonsense(start, request_, address):
    one = start(submit=[says(200, {"id": "t1", "polling_url": address})])
    assert fill(one, request_).task.polling_url == f"{one.url}/v1/get_result?id=t1"


def test_a_refused_account_is_told_its_credits_and_within_the_deadline(start, request_):
    with pytest.raises(InsufficientCredits, match=r"\$0\.05.*12\.5 credits are left"):
        fill(start(submit=[unsent]), request_)
    one = start(submit=[unsent], credits=[hang, ...])
    with within(0.5 + SLACK), pytest.raises(InsufficientCredits, match=r"\$0\.05"):
        fill(one, request_, timeout=0.5)


class Unreachable(httpx.AsyncBaseTransport):
    """A network on which connections are neither made nor refused."""

    async def handle_async_request(self, request):
        await asyncio.sleep(60)


class Careless(httpx.AsyncBaseTransport):
    """A way to a service that takes a request, and then fails in a way of its own."""

    async def handle_async_request(self, request):
        await request.aread()
        raise KeyError("id")


@pytest.mark.parametrize(
    ("transport", "kind", "message"),
    [
        (Unreachable(), ConnectionFailed, "Nothing was sent"),
        (Careless(), SubmissionUnconfirmed, "may have been taken"),
    ],
)
def test_whether_a_request_was_sent_whole_decides(request_, transport, kind, message):
    async def main():
        async with ff.AsyncFluxFill(transport=transport, timeout=0.6) as client:
            with within(0.6 + SLACK), pytest.raises(kind, match=message) as caught:
                await client.submit(request_)
            assert type(caught.value) is kind

    asyncio.run(main())


# ------------------------------------------------------------------------------------ the polls

PASSING = [
    reset, hang_up, trickle, trickle_body, hang, short, endless, garbage, html, empty, cut_json,
    listed, deep, number, no_gzip, no_text, odd_types, busy, down, down_with_status, bad_gateway,
    broken, missing, missing_page, not_yet, dreaming, no_address,
]  # fmt: skip


@pytest.mark.parametrize("fault", PASSING, ids=named)
def test_polls_are_repeated(start, request_, fault):
    one = start(poll=[fault, fault])
    assert fill(one, request_).seed == 7
    assert one.charged == 1
    assert one.asked.count("poll") == 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (reset, (ConnectionFailed, TaskTimeout)),
        (hang, (ConnectionFailed, TaskTimeout)),
        (trickle_body, (ConnectionFailed, TaskTimeout)),
        (garbage, (ConnectionFailed, TaskTimeout)),
        (busy, (TooManyTasks, TaskTimeout)),
        (busy_for_hours, TooManyTasks),
        (overloaded, (ServiceUnavailable, TaskTimeout)),
        (broken, (ServiceUnavailable, TaskTimeout)),
        (dreaming, TaskTimeout),
        (html, UnexpectedAnswer),
        (endless, UnexpectedAnswer),
        (no_address, UnexpectedAnswer),
        (missing_page, UnexpectedAnswer),
        (redirect, UnexpectedAnswer),
        (echoes_the_key, NotAuthenticated),
    ],
    ids=named,
)
def test_polls_that_fail_for_ever_leave_a_task_to_be_resumed(start, request_, fault, kind):
    one = start(poll=[fault, ...])
    with within(0.6 + SLACK), pytest.raises(kind) as caught:
        fill(one, request_, timeout=0.6)
    one.heal()
    assert caught.value.task.id == "t1"
    assert wait(one, caught.value.task).seed == 7
    assert one.charged == 1
    assert one.other.asked == []


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (refused_by_prompt, RequestModerated, "Violence.*cost nothing.*safety_tolerance"),
        (refused_by_picture, ContentModerated, "no reason.*cost nothing.*[Rr]ephrase"),
        (failed, TaskFailed, "out of memory"),
    ],
)
def test_a_task_that_ended_is_asked_for_once(start, request_, fault, kind, message):
    one = start(poll=[fault])
    with pytest.raises(kind, match=message) as caught:
        fill(one, request_)
    assert one.asked == ["submit", "poll"]
    assert caught.value.task.request is request_


def test_a_task_that_stays_unknown_is_told_of_regions(start, request_):
    one = start(poll=[missing, ...])
    with within(2), pytest.raises(TaskNotFound, match="region"):
        fill(one, request_)
    assert one.asked.count("poll") > 1


def test_a_huge_list_of_reasons_is_not_repeated_whole(start, request_):
    details = {"Moderation Reasons": ["Violence"] * 10_000}
    one = start(poll=[says(200, TASK | {"status": "Request Moderated", "details": details})])
    with pytest.raises(RequestModerated) as caught:
        fill(one, request_)
    assert len(str(caught.value)) < 1000
    assert len(caught.value.reasons) == 10_000


def test_a_clock_that_is_ahead_elsewhere_holds_nothing_up(start):
    one = start(poll=[not_yet, not_yet])
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    task = ff.FillTask("t1", f"{one.url}/v1/get_result?id=t1", submitted=tomorrow)
    with within(SLACK):
        assert wait(one, task).seed == 7


@pytest.mark.parametrize("address", ["", "t1", "http://x:99999/", "ftp://x.org"])
def test_a_task_without_an_address_is_refused_at_once(start, address):
    with pytest.raises(InvalidOption, match="polling_url"):
        wait(start(), ff.FillTask("t1", address))


# ---------------------------------------------------------------------------------- the samples


@pytest.mark.parametrize(
    "fault",
    [
        reset, hang_up, hang, trickle, trickle_body, short, garbage, no_gzip, html, empty, busy,
        down, bad_gateway, broken, cut_picture, expired, gone, unsigned, missing_page,
        sample_elsewhere, endless,
    ],
    ids=named,
)  # fmt: skip
def test_downloads_are_repeated(start, sample, request_, fault):
    one = start(sample=[fault])
    assert fill(one, request_).encoded == sample
    assert one.charged == 1
    assert KEY.encode() not in one.other.heard


@pytest.mark.parametrize("fault", [expired, gone, unsigned, missing_page], ids=named)
def test_an_expired_sample_is_polled_anew_once(start, request_, fault):
    one = start(sample=[fault])
    fill(one, request_)
    assert one.asked == ["submit", "poll", "sample", "poll", "sample"]
    one = start(sample=[fault, ...])
    with pytest.raises(DownloadFailed, match=r"paid for.*client\.wait") as caught:
        fill(one, request_)
    assert one.asked == ["submit", "poll", "sample", "poll", "sample"]
    one.heal()
    assert wait(one, caught.value.task).seed == 7


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (bomb, r"9000 x 9000.*81\.0 MP"),
        (cut_picture, "cut off"),
        (html, "not a picture"),
        (endless, "more than 1 MB"),
        (broken, "paid for"),
        (short, "t1"),
        (hang, "t1"),
    ],
)
def test_downloads_that_fail_for_ever_leave_a_task_to_be_resumed(start, request_, fault, message):
    one = start(sample=[fault, ...])
    with (
        within(3 + SLACK),
        pytest.raises((DownloadFailed, ConnectionFailed, TaskTimeout), match=message) as caught,
    ):
        fill(one, request_)
    assert "signed=yes" not in str(caught.value)
    one.heal()
    assert wait(one, caught.value.task).seed == 7
    assert one.charged == 1


@pytest.mark.parametrize("address", ["http://x:99999/", "nowhere", "http://[", "ftp://x.org"])
def test_a_sample_without_an_address_is_an_error_with_the_task(start, request_, address):
    ready = says(200, TASK | {"status": "Ready", "result": {"sample": address}})
    with pytest.raises(FluxFillError) as caught:
        fill(start(poll=[ready, ...]), request_)
    assert caught.value.task.id == "t1"


def test_another_size_is_said_and_resampled(start, request_):
    result = fill(start(sample=[wrong_size]), request_)
    assert result.is_resampled
    assert "resampled from 80 x 48" in repr(result)
    assert result.raw.size == (80, 48)
    assert result.image.size == (96, 64)


# --------------------------------------------------------------- deadlines, stopping, resuming


@pytest.mark.parametrize("fault", [hang, trickle, trickle_body], ids=named)
@pytest.mark.parametrize("stage", ["submit", "poll", "sample"])
def test_a_fill_ends_at_its_deadline_however_slow_the_service(
    start, request_, stage, fault, monkeypatch
):
    monkeypatch.undo()  # with the real patience, which is longer than this
    one = start(**{stage: [fault, ...]})
    with within(0.5 + 0.5 + 0.5), pytest.raises((ConnectionFailed, TaskTimeout)) as caught:
        fill(one, request_, timeout=0.5)
    assert isinstance(caught.value, SubmissionUnconfirmed) == (stage == "submit")
    assert one.charged == 1


@pytest.mark.parametrize("how", ["cancel", "wait_for", "anyio"])
@pytest.mark.parametrize("verb", ["fill", "submit"])
def test_stopping_does_not_break_off_a_submission(start, request_, how, verb):
    one = start(submit=[answers_late])

    async def main():
        async with ff.AsyncFluxFill(KEY, base_url=one.url, timeout=5) as client:
            work = getattr(client, verb)(request_)
            began = time.monotonic()
            if how == "anyio":
                with anyio.move_on_after(0.1):
                    await work
            elif how == "wait_for":
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(work, 0.1)
            else:
                task = asyncio.create_task(work)
                await asyncio.sleep(0.1)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert 0.35 < time.monotonic() - began < 0.4 + SLACK
            (known,) = client.unfinished
            assert (await client.wait(known)).seed == 7
        assert one.charged == 1

    asyncio.run(main())


def test_stopping_waits_for_a_silent_service_until_the_deadline_only(start, request_):
    one = start(submit=[hang])

    async def main():
        async with ff.AsyncFluxFill(KEY, base_url=one.url, timeout=0.8) as client:
            with within(0.8 + SLACK), pytest.raises(TimeoutError):
                await asyncio.wait_for(client.fill(request_), 0.1)
            assert client.unfinished == ()

    asyncio.run(main())
    assert one.asked == ["submit"]


@pytest.mark.parametrize("stage", ["poll", "sample"])
def test_stopping_breaks_off_everything_else_at_once(start, request_, stage):
    one = start(**{stage: [hang]})

    async def main():
        async with ff.AsyncFluxFill(KEY, base_url=one.url, timeout=30) as client:
            with within(0.3 + SLACK), pytest.raises(TimeoutError):
                await asyncio.wait_for(client.fill(request_), 0.3)
            (task,) = client.unfinished
            assert (await client.wait(task)).seed == 7
            assert client.unfinished == ()

    asyncio.run(main())
    assert one.charged == 1


def test_resuming_loses_no_picture_to_another_ones_error(start, request_):
    one = start(
        submit=[
            says(200, {"id": name, "polling_url": f"/v1/get_result?id={name}"}) for name in "abc"
        ],
        poll=[fine, refused_by_prompt],
    )

    async def main():
        async with ff.AsyncFluxFill(KEY, base_url=one.url, timeout=3) as client:
            tasks = [await client.submit(request_) for _ in range(3)]
            results = await client.resume()
            assert [result.task.id for result in results] == ["a", "c"]
            assert [type(error) for error in results.lost] == [RequestModerated]
            assert results.lost[0].task == tasks[1]
            assert client.unfinished == ()

    asyncio.run(main())


def test_a_task_is_waited_for_by_another_process_in_silence(start, request_):
    one = start(poll=[busy, not_yet])

    async def main():
        async with ff.AsyncFluxFill(KEY, base_url=one.url) as client:
            return await client.submit(request_)

    task = asyncio.run(main())
    script = f"""
import fluxfill_nb as ff
def progress(state):
    raise RuntimeError("of the user's own making")
with ff.FluxFill(base_url={one.url!r}) as client:
    task = ff.FillTask(id={task.id!r}, polling_url={task.polling_url!r})
    print(client.wait(task, on_progress=progress).image.size)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "(96, 64)\n"
    assert done.stderr == ""
    assert one.charged == 1


# -------------------------------------------------------------------------------------- secrets


def test_the_key_is_sent_to_the_service_alone(start, request_):
    one = start(submit=[foreign])
    fill(one, request_)
    assert KEY.encode() in one.heard
    assert "poll" in one.other.asked
    assert KEY.encode() not in one.other.heard
    one = start()
    fill(one, request_)
    to_samples = one.heard[one.heard.index(b"GET /sample") :]
    assert KEY.encode() not in to_samples


def chain(error):
    """An error and all that it came of."""
    seen = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return seen


async def outcome(client, request):
    """A fill, or its error; with few locals, as those are looked through."""
    try:
        return await client.fill(request)
    except FluxFillError as error:
        return error


def test_the_key_is_in_nothing_that_is_shown_kept_or_logged(start, request_, caplog):
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    errors: list[BaseException] = []

    async def main():
        for faults in [
            {},
            *({"submit": [fault]} for fault in [reset, hang, garbage, short, broken, redirect]),
            *({"submit": [fault]} for fault in [rejected, unsent, echoes_the_key, empty]),
            {"submit": [busy, down, busy_for_hours]},
            *({"poll": [fault, ...]} for fault in [reset, hang, echoes_the_key, html, redirect]),
            *({"poll": [fault]} for fault in [failed, refused_by_prompt]),
            *({"sample": [fault, ...]} for fault in [expired, cut_picture, reset]),
        ]:
            one = start(**faults)
            async with ff.AsyncFluxFill(KEY, base_url=one.url, timeout=0.5) as client:
                texts.append(f"{client!r} {vars(client)} {vars(client._service)}")
                ended = await outcome(client, request_)
                if isinstance(ended, FluxFillError):
                    errors.append(ended)
                else:
                    texts.append(f"{ended!r} {ended} {vars(ended)} {pickle.dumps(ended)}")
        with ff.FluxFill(KEY, base_url=one.url) as client:
            texts.append(f"{client!r} {vars(client)}")

    asyncio.run(main())
    assert len(errors) == 21
    for error in errors:
        texts.append(pickle.dumps(error).decode("latin-1"))
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        texts.append("".join(shown.format()))
        for one in chain(error):
            texts.append(f"{one!r} {one} {vars(one)}")
            if isinstance(one, ServiceError):
                texts.append(one.response.text)
                texts.append(str(one.response.headers.raw))
                texts.append(str(one.response.request.headers.raw))
            with contextlib.suppress(AttributeError, RuntimeError):
                texts.append(str(one.request.headers.raw))
    texts += [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert len(caplog.records) > 100
    assert [text[max(0, text.index(KEY) - 300) :][:400] for text in texts if KEY in text] == []


def test_errors_survive_pickling(start, request_):
    for faults in [{"submit": [broken]}, {"poll": [refused_by_prompt]}, {"poll": [html, ...]}]:
        with pytest.raises(FluxFillError) as caught:
            fill(start(**faults), request_)
        again = pickle.loads(pickle.dumps(caught.value))
        assert type(again) is type(caught.value)
        assert str(again) == str(caught.value)
        assert again.task == caught.value.task
        if isinstance(again, TaskModerated):
            assert again.reasons == ("Violence",)
        else:
            assert again.response.content == caught.value.response.content


def test_log_records_that_concern_a_task_name_it(start, request_, caplog):
    caplog.set_level(logging.DEBUG, logger="fluxfill_nb")
    fill(start(poll=[busy, not_yet], sample=[expired]), request_, on_progress=lambda _: 1 / 0)
    ours = [record for record in caplog.records if record.name.startswith("fluxfill_nb")]
    assert len(ours) > 5
    assert {record.task for record in ours} == {"t1"}
    assert any("Trying again" in record.getMessage() for record in ours)


# ----------------------------------------------------------------------------------- everything

SUBMIT = [
    busy, busy, busy_awhile, busy_not_at_all, down, overloaded, foreign, foreign, reset_unread,
    reset, hang_up, trickle, hang, short, endless, garbage, html, cut_json, no_gzip, nameless,
    bad_gateway, broken, redirect, unsent, rejected, echoes_the_key,
]  # fmt: skip
POLL = [*PASSING, *PASSING, overloaded, refused_by_prompt, refused_by_picture, failed, redirect]
SAMPLE = [
    reset, hang_up, hang, trickle, trickle_body, short, garbage, no_gzip, html, busy, overloaded,
    bad_gateway, cut_picture, expired, expired, gone, missing_page, sample_elsewhere, endless,
    bomb, wrong_size,
]  # fmt: skip
ENDED = (TaskModerated, TaskFailed, TaskNotFound)


class LoopClock:
    """The seconds in which a loop comes round: those that a busy machine takes do not count."""

    def __init__(self):
        self.seconds = 0.0

    async def run(self):
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            self.seconds += min(time.monotonic() - began, 0.03)


def mixture(dice):
    """Some faults for each stage; seldom for ever."""

    def some(faults, counts):
        listed = dice.choices(faults, k=dice.choice(counts))
        return [*listed, ...] if listed and dice.random() < 0.15 else listed

    return {
        "submit": some(SUBMIT, (0, 0, 0, 1, 1, 2)),
        "poll": some(POLL, (0, 1, 2, 3, 4)),
        "sample": some(SAMPLE, (0, 1, 2, 3)),
        "closed_for": dice.choice([0.0] * 9 + [0.05]),
    }


@pytest.mark.parametrize("chunk", range(4))
def test_random_mixtures_end_in_time_and_lose_nothing(start, request_, chunk):
    dices = [random.Random(f"{chunk} {number}") for number in range(125)]
    services = [start(**mixture(dice)) for dice in dices]

    async def one_fill(some, clock, one, timeout):
        """Returns how it ended; everything that must hold is checked here."""
        async with some, ff.AsyncFluxFill(KEY, base_url=one.url, timeout=timeout) as client:
            began = clock.seconds
            ended = await outcome(client, request_)
            took = clock.seconds - began
            assert took < timeout + 2, (ended, took, timeout)
            assert one.charged <= 1
            if isinstance(ended, ff.FillResult):
                assert one.charged == 1
                assert client.unfinished == ()
            elif ended.task is None:
                # Either it was not taken, or the user is told that nobody knows.
                assert one.charged == 0 or isinstance(
                    ended, (SubmissionUnconfirmed, ServiceUnavailable)
                )
                assert "poll" not in one.asked
            elif isinstance(ended, ENDED):
                assert client.unfinished == ()
            else:
                assert client.unfinished == (ended.task,)
                one.heal()
                async with ff.AsyncFluxFill(KEY, base_url=one.url, timeout=60) as patient:
                    assert (await patient.wait(ended.task)).task == ended.task
            return type(ended)

    async def main():
        # As many as these processors serve without delays of their own.
        some, clock = asyncio.Semaphore(32), LoopClock()
        fills = (
            one_fill(some, clock, one, dice.uniform(2, 4))
            for one, dice in zip(services, dices, strict=True)
        )
        async with asyncio.timeout(300):
            running = asyncio.create_task(clock.run())
            ended = await asyncio.gather(*fills)
        running.cancel()
        return ended

    kinds = asyncio.run(main())
    assert len(kinds) == 125
    # The mixtures are such that much goes well and much does not.
    assert kinds.count(ff.FillResult) > 12
    assert len(set(kinds)) > 6
    for one in services:
        assert KEY.encode() not in one.other.heard
        assert one.asked.count("submit") >= 1
