"""A server for others: keys, limits, health, metrics, and its end in peace, as a real process."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import httpx
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

import fluxfill_nb as ff
from fluxfill_nb.__main__ import main
from fluxfill_nb.errors import InvalidOption
from fluxfill_nb.server import Holder, keys
from tests.patience import PATIENCE, until

FILL = "/v1/flux-pro-1.0-fill"
COMMAND = [sys.executable, "-m", "fluxfill_nb", "serve"]


def encode(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture(scope="module")
def body(picture, mask):
    return {"image": encode(picture), "mask": encode(mask.to_pil()), "steps": 15, "seed": 1}


@pytest.fixture(scope="module")
def long_body():
    """A fill that takes seconds."""
    large = Image.radial_gradient("L").resize((800, 800)).convert("RGB")
    hole = Image.new("L", large.size)
    hole.paste(255, (100, 100, 700, 700))
    return {"image": encode(large), "mask": encode(hole), "steps": 50, "seed": 1}


def state_of(http, answer):
    return http.get(answer.json()["polling_url"]).json()


class Gate:
    """An engine that waits until it is let on."""

    def __init__(self):
        self.open = threading.Event()
        self.begun = threading.Semaphore(0)

    def __call__(self, image, mask, options, progress):
        self.begun.release()
        assert self.open.wait(PATIENCE)
        return image


@contextlib.contextmanager
def serving(engine, **arguments):
    with ff.LocalServer(engine, **arguments) as server, httpx.Client(base_url=server.url) as http:
        yield server, http


def samples_of(http) -> dict[tuple[str, ...], float]:
    """The figures by name and labels."""
    text = http.get("/metrics").text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# ------------------------------------------------------------------------------------------ keys


def test_each_key_may_have_limits_of_its_own(body):
    gate = Gate()
    holders = [Holder("ada", "key-a", max_active=1, credits=5), "key-b"]
    with serving(gate, keys=holders, max_active=2, workers=8) as (_, http):
        codes = [
            http.post(FILL, json=body, headers={"x-key": key}).status_code
            for key in ("key-a", "key-a", "key-b", "key-b", "key-b")
        ]
        assert codes == [200, 429, 200, 200, 429]
        left = [
            http.get("/v1/credits", headers={"x-key": key}).json()["credits"]
            for key in ("key-a", "key-b")
        ]
        assert left == [5, 0]
        gate.open.set()


@pytest.mark.parametrize("end", ["=", "==", "= "])
def test_a_key_does_not_become_a_name_by_its_padding(end):
    with pytest.raises(InvalidOption, match="NAME=KEY") as caught:
        keys.parse("c2VjcmV0" + end)
    assert "c2VjcmV0" not in str(caught.value)


def test_keys_come_from_a_file(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text('grace = "key-g"\n[ada]\nkey = "key-a"\nmax_active = 4\ncredits = 50\n')
    assert keys.read(path) == [Holder("grace", "key-g"), Holder("ada", "key-a", 4, 50)]
    assert keys.parse("ada=key=") == Holder("ada", "key=")
    assert keys.parse("some-key") == "some-key"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ada = hidden", "no TOML"),
        ('ada = "hidden" more', "line 1"),
        ("ada = 7", "'ada'"),
        ("[ada]\nmax_active = 3", "'ada'"),
        ('[ada]\nkey = "hidden"\nlimit = 3', "'ada'"),
        ('[ada]\nkey = "hidden"\nmax_active = 0', "max_active of ada is 0"),
        ('[ada]\nkey = "hidden"\nmax_active = true', "max_active of ada is True"),
        ('[ada]\nkey = "hidden"\ncredits = -1', "credits of ada"),
        ('[ada]\nkey = "hidden"\ncredits = inf', "credits of ada"),
        ('ada = "hidden "', "key of ada"),
        ('ada = "hïdden"', "key of ada"),
        ('ada = ""', "key of ada"),
        ('"a\\nb" = "hidden"', "name"),
        ('"hidden/hidden" = "ada"', "name"),
    ],
)
def test_a_file_of_keys_that_is_wrong_is_refused_without_telling_a_key(tmp_path, text, says):
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(InvalidOption, match=re.escape(says)) as caught:
        keys.read(path)
    told = "".join(traceback.format_exception(caught.value))
    assert "hidden" not in told


@pytest.mark.parametrize("pair", [("ada=x1", "ada=x2"), ("ada=hidden", "bob=hidden")])
def test_names_and_keys_are_each_ones_own(pair):
    with pytest.raises(InvalidOption, match="ada") as caught:
        ff.LocalServer(keys=[*map(keys.parse, pair)])
    assert "hidden" not in str(caught.value)


# --------------------------------------------------------------------------------------- watching


def test_metrics_call_keys_by_their_names(body):
    gate = Gate()
    holders = [Holder("ada", "hidden-1"), Holder("grace", "hidden-2", credits=10)]
    with serving(gate, keys=holders, workers=1, max_active=3) as (_, http):
        one, other = {"x-key": "hidden-1"}, {"x-key": "hidden-2"}
        taken = [http.post(FILL, json=body, headers=headers) for headers in (one, one, other)]
        assert gate.begun.acquire(timeout=PATIENCE)
        assert http.post(FILL, json=body, headers={"x-key": "wrong"}).status_code == 403
        assert http.post(FILL, json=body | {"steps": 1}, headers=one).status_code == 422
        figures = samples_of(http)
        assert figures["fluxfill_fills_running", "ada"] == 1
        assert figures["fluxfill_fills_waiting", "ada"] == 1
        assert figures["fluxfill_fills_waiting", "grace"] == 1
        assert figures["fluxfill_credits", "grace"] == 10
        assert ("fluxfill_credits", "ada") not in figures
        assert figures["fluxfill_refusals_total", "403"] == 1
        assert figures["fluxfill_refusals_total", "422"] == 1
        assert figures["fluxfill_ready",] == 1
        gate.open.set()
        until(lambda: all(state_of(http, answer)["status"] == "Ready" for answer in taken))
        figures = samples_of(http)
        assert figures["fluxfill_fills_total", "ada", "Ready"] == 2
        assert figures["fluxfill_fills_total", "grace", "Ready"] == 1
        assert figures["fluxfill_fills_running", "ada"] == 0
        assert figures["fluxfill_credits", "grace"] == 5
        assert figures["fluxfill_fill_seconds_count",] == 3
        assert figures["fluxfill_wait_seconds_bucket", "+Inf"] == 3
        assert figures["fluxfill_repeats_total",] == 0
        text = http.get("/metrics")
        assert text.headers["content-type"].startswith("text/plain; version=")
        assert "hidden" not in text.text
        newer = {"accept": "application/openmetrics-text; version=1.0.0"}
        assert http.get("/metrics", headers=newer).text.endswith("# EOF\n")


def test_without_the_library_metrics_say_what_to_install(monkeypatch):
    with serving("patches") as (_, http):
        monkeypatch.setitem(sys.modules, "prometheus_client", None)
        answer = http.get("/metrics")
    assert answer.status_code == 501
    assert "pip install 'fluxfill-nb[serve]'" in answer.json()["detail"]


def test_health_tells_whether_fills_are_taken_on(body):
    gate = Gate()
    with serving(gate, workers=1) as (server, http):
        for _ in range(3):
            http.post(FILL, json=body)
        assert gate.begun.acquire(timeout=PATIENCE)
        answer = http.get("/health")
        assert (answer.status_code, answer.json()) == (
            200,
            {"ready": True, "engine": "Gate", "waiting": 2, "running": 1},
        )
        server.jobs.stop_taking(30)
        answer = http.get("/health")
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        gate.open.set()


# --------------------------------------------------------------------------------------- the end


def test_draining_lets_fills_end_and_be_fetched(body):
    gate, drained = Gate(), queue.Queue()
    with serving(gate, workers=1) as (server, http):
        taken = [http.post(FILL, json=body) for _ in range(2)]
        assert gate.begun.acquire(timeout=PATIENCE)
        threading.Thread(target=lambda: drained.put(server.drain(PATIENCE))).start()
        until(lambda: http.get("/health").status_code == 503)
        refused = http.post(FILL, json=body)
        assert refused.status_code == 503
        assert 1 <= int(refused.headers["retry-after"]) <= PATIENCE
        gate.open.set()
        until(lambda: all(state_of(http, answer)["status"] == "Ready" for answer in taken))
        for answer in taken:
            assert drained.empty()  # one waits for the other to be fetched
            sample = state_of(http, answer)["result"]["sample"]
            assert http.get(sample).status_code == 200
        drained.get(timeout=PATIENCE)


def test_draining_ends_with_the_grace(body):
    gate = Gate()
    with serving(gate) as (server, http):
        http.post(FILL, json=body)
        assert gate.begun.acquire(timeout=PATIENCE)
        server.drain(0.1)  # returns, though the fill has not ended
        assert server.jobs.active == 1
        gate.open.set()


def test_pictures_that_nobody_comes_for_hold_up_no_end(body, monkeypatch):
    with serving(lambda image, mask, options, progress: image) as (server, http):
        answer = http.post(FILL, json=body)
        until(lambda: state_of(http, answer)["status"] == "Ready")
        monkeypatch.setattr("fluxfill_nb.server.local._FETCHED_WITHIN", -1.0)
        server.drain(PATIENCE * 10)


def test_closing_does_not_wait_for_half_a_body():
    with socket.socket() as slow:
        with ff.LocalServer() as server:
            url = httpx.URL(server.url)
            slow.connect((url.host, url.port))
            head = f"POST {FILL} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
            slow.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
            assert httpx.get(url.join("/health")).status_code == 200  # and now it has read that
        slow.settimeout(PATIENCE)
        assert slow.recv(100).startswith(b"HTTP/1.1 503")  # not cut off after a while


@contextlib.contextmanager
def command(*arguments):
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def address_of(process) -> str:
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r" on (http://\S+)", line):
            return found[1]
    raise AssertionError(said + process.stderr.read())


def test_sigterm_ends_the_command_in_peace(long_body, tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text('ada = "hidden-key"\n')
    path.chmod(0o644)
    headers = {"x-key": "hidden-key"}
    with command("--keys", str(path), "--grace", "300") as process:
        url = address_of(process)
        with httpx.Client(base_url=url, headers=headers) as http:
            answer = http.post(FILL, json=long_body | {"steps": 15})
            assert answer.status_code == 200, answer.text
            process.send_signal(signal.SIGTERM)
            until(lambda: http.get("/health").status_code == 503)
            refused = http.post(FILL, json=long_body)
            assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
            until(lambda: state_of(http, answer)["status"] == "Ready")
            sample = http.get(state_of(http, answer)["result"]["sample"])
            assert Image.open(io.BytesIO(sample.content)).size == (800, 800)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "Stopping: what was taken on may take 300 s." in out
    assert err == f"warning: others can read {str(path)!r}: chmod 600 it.\n"
    assert "hidden" not in out + err


def test_sigterm_ends_a_fill_with_the_grace(long_body):
    with command("--grace", "0.2") as process:
        url = address_of(process)
        assert httpx.post(url + FILL, json=long_body).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--engine", "lama"], "There is no engine 'lama'"),
        (["--engine", "flux_dev"], "--weights"),
        (["--weights", "here"], "flux_dev"),
        (["--device", "cuda"], "--device"),
        (["--engine", "flux_dev", "--weights", "./nowhere"], "nowhere"),
        (["--workers", "0"], "--workers is 0"),
        (["--grace", "-1"], "--grace is -1"),
        (["--grace", "nan"], "--grace is nan"),
        (["--max-active", "0"], "--max-active is 0"),
        (["--credits", "-5"], "--credits is -5"),
        (["--credits", "inf"], "--credits is inf"),
        (["--port", "70000"], "port is 70000"),
        (["--host", ""], "host is ''"),
        (["--key", "ada="], "NAME=KEY"),
        (["--keys", "nowhere.toml"], "'nowhere.toml' cannot be read"),
    ],
)
def test_wrong_options_are_one_clear_line(arguments, says, capsys):
    assert main(["serve", "--port", "0", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


SOAK = Path(__file__).parent.parent / "benchmarks" / "soak.py"


def test_nothing_is_lost_between_several_programs():
    """The benchmark in small; how long it takes says nothing here."""
    done = subprocess.run(
        [sys.executable, str(SOAK), "40"], capture_output=True, text=True, timeout=10 * PATIENCE
    )
    assert "| pictures in the clients' stores | 40 | 40 |" in done.stdout, done.stderr
    assert "| tasks on the server, all `Ready` | 40 | 40 |" in done.stdout
    assert "in peace" not in done.stderr
