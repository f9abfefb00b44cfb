"""The client against real servers on loopback: ours, and one that answers what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.client import Receiver
from fluxfill_nb.client.schedule import Schedule
from fluxfill_nb.errors import (
    ConnectionFailed,
    ContentModerated,
    DownloadFailed,
    InsufficientCredits,
    InvalidImage,
    InvalidInput,
    InvalidMask,
    InvalidOption,
    MissingKey,
    NotAuthenticated,
    RequestModerated,
    RequestRejected,
    ServiceUnavailable,
    SubmissionUnconfirmed,
    TaskFailed,
    TaskNotFound,
    TaskTimeout,
    UnexpectedAnswer,
)

KEY = "bfl-0123456789-secret"
HTML = b"<html><body>Bad gateway</body></html>"


class Scripted:
    """A service that answers what it is told to, and writes down what it is asked."""

    def __init__(self, picture: Image.Image) -> None:
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        self.sample = buffer.getvalue()
        self.submit = (200, {"id": "t1", "polling_url": "/v1/get_result?id=t1"})
        self.polls = [(200, {"id": "t1", "status": "Ready", "result": {"sample": "/sample"}})]
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        self.url = ""

    def asked(self, path: str) -> list[dict[str, str]]:
        """Headers of the requests for a path."""
        return [headers for _, asked, headers in self.seen if asked == path]

    async def __call__(self, scope, receive, send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.seen.append((scope["method"], scope["path"], headers))
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, answer, extra = self._answer(scope, body)
        await send({"type": "http.response.start", "status": status, "headers": extra})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, scope, body):
        path = scope["path"]
        extra: list[tuple[bytes, bytes]] = []
        if path.startswith("/sample"):
            return 200, self.sample, extra
        if scope["method"] == "POST":
            self.bodies.append(body)
            status, answer = self.submit
        elif path == "/v1/credits":
            status, answer = 200, {"credits": 12.5}
        else:
            status, answer = self.polls[0] if len(self.polls) == 1 else self.polls.pop(0)
        if isinstance(answer, dict):
            answer = json.dumps(self._absolute(answer)).encode()
        if status in (301, 302, 307, 308):
            extra = [(b"location", f"{self.url}/elsewhere".encode())]
        return status, answer, extra

    def _absolute(self, answer):
        """Samples have full addresses."""
        result = answer.get("result")
        if isinstance(result, dict) and str(result.get("sample", "")).startswith("/"):
            answer = answer | {"result": result | {"sample": self.url + result["sample"]}}
        return answer


@pytest.fixture
def scripted(picture, serve):
    service = Scripted(picture)
    service.url = serve(service)
    return service


@pytest.fixture
def client(scripted):
    with ff.FluxFill(KEY, base_url=scripted.url, timeout=5) as client:
        yield client


@pytest.fixture
def request_(picture, mask):
    return ff.FillRequest(picture, mask, "a vase", seed=7, steps=15)


def slow(image, mask, options, progress):
    """An engine that takes three seconds, and can be stopped."""
    for step in range(300):
        progress(step / 300)
        time.sleep(0.01)
    return image


def test_fills_over_a_socket(picture, mask):
    with ff.LocalServer() as server, ff.FluxFill(base_url=server.url) as client:
        result = client.fill(picture, mask, "a vase", seed=7, steps=15, output_format="png")
    before, after = np.asarray(picture), np.asarray(result.raw)
    outside = mask.array == 0
    assert (before[outside] == after[outside]).all()
    assert (before[~outside] != after[~outside]).any()
    assert (result.seed, result.service, result.price) == (7, "local engine: patches", 0.0)
    assert 0 < result.duration < 60


def test_fills_in_process_give_the_same_bytes_as_over_a_socket(request_):
    with ff.LocalServer() as server, ff.FluxFill(base_url=server.url) as client:
        over_socket = client.fill(request_)
    with ff.connect("local", store=None) as client:
        assert client.fill(request_).encoded == over_socket.encoded


def test_a_seed_that_was_not_given_is_reported_and_repeats_the_picture(picture, mask):
    with ff.connect("local", store=None) as client:
        first = client.fill(picture, mask, steps=15)
        assert client.fill(picture, mask, steps=15, seed=first.seed).encoded == first.encoded


def test_sends_exactly_the_request(client, scripted, request_):
    client.fill(request_)
    assert scripted.bodies == [b"".join(request_.body())]
    (headers,) = scripted.asked("/v1/flux-pro-1.0-fill")
    assert headers["x-key"] == KEY
    assert headers["content-type"] == "application/json"


def test_reads_all_that_the_service_says(client, scripted, picture, request_):
    scripted.polls = [
        (202, {"id": "t1", "status": "Pending"}),
        (200, {"id": "t1", "status": "Some New Word", "progress": 0.5, "result": None}),
        (
            200,
            {
                "id": "t1", "status": "Ready", "cost": 7, "details": {"note": "fine"},
                "result": {"sample": "/sample", "seed": 99},
            },
        ),
    ]  # fmt: skip
    result = client.fill(request_)
    assert (result.seed, result.price, result.details) == (99, 0.07, {"note": "fine"})
    assert result.service == scripted.url.removeprefix("http://")
    assert result.raw == picture


def test_a_missing_seed_is_the_one_that_was_asked_for(client, request_):
    assert client.fill(request_).seed == 7


def test_credits(client):
    assert client.credits() == 12.5


@pytest.mark.parametrize(
    ("status", "answer", "kind", "says"),
    [
        (400, {"detail": "No such thing"}, RequestRejected, "No such thing"),
        (402, {"detail": "Insufficient credits"}, InsufficientCredits, "$0.05"),
        (403, {"detail": "Not authenticated"}, NotAuthenticated, "BFL_API_KEY"),
        (500, HTML, ServiceUnavailable, "500"),
        (502, HTML, ServiceUnavailable, "502"),
        (504, b"", ServiceUnavailable, "504"),
        (404, HTML, UnexpectedAnswer, "404"),
        (307, b"", UnexpectedAnswer, "307"),
    ],
)
def test_answers_to_a_submission(client, scripted, request_, status, answer, kind, says):
    scripted.submit = (status, answer)
    with pytest.raises(kind, match=says.replace("$", r"\$")) as caught:
        client.fill(request_)
    assert caught.value.response.status_code == status
    assert len(scripted.asked("/v1/flux-pro-1.0-fill")) == 1
    assert client.unfinished == ()


@pytest.mark.parametrize(
    "answer", [{"polling_url": "/v1/get_result?id=t1"}, {"id": 7}, b"[1, 2", b"[1, 2]", b"", HTML]
)
def test_a_task_without_a_name_is_unconfirmed(client, scripted, request_, answer):
    scripted.submit = (200, answer)
    with pytest.raises(SubmissionUnconfirmed, match="named no task"):
        client.fill(request_)
    assert len(scripted.asked("/v1/flux-pro-1.0-fill")) == 1


def test_a_refusal_names_the_field_and_never_echoes_what_was_sent(client, scripted, request_):
    sent = "QUJD" * 5000
    problem = {"type": "x", "loc": ["body", "mask"], "msg": "Size differs", "input": sent}
    scripted.submit = (422, {"detail": [problem, "odd", {"loc": []}]})
    with pytest.raises(RequestRejected, match="mask: Size differs") as caught:
        client.fill(request_)
    assert "QUJD" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_redirects_are_not_followed(client, scripted, request_):
    scripted.submit = (307, b"")
    with pytest.raises(UnexpectedAnswer):
        client.fill(request_)
    assert not scripted.asked("/elsewhere")


@pytest.mark.parametrize(
    ("code", "status", "details", "kind", "says"),
    [
        (200, "Request Moderated", {"Moderation Reasons": ["Violence"]}, RequestModerated, "Viol"),
        (200, "Content Moderated", None, ContentModerated, "safety_tolerance"),
        (200, "Error", {"error": "out of memory"}, TaskFailed, "out of memory"),
        (422, "Error", {"error": "bad"}, TaskFailed, "bad"),
        (404, "Task not found", None, TaskNotFound, "region"),
        (200, "Task not found", "odd", TaskNotFound, "region"),
    ],
)
def test_tasks_that_end_without_a_picture(
    client, scripted, request_, code, status, details, kind, says
):
    scripted.polls = [(code, {"id": "t1", "status": status, "details": details})]
    with pytest.raises(kind, match=says) as caught:
        client.fill(request_)
    assert caught.value.task.id == "t1"
    assert caught.value.task.request == request_
    assert client.unfinished == ()


def test_moderation_reasons_are_carried(client, scripted, request_):
    details = {"Moderation Reasons": ["Violence", "Logo"]}
    scripted.polls = [(200, {"id": "t1", "status": "Request Moderated", "details": details})]
    with pytest.raises(RequestModerated) as caught:
        client.fill(request_)
    assert caught.value.reasons == ("Violence", "Logo")


def test_after_a_timeout_the_task_can_be_waited_for_again(scripted, request_):
    ready = scripted.polls
    scripted.polls = [(200, {"id": "t1", "status": "Pending"})]
    with ff.FluxFill(KEY, base_url=scripted.url, timeout=0.3) as client:
        with pytest.raises(TaskTimeout, match=r"0\.3 s") as caught:
            client.fill(request_)
        assert client.unfinished == (caught.value.task,)
        scripted.polls = ready
        assert [result.seed for result in client.resume()] == [7]
        assert client.unfinished == ()
    assert len(scripted.asked("/v1/flux-pro-1.0-fill")) == 1


def test_a_task_of_another_process_can_be_waited_for(client, scripted, picture):
    task = ff.FillTask(id="t1", polling_url=scripted.url + "/v1/get_result?id=t1")
    result = client.wait(task)
    assert result.request is None
    assert result.image.size == picture.size


def test_an_answer_with_a_webhook_has_no_polling_url(client, scripted, request_):
    scripted.submit = (200, {"id": "t1", "status": "Pending", "webhook_url": "https://x.org"})
    assert client.fill(request_.replace(webhook_url="https://x.org/hook")).task.polling_url == (
        scripted.url + "/v1/get_result?id=t1"
    )


@pytest.mark.parametrize("form", ["A", "B"])
def test_a_call_of_the_service_wakes_the_client(request_, monkeypatch, form):
    # Without the call, the first look would be in a minute.
    monkeypatch.setattr(Schedule, "moments", lambda self: itertools.count(60, 60))
    with (
        Receiver("the secret") as receiver,
        ff.LocalServer(webhook_form=form, webhook_networks=["127.0.0.0/8"]) as server,
        ff.FluxFill(base_url=server.url, webhooks=receiver) as client,
    ):
        started = time.monotonic()
        announced = request_.replace(webhook_url=receiver.url, webhook_secret="the secret")
        assert client.fill(announced).seed == 7
        assert time.monotonic() - started < 30
        assert [str(call.status) for call in receiver.calls] == ["Ready"]


@pytest.mark.parametrize("cut", [0, 20, -30])
def test_a_picture_that_arrives_cut_off_is_fetched_again_on_demand(client, scripted, request_, cut):
    whole = scripted.sample
    scripted.sample = whole[:cut]
    with pytest.raises(DownloadFailed, match=r"client\.wait") as caught:
        client.fill(request_)
    scripted.sample = whole
    assert client.wait(caught.value.task).encoded == whole


def test_ready_without_a_picture_is_an_error(client, scripted, request_):
    scripted.polls = [(200, {"id": "t1", "status": "Ready", "result": {}})]
    with pytest.raises(UnexpectedAnswer, match="no address"):
        client.fill(request_)


def test_the_key_goes_to_the_service_only(client, scripted, request_, serve):
    other = Scripted(Image.new("RGB", (96, 64)))
    other.url = serve(other)
    scripted.submit = (200, {"id": "t1", "polling_url": f"{other.url}/v1/get_result?id=t1"})
    client.fill(request_)
    assert [KEY in headers.values() for headers in other.asked("/v1/get_result")] == [False]
    assert [KEY in headers.values() for headers in other.asked("/sample")] == [False]


def test_samples_are_fetched_without_the_key(client, scripted, request_):
    client.fill(request_)
    assert [KEY in headers.values() for headers in scripted.asked("/sample")] == [False]


def test_the_key_is_in_no_repr_and_no_error(client, scripted, request_):
    scripted.submit = (403, {"detail": "Not authenticated - Invalid Authentication"})
    with pytest.raises(NotAuthenticated) as caught:
        client.fill(request_)
    assert KEY not in f"{client!r} {caught.value} {vars(client)}"


def test_the_environments_key_is_for_the_hosted_service_only(monkeypatch, scripted, request_):
    monkeypatch.setenv("BFL_API_KEY", KEY)
    with ff.connect(scripted.url) as client:
        client.fill(request_)
    assert not any(KEY in headers.values() for _, _, headers in scripted.seen)


def test_hosted_without_a_key_says_how_to_get_on():
    with pytest.raises(MissingKey, match=r"BFL_API_KEY.*connect\(\"local\"\)"):
        ff.connect("hosted")


def test_an_unreachable_service_was_sent_nothing(request_):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with (
        ff.FluxFill(base_url=f"http://127.0.0.1:{port}") as client,
        pytest.raises(ConnectionFailed, match="Nothing was sent"),
    ):
        client.fill(request_)


def test_a_lost_answer_is_not_sent_again(request_):
    connections = []

    def take_and_hang_up(listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connections.append(connection.recv(1_000_000))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=take_and_hang_up, args=(listener,), daemon=True).start()
        with (
            ff.FluxFill(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client,
            pytest.raises(SubmissionUnconfirmed, match="may have been taken and charged"),
        ):
            client.fill(request_)
        assert len(connections) == 1


def test_a_server_that_dies_between_polls_leaves_the_task(request_):
    with ff.LocalServer(slow) as server, ff.FluxFill(base_url=server.url, timeout=1) as client:
        task = client.submit(request_)
        server.close()
        with pytest.raises((ConnectionFailed, TaskFailed)) as caught:
            client.wait(task)
        assert caught.value.task == task


def test_bad_input_is_refused_before_anything_is_sent(client, scripted, picture, mask):
    for wrong, kind in [
        (lambda: client.fill(picture, mask, steps=5), InvalidOption),
        (lambda: client.fill(picture, mask, guidence=3), InvalidOption),
        (lambda: client.fill(picture), InvalidMask),
        (lambda: client.fill(picture, ff.Mask.empty(picture.size)), InvalidMask),
        (lambda: client.fill(picture, ff.Mask.full((10, 10))), InvalidMask),
        (lambda: client.fill(b"no picture", mask), InvalidImage),
        (lambda: client.fill("nowhere.png", mask), InvalidImage),
        (lambda: client.fill(ff.FillRequest(picture, mask), mask), InvalidOption),
    ]:
        with pytest.raises(kind):
            wrong()
    assert scripted.seen == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"base_url": "api.bfl.ai"}, "http"),
        ({"base_url": "ftp://x.org"}, "http"),
        ({"timeout": 0}, "timeout"),
        ({"max_active": 0}, "max_active"),
    ],
)
def test_clients_check_their_arguments(arguments, says):
    with pytest.raises(InvalidInput, match=says):
        ff.FluxFill(KEY, **arguments)


def test_one_client_serves_many_threads(picture, mask):
    with ff.connect("local") as client, ThreadPoolExecutor(6) as pool:
        futures = [
            pool.submit(client.fill, picture, mask, seed=seed, steps=15) for seed in range(6)
        ]
        assert [future.result().seed for future in futures] == list(range(6))


def test_blocks_inside_a_running_loop_too(picture, mask):
    async def notebook_cell():
        with ff.connect("local") as client:
            return client.fill(picture, mask, seed=3, steps=15)

    assert asyncio.run(notebook_cell()).seed == 3


def test_the_awaited_client_gives_the_same_picture(request_):
    async def main():
        transport = ff.LocalServer().transport
        async with ff.AsyncFluxFill(transport=transport) as client:
            results = await asyncio.gather(*(client.fill(request_, seed=s) for s in (1, 2)))
            return results, await client.credits()

    (one, two), left = asyncio.run(main())
    with ff.connect("local", store=None) as client:
        assert client.fill(request_, seed=1).encoded == one.encoded != two.encoded
    assert left == 0.0


def test_a_cancelled_wait_leaves_the_task_unfinished(request_):
    async def main():
        server = ff.LocalServer(slow)
        async with ff.AsyncFluxFill(transport=server.transport) as client:
            task = await client.submit(request_)
            waiting = asyncio.create_task(client.wait(task))
            await asyncio.sleep(0.2)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert client.unfinished == (task,)
        server.close()

    asyncio.run(main())


def test_errors_of_the_awaited_client_are_not_wrapped(scripted, request_):
    async def main():
        scripted.submit = (402, {"detail": "Insufficient credits"})
        async with ff.AsyncFluxFill(KEY, base_url=scripted.url) as client:
            await client.fill(request_)

    with pytest.raises(InsufficientCredits):
        asyncio.run(main())


def test_no_more_than_max_active_at_once(request_):
    running, most = set(), [0]

    def counting(image, mask, options, progress):
        running.add(options.seed)
        most[0] = max(most[0], len(running))
        time.sleep(0.05)
        running.remove(options.seed)
        return image

    with ThreadPoolExecutor(8) as engines, ThreadPoolExecutor(8) as threads:
        server = ff.LocalServer(counting, executor=engines)
        with server, ff.FluxFill(base_url=server.url, max_active=3) as client:
            list(threads.map(lambda seed: client.fill(request_, seed=seed), range(12)))
    assert most[0] == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are a Unix matter")
def test_works_again_in_a_fork():
    script = """
import os, sys, warnings
from PIL import Image
import fluxfill_nb as ff
warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, on forks with threads
def fill():
    picture = Image.linear_gradient("L")
    with ff.connect("local") as client:
        return client.fill(picture, ff.Mask.from_box(picture.size, (9, 9, 40, 40)), steps=15).seed
fill()
child = os.fork()
if child == 0:
    fill()
    os._exit(7)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 7
