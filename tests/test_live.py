"""The live view without a browser: what becomes of its widgets, and what a page is sent."""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import nbformat
import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances
from nbclient import NotebookClient
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.sweep import Sweep
from fluxfill_nb.widgets.follower import INTERVAL
from fluxfill_nb.widgets.live import LiveView
from fluxfill_nb.widgets.live.cells import SIDE
from fluxfill_nb.widgets.live.view import MOST_CELLS
from tests.front_end import Page, Wire
from tests.patience import until

pytestmark = pytest.mark.usefixtures("open_page")

SIZE = (96, 64)
DOTS = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
NOISE = np.asarray(Image.fromarray(DOTS).resize(SIZE, Image.Resampling.BICUBIC))
FAILS = 13


class Painted:
    """An engine that fills with a grey, in a time that is set, and refuses one seed."""

    name = "painted"

    def __init__(self, seconds: float = 0.0, *, held: bool = False) -> None:
        self.seconds = seconds
        self.go_on = threading.Event()
        if not held:
            self.go_on.set()

    def __call__(self, image: Any, mask: Any, options: Any, progress: Any) -> Any:
        for step in itertools.count():
            done = min(1.0, step / 20)
            progress(done * 0.5, lambda: image)
            if self.go_on.is_set() and step >= 20:
                break
            time.sleep(self.seconds / 20 or 0.001)
        if options.seed == FAILS:
            raise RuntimeError("no such thing")
        out = image.copy()
        out.paste((options.seed % 256,) * 3, mask=mask.to_pil())
        return out


@pytest.fixture
def started() -> Iterator[Callable[..., tuple[Any, LiveView]]]:
    """Start a sweep with an engine that works on all fills at once, and its view."""
    with contextlib.ExitStack() as stack:

        def start(
            engine: Painted | None = None, picture: Any = NOISE, *, max_active: int = 4, **axes: Any
        ) -> tuple[Any, LiveView]:
            engine = engine or Painted()
            executor = stack.enter_context(ThreadPoolExecutor(max_active))
            stack.callback(engine.go_on.set)  # or the executor waits for what a test has held
            server = ff.LocalServer(engine, executor=executor)
            client = ff.FluxFill(
                base_url=server.url, transport=server.transport, max_active=max_active,
                service="local engine: painted", price=0.0,
            )  # fmt: skip
            stack.enter_context(client)
            image = ff.open_image(picture)
            mask = ff.Mask.from_ellipse(image.size, (image.width // 3, 10, image.width // 2, 50))
            run = client.start(Sweep(ff.FillRequest(image, mask, steps=15), **axes))
            view = LiveView(run)
            stack.callback(view.close)
            stack.callback(run.cancel)
            return run, view

        yield start


def cells(view: LiveView) -> list[str]:
    return [cell.value for cell in view._cells]


def ended(view: LiveView) -> None:
    until(lambda: view._follower._thread is None)


def test_at_the_end_each_cell_shows_its_picture_and_its_label(started):
    run, view = started(seed=range(4))
    run.wait()
    ended(view)
    for number, cell in enumerate(cells(view)):
        assert "ffnb-done" in cell
        assert f"seed = {number}" in cell
        assert "data:image/jpeg;base64," in cell
    assert "4/4 done" in view._head.value
    assert "local engine: painted" in view._head.value
    assert 'aria-valuenow="4"' in view._head.value


def test_pictures_are_small_and_of_the_originals_proportions(started):
    run, view = started(picture=np.tile(NOISE, (10, 10, 1)), seed=[1])
    run.wait()
    ended(view)
    picture = embedded(cells(view)[0])
    assert picture.size == (SIDE, round(SIDE * 64 / 96))


def embedded(cell: str) -> Image.Image:
    encoded = cell.split("base64,")[1].split('"')[0]
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def test_the_picture_is_the_fill_over_the_original(started):
    run, view = started(seed=[200])
    runs = run.wait()
    ended(view)
    shown = np.asarray(embedded(cells(view)[0]).convert("RGB"), int)
    meant = runs.one.composited().resize(shown.shape[1::-1], Image.Resampling.LANCZOS)
    assert np.abs(shown - np.asarray(meant, int)).mean() < 3
    assert np.abs(shown - np.asarray(Image.fromarray(NOISE).resize(meant.size))).mean() > 3


def test_a_failed_cell_says_why(started):
    run, view = started(seed=[1, FAILS])
    run.wait()
    ended(view)
    good, bad = cells(view)
    assert "ffnb-done" in good
    assert "ffnb-failed" in bad
    assert "The engine failed" in bad.split("<div")[0], "the whole reason is the tooltip"
    assert "1 failed" in view._head.value
    assert "retry_failed" in view._head.value


def test_cells_under_way_show_how_far_they_are_and_waiting_ones_wait(started):
    engine = Painted(held=True)
    run, view = started(engine, seed=range(6), max_active=2)
    until(lambda: sum("ffnb-under-way" in cell for cell in cells(view)) == 2)
    until(lambda: sum("running 40 %" in cell for cell in cells(view)) == 2)
    assert sum(">waiting<" in cell for cell in cells(view)) == 4
    assert sum("<img" in cell for cell in cells(view)) == 2, "the service's previews"
    assert "2 under way" in view._head.value
    engine.go_on.set()
    run.wait()
    ended(view)
    assert all("ffnb-done" in cell for cell in cells(view))


def test_without_a_word_from_the_service_the_seconds_run(started):
    class Silent(Painted):
        def __call__(self, image, mask, options, progress):
            self.go_on.wait(20)
            return image

    engine = Silent(held=True)
    run, view = started(engine, seed=[1])
    until(lambda: re.search("running [1-3] s", cells(view)[0]))
    until(lambda: re.search("running [2-9] s", cells(view)[0]))
    engine.go_on.set()
    run.wait()


def test_stop_sends_nothing_more_and_says_how_to_go_on(started):
    engine = Painted(held=True)
    run, view = started(engine, seed=range(6), max_active=2)
    until(lambda: "2 under way" in view._head.value)
    view._stop.click()
    until(lambda: run.is_done)
    ended(view)
    assert run.is_stopped
    assert "ffnb-off" in view._stop._dom_classes
    assert "Run the cell again" in view._head.value
    assert all(">stopped<" in cell for cell in cells(view))
    engine.go_on.set()


def test_while_it_stops_the_button_says_so(started, open_page):
    engine = Painted(held=True)
    run, view = started(engine, seed=range(6), max_active=2)
    page = open_page()
    until(lambda: "2 under way" in view._head.value)
    said = []
    view._stop.observe(lambda change: said.append(change["new"]), "description")
    run._tally._stop = lambda: None  # the run is asked, but takes its time
    view._stop.click()
    until(lambda: said == ["Stopping …"])
    assert page.models[view._stop.model_id]["disabled"]
    engine.go_on.set()
    ended(view)


@pytest.mark.parametrize(
    ("axes", "columns", "headers"),
    [
        ({"seed": range(4)}, None, []),
        ({"guidance": [10, 30], "seed": range(3)}, 3, ["seed = 0", "guidance = 10"]),
        ({"guidance": [10, 20, 30], "seed": [1, 2]}, 3, ["guidance = 10", "seed = 2"]),
        (
            {"prompt": ["a vase of some length", "b" * 30], "guidance": [10, 30], "seed": [1, 2]},
            2,
            ["seed = 1", "prompt = a vase of some length, guidance = 30"],
        ),
        ({"guidance": range(5, 35), "seed": [1, 2]}, None, []),
    ],
)
def test_rows_and_columns(started, axes, columns, headers):
    run, view = started(**axes)
    grid = view.children[-1]
    if columns is None:
        assert grid.children == tuple(view._cells)
    else:
        assert f"repeat({columns}," in grid.layout.grid_template_columns
        words = [child.value for child in grid.children if child not in view._cells]
        for header in headers:
            assert any(f">{header}<" in word for word in words)
        # Each row is a header and its cells, in the order of the points.
        row = grid.children[1 + columns : 2 * (1 + columns)]
        assert set(row[1:]) <= set(view._cells)
    run.cancel()


def test_excluded_points_leave_their_place_empty():
    engine = Painted(held=True)
    image = ff.open_image(NOISE)
    sweep = Sweep(
        ff.FillRequest(image, ff.Mask.full(SIZE), steps=15), guidance=[10, 30], seed=[1, 2, 3]
    )
    with ff.connect("local", engine=engine, store=None) as client:
        run = client.start(sweep.without(guidance=10, seed=2))
        view = LiveView(run)
        first = view.children[-1].children[4:8]
        assert [cell in view._cells for cell in first] == [False, True, False, True]
        run.cancel()
        engine.go_on.set()
        view.close()


def test_what_people_typed_is_escaped(started):
    run, view = started(prompt=["<script>alert(1)</script>", '"><img src=x>'], seed=[1, 2, 3])
    run.wait()
    ended(view)
    words = "".join(widget.value for widget in view.children[-1].children)
    assert "<script" not in words
    assert "<img src=x" not in words
    assert "&lt;script&gt;" in words


def test_at_most_four_updates_a_second(started, open_page):
    told: dict[str, list[float]] = {}
    receive = Page.receive

    class Timed(Page):
        def receive(self, kind, model, data, buffers):
            if kind == "comm_msg" and data["method"] == "update":
                told.setdefault(model, []).append(time.monotonic())
            receive(self, kind, model, data, buffers)

    Wire.pages.append(Timed())
    for model, widget in list(_instances.items()):
        Wire.pages[-1]._make(model, widget.get_state())
    began = time.monotonic()
    run, view = started(Painted(0.2), seed=range(40))
    run.wait()
    ended(view)
    lasted = time.monotonic() - began
    assert lasted > 1
    line = told[view._head.model_id]
    assert len(line) <= 4 * lasted + 2
    # Not each: an update that took long is followed by one that is in time.
    assert np.median(np.diff(line)) > 0.6 * INTERVAL
    assert len(line) >= 3, "it is brought up to date as it goes"


def test_the_last_update_is_not_lost_however_fast_the_run(started):
    for _ in range(5):
        run, view = started(seed=range(3))
        run.wait()
        ended(view)
        assert all("ffnb-done" in cell for cell in cells(view))


def test_a_page_is_sent_less_than_3_mb_for_100_results(started, open_page):
    sizes: list[int] = []

    class Counting(Page):
        def receive(self, kind, model, data, buffers):
            sizes.append(len(str(data)) + sum(map(len, buffers)))

    Wire.pages.append(Counting())
    ramp = np.linspace(0, 255, 1024)[None, :, None] * np.ones((1024, 1, 3))
    grain = np.random.default_rng(0).normal(0, 12, ramp.shape)
    picture = (ramp + grain).clip(0, 255).astype(np.uint8)
    run, view = started(
        Painted(0.6), picture, max_active=24, seed=range(20, 45), guidance=[10, 30, 60, 90]
    )
    run.wait()
    ended(view)
    assert all("ffnb-done" in cell for cell in cells(view))
    assert sum(sizes) < 3e6
    assert sum(sizes) > 1e5, "something was counted"


def test_an_arrival_costs_less_than_40_ms():
    picture = np.kron(NOISE, np.ones((16, 16, 1), np.uint8))[:1024, :1024]
    image = ff.open_image(picture)
    mask = ff.Mask.from_ellipse(image.size, (300, 300, 700, 700))
    sweep = Sweep(ff.FillRequest(image, mask, steps=15), seed=range(6))
    with ff.connect("local", engine=Painted(), store=None) as client:
        run = client.start(sweep)
        run.wait()
        view = LiveView(run)
        ended(view)
        faces = view._faces
        began = time.thread_time()
        for index in range(6):
            faces.drawn(index, faces.of(index))
        assert (time.thread_time() - began) / 6 < 0.04
        view.close()


def test_beyond_400_points_the_latest_are_shown(started):
    count = MOST_CELLS + 1
    run, view = started(max_active=24, seed=range(20, 20 + count))
    assert len(view._cells) < 20
    run.wait()
    ended(view)
    assert all("ffnb-done" in cell for cell in cells(view))
    labels = [cell.split('title="')[1].split(":")[0] for cell in cells(view)]
    assert len(set(labels)) == len(labels)
    assert f"{count}/{count} done" in view._head.value


def test_closing_leaves_nothing_behind(started):
    before = set(_instances)
    engine = Painted(held=True)
    run, view = started(engine, guidance=[10, 30], seed=[1, 2])
    assert len(set(_instances) - before) > 6
    view.close()
    assert set(_instances) == before
    ended(view)
    assert not run._tally._watchers
    engine.go_on.set()
    run.wait()


def test_each_point_costs_one_model():
    """Layouts and styles are shared: pages are slow with thousands of models."""
    sizes = []
    image = ff.open_image(NOISE)
    for count in (10, 60):
        sweep = Sweep(ff.FillRequest(image, ff.Mask.full(SIZE), steps=15), seed=range(count))
        with ff.connect("local", engine=Painted(held=True), store=None) as client:
            run = client.start(sweep)
            before = len(_instances)
            view = LiveView(run)
            sizes.append(len(_instances) - before)
            run.cancel()
            view.close()
    assert sizes[1] - sizes[0] == 50


def test_a_run_that_has_ended_is_shown_by_its_pictures(started):
    run, _ = started(seed=[1, 2])
    run.wait()
    before = len(_instances)
    bundle = run._repr_mimebundle_()
    assert "image/jpeg" in bundle
    assert "2/2 done" in bundle["text/plain"]
    assert len(_instances) == before


def test_a_single_fill_has_a_view_too():
    request = ff.FillRequest(ff.open_image(NOISE), ff.Mask.full(SIZE), steps=15, seed=3)
    with ff.connect("local", engine=Painted(), store=None) as client:
        run = client.start(request)
        view = LiveView(run)
        run.wait()
        ended(view)
        assert "ffnb-done" in cells(view)[0]
        assert "image/jpeg" in view._repr_mimebundle_()


def test_a_fill_that_failed_is_told_of_not_raised():
    request = ff.FillRequest(ff.open_image(NOISE), ff.Mask.full(SIZE), steps=15, seed=FAILS)
    with ff.connect("local", engine=Painted(), store=None) as client:
        run = client.start(request)
        until(lambda: run.is_done)
        bundle = LiveView(run)._repr_mimebundle_()
        assert set(bundle) == {"text/plain"}
        assert "The engine failed" in bundle["text/plain"]


# --------------------------------------------------------------------------------- in a real kernel

SETUP = """
import time
from comm import get_comm_manager
from PIL import Image
import fluxfill_nb as ff
from fluxfill_nb.sweep import Sweep
from fluxfill_nb.widgets.live import showing, view as live
opened = []
begin = live.LiveView.__init__
def noted(self, run):
    opened.append(run)
    begin(self, run)
live.LiveView.__init__ = noted
def slow(image, mask, options, progress):
    for step in range(10):
        progress(step / 10)
        time.sleep(0.05)
    return image
picture = Image.linear_gradient("L")
mask = ff.Mask.from_box(picture.size, (50, 50, 90, 90))
sweep = Sweep(ff.FillRequest(picture, mask), guidance=[10, 30], seed=[1, 2])
client = ff.connect("local", engine=slow)
awaited = ff.AsyncFluxFill(transport=ff.LocalServer(slow).transport)
"""
STOPPED = """
import _thread, threading
threading.Timer(0.6, _thread.interrupt_main).start()
try:
    client.sweep(Sweep(sweep.request, seed=range(90)))
except KeyboardInterrupt:
    print("stopped")
"""
OWN_LOOP = """
opened.clear()
run = awaited.start(Sweep(sweep.request, guidance=[20, 40], seed=[3, 4]))
began = time.monotonic()
with showing(run, awaited=True):
    held_up = time.monotonic() - began
    runs = await run
print(len(opened), held_up < 0.1)
"""
CELLS = {
    "blocking": "runs = client.sweep(sweep); print(len(opened))",
    "again": "runs = client.sweep(sweep); print(len(opened))",
    "stopped": STOPPED,
    "awaited": "runs = await awaited.sweep(sweep); print(len(runs.results))",
    "on its own loop": OWN_LOOP,
    "last line": "client.sweep(sweep)",
    "last line, awaited": "await awaited.sweep(sweep)",
    "left": "print(len(get_comm_manager().comms))",
}


@pytest.fixture(scope="module")
def notebook(tmp_path_factory) -> Any:
    cells = [nbformat.v4.new_code_cell(code) for code in (SETUP, *CELLS.values())]
    notebook = nbformat.v4.new_notebook(cells=cells)
    home = tmp_path_factory.mktemp("kernel")
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": home}})
    client.execute()
    return client.nb


def outputs(notebook: Any, name: str) -> tuple[dict[str, Any], str]:
    """What a cell left: the data of all that it displayed, and what it printed."""
    cell = notebook.cells[1 + list(CELLS).index(name)]
    data: dict[str, Any] = {}
    printed = ""
    for output in cell.outputs:
        data |= output.get("data", {})
        printed += output.get("text", "")
    return data, printed.strip()


@pytest.mark.parametrize("name", ["blocking", "again", "awaited", "on its own loop"])
def test_a_sweep_leaves_a_picture_in_the_output_and_no_widget(notebook, name):
    data, _ = outputs(notebook, name)
    assert data["image/jpeg"].startswith("/9j/")
    assert "4/4 done" in data["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" not in data


@pytest.mark.parametrize("name", ["last line", "last line, awaited"])
def test_a_result_that_is_the_cells_last_line_is_shown_once(notebook, name):
    cell = notebook.cells[1 + list(CELLS).index(name)]
    assert [output.output_type for output in cell.outputs] == ["display_data", "execute_result"]
    left, shown = (output.data for output in cell.outputs)
    assert list(left) == ["text/plain"]
    assert "4/4 done" in left["text/plain"]
    assert "image/jpeg" in shown


def test_what_is_all_in_the_store_is_not_shown_live(notebook):
    assert outputs(notebook, "blocking")[1] == "1"
    assert outputs(notebook, "again")[1] == "1"


def test_the_loop_that_does_the_work_is_not_held_up(notebook):
    assert outputs(notebook, "on its own loop")[1] == "1 True"


def test_the_stop_button_of_the_notebook_leaves_what_is_done(notebook):
    data, printed = outputs(notebook, "stopped")
    assert printed == "stopped"
    assert "Run the cell again" in data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" not in data


def test_no_comm_stays_open_and_no_megabytes(notebook):
    assert outputs(notebook, "left")[1] == "0"
    states = notebook.metadata.get("widgets", {}).values()
    assert sum(len(str(state)) for state in states) < 200_000


def test_the_last_words_name_a_task_by_the_first_of_its_id(started):
    run, view = started(seed=[FAILS, 1])
    run.wait()
    ended(view)
    task = run.outcome(0).task
    assert f"Task {task.id[:8]} failed" in view._head.value
    assert task.id not in view._head.value + "".join(cells(view))
