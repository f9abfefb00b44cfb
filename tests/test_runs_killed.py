"""Processes that are killed in the midst of a sweep: nothing is lost, nothing paid for twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from jupyter_client import KernelManager
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.errors import SubmissionUnconfirmed
from fluxfill_nb.store import RunStore
from fluxfill_nb.sweep import Sweep
from tests.hosted import KEY, Hosted, hosting

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")

POINTS, AT_ONCE = 12, 4
IMAGE = Image.linear_gradient("L").resize((96, 64))
REQUEST = ff.FillRequest(IMAGE, ff.Mask.from_box(IMAGE.size, (10, 10, 50, 40)), "a vase", steps=15)
SWEEP = Sweep(REQUEST, seed=range(POINTS))

SCRIPT = f"""
import time
from PIL import Image
import fluxfill_nb as ff
from fluxfill_nb.sweep import Sweep

image = Image.linear_gradient("L").resize((96, 64))
request = ff.FillRequest(image, ff.Mask.from_box(image.size, (10, 10, 50, 40)), "a vase", steps=15)
client = ff.FluxFill("{KEY}", base_url="{{url}}", store="{{folder}}", max_active={AT_ONCE}, price=1)
runs = client.sweep(Sweep(request, seed=range({POINTS})))
time.sleep(60)
"""


@dataclass(frozen=True)
class Moment:
    """When to kill: a little after the service has seen so many of these."""

    event: str
    count: int
    later: float

    def __str__(self) -> str:
        return f"{self.later * 1e3:.0f} ms after {self.event} {self.count}"


def moments(count: int) -> list[Moment]:
    """Some moments, spread over the whole run: POSTs under way, answered, polls, downloads."""
    draw = random.Random(5)
    events = ("received", "answered", "polled", "fetched")
    return [
        Moment(
            events[number % 4],
            1 + draw.randrange(POINTS),
            draw.choice([0.0, draw.uniform(0, 0.02), draw.uniform(0, 0.15)]),
        )
        for number in range(count)
    ]


MOMENTS = moments(20)
IN_KERNELS = MOMENTS[:4]


@dataclass
class Killed:
    """A sweep that was killed, the service that it was sent to, and what the store knows then."""

    moment: Moment
    hosted: Hosted
    folder: Path
    sent: int
    done: int
    pending: int
    in_doubt: int


def by_script(hosted: Hosted, folder: Path, kill_at: Callable[[int], None]) -> None:
    """Run the sweep in a plain process until it is killed."""
    code = SCRIPT.format(url=hosted.url, folder=folder)
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        kill_at(process.pid)
        assert process.wait(60) == -signal.SIGKILL


def by_kernel(hosted: Hosted, folder: Path, kill_at: Callable[[int], None]) -> None:
    """Run it in a notebook's kernel."""
    manager = KernelManager()
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        kill_at(manager.provisioner.pid)
        client.execute(SCRIPT.format(url=hosted.url, folder=folder))
        assert manager.provisioner.process.wait(60) == -signal.SIGKILL
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Iterator[dict[Moment, Killed]]:
    """The sweep, killed at each of the moments; several at the same time."""
    services = contextlib.ExitStack()

    def run(moment: Moment) -> Killed:
        hosted = services.enter_context(hosting(IMAGE.size))
        hosted.answers_after, hosted.lasts = 0.06, 0.05
        folder = tmp_path_factory.mktemp("killed") / "runs"

        def kill_at(pid: int) -> None:
            seen: Counter[str] = Counter()

            def on(event: str) -> None:
                seen[event] += 1
                if event == moment.event and seen[event] == moment.count:
                    kill = partial(os.kill, pid, signal.SIGKILL)
                    threading.Timer(moment.later, kill).start() if moment.later else kill()

            hosted.on = on

        (by_kernel if moment in IN_KERNELS else by_script)(hosted, folder, kill_at)
        hosted.on = lambda event: None
        store = RunStore(folder)
        known = len(store), len(store.pending()), len(store.unconfirmed())
        return Killed(moment, hosted, folder, hosted.submits, *known)

    with services, ThreadPoolExecutor(3) as threads:
        scripts = threads.map(run, MOMENTS[len(IN_KERNELS) :])
        kernels = [run(moment) for moment in IN_KERNELS]
        yield {one.moment: one for one in (*kernels, *scripts)}


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_after_a_kill_nothing_is_lost_and_nothing_paid_for_twice(killed, moment):
    hosted, folder = killed[moment].hosted, killed[moment].folder
    hosted.answers_after = hosted.lasts = 0.0
    sent = Counter(hosted.seeds)
    kept = {result.seed for result in RunStore(folder)}
    assert set(sent.values()) <= {1}

    with ff.FluxFill(KEY, base_url=hosted.url, store=folder, price=1) as client:
        collected = client.resume()
        assert collected.lost == ()
        in_doubt = {entry.settings["seed"] for entry in collected.unconfirmed}
        resumed = {result.seed for result in collected}
        assert Counter(hosted.seeds) == sent
        # What was taken is here, or in doubt; in doubt are at most those that were under way.
        assert set(sent) <= kept | resumed | in_doubt
        assert not kept & resumed
        assert not in_doubt & (kept | resumed)
        assert len(in_doubt) <= AT_ONCE

        runs = client.sweep(SWEEP)
        assert runs.missing == ()
        assert {point.request.seed for point in runs.errors} == in_doubt
        assert {type(error) for error in runs.errors.values()} <= {SubmissionUnconfirmed}
        assert [result.raw.getpixel((0, 0))[0] for result in runs] == [
            seed for seed in range(POINTS) if seed not in in_doubt
        ]
        never_taken = in_doubt - set(sent)
        assert hosted.submits == POINTS - len(never_taken)
        assert set(Counter(hosted.seeds).values()) == {1}

        # Only who says so pays for it again, and for nothing else.
        whole = runs.retry_failed(unconfirmed=True)
        assert len(whole.results) == len(client.store) == POINTS
        assert Counter(hosted.seeds) == Counter([*range(POINTS), *(in_doubt - never_taken)])
        assert client.resume().unconfirmed == ()
        assert len(list((folder / "pictures").glob("*.png"))) == POINTS
        assert [text for text in client.store.problems if "cut off" not in text] == []


def test_the_moments_are_all_over_the_run(killed):
    """The tests above would pass if processes were killed before they do anything."""
    ends = list(killed.values())
    assert min(one.sent for one in ends) <= POINTS // 3
    assert max(one.sent for one in ends) == POINTS
    for found in ("done", "pending", "in_doubt"):
        assert sum(getattr(one, found) > 0 for one in ends) >= 3, found


def test_killed_while_every_submission_is_under_way(tmp_path):
    folder = tmp_path / "runs"
    with hosting(IMAGE.size) as hosted:
        hosted.answers_after = 60
        code = SCRIPT.format(url=hosted.url, folder=folder)
        with subprocess.Popen([sys.executable, "-c", code]) as process:
            hosted.on = lambda event: hosted.submits == AT_ONCE and process.kill()
            process.wait(60)
        hosted.on, hosted.answers_after = lambda event: None, 0.0
        go_on(hosted, folder)


def go_on(hosted: Hosted, folder: Path) -> None:
    with ff.FluxFill(KEY, base_url=hosted.url, store=folder) as client:
        runs = client.sweep(SWEEP)
        assert (len(runs.errors), len(runs.results)) == (AT_ONCE, POINTS - AT_ONCE)
        assert hosted.submits == POINTS
        assert "the process ended before the answer came" in str(next(iter(runs.errors.values())))
