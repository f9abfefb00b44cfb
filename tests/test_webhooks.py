"""Webhook calls: which are heeded, and how they are received."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from email.message import Message

import httpx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr

import fluxfill_nb as ff
from fluxfill_nb.client import Receiver
from fluxfill_nb.client import receiver as receiving
from fluxfill_nb.client.webhooks import WebhookCall, WebhookRefused, verify
from fluxfill_nb.result import FillStatus
from tests.patience import until

SECRET = "the secret of these tests"
SAMPLE = "https://delivery.example/sample.png?signature=5ca1ab1e"

# What a header can carry, and bodies that a service may send.
secrets = st.text(min_size=1, max_size=60)
header_secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
ids = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def sign(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-BFL-Signature": f"sha256={digest}"}


def call_of(task_id: str = "4f2a", **others) -> bytes:
    return json.dumps({"id": task_id, "status": "Ready", **others}).encode()


def refusal(*arguments, **options) -> WebhookRefused:
    with pytest.raises(WebhookRefused) as refused:
        verify(*arguments, **options)
    return refused.value


@pytest.fixture
def receiver():
    with Receiver(SECRET) as receiver:
        yield receiver


def post(receiver: Receiver, body: bytes, headers: dict[str, str] | None = None) -> int:
    headers = sign(body) if headers is None else headers
    # Without verify=False, each call would load the certificates, which takes longer than itself.
    return httpx.post(receiver.url, content=body, headers=headers, verify=False).status_code


def connect(receiver: Receiver) -> socket.socket:
    address = httpx.URL(receiver.url)
    return socket.create_connection((address.host, address.port), timeout=5)


def answer_to(receiver: Receiver, request: bytes) -> bytes:
    with connect(receiver) as caller:
        caller.sendall(request)
        return b"".join(iter(lambda: caller.recv(4096), b""))


# ---------------------------------------------------------------------------------------- the proof


@given(task_id=ids, others=st.dictionaries(st.text(), values), secret=secrets)
def test_what_is_signed_is_taken(task_id, others, secret):
    others = {key: value for key, value in others.items() if key != "timestamp"}
    body = json.dumps(others | {"id": task_id, "status": "Ready"}).encode()
    call = verify(sign(body, secret), body, secret)
    assert (call.task_id, call.status) == (task_id, FillStatus.READY)


@given(task_id=ids, secret=header_secrets)
def test_what_knows_the_secret_is_taken(task_id, secret):
    body = json.dumps({"task_id": task_id, "status": "SUCCESS", "result": {}}).encode()
    call = verify({"X-Webhook-Secret": secret}, body, secret)
    assert call == WebhookCall(task_id, FillStatus.READY)


@given(data=st.data(), secret=secrets)
def test_any_bit_flipped_in_the_body_is_refused(data, secret):
    body = call_of()
    bit = data.draw(st.integers(0, len(body) * 8 - 1))
    changed = bytearray(body)
    changed[bit // 8] ^= 1 << bit % 8
    assert refusal(sign(body, secret), bytes(changed), secret).status_code == 403


@given(bit=st.integers(0, 255))
def test_any_bit_flipped_in_the_signature_is_refused(bit):
    body = call_of()
    digest = bytearray(hmac.new(SECRET.encode(), body, hashlib.sha256).digest())
    digest[bit // 8] ^= 1 << bit % 8
    headers = {"X-BFL-Signature": f"sha256={digest.hex()}"}
    assert refusal(headers, body, SECRET).status_code == 403


@given(secret=secrets, other=secrets)
def test_another_secret_is_refused(secret, other):
    # HMAC itself pads short keys with zeros.
    assume(secret.rstrip("\0") != other.rstrip("\0"))
    assert refusal(sign(call_of(), other), call_of(), secret).status_code == 403


@given(secret=header_secrets, other=header_secrets)
def test_another_secret_sent_as_it_is_is_refused(secret, other):
    assume(secret != other)
    assert refusal({"X-Webhook-Secret": other}, call_of(), secret).status_code == 403


@given(value=st.text())
def test_no_text_in_a_header_breaks_the_check(value):
    for name in ("X-BFL-Signature", "X-Webhook-Secret"):
        assert refusal({name: value}, call_of(), SECRET).status_code == 403


@pytest.mark.parametrize(
    "signature",
    ["", "sha256=", "sha1=" + "0" * 40, sign(call_of())["X-BFL-Signature"][:-1], "sha256=é"],
)
def test_half_a_signature_is_none(signature):
    assert refusal({"X-BFL-Signature": signature}, call_of(), SECRET).status_code == 403


def test_a_proof_is_asked_for_if_there_is_a_secret():
    refused = refusal({"Content-Type": "application/json"}, call_of(), SECRET)
    assert refused.status_code == 403
    assert "carries no proof" in str(refused)
    assert isinstance(refused, ff.errors.FluxFillError)


@pytest.mark.parametrize("headers", [{}, {"X-BFL-Signature": "sha256=0"}])
def test_no_proof_is_asked_for_without_a_secret(headers):
    assert verify(headers, call_of(), None).task_id == "4f2a"


def test_of_two_proofs_both_must_hold():
    both = sign(call_of()) | {"X-Webhook-Secret": SECRET}
    assert verify(both, call_of(), SECRET).task_id == "4f2a"
    refusal(both | {"X-Webhook-Secret": "another"}, call_of(), SECRET)
    refusal(both, call_of("4f2b"), SECRET)
    twice = [*sign(call_of()).items(), *sign(call_of("4f2b")).items()]
    refusal(twice, call_of(), SECRET)


def test_headers_come_in_many_shapes():
    ((name, value),) = sign(call_of()).items()
    message = Message()
    message[name] = value
    for headers in (
        {name.upper(): value},
        {name.lower(): f" {value.upper()} "},
        httpx.Headers({name: value}),
        message,
        [("Host", "here"), (name, value)],
        iter([(name.lower(), value)]),
    ):
        assert verify(headers, call_of(), SECRET).task_id == "4f2a"


def test_a_secret_beyond_ascii_is_known_however_the_header_was_read():
    secret = "schlüssel ☃"
    as_servers_read = secret.encode().decode("latin-1")
    for value in (secret, as_servers_read):
        assert verify({"X-Webhook-Secret": value}, call_of(), secret).task_id == "4f2a"
    refusal({"X-Webhook-Secret": "schlussel ?"}, call_of(), secret)


def test_a_secret_may_come_masked():
    assert verify(sign(call_of()), call_of(), SecretStr(SECRET)).task_id == "4f2a"


@pytest.mark.parametrize("empty", ["", SecretStr("")])
def test_an_empty_secret_is_none_and_is_refused(empty):
    with pytest.raises(ff.errors.InvalidOption, match="secret is empty"):
        verify({}, call_of(), empty)
    with pytest.raises(ff.errors.InvalidOption, match="secret is empty"):
        Receiver(empty)


# -------------------------------------------------------------------------------------- the content


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Ready", FillStatus.READY),
        ("SUCCESS", FillStatus.READY),
        ("FAILED", FillStatus.ERROR),
        ("Error", FillStatus.ERROR),
        ("Content Moderated", FillStatus.CONTENT_MODERATED),
        ("ready", FillStatus.READY),
        ("Developing", "Developing"),
        (None, ""),
    ],
)
def test_both_forms_speak_of_the_same_states(said, status):
    call = verify({}, json.dumps({"task_id": "4f2a", "status": said}).encode(), None)
    assert call.status == status
    assert isinstance(call.status, FillStatus) == isinstance(status, FillStatus)


@pytest.mark.parametrize("said", ["Pending", "Reasoning", "Generating"])
def test_words_for_being_in_flight_are_no_end(said):
    assert not verify({}, call_of(status=said), None).has_ended


@pytest.mark.parametrize("said", ["SUCCESS", "FAILED", "Task not found", "Developed", ""])
def test_other_words_are_an_end(said):
    assert verify({}, call_of(status=said), None).has_ended


@pytest.mark.parametrize(
    ("others", "error"),
    [
        ({"error": "out of memory"}, "out of memory"),
        ({"details": {"error": "out of memory"}}, "out of memory"),
        ({"error": None, "details": None}, ""),
        ({"error": {"code": 5}}, ""),
        ({"error": "x" * 10_000}, "x" * 300),
    ],
)
def test_what_went_wrong_is_told(others, error):
    assert verify({}, call_of(status="FAILED", **others), None).error == error


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b'"4f2a"', b"7", b"{", b"\xff\xfe{", b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}", b"task_id=4f2a",
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_refused(body):
    assert refusal(sign(body), body, SECRET).status_code == 400


@pytest.mark.parametrize("task_id", [None, "", 7, ["4f2a"], "x" * 201, "4f2a\nForged line"])
def test_what_names_no_task_is_refused(task_id):
    assert refusal({}, call_of(task_id), None).status_code == 400


@given(body=st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_refused(body):
    with contextlib.suppress(WebhookRefused):
        assert verify({}, body, None).task_id


def test_what_is_too_large_is_refused_before_it_is_looked_at():
    body = call_of(result="x" * 1_000_000)
    assert refusal(sign(body), body, SECRET).status_code == 413
    assert refusal({}, body, SECRET).status_code == 413
    # Many words, but no address: this must not take time that grows with its square.
    text = "a-" * 499_000
    assert verify({}, call_of(error=text), None).error == text[:300]


# ----------------------------------------------------------------------------------------- the time


def as_iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


CLOCKS = {
    "seconds": lambda seconds: seconds,
    "whole seconds": int,
    "milliseconds": lambda seconds: int(seconds * 1000),
    "text": lambda seconds: f"{seconds:.3f}",
    "ISO 8601": as_iso,
    "ISO 8601, Z": lambda seconds: as_iso(seconds).replace("+00:00", "Z"),
    "ISO 8601, no zone": lambda seconds: as_iso(seconds).replace("+00:00", ""),
    "ISO 8601, elsewhere": lambda seconds: datetime.fromtimestamp(
        seconds, timezone(timedelta(hours=-9))
    ).isoformat(),
}


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
def test_only_recent_calls_are_taken(clock):
    now = time.time()
    for offset in (0, -290, 290):
        body = call_of(timestamp=clock(now + offset))
        assert verify(sign(body), body, SECRET).task_id == "4f2a"
    for offset, words in ((-310, "s ago"), (320, "s ahead"), (-1e9, "s ago")):
        body = call_of(timestamp=clock(now + offset))
        refused = refusal(sign(body), body, SECRET)
        assert refused.status_code == 403
        assert words in str(refused)


def test_the_tolerance_can_be_set():
    body = call_of(timestamp=time.time() - 60)
    refusal({}, body, None, tolerance=30)
    assert verify({}, body, None, tolerance=90).task_id == "4f2a"
    assert verify({}, call_of(timestamp=0), None, tolerance=float("inf")).task_id == "4f2a"
    for wrong in (-1, float("nan")):
        with pytest.raises(ff.errors.InvalidOption, match="tolerance"):
            verify({}, body, None, tolerance=wrong)


@pytest.mark.parametrize("timestamp", ["yesterday", "", True, [], {}, float("nan"), 10**400, "inf"])
def test_a_time_that_cannot_be_read_is_refused(timestamp):
    assert refusal({}, call_of(timestamp=timestamp), None).status_code == 400


def test_no_time_is_no_reason():
    assert verify({}, call_of(timestamp=None), None).task_id == "4f2a"


# ------------------------------------------------------------------------------------------ secrecy


def test_nothing_secret_is_shown():
    body = call_of(
        status=f"Error {SECRET}",
        error=f"cannot fetch {SAMPLE} with {SECRET}",
        result={"sample": SAMPLE},
    )
    call = verify(sign(body), body, SECRET)
    assert call.error == "cannot fetch … with …"
    shown = [repr(call), str(call), repr(Receiver(SECRET)), repr(Receiver(SECRET).secret)]
    signature = sign(body)["X-BFL-Signature"]
    for headers, content in (
        ({}, body),
        ({"X-Webhook-Secret": SECRET + "."}, body),
        (sign(body), body + b" "),
        (sign(SAMPLE.encode()), SAMPLE.encode()),
    ):
        refused = refusal(headers, content, SECRET)
        shown += [repr(refused), str(refused)]
    for text in shown:
        for secret in (SECRET, signature, signature.removeprefix("sha256="), SAMPLE, "5ca1ab1e"):
            assert secret not in text


def test_nothing_secret_is_logged_and_nothing_is_printed(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with Receiver(SECRET, path="/hook") as receiver:
        body = call_of(result={"sample": SAMPLE}, error=SAMPLE)
        for address in (receiver.url, receiver.url + "?key=5ca1ab1e", receiver.url + "/5ca1ab1e"):
            for headers in (sign(body), {"X-Webhook-Secret": SECRET}, {"X-Webhook-Secret": "5e"}):
                httpx.post(address, content=body, headers=headers)
        answer_to(receiver, b"5ca1ab1e 5ca1ab1e\r\n\r\n")
        receiver.subscribe("4f2a", lambda: 1 / 0)
    ours = [record for record in caplog.records if record.name == receiving.__name__]
    text = "\n".join(logging.Formatter().format(record) for record in ours)
    assert "'4f2a'" in text
    for secret in (SECRET, "5ca1ab1e", sign(body)["X-BFL-Signature"]):
        assert secret not in text
    assert capfd.readouterr() == ("", "")


def test_without_logging_nothing_is_printed(capfd):
    """What nobody handles, logging prints to stderr; not so ours."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    root.handlers.clear()
    try:
        with Receiver() as receiver:
            heard = threading.Event()
            receiver.subscribe("4f2a", lambda: heard.set() or 1 / 0)
            assert post(receiver, call_of()) == 204
            assert heard.wait(5)
            receiver.subscribe("4f2a", lambda: 1 / 0)
    finally:
        root.handlers[:] = handlers
    assert capfd.readouterr().err == ""


# ---------------------------------------------------------------------------------------- receiving


def test_both_forms_are_received(receiver):
    assert post(receiver, call_of("a", timestamp=time.time())) == 204
    body = json.dumps({"task_id": "b", "status": "FAILED", "error": "no memory"}).encode()
    assert post(receiver, body, {"X-Webhook-Secret": SECRET}) == 204
    assert receiver.calls == (
        WebhookCall("a", FillStatus.READY),
        WebhookCall("b", FillStatus.ERROR, "no memory"),
    )


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (call_of(), {}, 403),
        (call_of(), {"X-Webhook-Secret": "another"}, 403),
        (call_of(), sign(b"another"), 403),
        (call_of(timestamp=0), sign(call_of(timestamp=0)), 403),
        (b"[]", sign(b"[]"), 400),
        (b"", sign(b""), 400),
        (b" " * 1_000_001, sign(b" " * 1_000_001), 413),
        (b" " * 20_000_000, {}, 413),
    ],
)
def test_what_is_refused_is_forgotten(receiver, body, headers, code):
    heard = threading.Event()
    receiver.subscribe("4f2a", heard.set)
    assert post(receiver, body, headers) == code
    assert receiver.calls == ()
    assert not heard.is_set()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_only_posts_are_taken(receiver, method):
    answer = httpx.request(method, receiver.url, content=call_of(), headers=sign(call_of()))
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert "server" not in answer.headers
    assert answer.content == b""
    assert receiver.calls == ()


def test_only_the_path_is_known():
    with Receiver(path="/hooks/fill") as receiver:
        assert receiver.url.endswith("/hooks/fill")
        home = httpx.URL(receiver.url)
        for path in ("/", "/hooks", "/hooks/fill/", "/hooks/fill/4f2a", "/HOOKS/FILL"):
            assert httpx.post(home.copy_with(path=path), content=call_of()).status_code == 404
            assert httpx.get(home.copy_with(path=path)).status_code == 404
        assert receiver.calls == ()
        assert httpx.post(receiver.url + "?from=service", content=call_of()).status_code == 204


@pytest.mark.parametrize("path", ["", "hook", "//hook", "/a b", "/hook?x=1", "/hook#x", "/hök"])
def test_a_path_must_be_one(path):
    with pytest.raises(ff.errors.InvalidOption, match="path is"):
        Receiver(path=path)


@pytest.mark.parametrize(
    "wrong", [{"port": 70_000}, {"port": "80"}, {"host": ""}, {"host": "no name"}]
)
def test_an_address_must_be_one(wrong):
    with pytest.raises(ff.errors.InvalidOption, match=f"{next(iter(wrong))} is "):
        Receiver(**wrong)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"POST / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n12345",
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET /" + b"x" * 70_000,
    ],
)
def test_nonsense_harms_nothing(receiver, nonsense):
    with connect(receiver) as caller:
        caller.sendall(nonsense)
        caller.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            assert b" 204 " not in caller.recv(4096)
    assert post(receiver, call_of()) == 204


@pytest.mark.parametrize("length", [1, 7, 100])
def test_a_body_in_parts_is_put_together(receiver, length):
    """As tunnels send it."""
    body = call_of(error="☃" * 50)
    parts = (body[start : start + length] for start in range(0, len(body), length))
    assert httpx.post(receiver.url, content=parts, headers=sign(body)).status_code == 204
    assert receiver.calls[0].error == "☃" * 50


def test_a_repeated_call_is_answered_and_changes_nothing(receiver):
    heard = []
    receiver.subscribe("4f2a", lambda: heard.append(1))
    for body in (call_of(), call_of(), call_of(status="Error", error="late")):
        assert post(receiver, body) == 204
    until(lambda: heard)
    assert receiver.calls == (WebhookCall("4f2a", FillStatus.READY),)
    assert heard == [1]


def test_a_call_in_flight_wakes_nobody(receiver):
    heard = threading.Event()
    receiver.subscribe("4f2a", heard.set)
    assert post(receiver, call_of(status="Generating")) == 204
    assert receiver.calls == ()
    assert not heard.is_set()
    assert post(receiver, call_of()) == 204
    assert heard.wait(5)


def test_the_last_thousand_are_remembered(monkeypatch):
    monkeypatch.setattr(receiving, "_KEPT", 10)
    with Receiver() as receiver:
        for number in range(15):
            assert post(receiver, call_of(str(number)), {}) == 204
        assert [call.task_id for call in receiver.calls] == [str(n) for n in range(5, 15)]
        assert receiver.wait("4", 0) is None
        assert receiver.wait("5", 0) == WebhookCall("5", FillStatus.READY)


# ------------------------------------------------------------------------------------------- waking


def test_whoever_waits_is_woken(receiver):
    heard = threading.Event()
    threads = []
    receiver.subscribe("4f2a", lambda: (threads.append(threading.current_thread()), heard.set()))
    assert post(receiver, call_of("another")) == 204
    assert not heard.is_set()
    assert post(receiver, call_of()) == 204
    assert heard.wait(5)
    assert threads[0] is not threading.current_thread()


def test_whoever_comes_late_is_told_at_once(receiver):
    assert post(receiver, call_of()) == 204
    heard = threading.Event()
    unsubscribe = receiver.subscribe("4f2a", heard.set)
    assert heard.is_set()
    unsubscribe()
    unsubscribe()


def test_whoever_has_left_is_not_told(receiver):
    left, stayed = threading.Event(), threading.Event()
    unsubscribe = receiver.subscribe("4f2a", left.set)
    receiver.subscribe("4f2a", stayed.set)
    unsubscribe()
    unsubscribe()
    assert post(receiver, call_of()) == 204
    assert stayed.wait(5)
    assert not left.is_set()
    assert not receiver._waiting


def test_a_callback_that_fails_harms_nobody(receiver, caplog):
    heard = threading.Event()
    receiver.subscribe("4f2a", lambda: 1 / 0)
    receiver.subscribe("4f2a", heard.set)
    assert post(receiver, call_of()) == 204
    assert heard.wait(5)
    receiver.subscribe("4f2a", lambda: 1 / 0)
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info[0] for record in failures] == [ZeroDivisionError] * 2
    assert post(receiver, call_of("next")) == 204


def test_a_callback_that_takes_its_time_holds_nobody_up(receiver):
    go_on = threading.Event()
    receiver.subscribe("4f2a", lambda: go_on.wait(10))
    try:
        assert post(receiver, call_of()) == 204
        assert post(receiver, call_of("next")) == 204
    finally:
        go_on.set()


def test_a_callback_may_close_the_receiver():
    with Receiver() as receiver:
        receiver.subscribe("4f2a", receiver.close)
        assert post(receiver, call_of(), {}) == 204
        until(lambda: "not listening" in repr(receiver))


def test_waiting(receiver):
    with ThreadPoolExecutor() as threads:
        waits = [threads.submit(receiver.wait, "4f2a", 10) for _ in range(3)]
        until(lambda: len(receiver._waiting.get("4f2a", ())) == 3)
        assert post(receiver, call_of()) == 204
        assert {wait.result(5) for wait in waits} == {WebhookCall("4f2a", FillStatus.READY)}
    assert receiver.wait("4f2a", 0) == WebhookCall("4f2a", FillStatus.READY)


def test_waiting_has_an_end(receiver):
    began = time.monotonic()
    assert receiver.wait("4f2a", 0.25) is None
    assert 0.2 < time.monotonic() - began < 2
    assert receiver.wait("4f2a", -1) is None
    assert not receiver._waiting


def test_many_call_and_wait_at_once(receiver):
    names = [f"task {number}" for number in range(60)]
    heard = []
    for name in names:
        receiver.subscribe(name, lambda name=name: heard.append(name))

    def call(name: str) -> int:
        return post(receiver, call_of(name))

    with ThreadPoolExecutor(20) as threads:
        assert set(threads.map(call, names * 3)) == {204}
    until(lambda: len(heard) >= len(names))
    assert sorted(heard) == sorted(names)
    assert sorted(call.task_id for call in receiver.calls) == sorted(names)


# ------------------------------------------------------------------------------------- slow callers

HALVES = [
    b"",
    b"PO",
    b"POST / HTTP/1.1\r\nContent-Le",
    b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n{",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{",
    b"POST /elsewhere HTTP/1.1\r\nContent-Length: 100\r\n\r\n",
]


@pytest.mark.parametrize("half", HALVES)
def test_half_a_call_holds_nobody_up(half):
    with Receiver(SECRET) as receiver, contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(connect(receiver)).sendall(half)
        assert post(receiver, call_of()) == 204


def test_a_body_that_does_not_come_is_not_waited_for_long(monkeypatch):
    monkeypatch.setattr(receiving, "_PATIENCE", 0.3)
    with Receiver(SECRET) as receiver, connect(receiver) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")


# ----------------------------------------------------------------------------------------- its life


def test_closing_frees_the_port_and_breaks_off_who_is_there():
    receiver = Receiver().start()
    port = httpx.URL(receiver.url).port
    with pytest.raises(OSError, match="in use|Only one usage"):
        Receiver(port=port).start()
    with connect(receiver) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\n")
        receiver.close()
        receiver.close()
        with contextlib.suppress(ConnectionError):
            assert slow.recv(4096) == b""
    with pytest.raises(RuntimeError, match="does not listen"):
        _ = receiver.url
    with Receiver(port=port) as next_one:
        assert httpx.URL(next_one.url).port == port
        assert post(next_one, call_of(), {}) == 204
    assert not [one for one in threading.enumerate() if one.name == "fluxfill-port"]


def test_it_can_be_started_again_and_still_knows():
    receiver = Receiver()
    for name in ("a", "b"):
        with receiver:
            assert receiver.start() is receiver
            assert post(receiver, call_of(name), {}) == 204
    assert [call.task_id for call in receiver.calls] == ["a", "b"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_loopback_no_secret_is_needed(host):
    assert Receiver(host=host).secret is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "notebook.example"])
def test_elsewhere_a_secret_is_made_up(host):
    secret = Receiver(host=host).secret
    assert secret is not None
    assert len(secret.get_secret_value()) >= 40
    assert secret != Receiver(host=host).secret
    assert Receiver("mine", host=host).secret == SecretStr("mine")


def test_on_all_addresses_only_the_secret_opens():
    with Receiver(host="0.0.0.0") as receiver:
        assert receiver.url.startswith("http://0.0.0.0:")
        here = receiver.url.replace("0.0.0.0", "127.0.0.1")
        assert httpx.post(here, content=call_of()).status_code == 403
        made_up = receiver.secret.get_secret_value()
        assert made_up not in repr(receiver)
        headers = sign(call_of(), made_up)
        assert httpx.post(here, content=call_of(), headers=headers).status_code == 204


def test_ipv6():
    receiver = Receiver(host="::1")
    try:
        receiver.start()
    except OSError:
        pytest.skip("no IPv6 here")
    with receiver:
        assert receiver.url.startswith("http://[::1]:")
        assert post(receiver, call_of(), {}) == 204


def test_what_it_shows():
    assert repr(Receiver()) == "<Receiver: not listening, no proof asked for>"
    with Receiver(SECRET) as receiver:
        port = httpx.URL(receiver.url).port
        assert repr(receiver) == f"<Receiver: 127.0.0.1, port {port}, proof asked for>"


def test_its_secret_fits_a_request(picture, mask):
    with Receiver(SECRET) as receiver:
        request = ff.FillRequest(
            picture, mask, webhook_url=receiver.url, webhook_secret=receiver.secret
        )
    assert SECRET.encode() in b"".join(request.body())
    assert SECRET not in repr(request)
