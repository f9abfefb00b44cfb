"""Fills in other processes, in line, and through the death of those that do them."""

from __future__ import annotations

import base64
import io
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidOption
from fluxfill_nb.server import Jobs
from fluxfill_nb.server.accounts import Account
from fluxfill_nb.server.turns import Turns
from tests.patience import PATIENCE, until
from tests.sending import sent
from tests.workers_engines import Deaf, Endless, Mortal, shade


@pytest.fixture
def request_(picture, mask):
    return ff.FillRequest(picture, mask, steps=15, output_format="png")


def test_owners_take_turns():
    turns = Turns()
    for owner, thing in [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("b", 6)]:
        turns.put(owner, thing)
    assert turns.waiting() == {"a": 3, "b": 2, "c": 1}
    order = [turns.take(), turns.take()]
    turns.put("d", 7)
    turns.put_back("b", 4)  # its worker died: it is the next one, and the first of its owner's
    while turns:
        order.append(turns.take())
    assert order == [1, 4, 4, 5, 2, 7, 6, 3]
    with pytest.raises(KeyError):
        turns.take()


def test_one_key_with_many_fills_does_not_hold_up_another(picture, mask):
    go_on, begun, running = threading.Event(), [], threading.Event()

    def waiting(image, mask, options, progress):
        begun.append(options.seed)
        running.set()
        go_on.wait(PATIENCE)
        return image

    many, few = Account("many", None, 24), Account("few", None, 24)
    jobs, ended = Jobs(waiting, workers=1), queue.Queue()
    request = ff.FillRequest(picture, mask)

    def submit(account, seed):
        account.open_task()
        options = request.replace(seed=seed).options
        jobs.submit(sent(picture, mask), options, account=account, on_end=ended.put)

    submit(many, 0)
    assert running.wait(PATIENCE)
    for seed in range(1, 7):
        submit(many, seed)
    for seed in (100, 101):
        submit(few, seed)
    assert jobs.census() == {"waiting": {many: 6, few: 2}, "running": {many: 1}}
    go_on.set()
    for _ in range(9):
        ended.get(timeout=PATIENCE)
    assert begun == [0, 1, 100, 2, 101, 3, 4, 5, 6]
    jobs.close()


def test_an_engine_says_how_many_fills_it_likes_at_once(picture, mask):
    class Batching:
        concurrency = 3

        def __init__(self):
            self.together = threading.Barrier(3)

        def __call__(self, image, mask, options, progress):
            self.together.wait(PATIENCE)  # fewer than three never get on
            return image

    with ff.connect("local", engine=Batching(), store=None) as client:
        results = client.sweep(ff.Sweep(ff.FillRequest(picture, mask), seed=range(6)))
    assert [result.seed for result in results] == list(range(6))


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"executor": "rockets"}, {"executor": 5}])
def test_wrong_workers_are_refused(wrong):
    with pytest.raises(InvalidOption, match=next(iter(wrong))):
        ff.LocalServer(**wrong)


def test_processes_give_the_same_pictures_as_threads(request_):
    sweep = ff.Sweep(request_, seed=range(4), guidance=[5, 60])
    pictures = []
    for executor in ("threads", "processes"):
        with ff.connect("local", executor=executor, workers=2, store=None) as client:
            pictures.append([np.asarray(result.raw) for result in client.sweep(sweep)])
    assert all((one == other).all() for one, other in zip(*pictures, strict=True))


def test_a_fill_whose_process_dies_is_run_again(request_, tmp_path, caplog):
    engine = Mortal(str(tmp_path), deaths=2)
    with (
        ff.LocalServer(engine, executor="processes", workers=2) as server,
        ff.FluxFill(base_url=server.url, store=None) as client,
    ):
        results = client.sweep(ff.Sweep(request_, seed=range(8, 20)))
        assert httpx.get(server.url + "/health").status_code == 200
        assert (server.jobs.counts.repeated, server.jobs.active) == (2, 0)
    assert [result.seed for result in results] == list(range(8, 20))
    assert [result.raw.getpixel((0, 0)) for result in results] == [*map(shade, range(8, 20))]
    begun = {seed: engine.noted(f"begun-{seed}") for seed in range(8, 20)}
    assert begun == dict.fromkeys(range(8, 20), 1) | {13: 3}  # no other was lost with it
    assert engine.noted("loaded") == 4  # once for each process: two, and two that took their places
    assert "it is run again" in caplog.text


def test_a_fill_that_kills_each_process_is_given_up(request_, tmp_path):
    engine = Mortal(str(tmp_path), deaths=100)
    with (
        ff.LocalServer(engine, executor="processes", workers=1) as server,
        ff.FluxFill(base_url=server.url, store=None) as client,
    ):
        with pytest.raises(ff.errors.TaskFailed, match="worker died"):
            client.fill(request_.replace(seed=13))
        assert engine.noted("begun-13") == 3
        assert client.fill(request_.replace(seed=14)).seed == 14


def test_a_process_that_dies_idle_is_replaced(request_, tmp_path):
    engine = Mortal(str(tmp_path))
    with (
        ff.LocalServer(engine, executor="processes", workers=1) as server,
        ff.FluxFill(base_url=server.url, store=None) as client,
    ):
        client.fill(request_.replace(seed=1))
        (worker,) = workers_of(os.getpid())
        worker.kill()
        until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
        assert client.fill(request_.replace(seed=2)).seed == 2


def test_progress_previews_and_the_end_cross_the_border(picture, mask, tmp_path):
    engine, ended = Endless(str(tmp_path)), queue.Queue()
    jobs = Jobs(engine, executor="processes", workers=1)
    job = jobs.submit(sent(picture, mask), ff.FillRequest(picture, mask).options, on_end=ended.put)

    def look():
        if job.is_stale:
            job.refresh()
        return job.preview.url

    until(look)
    assert job.progress == 0.5
    image = Image.open(io.BytesIO(base64.b64decode(job.preview.url.partition(",")[2])))
    assert image.size == (64, 32)
    assert [path.suffix for path in jobs.pictures.folder.glob("*.letter")] == [".letter"]
    jobs.close()
    assert ended.get(timeout=PATIENCE) is job
    assert (job.status, job.error) == ("Error", "The server was shut down")
    assert job.preview.url is None
    until(lambda: engine.noted("stopped"))


def test_an_engine_that_cannot_be_pickled_says_so(request_):
    def local(image, mask, options, progress):
        return image

    with (
        ff.connect("local", engine=local, executor="processes", store=None) as client,
        pytest.raises(ff.errors.TaskFailed, match="pickle"),
    ):
        client.fill(request_)


def test_in_process_people_read_what_their_engine_said(request_):
    def broken(image, mask, options, progress):
        raise RuntimeError("There is no vase in " + 500 * "x")

    with (
        ff.connect("local", engine=broken, store=None) as client,
        pytest.raises(ff.errors.TaskFailed, match="RuntimeError: There is no vase") as caught,
    ):
        client.fill(request_)
    assert len(str(caught.value)) < 500


SERVER = """
import sys, time
import fluxfill_nb as ff
from tests.sending import sent
from tests.workers_engines import Deaf

if __name__ == "__main__":
    with ff.LocalServer(Deaf(sys.argv[1]), executor="processes", workers=1) as server:
        print(server.url, flush=True)
        time.sleep(600)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills in the way of POSIX")
def test_no_process_outlives_a_server_that_is_killed(request_, tmp_path):
    engine = Deaf(str(tmp_path))
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        url = process.stdout.readline().strip()
        with ff.FluxFill(base_url=url, store=None) as client:
            client.submit(request_)
        until(lambda: engine.noted("begun"))
        workers = workers_of(process.pid)
        for worker in workers:
            worker.send_signal(signal.SIGTERM)  # as service managers do, to the whole group
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert workers
    assert psutil.wait_procs(workers, timeout=PATIENCE)[1] == []


NOTEBOOK = """
import os, signal, sys, time
import psutil
import fluxfill_nb as ff
from PIL import Image

if __name__ == "__main__":
    request = ff.FillRequest(Image.new("RGB", (64, 64)), ff.Mask.from_box((64, 64), (8, 8, 40, 40)))
    client = ff.connect("local", executor="processes", workers=2, store=None)
    client.sweep(ff.Sweep(request, seed=range(2), steps=15))
    if "busy" in sys.argv:
        under_way = client.start(ff.Sweep(request, seed=range(100, 200)))
    if "children" in sys.argv:  # as Jupyter's kernels do before they end
        for number in (signal.SIGTERM, signal.SIGKILL):
            for child in psutil.Process().children(recursive=True):
                child.send_signal(number)
    if "abrupt" in sys.argv:
        os._exit(0)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills in the way of POSIX")
@pytest.mark.parametrize("end", [(), ("abrupt",), ("busy",), ("children",)])
def test_a_program_with_processes_ends_without_a_word(tmp_path, end):
    script = tmp_path / "notebook.py"
    script.write_text(NOTEBOOK)
    done = subprocess.run(
        [sys.executable, str(script), *end],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def workers_of(server: int) -> list[psutil.Process]:
    children = psutil.Process(server).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_holders_of_keys_do_not_show_them():
    holder = ff.server.Holder("ada", "hidden-key")
    assert "hidden" not in repr(holder)
    assert pickle.loads(pickle.dumps(holder)) == holder
