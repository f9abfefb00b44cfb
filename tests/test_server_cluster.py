"""Fills on a Dask cluster: two worker processes on this machine, one of which is killed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

import fluxfill_nb as ff
from fluxfill_nb.engines import Patches
from fluxfill_nb.server import Jobs
from tests.patience import PATIENCE, until
from tests.sending import sent
from tests.workers_engines import Endless

distributed = pytest.importorskip("distributed")
# What Dask leaves behind when processes end, and what it says of its own versions.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    ) as cluster:
        yield cluster


def workers_of(cluster) -> dict[str, int]:
    """Process ids by address."""
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        return client.run(os.getpid)


def test_a_sweep_survives_the_death_of_a_worker(cluster, picture, mask, tmp_path):
    sweep = ff.Sweep(ff.FillRequest(picture, mask, steps=15, output_format="png"), seed=range(40))
    received, killed = [], threading.Event()
    victim = next(iter(workers_of(cluster).values()))

    def on_result(point, result) -> None:
        received.append(result.seed)
        if len(received) == 10:
            os.kill(victim, signal.SIGKILL)
            killed.set()

    with (
        ff.LocalServer(executor=cluster.scheduler_address) as server,
        ff.FluxFill(base_url=server.url, store=tmp_path) as client,
    ):
        results = client.sweep(sweep, on_result=on_result)
        ended = dict(server.jobs.counts.ended)
    assert killed.is_set()
    assert victim not in workers_of(cluster).values()
    assert ended == {("everybody", "Ready"): 40}  # each fill was one task, and each came back
    assert sorted(received) == list(range(40))  # once
    assert [result.seed for result in results] == list(range(40))
    assert len({result.task.id for result in results}) == 40
    for seed in (0, 9, 10, 11, 12, 13, 25, 39):
        alone = Patches()(picture, mask, results[seed].request.options, lambda *_: None)
        assert (np.asarray(results[seed].raw) == np.asarray(alone)).all()


def test_progress_previews_and_the_end_reach_a_worker(cluster, picture, mask, tmp_path):
    engine = Endless(str(tmp_path))
    jobs = Jobs(engine, executor=cluster.scheduler_address)
    ended = threading.Event()
    options = ff.FillRequest(picture, mask).options
    job = jobs.submit(sent(picture, mask), options, on_end=lambda job: ended.set())

    def look():
        if job.is_stale:
            job.refresh()
        return job.preview.url

    until(look)
    assert job.progress == 0.5
    assert engine.noted(f"process-{os.getpid()}") == 0
    jobs.close()
    assert ended.wait(PATIENCE)
    assert (job.status, job.error) == ("Error", "The server was shut down")
    until(lambda: engine.noted("stopped"))  # and its place is free for others


def test_an_executor_of_ones_own_cluster(cluster, picture, mask):
    with (
        distributed.Client(cluster.scheduler_address, set_as_default=False) as dask,
        ff.connect("local", executor=dask.get_executor(), workers=2, store=None) as client,
    ):
        assert client.fill(picture, mask, seed=5, steps=15).seed == 5


def test_a_cluster_that_goes_away_leaves_nobody_waiting(picture, mask, tmp_path, monkeypatch):
    monkeypatch.setattr("fluxfill_nb.server.workers._CONNECTING", 2)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as cluster:
        server = ff.LocalServer(Endless(str(tmp_path)), executor=cluster.scheduler_address)
        with server, ff.FluxFill(base_url=server.url, store=None) as client:
            tasks = [client.submit(ff.FillRequest(picture, mask)) for _ in range(3)]
            until(lambda: list(tmp_path.glob("process-*")))
            cluster.close()
            for task in tasks:
                with pytest.raises(ff.errors.TaskFailed, match="worker died"):
                    client.wait(task)
            assert httpx.get(server.url + "/health").status_code == 503


def test_a_scheduler_that_is_not_there_is_said_so(monkeypatch):
    monkeypatch.setattr("fluxfill_nb.server.workers._CONNECTING", 0.2)
    with pytest.raises(OSError, match="127.0.0.1:9"):
        ff.LocalServer(executor="tcp://127.0.0.1:9")


def test_without_dask_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pip install 'fluxfill-nb\[dask\]'"):
        ff.LocalServer(executor="tcp://127.0.0.1:8786")
