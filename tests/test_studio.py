"""The Studio without a page: what its buttons do, its methods do, with the real local engine."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from ipywidgets import HTML, Button, FileUpload, Textarea, Widget
from ipywidgets.embed import dependency_state
from ipywidgets.widgets.widget import _instances
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb import errors
from fluxfill_nb.options import FillOptions
from fluxfill_nb.store import RunStore
from fluxfill_nb.widgets.follower import Follower
from fluxfill_nb.widgets.studio import Studio
from fluxfill_nb.widgets.studio.strip import CARDS
from tests.patience import until
from tests.widgets import find, marked, widgets

BOX = (30, 20, 60, 44)
OPTIONS = FillOptions("red", steps=15, seed=7)


@pytest.fixture
def make(picture) -> Iterator[Callable[..., Studio]]:
    """Makes Studios on a small picture, with something painted; takes them away in the end."""
    made: list[Studio] = []

    def make(engine: Any = "patches", store: Any = None, **given: Any) -> Studio:
        client = given.pop("client", None) or ff.connect("local", engine=engine, store=store)
        given.setdefault("options", OPTIONS)
        studio = Studio(given.pop("image", picture), client=client, **given)
        made.append(studio)
        if studio.painter is not None and "mask" not in given:
            studio.painter.rectangle(BOX)
        return studio

    yield make
    for studio in made:
        studio.stop()
        until(lambda studio=studio: not studio.running)
        if studio.client is not None:
            studio.client.close()
        studio.close()


@pytest.fixture
def studio(make) -> Studio:
    return make()


class Gate:
    """An engine that reports that it is half done, and waits until it is let go."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.name = "gate"

    def __call__(self, image, mask, options, progress):
        while not self.opened.is_set():
            progress(0.5, lambda: Image.new("RGB", image.size, "yellow"))
            self.opened.wait(0.02)
        return Image.composite(Image.new("RGB", image.size, "blue"), image, mask.to_pil())


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def settled(studio: Studio) -> None:
    """Wait until nothing is under way, and all of it is shown."""
    until(lambda: not studio.running and studio._follower._thread is None)


def launch(studio: Studio, name: str) -> Button:
    """One of the buttons that start and stop."""
    (box,) = (each for each in widgets(studio) if "ffnb-launch" in each._dom_classes)
    return find(box, name, Button)


def cards(studio: Studio) -> list[Widget]:
    """The cards that are shown, newest last."""
    return [each for each in widgets(studio) if "ffnb-card" in each._dom_classes and each.children]


def face(card: Widget) -> str:
    return next(each.value for each in widgets(card) if isinstance(each, HTML))


def said(studio: Studio) -> str:
    """All text on the page."""
    values = " ".join(each.value for each in widgets(studio) if isinstance(each, HTML))
    return html.unescape(" ".join(re.sub("<[^>]+>", " ", values).split()))


# ------------------------------------------------------------------------------------------ filling


def test_fill_sends_what_the_request_says(studio, picture):
    request = studio.request
    (run,) = studio.fill()
    assert run.points[0].request == request
    assert request.mask == ff.Mask.from_box(picture.size, BOX)
    assert (request.prompt, request.steps, request.seed) == ("red", 15, 7)
    assert np.array_equal(request.image, picture.convert("RGB"))


def test_the_hole_is_filled_and_nothing_else(studio, picture):
    launch(studio, "Fill").click()
    until(lambda: studio.results)
    (result,) = studio.results
    changed = (np.asarray(result.image) != np.asarray(picture)).any(axis=2)
    hole = studio.painter.mask.array > 0
    assert changed[hole].any()
    assert not changed[~hole].any()


def test_the_file_that_was_opened_is_what_is_sent(make, picture, tmp_path):
    file = tmp_path / "picture.jpg"
    picture.convert("RGB").save(file, quality=60)
    studio = make(image=file)
    assert studio.request.picture.encoded == file.read_bytes()


def test_the_request_is_encoded_once_for_one_mask(studio):
    first = studio.request
    first.body()
    assert studio.request.is_encoded
    studio.painter.rectangle((0, 0, 9, 9))
    assert not studio.request.is_encoded
    assert studio.request.picture is first.picture
    studio.painter.image = Image.new("RGB", (20, 10), "teal")
    studio.painter.rectangle((0, 0, 9, 9))
    assert studio.request.image.size == (20, 10)


def test_four_seeds_follow_one_another_and_come_newest_last(studio):
    launch(studio, "Fill ×4 seeds").click()
    settled(studio)
    assert sorted(result.seed for result in studio.results) == [7, 8, 9, 10]
    assert len({result.image.tobytes() for result in studio.results}) > 1
    (last,) = studio.fill()
    assert last.wait() is studio.results[-1]


def test_a_seed_that_is_not_locked_is_a_new_one_each_time(make):
    studio = make(options=FillOptions(steps=15))
    seeds = [studio.fill()[0].points[0].request.seed for _ in range(3)]
    assert len(set(seeds)) == 3
    assert studio.request.seed == seeds[-1]


def test_results_are_told_of_as_they_come(studio):
    told = []
    studio.observe(lambda change: told.append(len(change["new"])), "results")
    [run.wait() for run in studio.fill(seeds=3)]
    assert len(studio.results) == 3
    until(lambda: told == [1, 2, 3])


def test_who_is_told_of_a_result_may_ask_for_the_next(studio):
    studio.observe(lambda change: len(change["new"]) < 3 and studio.fill(), "results")
    studio.fill()
    until(lambda: len(studio.results) == 3)
    settled(studio)


@pytest.mark.parametrize("seeds", [0, 65, True, -1])
def test_an_odd_number_of_seeds_is_refused(studio, seeds):
    with pytest.raises(errors.InvalidOption, match="from 1 to 64"):
        studio.fill(seeds)


def test_a_click_reacts_at_once_also_on_a_large_picture(make):
    studio = make(image=Image.linear_gradient("L").resize((3000, 2000)))
    studio.painter.rectangle((100, 100, 1500, 1500))
    began = time.thread_time()
    launch(studio, "Fill ×4 seeds").click()
    assert len(cards(studio)) == 4
    clicked = time.thread_time()
    studio.stop()
    # What is sent is encoded elsewhere.
    ff.FillRequest(studio.image, studio.painter.mask).body()
    assert clicked - began < (time.thread_time() - clicked) / 2


# --------------------------------------------------------------------------------- before there is


def test_without_a_mask_fill_says_what_to_do(make):
    studio = make(mask=None)
    launch(studio, "Fill").click()
    assert "paint over what is to be filled" in studio.hint
    assert studio.hint in said(studio)
    assert not studio.fills
    assert not studio.error
    with pytest.raises(errors.InvalidMask, match="Nothing is painted"):
        studio.fill()
    studio.painter.rectangle(BOX)
    launch(studio, "Fill").click()
    assert not studio.hint


def test_the_first_thing_to_be_seen_says_what_to_do_first(make):
    studio = make(mask=None)
    (steps,) = (each for each in widgets(studio) if "ffnb-empty" in each._dom_classes)
    assert "ffnb-off" not in steps._dom_classes
    studio.painter.rectangle(BOX)
    studio.fill()
    assert "ffnb-off" in steps._dom_classes


def test_without_a_picture_one_is_opened_on_the_page(make, picture):
    studio = make(image=None)
    assert (studio.painter, studio.image) == (None, None)
    launch(studio, "Fill").click()
    assert "no picture yet" in studio.hint
    (upload,) = (
        each
        for each in widgets(studio)
        if isinstance(each, FileUpload) and "ffnb-upload" in each._dom_classes
    )
    upload.value = [{"name": "a.png", "type": "image/png", "size": 1, "content": png(picture),
                     "last_modified": datetime.now(UTC)}]  # fmt: skip
    assert np.array_equal(studio.image, picture)
    assert not upload.value
    assert studio.painter in list(widgets(studio))


def test_a_picture_can_be_dropped(make, picture):
    studio = make(image=None)
    (dropped,) = (
        each
        for each in widgets(studio)
        if isinstance(each, Textarea) and "ffnb-dropped" in each._dom_classes
    )
    dropped.value = f"data:image/png;base64,{base64.b64encode(png(picture)).decode()}"
    assert np.array_equal(studio.image, picture)
    assert dropped.value == ""
    for nonsense in ("data:text/plain;base64,aGVsbG8=", "data:;base64,?"):
        dropped.value = nonsense
        assert studio.hint
        assert not studio.error
        assert np.array_equal(studio.image, picture)


def test_what_is_transparent_is_painted_at_first(make, picture):
    see_through = picture.convert("RGBA")
    see_through.putalpha((~ff.Mask.from_box(picture.size, BOX)).to_pil())
    studio = make(image=see_through, mask=None)
    assert studio.request.mask == ff.Mask.from_box(picture.size, BOX)


def test_a_mask_without_a_picture_is_refused(make, mask):
    with pytest.raises(errors.InvalidImage, match="give the picture, too"):
        make(image=None, mask=mask)


# ----------------------------------------------------------------------------- under way, stopping


def test_a_pending_card_shows_how_far_it_is(make, gate):
    studio = make(gate)
    (run,) = studio.fill()
    assert len(cards(studio)) == 1
    assert studio.running == 1
    assert not launch(studio, "Stop").disabled
    until(lambda: "running 40 %" in face(cards(studio)[0]))
    until(lambda: "1 under way" in said(studio))
    until(lambda: yellow(face(cards(studio)[0])))
    assert 'aria-valuenow="40"' in " ".join(
        each.value for each in widgets(studio) if isinstance(each, HTML)
    )
    gate.opened.set()
    run.wait()
    settled(studio)
    assert launch(studio, "Stop").disabled
    assert "under way" not in said(studio)


def test_what_is_under_way_is_said_beside_the_button_at_once(make, gate):
    studio = make(gate)
    buttons = marked(studio, "buttons")
    assert said(buttons) == "free"
    studio.fill(seeds=2)
    assert re.search(r"2 waiting|1 under way, 1 waiting|2 under way", said(buttons))
    until(lambda: re.search(r"2 under way \d+ s free", said(buttons)))
    # A screen reader is told how many there are, and is not told each second.
    live = [each.value for each in widgets(buttons) if "role=" in getattr(each, "value", "")]
    assert '<span role="status">2 under way</span>' in live
    gate.opened.set()
    settled(studio)
    assert said(buttons) == "free"


def test_one_fill_is_stopped_and_the_others_go_on(make, gate):
    studio = make(gate)
    studio.fill(seeds=3)
    until(lambda: "running" in face(cards(studio)[0]))
    find(cards(studio)[1], "Stop", Button).click()
    until(lambda: studio.fills[1].stage == "stopped")
    until(lambda: "stopped" in face(cards(studio)[1]))
    until(lambda: studio.running == 2)
    gate.opened.set()
    settled(studio)
    assert sorted(result.seed for result in studio.results) == [7, 9]


def test_stop_stops_all_and_each_can_be_asked_for_again(make, gate):
    studio = make(gate)
    studio.fill(seeds=2)
    until(lambda: "running" in face(cards(studio)[0]))
    launch(studio, "Stop").click()
    settled(studio)
    assert [fill.stage for fill in studio.fills] == ["stopped", "stopped"]
    assert not studio.results
    gate.opened.set()
    find(cards(studio)[0], "Again", Button).click()
    find(cards(studio)[1], "Dismiss", Button).click()
    settled(studio)
    assert [result.seed for result in studio.results] == [7]
    assert len(cards(studio)) == len(studio.fills) == 1


def test_a_failed_fill_says_why_with_the_log_behind_a_fold(make):
    tries = []

    def moody(image, mask, options, progress):
        tries.append(options.seed)
        if len(tries) == 1:
            raise RuntimeError("out of <paint>")
        return image

    studio = make(moody)
    studio.fill()
    settled(studio)
    (card,) = cards(studio)
    shown = face(card)
    assert 'role="alert"' in shown
    line, log = shown.split("<details>")
    assert "The engine failed" in line
    assert "Press Again" in line
    assert "Traceback" in log
    assert "fluxfill_nb.errors.TaskFailed" in log
    find(card, "Again", Button).click()
    settled(studio)
    assert tries == [7, 7]
    assert len(studio.results) == 1
    assert "<details>" not in face(cards(studio)[0])


def test_what_a_button_cannot_do_is_shown_with_its_log(filled, caplog):
    folder = filled.client.store.folder
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("in the way")
    act(filled, 0, "Star")
    assert "runs" in filled.error
    assert filled.error in said(filled)
    assert "Traceback" in said(filled)
    assert "StoreError" in caplog.text
    find(marked(marked(filled, "launch"), "error"), "Dismiss", Button).click()
    assert filled.error == ""
    assert "Traceback" not in said(filled)


def test_without_a_key_fill_says_so(studio):
    client, studio.panel.client = studio.client, None
    launch(studio, "Fill").click()
    assert "needs a key" in studio.hint
    assert "needs a key" in said(studio)
    with pytest.raises(errors.MissingKey):
        studio.fill()
    studio.client = client
    assert [run.wait().seed for run in studio.fill()] == [7]


def test_a_picture_that_could_not_be_kept_is_there_all_the_same(make, tmp_path):
    store = RunStore(tmp_path / "runs")
    studio = make(store=store)
    store.folder.mkdir()
    studio.fill()[0].wait()
    settled(studio)
    pictures = store.folder / "pictures"
    pictures.rename(store.folder / "elsewhere")
    pictures.write_text("in the way")
    studio.fill(seeds=2)
    settled(studio)
    assert len(studio.results) == 3
    assert "store" in studio.error.lower() or "written" in studio.error


# --------------------------------------------------------------------------------- with the results


@pytest.fixture
def filled(make, tmp_path) -> Studio:
    studio = make(store=RunStore(tmp_path / "runs"))
    studio.fill(seeds=2)
    settled(studio)
    return studio


def links(studio: Studio) -> list[str]:
    """What cards offer to be saved."""
    within = (each for card in cards(studio) for each in widgets(card))
    return [each.value for each in within if "ffnb-link" in each._dom_classes]


def act(studio: Studio, number: int, verb: str) -> None:
    """Press a button of a card; buttons say which seed they are of."""
    (found,) = (
        each
        for each in widgets(cards(studio)[number])
        if isinstance(each, Button) and each.description.startswith(verb)
    )
    found.click()


def test_a_card_says_seed_and_what_differs_in_the_settings(make):
    studio = make(options=FillOptions("a <red> vase", steps=15, guidance=30, seed=7))
    studio.fill()
    settled(studio)
    shown = face(cards(studio)[0])
    assert "<b>seed 7</b>" in shown
    assert "steps 15 · guidance 30" in shown
    assert "a &lt;red&gt; vase" in shown
    assert max(thumbnail(shown).size) <= 160


def test_the_same_again_comes_from_the_store_and_says_so(filled):
    filled.fill()
    settled(filled)
    assert len(filled.results) == 3
    assert "from the store" in face(cards(filled)[-1])


def test_the_first_result_is_compared_with_the_original(filled):
    assert filled.selected.seed == 7
    assert any("ffnb-viewer" in each._dom_classes for each in widgets(filled))
    assert "ffnb-off" in filled.painter._dom_classes
    find(filled, "Back to painting", Button).click()
    assert filled.selected is None
    assert "ffnb-off" not in filled.painter._dom_classes
    act(filled, 1, "Compare")
    assert filled.selected is filled.fills[1].result
    assert "ffnb-chosen" in cards(filled)[1]._dom_classes
    assert "ffnb-chosen" not in cards(filled)[0]._dom_classes


def test_who_has_gone_on_painting_goes_on_painting(make, gate):
    studio = make(gate)
    studio.fill()
    studio.painter.rectangle((0, 0, 9, 9))
    gate.opened.set()
    settled(studio)
    assert studio.results
    assert studio.selected is None


def test_going_on_from_a_result(filled):
    result = filled.fills[0].result
    act(filled, 0, "Go on")
    assert np.array_equal(filled.image, result.image)
    assert filled.painter.mask.is_empty
    assert len(filled.results) == 2
    assert filled.selected is None
    filled.painter.rectangle((0, 0, 20, 20))
    assert np.array_equal(filled.request.image, result.image)


def test_taking_the_settings_of_a_result(filled):
    filled.panel.update(prompt="blue", guidance=5, seed=None)
    act(filled, 1, "Settings")
    options = filled.panel.options
    assert (options.prompt, options.guidance, options.seed) == ("red", 60, 8)
    assert filled.panel.seed_locked


def test_stars_are_kept_in_the_store(filled):
    result = filled.fills[0].result
    act(filled, 0, "Star")
    assert RunStore(filled.client.store.folder).stars(result.key) == 1
    star = find(cards(filled)[0], "Star seed 7", Button)
    assert "ffnb-on" in star._dom_classes
    act(filled, 0, "Star")
    assert filled.stars(result) == 0
    assert "ffnb-on" not in star._dom_classes
    filled.star(result, 4)
    assert filled.stars(result) == 4


def test_stars_without_a_store(studio):
    (result,) = (run.wait() for run in studio.fill())
    studio.star(result)
    assert studio.stars(result) == 1


def test_a_result_is_saved_as_file_and_as_link(filled, tmp_path):
    result = filled.fills[0].result
    file = filled.save(result, tmp_path / "a.png")
    act(filled, 0, "Save")
    (link,) = links(filled)
    assert 'download="fill-seed-7.png"' in link
    encoded = base64.b64decode(re.search(r"base64,([^\"]+)", link)[1])
    assert encoded == file.read_bytes()
    assert np.array_equal(Image.open(io.BytesIO(encoded)), result.image)
    # It would be saved with the notebook: only the last one stays, until the next action.
    act(filled, 1, "Save")
    assert len(links(filled)) == 1
    act(filled, 1, "Star")
    assert not links(filled)


def test_a_picture_that_is_gone_is_said_to_be_gone(filled):
    fill = filled.fills[0]
    shutil.rmtree(fill.result.file.thumbs, ignore_errors=True)
    fill.result.file.path.unlink()
    act(filled, 0, "Save")
    assert "is gone" in filled.hint
    fill.request = filled.request
    filled._frame.strip.refresh(fill)
    assert "is gone" in face(cards(filled)[0])


# ------------------------------------------------------------------------------------- small things


def test_the_service_is_said_in_words(make):
    studio = make()
    assert said(studio).count("copies parts of the picture itself and is no FLUX") == 1
    assert "free" in launch(studio, "Fill").tooltip
    studio.client = ff.FluxFill("0123456789", store=None)
    assert "The hosted FLUX.1 Fill [pro] fills." in said(studio)
    assert "is no FLUX" not in said(studio)
    assert "$0.05" in launch(studio, "Fill").tooltip
    assert "$0.20" in launch(studio, "Fill ×4 seeds").tooltip
    studio.client.close()
    studio.client = ff.FluxFill(base_url="http://127.0.0.1:9", store=None)
    assert "127.0.0.1:9 fills." in said(studio)


def instant(image, mask, options, progress):
    colour = np.random.default_rng(options.seed).integers(0, 255, 3)
    fill = Image.new("RGB", image.size, tuple(map(int, colour)))
    return Image.composite(fill, image, mask.to_pil())


def test_of_many_results_a_few_are_shown_and_more_on_demand(make):
    studio = make(instant)
    studio.fill(seeds=10)
    settled(studio)
    few = len(_instances)
    for start in (100, 200, 300):
        studio.panel.update(seed=start)
        studio.fill(seeds=30)
        studio.painter.invert()  # somebody goes on, so no comparer is made
        settled(studio)
    assert len(studio.results) == 100
    assert len(cards(studio)) == CARDS
    # Two for the place of a card that is not shown, and no more.
    assert len(_instances) - few < 90 * 2 + 120
    find(studio, f"Show {CARDS} more", Button).click()
    assert len(cards(studio)) == 2 * CARDS
    assert all("data:image/jpeg" in face(card) for card in cards(studio))
    newest_last = [re.search(r"seed (\d+)", face(card))[1] for card in cards(studio)]
    assert newest_last == [str(seed) for seed in range(306, 330)]
    assert len(state(studio)) < 900_000


def test_results_let_go_of_what_was_sent(make):
    studio = make(instant)
    studio.fill(seeds=3)
    settled(studio)
    assert all(fill.run is None and fill.request is None for fill in studio.fills)


def test_no_secret_is_in_what_a_notebook_saves(make, picture):
    secret = "k" + "3e9" * 8
    studio = make(
        client=ff.FluxFill(secret, base_url="http://127.0.0.1:9", timeout=0.5),
        options=FillOptions(webhook_url="http://127.0.0.1:9/", webhook_secret=secret, seed=1),
    )
    studio.fill()
    settled(studio)
    assert studio.fills[0].stage == "failed"
    assert secret not in state(studio)
    assert secret not in said(studio)
    assert secret not in repr(studio)


def test_the_page_shows_a_picture_where_widgets_do_not_run(make, filled):
    before = make(mask=None)
    for studio, seen in ((before, before.painter.preview()), (filled, filled.results[-1].image)):
        bundle = studio._repr_mimebundle_()
        assert "application/vnd.jupyter.widget-view+json" in bundle
        shown = Image.open(io.BytesIO(base64.b64decode(bundle["image/jpeg"])))
        assert shown.size == seen.size
    assert "image/jpeg" not in make(image=None)._repr_mimebundle_()
    assert repr(filled) == "<Studio 96 x 64, 2 results, 0 under way>"


def test_a_follower_rests_when_there_is_nothing_to_follow():
    shown = []
    follower = Follower(lambda: shown.append(1) or len(shown) < 3)
    follower.stir()
    until(lambda: follower._thread is None)
    assert len(shown) == 3
    follower.stir()
    until(lambda: follower._thread is None)
    assert len(shown) == 4


def test_a_follower_goes_on_when_showing_fails(caplog):
    shown = []

    def show():
        shown.append(1)
        raise RuntimeError("not now")

    follower = Follower(show)
    follower.stir()
    until(lambda: follower._thread is None)
    tried = len(shown)
    assert 1 < tried < 10, "it is tried again, and not for ever"
    follower.stir()
    until(lambda: len(shown) == 2 * tried and follower._thread is None)
    assert "not now" in caplog.text


def test_a_card_that_could_not_be_drawn_once_is_drawn_the_next_time(make, monkeypatch):
    studio = make()
    strip = studio._frame.strip
    refresh, failed = strip.refresh, []

    def refresh_at_last(fill):
        if fill.stage == "done" and not failed:
            failed.append(fill)
            raise RuntimeError("not now")
        refresh(fill)

    monkeypatch.setattr(strip, "refresh", refresh_at_last)
    for run in studio.fill(seeds=2):
        run.wait()
    until(lambda: failed and not studio.running)
    until(lambda: all("ffnb-is-done" in card.widget._dom_classes for card in strip._cards))


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def thumbnail(shown: str) -> Image.Image:
    data = re.search(r"data:image/jpeg;base64,([^\"]+)", shown)[1]
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def yellow(shown: str) -> bool:
    if "data:image" not in shown:
        return False
    red, green, blue = thumbnail(shown).getpixel((5, 5))
    return min(red, green) > 200 > 100 > blue


def state(studio: Studio) -> str:
    """What a notebook saves of it, if it saves widgets."""
    return json.dumps(dependency_state([studio]), default=str)


@pytest.mark.parametrize(
    "given", [{"image": "nowhere.png"}, {"mask": ff.Mask.full((3, 3))}, {"options": 3}]
)
def test_what_cannot_be_made_leaves_nothing_on_the_page(make, picture, given):
    make().close()  # what is shared is there from now on
    before = set(_instances)
    with pytest.raises(errors.InvalidInput):
        Studio(**{"image": picture, "client": ff.connect("local", store=None)} | given)
    assert set(_instances) == before


def test_a_closed_studio_fills_and_shows_nothing(make):
    studio = make(instant)
    studio.close()
    before = set(_instances)
    (run,) = studio.fill()
    result = run.wait()
    settled(studio)
    assert studio.results == [result]
    assert set(_instances) == before


def test_again_pressed_twice_asks_once(make):
    asked = []

    def at_second_asking(image, mask, options, progress):
        asked.append(options.seed)
        if len(asked) == 1:
            raise RuntimeError("out of paint")
        return image

    studio = make(at_second_asking)
    studio.fill()
    settled(studio)
    again = find(cards(studio)[0], "Again", Button)
    again.click()
    again.click()
    settled(studio)
    studio.again(studio.fills[0])
    settled(studio)
    assert len(asked) == 2
    assert len(studio.results) == 1
    assert not studio.error


def test_a_card_names_a_task_by_the_first_of_its_id(make):
    def broken(image, mask, options, progress):
        raise RuntimeError("out of paint")

    studio = make(broken)
    studio.fill()
    settled(studio)
    task = studio.fills[0].error.task
    shown = face(cards(studio)[0]).partition("<details")[0]
    assert task.id[:8] in shown
    assert task.id not in shown
