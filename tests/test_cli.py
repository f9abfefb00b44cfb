"""The command line, as a person runs it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import httpx
import numpy as np
import pytest
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.images import encode_png

COMMAND = [sys.executable, "-m", "fluxfill_nb"]


@pytest.fixture
def files(tmp_path, picture, mask):
    picture.save(tmp_path / "picture.png")
    mask.to_pil().save(tmp_path / "mask.png")
    return tmp_path


def run(folder, *arguments, **environment):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | environment,
    )  # fmt: skip


@contextlib.contextmanager
def serving(*arguments, command="serve"):
    process = subprocess.Popen(
        [*COMMAND, command, "--port", "0", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def address_of(process) -> tuple[str, str]:
    """What was printed up to the address, and the address."""
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r" on (http://\S+)", line):
            return said, found[1]
    raise AssertionError(said)


def test_fills_a_file(files, picture, mask):
    done = run(
        files, "fill", "picture.png", "mask.png", "a vase",
        "-o", "out.png", "--seed", 7, "--guidance", 30, "--steps", 15,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "local engine: patches" in done.stdout
    assert "out.png (seed 7" in done.stdout
    request = ff.FillRequest.from_file(files / "out.png", picture, mask)
    assert (request.prompt, request.seed, request.guidance, request.steps) == ("a vase", 7, 30, 15)
    after = np.asarray(ff.open_image(files / "out.png"))
    assert (after[mask.array == 0] == np.asarray(picture)[mask.array == 0]).all()
    assert (after != np.asarray(picture)).any()


def test_what_is_in_the_store_is_said_to_be_from_there(files):
    command = ("fill", "picture.png", "mask.png", "-o", "out.png", "--seed", 7, "--steps", 15)
    first, second = run(files, *command), run(files, *command)
    assert re.fullmatch(r"out\.png \(seed 7, [\d.]+ s\)", first.stdout.splitlines()[-1])
    assert re.fullmatch(
        r"out\.png \(seed 7, kept from \d{4}-\d\d-\d\d \d\d:\d\d, not paid for again\)",
        second.stdout.splitlines()[-1],
    )


def test_a_picture_that_nobody_timed_is_saved(files, picture, mask):
    request = ff.FillRequest(picture, mask, seed=7, steps=15)
    with ff.connect("local", store=None) as client:
        encoded = client.fill(request).encoded
        service = client.service
    with ff.RunStore(files / "runs").begin(request, service=service) as attempt:
        attempt.intend()
        task = ff.FillTask("4f2a", "http://local/4f2a", request)
        attempt.submitted(task)
        attempt.done(ff.FillResult(task, encoded, service, seed=7, duration=None))
    done = run(
        files, "fill", "picture.png", "mask.png", "-o", "out.png", "--seed", 7, "--steps", 15
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "out.png (seed 7" in done.stdout


@pytest.fixture
def store(tmp_path, picture, mask):
    """Two pictures of $0.05 each, one of them with a prompt in another script, and a refusal."""
    store = ff.RunStore(tmp_path / "runs")
    encoded = encode_png(picture)
    for prompt in ("花瓶 on\na table", "a vase", "a weapon"):
        request = ff.FillRequest(picture, mask, prompt, seed=7)
        with store.begin(request, service="api.example.org") as attempt:
            attempt.intend()
            task = ff.FillTask("4f2a", "https://api.example.org/4f2a", request)
            attempt.submitted(task, 0.05)
            if prompt == "a weapon":
                attempt.failed("moderated", "The service refused it.")
            else:
                attempt.done(ff.FillResult(task, encoded, "api.example.org", 7, 4.5, 0.05))
    return store


def test_runs_lists_what_was_sent(store):
    done = run(store.folder.parent, "runs")
    assert (done.returncode, done.stderr) == (0, "")
    *lines, total = done.stdout.splitlines()
    assert [re.sub(r"^[\d-]+ [\d:]+ +|/.*/|_\w+-1\.png", "", line) for line in lines] == [
        "done         '花瓶 on a table' (seed 7, guidance 60, steps 50)  on-a-table",
        "done         'a vase' (seed 7, guidance 60, steps 50)  a-vase",
        "moderated    'a weapon' (seed 7, guidance 60, steps 50)  The service refused it.",
    ]
    assert total == f"<RunStore {str(store.folder)!r}: 2 pictures, 1 moderated, $0.10>"


def test_runs_can_be_narrowed_down(store):
    done = run(store.folder.parent, "runs", store.folder, "--prompt", "A ", "--last", 1)
    line, total = done.stdout.splitlines()
    assert "'a weapon'" in line
    assert total.endswith("$0.10>, 3 with 'A ', $0.10")


def test_runs_goes_through_any_pipe(store):
    done = run(store.folder.parent, "runs", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"'\u82b1\u74f6 on a table'" in done.stdout
    with subprocess.Popen(
        [*COMMAND, "runs"], cwd=store.folder.parent, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        process.stdout.close()  # as `head` does, once it has its lines
        assert (process.stderr.read(), process.wait(60)) == ("", 0)


def test_the_alpha_serves_as_the_mask(files, picture, mask):
    cut_out = picture.convert("RGBA")
    cut_out.putalpha((~mask).to_pil())
    cut_out.save(files / "cut_out.png")
    done = run(files, "fill", "cut_out.png", "alpha", "-o", "out.jpg", "--steps", 15, "--seed", 1)
    assert done.returncode == 0, done.stderr
    with Image.open(files / "out.jpg") as image:
        assert image.size == picture.size


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["nowhere.png", "mask.png", "x", "-o", "out.png"],
            "'nowhere.png' cannot be read: No such file",
        ),
        (
            ["picture.png", "nowhere.png", "x", "-o", "out.png"],
            "'nowhere.png' cannot be read: No such file",
        ),
        (["picture.png", "mask.png", "x", "-o", "out.bmp"], ".png, .jpg"),
        (["picture.png", "mask.png", "x", "-o", "no/where/out.png"], "no folder"),
        (["picture.png", "mask.png", "x", "-o", "out.png", "--steps", "3"], "15 to 50"),
        (["picture.png", "mask.png", "x", "-o", "out.png", "--seed", "x"], "whole number"),
        (["picture.png", "alpha", "x", "-o", "out.png"], "no transparency"),
        (["picture.png", "mask.png", "x", "-o", "out.png", "--service", "lokal"], "'lokal'"),
        (["picture.png", "mask.png", "x", "-o", "out.png", "--service", "hosted"], "BFL_API_KEY"),
        (["picture.png", "mask.png", "x", "-o", "out.png", "--feather", "-1"], "feather is -1.0"),
    ],
)
def test_wrong_input_is_one_clear_line(files, arguments, says):
    done = run(files, "fill", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""  # nothing was begun


def test_a_service_that_is_not_there_is_one_clear_line(files):
    done = run(
        files, "fill", "picture.png", "mask.png", "-o", "out.png",
        "--service", "http://127.0.0.1:9",
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "Nothing was sent" in done.stderr


def test_every_setting_is_an_option_with_its_rule(tmp_path):
    text = " ".join(run(tmp_path, "fill", "--help").stdout.split())
    for name in ff.FillRequest.names():
        if name != "prompt":
            assert f"--{name.replace('_', '-')} VALUE" in text
    assert "or None" not in text
    assert "a whole number from 15 to 50" in text


def test_serves_and_stops_on_ctrl_c(files):
    with serving() as process:
        _, url = address_of(process)
        done = run(
            files, "fill", "picture.png", "mask.png", "-o", "out.png",
            "--service", url, "--steps", 15,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert time.monotonic() - started < 5


def test_beyond_this_machine_a_key_is_needed():
    with serving("--host", "0.0.0.0") as process:
        said, url = address_of(process)
        key = re.search(r"key is needed: (\S+)", said)[1]
        url = url.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(url + "/v1/credits").status_code == 403
        assert httpx.get(url + "/v1/credits", headers={"x-key": key}).status_code == 200


def test_a_port_that_is_taken_is_one_clear_line(tmp_path):
    with serving() as process:
        _, url = address_of(process)
        done = run(tmp_path, "serve", "--port", url.rpartition(":")[2])
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_calls_of_the_service_are_printed():
    with serving("--secret", "s", command="webhook") as process:
        _, url = address_of(process)
        call = {"task_id": "t1", "status": "SUCCESS"}
        assert httpx.post(url, json=call).status_code == 403
        assert httpx.post(url, json=call, headers={"X-Webhook-Secret": "s"}).status_code == 204
        assert process.stdout.readline().split() == ["t1", "Ready"]


def test_version(tmp_path):
    assert run(tmp_path, "--version").stdout.strip() == ff.__version__
