"""Sweeps and single fills through a client with a store, against a service on a real socket."""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.client import Run, portal
from fluxfill_nb.client.purse import Purse
from fluxfill_nb.client.tally import Tally
from fluxfill_nb.errors import (
    BudgetReached,
    ContentModerated,
    FluxFillError,
    InsufficientCredits,
    InvalidOption,
    NotAuthenticated,
    RunStopped,
    StoreError,
    SubmissionUnconfirmed,
    TaskFailed,
    TaskModerated,
    TaskNotFound,
    TooManyTasks,
)
from fluxfill_nb.store import RunStore
from fluxfill_nb.sweep import Sweep
from tests.hosted import KEY, SIGNATURE, hosting
from tests.patience import until

PRICE = 0.05
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def hosted(picture):
    with hosting(picture.size) as hosted:
        yield hosted


@pytest.fixture
def make(hosted):
    """Make clients of the service, with the store of the test's own folder."""
    clients = []

    def make(kind=ff.FluxFill, **arguments):
        given = {"base_url": hosted.url, "store": "runs", "price": PRICE, "timeout": 20}
        clients.append(kind(KEY, **given | arguments))
        return clients[-1]

    yield make
    for client in clients:
        if isinstance(client, ff.FluxFill):
            client.close()


@pytest.fixture
def client(make):
    return make()


@pytest.fixture
def request_(picture, mask):
    return ff.FillRequest(picture, mask, "a vase", steps=15)


@pytest.fixture
def sweep(request_):
    return Sweep(request_, guidance=[10, 30], seed=range(3))


def colours(results):
    """What the service makes of each seed is of its own colour."""
    return [result.raw.getpixel((0, 0))[0] for result in results]


def seeds_of(points):
    return [point.request.seed for point in points]


# ---------------------------------------------------------------------------------- what comes back


def test_results_are_in_order_and_labelled(client, hosted, sweep):
    hosted.lasts = 0.05
    runs = client.sweep(sweep)
    assert runs.axes == {"guidance": (10, 30), "seed": (0, 1, 2)}
    assert colours(runs) == [0, 1, 2, 0, 1, 2]
    assert runs.sel(guidance=30, seed=2).one.seed == 2
    assert (runs.errors, runs.missing) == ({}, ())
    sent = Counter((asked["guidance"], asked["seed"]) for asked in hosted.taken)
    assert sent == Counter((guidance, seed) for guidance in (10, 30) for seed in range(3))


def test_the_awaited_client_gives_the_same(make, hosted, sweep):
    async def main():
        async with make(ff.AsyncFluxFill) as client:
            first = await client.sweep(sweep)
            run = client.start(sweep)
            return first, await run

    first, again = asyncio.run(main())
    assert colours(first) == colours(again) == [0, 1, 2, 0, 1, 2]
    assert hosted.submits == 6


def test_as_many_at_once_as_the_limit_says(make, hosted, request_):
    hosted.lasts = 60
    run = make(max_active=3, timeout=120).start(Sweep(request_, seed=range(7)))
    until(lambda: hosted.submits == 3)
    time.sleep(0.3)
    hosted.lasts = 0.3
    hosted.end_now()
    run.wait()
    assert (hosted.most, hosted.submits) == (3, 7)


def test_up_to_24_at_once_unless_told_otherwise(make, hosted, request_):
    hosted.lasts = 120
    run = make(timeout=120).start(Sweep(request_, seed=range(30)))
    until(lambda: hosted.submits == 24)
    time.sleep(0.3)
    assert (hosted.submits, run.progress.under_way, run.progress.waiting) == (24, 24, 6)
    run.cancel()
    assert len(run.wait().missing) == 30


def test_each_point_is_told_once(client, hosted, request_):
    hosted.end = lambda asked: "Content Moderated" if asked["seed"] == 1 else "Ready"
    sweep = Sweep(request_, seed=range(4))
    told = []
    runs = client.sweep(sweep, on_result=lambda point, outcome: told.append((point, outcome)))
    assert sorted(point.index for point, _ in told) == [0, 1, 2, 3]
    assert {point: outcome for point, outcome in told if point.index == 1} == runs.errors
    told.clear()
    client.sweep(sweep, on_result=lambda point, outcome: told.append((point, outcome)))
    assert sorted(point.index for point, _ in told) == [0, 1, 2, 3]


def test_what_goes_wrong_in_a_callback_harms_nothing(client, sweep, caplog):
    def careless(point, outcome):
        raise RuntimeError("a bug of the caller's")

    assert len(client.sweep(sweep, on_result=careless).results) == 6
    assert caplog.text.count("a bug of the caller's") >= 6


def test_what_is_no_request_and_no_sweep_is_refused(client):
    with pytest.raises(FluxFillError, match="A list cannot be run"):
        client.start([])


# ------------------------------------------------------------------------------------- what failed


@pytest.mark.parametrize(
    ("end", "kind", "state"),
    [("Content Moderated", ContentModerated, "moderated"), ("Error", TaskFailed, "failed")],
)
def test_a_failed_fill_is_a_failed_cell(client, hosted, request_, end, kind, state):
    hosted.end = lambda asked: end if asked["seed"] == 1 else "Ready"
    sweep = Sweep(request_, seed=range(4))
    runs = client.sweep(sweep)
    ((point, error),) = runs.errors.items()
    assert (point.index, type(error)) == (1, kind)
    assert (colours(runs), hosted.submits) == ([0, 2, 3], 4)
    assert f"1 {state}" in repr(runs)

    # It stays so, with its reason, until somebody asks for it again.
    (known,) = client.sweep(sweep).errors.values()
    assert isinstance(known, kind.__mro__[1] if state == "moderated" else kind)
    assert str(error).partition(".")[0] in str(known)
    assert "retry=True" in str(known)
    assert known.task.id == error.task.id
    assert hosted.submits == 4

    hosted.end = lambda asked: "Ready"
    assert colours(runs.retry_failed()) == [0, 1, 2, 3]
    assert hosted.submits == 5


def test_only_the_kinds_that_are_named_are_tried_again(client, hosted, request_):
    ends = {0: "Content Moderated", 1: "Error", 2: "Ready"}
    hosted.end = lambda asked: ends[asked["seed"]]
    sweep = Sweep(request_, seed=range(3))
    client.sweep(sweep)
    assert len(client.sweep(sweep, retry=["moderated"]).errors) == 2
    assert hosted.seeds == [0, 0, 1, 2]
    client.sweep(sweep, retry="failed")
    assert hosted.seeds == [0, 0, 1, 1, 2]
    client.sweep(sweep, retry=True)
    assert hosted.seeds == [0, 0, 0, 1, 1, 1, 2]
    with pytest.raises(InvalidOption, match="'lost': it must be True, False, or some of failed"):
        client.sweep(sweep, retry=["lost"])


@pytest.mark.parametrize(("code", "kind"), [(402, InsufficientCredits), (403, NotAuthenticated)])
def test_what_each_further_fill_would_meet_ends_the_run(make, hosted, request_, code, kind):
    sweep = Sweep(request_, seed=range(20))
    hosted.lasts = 0.05
    hosted.refusal = lambda asked: code if hosted.submits >= 4 else None
    client = make(max_active=2)
    run = client.start(sweep)
    runs = run.wait()
    assert isinstance(run.halted_by, kind)
    assert run.is_stopped
    assert (len(runs.results), hosted.submits) == (4, 4)
    assert {type(error) for error in runs.errors.values()} == {kind}
    assert len(hosted.refused) == len(runs.errors) <= 2
    assert len(runs.missing) == 20 - 4 - len(runs.errors)
    assert run.progress.spent == pytest.approx(4 * PRICE)

    hosted.refusal = lambda asked: None
    assert len(client.sweep(sweep).results) == 20
    assert hosted.seeds == list(range(20))


def test_a_plain_fill_sends_again_what_was_refused_for_free(client, hosted, request_):
    request = request_.replace(seed=7)
    hosted.end = lambda asked: "Request Moderated"
    with pytest.raises(TaskModerated):
        client.fill(request)
    hosted.end = lambda asked: "Ready"
    assert client.fill(request).seed == 7
    assert hosted.submits == 2


def test_what_may_have_been_charged_is_sent_again_only_if_told_to(make, hosted, request_):
    request = request_.replace(seed=7)
    hosted.answers_after = 1.5
    with pytest.raises(SubmissionUnconfirmed):
        make(timeout=0.6).fill(request)
    hosted.answers_after = 0.0
    client = make()
    for again in (
        lambda: client.fill(request),
        lambda: client.start(request).wait(),
        lambda: client.fill(request, retry=["moderated", "expired"]),
    ):
        with pytest.raises(SubmissionUnconfirmed, match=r"sent before.*credits\(\); retry=True"):
            again()
    (cell,) = client.sweep(Sweep(request, seed=[7])).errors.values()
    assert isinstance(cell, SubmissionUnconfirmed)
    assert hosted.submits == 1
    (entry,) = client.resume().unconfirmed
    assert entry.settings["seed"] == 7
    assert client.fill(request, retry=True).seed == 7
    assert (hosted.submits, client.resume().unconfirmed) == (2, ())


def test_retry_failed_spares_what_may_have_been_charged(make, hosted, request_):
    hosted.answers_after = 1.5
    client = make(timeout=0.6)
    runs = client.sweep(Sweep(request_, seed=range(2)))
    assert {type(error) for error in runs.errors.values()} == {SubmissionUnconfirmed}
    hosted.answers_after = 0.0
    assert runs.retry_failed() is runs
    assert hosted.submits == 2
    assert len(runs.retry_failed(unconfirmed=True).results) == 2
    assert hosted.submits == 4


def test_a_service_that_is_away_is_no_reason_to_doubt(make, hosted, sweep):
    away = make(base_url="http://127.0.0.1:9", service="away")
    runs = away.sweep(sweep)
    assert len(runs.errors) == 6
    assert "Nothing was sent" in str(next(iter(runs.errors.values())))
    assert away.resume().unconfirmed == ()


def test_stopped_while_the_service_is_busy_nothing_is_in_doubt(client, hosted, request_):
    sweep = Sweep(request_, seed=range(3))
    hosted.refusal = lambda asked: 429
    run = client.start(sweep)
    until(lambda: len(hosted.refused) >= 4)  # it is trying again
    run.cancel()
    assert len(run.wait().missing) == 3
    assert client.resume().unconfirmed == ()
    hosted.refusal = lambda asked: None
    assert len(client.sweep(sweep).results) == 3
    assert hosted.seeds == [0, 1, 2]


def test_the_awaited_client_is_stopped_while_busy_without_doubt(make, hosted, request_):
    async def main():
        async with make(ff.AsyncFluxFill, timeout=5) as client:
            filling = asyncio.create_task(client.fill(request_, seed=3))
            while len(hosted.refused) < 2:
                await asyncio.sleep(0.01)
            filling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await filling
            assert (await client.resume()).unconfirmed == ()
            hosted.refusal = lambda asked: 429 if len(hosted.refused) < 30 else None
            with pytest.raises(TooManyTasks):
                await client.fill(request_, seed=3)
            hosted.refusal = lambda asked: None
            return await client.fill(request_, seed=3)

    hosted.refusal = lambda asked: 429
    assert asyncio.run(main()).seed == 3
    assert hosted.submits == 1


# ------------------------------------------------------------------------------------------- money


@pytest.mark.parametrize(("budget", "sent"), [(0, 0), (0.2, 4), (0.24, 4), (1, 12)])
def test_stops_before_the_budget_is_passed(make, hosted, request_, budget, sent):
    hosted.lasts = 0.05
    sweep = Sweep(request_, seed=range(12))
    client = make(max_active=3)
    run = client.start(sweep, budget=budget)
    runs = run.wait()
    assert (hosted.submits, len(runs.results), len(runs.missing)) == (sent, sent, 12 - sent)
    assert runs.errors == {}
    assert run.progress.spent == pytest.approx(sent * PRICE)
    assert isinstance(run.halted_by, BudgetReached if sent < 12 else type(None))
    assert ("is used up" in str(run.halted_by)) is (sent < 12)
    # What is there costs nothing: the next run has the money for the rest.
    if budget == 0.2:
        assert len(client.sweep(sweep, budget=0.2).results) == 8
        assert hosted.submits == 8


def test_fills_under_way_count_as_spent(client, hosted, request_):
    hosted.lasts = 0.5
    run = client.start(Sweep(request_, seed=range(24)), budget=0.25)
    until(lambda: run.is_stopped and hosted.submits == 5)
    assert run.progress.spent == pytest.approx(0.25)
    assert len(run.wait().results) == 5


def test_what_was_refused_is_not_spent(make, hosted, request_):
    ends = {0: "Content Moderated", 1: "Error"}
    hosted.end = lambda asked: ends.get(asked["seed"], "Ready")
    run = make(max_active=1).start(Sweep(request_, seed=range(6)), budget=0.1)
    runs = run.wait()
    assert [len(runs.errors), len(runs.results), len(runs.missing)] == [2, 2, 2]
    assert run.progress.spent == pytest.approx(0.1)


def test_what_the_service_says_it_costs_is_what_is_spent(make, hosted, request_):
    hosted.cost = 9.0
    run = make(max_active=1).start(Sweep(request_, seed=range(6)), budget=0.3)
    assert len(run.wait().results) == 3
    assert run.progress.spent == pytest.approx(0.27)


def test_a_budget_needs_a_price(make, hosted, sweep):
    with pytest.raises(InvalidOption, match="price=…"):
        make(price=None).sweep(sweep, budget=1)
    with pytest.raises(InvalidOption, match="0 or above"):
        make().sweep(sweep, budget=-1)
    assert hosted.submits == 0


def test_a_budget_for_a_single_fill(client, hosted, request_):
    with pytest.raises(BudgetReached, match=r"the next fill costs \$0\.05"):
        client.start(request_, budget=0.01).wait()
    assert hosted.submits == 0
    assert client.start(request_, budget=0.05).wait().price == PRICE


def test_a_dry_run_sends_and_makes_nothing(client, hosted, request_, tmp_path):
    sweep = Sweep(request_, seed=range(3))
    assert len(client.sweep(sweep, dry_run=True).missing) == 3
    assert (list(tmp_path.iterdir()), hosted.submits) == ([], 0)
    client.fill(sweep.points[1].request)
    runs = client.sweep(sweep, dry_run=True)
    assert (colours(runs), seeds_of(runs.missing)) == ([1], [0, 2])
    assert len(client.sweep(sweep, dry_run=True, reuse=False).missing) == 3
    assert hosted.submits == 1


# ----------------------------------------------------------------------------------- what was there


def test_a_second_run_costs_nothing(make, hosted, sweep):
    first = make().sweep(sweep)
    asked = hosted.asked.copy()
    run = make().start(sweep)
    again = run.wait()
    assert [one.key for one in again] == [one.key for one in first]
    assert (hosted.submits, hosted.asked) == (6, asked)
    assert str(run.progress) == "6/6 done (6 were there)"


def test_what_was_sent_before_and_is_waited_for_was_not_there(make, hosted, sweep):
    hosted.lasts = 30
    run = make().start(sweep)
    until(lambda: hosted.submits == 6)
    run.cancel()
    run.wait()
    hosted.end_now()
    again = make().start(sweep)
    again.wait()
    assert (hosted.submits, again.progress.kept, again.progress.spent) == (6, 0, 0.0)
    assert str(again.progress) == "6/6 done"


def test_more_values_on_an_axis_send_only_the_new_ones(make, hosted, request_):
    make().sweep(Sweep(request_, seed=[1, 2], guidance=[30]))
    runs = make().sweep(Sweep(request_, seed=[2, 3, 1], guidance=[30, 10]))
    assert hosted.submits == 6
    assert colours(runs) == [2, 2, 3, 3, 1, 1]
    # Another order of axes and another way to say a setting are no other picture.
    make().sweep(Sweep(request_.replace(steps=15), guidance=[10, 30], seed=[1, 2, 3]))
    assert hosted.submits == 6


def test_without_a_seed_a_sweep_has_one_and_a_fill_has_none(client, hosted, request_):
    for _ in range(2):
        client.sweep(Sweep(request_, guidance=[10, 30]))
    assert hosted.submits == 2
    for _ in range(2):
        client.fill(request_)
    assert hosted.submits == 4


def test_what_does_not_repeat_is_sent_anew_unless_any_will_do(client, hosted, request_):
    sweep = Sweep(request_.replace(prompt_upsampling=True), seed=range(2))
    client.sweep(sweep)
    client.sweep(sweep)
    assert hosted.submits == 4
    assert len(client.sweep(sweep, reuse=True).results) == 2
    assert (hosted.submits, len(client.store)) == (4, 4)


def test_what_is_there_is_made_anew_on_demand(client, hosted, request_):
    request = request_.replace(seed=5)
    client.fill(request)
    client.fill(request, reuse=False)
    client.start(request, reuse=False).wait()
    assert (hosted.submits, len(client.store)) == (3, 3)


def test_one_service_does_not_answer_for_another(make, hosted, request_):
    request = request_.replace(seed=5)
    make(service="one").fill(request)
    make(service="two").fill(request)
    assert hosted.submits == 2


def test_a_service_that_counts_its_tasks_anew_is_not_misunderstood(make, hosted, request_):
    client = make()
    assert colours([client.fill(request_, seed=1)]) == [1]
    hosted.start_afresh()
    assert colours([client.fill(request_, seed=2)]) == [2]
    assert colours(make().sweep(Sweep(request_, seed=[1, 2]))) == [1, 2]
    assert hosted.submits == 1


def test_without_a_store_everything_works_and_nothing_is_kept(make, hosted, sweep, tmp_path):
    client = make(store=None)
    assert len(client.sweep(sweep).results) == 6
    assert len(client.sweep(sweep).results) == 6
    assert (hosted.submits, list(tmp_path.iterdir())) == (12, [])
    assert client.sweep(sweep, dry_run=True).missing == sweep.points


# ---------------------------------------------------------------------------------------- together


def test_two_clients_share_one_sweep(make, hosted, sweep):
    hosted.lasts = hosted.answers_after = 0.1
    clients = [make(), make(), make(store=RunStore("runs"))]
    runs = [client.start(sweep) for client in clients]
    results = [run.wait() for run in runs]
    assert hosted.submits == 6
    assert [colours(one) for one in results] == [[0, 1, 2, 0, 1, 2]] * 3


def test_many_threads_ask_one_client_for_the_same(client, hosted, request_):
    hosted.answers_after = 0.1
    request = request_.replace(seed=5)
    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(lambda _: client.fill(request), range(6)))
    assert (hosted.submits, {result.key for result in results}) == (1, {results[0].key})


def test_what_somebody_else_never_finishes_holds_up_nothing_else(make, hosted, sweep):
    request = sweep.points[2].request
    service = hosted.url.removeprefix("http://")
    with RunStore("runs").begin(request, service=service):
        run = make(timeout=0.8).start(sweep)
        runs = run.wait()
    ((point, error),) = runs.errors.items()
    assert (point.index, len(runs.results), run.halted_by) == (2, 5, None)
    assert "Another notebook or process" in str(error)
    assert len(make().sweep(sweep).results) == 6


def test_two_runs_of_one_client_share_its_places(make, hosted, request_):
    hosted.lasts = 60
    client = make(max_active=2, timeout=120)
    runs = [client.start(Sweep(request_, seed=range(n, n + 4))) for n in (0, 2)]
    until(lambda: hosted.submits == 2)
    time.sleep(0.3)
    hosted.lasts = 0.2
    hosted.end_now()
    assert [len(run.wait().results) for run in runs] == [4, 4]
    assert (hosted.seeds, hosted.most) == ([0, 1, 2, 3, 4, 5], 2)


SCRIPT = """
import sys
from PIL import Image
import fluxfill_nb as ff
from fluxfill_nb.sweep import Sweep

image = Image.linear_gradient("L").resize((96, 64))
request = ff.FillRequest(image, ff.Mask.from_box(image.size, (10, 10, 50, 40)), "a vase", steps=15)
seeds = range(int(sys.argv[2]))
client = ff.FluxFill("{key}", base_url=sys.argv[1], store="runs", price=0.05, max_active=4)
runs = client.sweep(Sweep(request, seed=seeds))
print([result.raw.getpixel((0, 0))[0] for result in runs])
"""


def script(hosted, points):
    """Start a plain script that runs a sweep."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(key=KEY), hosted.url, str(points)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_share_one_sweep(hosted):
    hosted.lasts = hosted.answers_after = 0.15
    both = [script(hosted, 16) for _ in range(2)]
    told = [process.communicate(timeout=60)[0].strip() for process in both]
    assert told == [str(list(range(16)))] * 2
    assert hosted.seeds == list(range(16))


WITHIN = """
import sys, time
from pathlib import Path
from PIL import Image
import fluxfill_nb as ff

def patient(image, mask, options, progress):
    while not Path("go on").exists():
        progress(0.5)
        time.sleep(0.02)
    return image

picture = Image.linear_gradient("L")
request = ff.FillRequest(picture, ff.Mask.from_box(picture.size, (10, 10, 50, 40)))
with ff.connect("local", engine=patient, store="runs") as client:
    run = client.start(ff.Sweep(request, seed=range(3)))
    while len(client.store.pending()) < 3:
        time.sleep(0.02)
    print("at work", flush=True)
    print(len(run.wait().results))
"""


def test_what_another_process_makes_within_itself_is_left_to_it(tmp_path):
    def patient(image, mask, options, progress):
        return image

    other = subprocess.Popen([sys.executable, "-c", WITHIN], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "at work\n"
    picture = Image.linear_gradient("L")
    request = ff.FillRequest(picture, ff.Mask.from_box(picture.size, (10, 10, 50, 40)))
    with ff.connect("local", engine=patient, store="runs") as client:
        assert isinstance(client.store, RunStore)
        collected = client.resume()
        assert (collected, collected.lost) == ([], ())
        # It may never ask for them: they are made here as well, and no less is heard of its own.
        assert len(client.sweep(Sweep(request, seed=range(3))).results) == 3
        assert len(client.store.pending()) == 3
        Path("go on").touch()
        assert other.communicate(timeout=60)[0].strip() == "3"
        assert (client.store.pending(), len(client.store)) == ([], 6)


def test_a_script_and_a_notebook_with_parameters_give_the_same(hosted, tmp_path):
    assert script(hosted, 4).communicate(timeout=60)[0].strip() == "[0, 1, 2, 3]"
    assert hosted.submits == 4
    cells = [
        nbformat.v4.new_code_cell("points = 2", metadata={"tags": ["parameters"]}),
        # As papermill puts it in.
        nbformat.v4.new_code_cell("points = 5", metadata={"tags": ["injected-parameters"]}),
        nbformat.v4.new_code_cell(f"import sys; sys.argv[1:] = [{hosted.url!r}, str(points)]"),
        nbformat.v4.new_code_cell(SCRIPT.format(key=KEY)),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    printed = [
        output["text"] for output in notebook.cells[-1].outputs if output["output_type"] == "stream"
    ]
    assert printed == ["[0, 1, 2, 3, 4]\n"]
    assert hosted.seeds == [0, 1, 2, 3, 4]
    shown = [output.get("data", {}) for output in notebook.cells[-1].outputs]
    assert any("image/jpeg" in data for data in shown)


# -------------------------------------------------------------------------------------- the handle


def test_start_returns_at_once_and_can_be_looked_at(client, hosted, sweep):
    hosted.lasts = 0.6
    hosted.answers_after = 0.2
    started = time.monotonic()
    run = client.start(sweep)
    assert time.monotonic() - started < 0.2
    assert not run.is_done
    assert len(run.result().missing) == 6
    assert repr(run).startswith("<Run, running: 0/6 done")
    runs = run.wait()
    assert run.is_done
    assert not run.is_stopped
    assert run.result() is runs
    assert run.wait() is runs
    host = hosted.url.removeprefix("http://")
    assert repr(run) == f"<Run, ended: 6/6 done, $0.30 spent, {host}>"
    assert run.state(0) == "done"
    assert run.outcome(0) is runs[0]


def test_results_are_there_before_the_end(make, hosted, request_):
    run = make(max_active=1).start(Sweep(request_, seed=range(3)))
    release = threading.Event()
    run.watch(lambda index: run.state(1) == "under way" and release.wait(10))
    until(lambda: run.state(0) == "done")
    so_far = run.result()
    release.set()
    assert colours(so_far) == [0]
    assert len(run.wait().results) == 3


def test_watchers_hear_of_every_fill_and_of_the_end(client, hosted, sweep, caplog):
    hosted.answers_after = 0.1
    run = client.start(sweep)
    heard = []
    unwatch = run.watch(heard.append)
    run.watch(lambda index: 1 / 0)
    never = []
    run.watch(never.append)()
    run.wait()
    until(lambda: heard and heard[-1] is None)
    assert set(heard) == {*range(6), None}
    assert never == []
    unwatch()


class JustNow(Future):
    """Ends in the very moment in which somebody has waited long enough for it."""

    def result(self, timeout=None):
        if not self.done():
            self.set_result("the result")
            raise TimeoutError
        return super().result(timeout)


def test_what_ends_while_the_waiter_looks_away_is_no_timeout(monkeypatch):
    tally = Tally(0, list, Purse(None, None))
    tally.future = JustNow()
    assert Run((), "a service", tally).wait() == "the result"
    monkeypatch.setattr(portal, "begin", lambda work: JustNow())
    assert portal.run(lambda: None) == "the result"


def test_stopped_from_another_thread(make, hosted, sweep):
    hosted.lasts = 120
    client = make(timeout=120)
    run = client.start(sweep)
    until(lambda: hosted.submits == 6)
    threading.Timer(0.1, run.cancel).start()
    started = time.monotonic()
    runs = run.wait()
    assert time.monotonic() - started < 30
    assert (len(runs.missing), runs.errors, run.is_stopped) == (6, {}, True)
    assert repr(run).startswith("<Run, stopped: 0/6 done, $0.30 spent")
    assert len(client.unfinished) == 6
    run.cancel()  # does no harm
    hosted.end_now()
    assert len(client.resume()) == 6
    assert hosted.submits == 6


def test_stopped_nothing_more_is_sent_and_nothing_is_lost(make, hosted, request_):
    hosted.answers_after = 0.5
    client = make(max_active=3)
    sweep = Sweep(request_, seed=range(12))
    run = client.start(sweep)
    until(lambda: hosted.submits == 3)
    run.cancel()
    runs = run.wait()
    assert hosted.submits == 3
    assert len(runs.missing) == 12
    time.sleep(0.3)
    assert hosted.submits == 3
    assert len(make().resume()) == 3
    assert len(client.sweep(sweep).results) == 12
    assert hosted.seeds == list(range(12))


def test_stopped_before_it_begins(client, hosted, request_, sweep):
    async def main():
        async with ff.AsyncFluxFill(KEY, base_url=hosted.url, store="runs") as awaited:
            many, one = awaited.start(sweep), awaited.start(request_)
            many.cancel()
            one.cancel()
            with pytest.raises(RunStopped, match="stopped before its picture came"):
                await one
            return await many

    assert asyncio.run(main()).missing == sweep.points
    assert hosted.submits == 0


def test_awaited_on_any_loop_and_by_several(client, hosted, sweep):
    hosted.lasts = 0.3
    run = client.start(sweep)

    async def main():
        return await asyncio.gather(run, run)

    one, two = asyncio.run(main())
    assert one is two is run.wait()


def test_stopped_by_who_awaits_it(client, hosted, sweep):
    hosted.lasts = 30
    run = client.start(sweep)

    async def main():
        waiting = asyncio.ensure_future(run)
        while hosted.submits < 6:
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await waiting
        return caught.value

    notes = "".join(getattr(asyncio.run(main()), "__notes__", []))
    assert run.is_done
    assert run.is_stopped
    assert "Run it again to go on" in notes or sys.version_info < (3, 12)
    hosted.end_now()
    assert len(client.resume()) == 6


def test_a_run_whose_loop_ends_is_stopped(make, hosted, sweep):
    hosted.lasts = 30

    async def main():
        async with make(ff.AsyncFluxFill) as client:
            run = client.start(sweep)
            while len(client.unfinished) < 6:
                await asyncio.sleep(0.01)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()  # as asyncio.run does in the end
            return run

    run = asyncio.run(main())
    assert run.is_stopped
    assert len(run.wait().missing) == 6
    hosted.end_now()
    assert len(make().resume()) == 6


def test_waiting_on_the_loop_that_works_is_refused(make, sweep):
    async def main():
        async with make(ff.AsyncFluxFill) as client:
            run = client.start(sweep)
            with pytest.raises(RuntimeError, match="await run"):
                run.wait()
            return await run

    assert len(asyncio.run(main()).results) == 6


def test_the_awaited_client_starts_on_a_running_loop_only(make, sweep):
    with pytest.raises(RuntimeError, match="no running event loop"):
        make(ff.AsyncFluxFill).start(sweep)


def test_closing_a_client_stops_what_it_runs(make, hosted, sweep):
    hosted.lasts = 30
    with make() as client:
        run = client.start(sweep)
        until(lambda: hosted.submits == 6)
    assert run.is_done
    assert len(run.wait().missing) == 6
    with make() as client:
        run = client.start(sweep.without(seed=[0, 1, 2], guidance=10))
    assert run.is_done


def test_closing_a_client_stops_also_what_nobody_has_a_handle_on(make, hosted, request_):
    hosted.lasts = 0.2
    with make(max_active=2) as client:
        client.start(Sweep(request_, seed=range(8)))
        gc.collect()
        until(lambda: hosted.submits == 2)
    time.sleep(0.6)
    assert hosted.submits <= 4


def test_a_single_fill_is_a_run_too(client, hosted, request_):
    hosted.lasts = 0.3
    request = request_.replace(seed=9)
    told = []
    run = client.start(request, on_result=lambda point, outcome: told.append(outcome))
    with pytest.raises(FluxFillError, match="not here yet"):
        run.result()
    result = run.wait()
    assert (result.seed, told) == (9, [result])
    assert len(run.points) == 1

    async def main():
        async with ff.AsyncFluxFill(KEY, base_url=hosted.url, store="runs") as awaited:
            return await awaited.start(request)

    assert asyncio.run(main()).key == result.key
    hosted.end = lambda asked: "Error"
    with pytest.raises(TaskFailed):
        client.start(request_.replace(seed=10)).wait()
    hosted.end = lambda asked: "Ready"
    assert client.start(request_.replace(seed=10)).wait().seed == 10


def test_a_single_fill_that_was_stopped_says_so(client, hosted, request_):
    hosted.lasts = 30
    run = client.start(request_)
    until(lambda: hosted.submits == 1)
    run.cancel()
    with pytest.raises(RunStopped, match=r"client\.resume\(\)"):
        run.wait()


def test_progress_adds_up(make, hosted, request_):
    hosted.end = lambda asked: "Error" if asked["seed"] == 2 else "Ready"
    hosted.lasts = 0.05
    client = make(max_active=2)
    client.fill(request_.replace(seed=0))
    run = client.start(Sweep(request_, seed=range(8)))
    seen = []
    run.watch(lambda index: seen.append(run.progress))
    run.wait()
    until(lambda: seen[-1].done == 7)
    for one in [*seen, run.progress]:
        assert one.total == 8 == one.done + one.failed + one.under_way + one.waiting
        assert one.under_way <= 2
    last = run.progress
    assert (last.done, last.failed, last.kept) == (7, 1, 1)
    assert last.spent == pytest.approx(6 * PRICE)
    assert str(last) == "7/8 done (1 was there), 1 failed, $0.30 spent"
    assert any(one.left is not None for one in seen)


# ------------------------------------------------------------------------------- another time, here


def test_a_new_process_collects_what_is_still_to_be_had(make, hosted, request_):
    hosted.lasts = 30
    submitted = [make().submit(request_.replace(seed=seed)) for seed in (3, 1, 2)]
    hosted.end_now()
    client = make()
    collected = client.resume()
    assert [result.task.id for result in collected] == [task.id for task in submitted]
    assert colours(collected) == [3, 1, 2]
    assert all(result.request == request_.replace(seed=result.seed) for result in collected)
    assert (collected.lost, collected.unconfirmed) == ((), ())
    assert client.resume() == []
    assert client.fill(request_, seed=3).key == collected[0].key
    assert hosted.submits == 3


def test_what_was_lost_is_reported_and_paid_for_again_only_if_told_to(make, hosted, request_):
    request = request_.replace(seed=3)
    hosted.lasts = 30
    make().submit(request)
    hosted.forget()
    client = make()
    time.sleep(2.1)  # at first, hosts may not know a task yet
    collected = client.resume()
    (error,) = collected.lost
    assert isinstance(error, TaskNotFound)
    assert repr(collected).startswith("0 collected\nlost: The service does not know task")
    assert client.resume().lost == ()
    with pytest.raises(TaskNotFound, match="retry=True"):
        client.fill(request)
    (cell,) = client.sweep(Sweep(request, seed=[3])).errors.values()
    assert isinstance(cell, TaskNotFound)
    assert hosted.submits == 1
    hosted.lasts = 0.0
    assert client.fill(request, retry=["expired"]).seed == 3
    assert hosted.submits == 2


def test_what_expired_unseen_is_sent_again_at_once_if_told_to(make, hosted, request_):
    request = request_.replace(seed=3)
    make().submit(request)
    hosted.forget()
    time.sleep(2.1)
    assert make().fill(request, retry=["expired"]).seed == 3
    assert hosted.submits == 2


def test_what_was_collected_late_does_not_teach_how_long_fills_take(make, hosted, request_):
    for seed in range(4):
        make().submit(request_.replace(seed=seed))
    time.sleep(1.5)
    collected = make().resume()
    assert [result.duration for result in collected] == [None] * 4
    assert make().expected(1) is None


def test_a_new_client_knows_when_to_ask(make, hosted, request_):
    hosted.lasts = 0.8
    make().sweep(Sweep(request_, seed=range(6)))
    hosted.asked.clear()
    make().fill(request_, seed=9)
    taught = hosted.asked["/v1/get_result"]
    hosted.asked.clear()
    make(store=None).fill(request_, seed=9)
    assert taught <= 3 < hosted.asked["/v1/get_result"]


def test_results_lie_in_the_store_and_not_in_memory(make, hosted, picture, request_):
    hosted.noise = 400_000
    client = make()
    client.sweep(Sweep(request_, seed=range(4)))  # loads what is loaded once
    gc.collect()
    tracemalloc.start()
    runs = client.sweep(Sweep(request_, seed=range(100, 130)))
    gc.collect()
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(runs.results) == 30
    assert sum(result.file.path.stat().st_size for result in runs) > 30 * hosted.noise
    assert grown < 2_000_000


def test_no_key_and_no_signed_address_is_written(make, hosted, request_, caplog):
    caplog.set_level("DEBUG", "fluxfill_nb")
    hosted.end = lambda asked: {1: "Content Moderated", 2: "Error"}.get(asked["seed"], "Ready")
    hosted.refusal = lambda asked: 403 if asked["seed"] == 3 else None
    client = make()
    runs = client.sweep(Sweep(request_.replace(webhook_secret="hush-hush"), seed=range(6)))
    hosted.answers_after = 1.5
    with pytest.raises(SubmissionUnconfirmed):
        make(timeout=0.6).fill(request_, seed=8)
    hosted.answers_after = 0.0
    hosted.sample_says = 500
    with pytest.raises(FluxFillError):
        make(timeout=1.5).fill(request_, seed=9)
    said = f"{client!r}{runs!r}{runs.errors}{client.store!r}{client.store._repr_html_()}"
    said += f"{client.store.table()}{client.resume}{caplog.text}"
    said += "".join(str(record.__dict__) for record in caplog.records if "fluxfill" in record.name)
    files = [path for path in Path("runs").rglob("*") if path.is_file()]
    assert len(files) > 10
    for secret in (KEY, SIGNATURE, "hush-hush", "signature="):
        assert secret not in said
        for path in files:
            assert secret.encode() not in path.read_bytes(), path


def test_a_store_that_cannot_be_written_ends_the_run_before_anything_is_sent(
    make, hosted, sweep, tmp_path
):
    (tmp_path / "runs").write_text("somebody's file")
    run = make().start(sweep)
    runs = run.wait()
    assert isinstance(run.halted_by, StoreError)
    assert "store=None" in str(run.halted_by)
    assert (hosted.submits, runs.results) == (0, [])


def test_what_was_compared_is_kept_with_the_store(tmp_path):
    picture = Image.linear_gradient("L")
    request = ff.FillRequest(picture, ff.Mask.from_box(picture.size, (80, 80, 120, 120)), steps=15)
    with ff.connect("local", store=tmp_path / "runs") as client:
        client.sweep(ff.Sweep(request, seed=[1, 2]), dry_run=True)
        assert not (tmp_path / "runs").exists()
        runs = client.sweep(ff.Sweep(request, seed=[1, 2]))
        assert client.store is not None
        (file,) = client.store.sweeps.values()
    assert json.loads(file.read_text())["axes"] == {"seed": [1, 2]}
    copied = pickle.loads(pickle.dumps(runs))
    assert [result.key for result in copied] == [result.key for result in runs]
