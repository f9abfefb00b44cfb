"""A widget that is closed leaves no model behind, in the kernel nor on a page."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from ipywidgets import Widget
from ipywidgets.widgets.widget import _instances
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.options import FillOptions
from tests.patience import until

PICTURE = Image.linear_gradient("L")
OTHER = Image.radial_gradient("L")
BOX = (80, 80, 120, 120)


def painter() -> Widget:
    painter = ff.MaskPainter(PICTURE)
    painter.add_tool("alike", lambda image, mask, points: mask)
    painter.rectangle(BOX)
    painter.image = OTHER
    painter.error = "It is only a test."
    return painter


def panel() -> Widget:
    panel = ff.ParameterPanel()
    panel.code, panel.explained, panel.advanced = "curl", True, True
    return panel


def compare() -> Widget:
    compare = ff.Compare(PICTURE, OTHER, mask=ff.Mask.from_box(PICTURE.size, BOX))
    compare.mode = "flicker"
    return compare


def empty_studio() -> Widget:
    return ff.Studio(client=ff.connect("local", store=None))


def studio() -> Widget:
    client = ff.connect("local", store=None)
    studio = ff.Studio(PICTURE, client=client, options=FillOptions(steps=15))
    painter = studio.painter
    assert painter is not None
    painter.rectangle(BOX)
    for run in studio.fill(seeds=2):
        run.wait()
    until(lambda: not studio.running and studio.selected is not None)
    studio.selected = studio.results[-1]
    studio.star(studio.results[0])
    return studio


@pytest.mark.parametrize("make", [painter, panel, compare, empty_studio, studio])
def test_nothing_is_left(make: Any) -> None:
    make().close()  # style sheets stay for the next
    before = set(_instances)
    widget = make()
    assert set(_instances) - before
    widget.close()
    widget.close()
    left = [_instances[model] for model in set(_instances) - before]
    assert not left, left


@pytest.mark.parametrize("make", [painter, panel, compare, empty_studio, studio])
def test_what_is_closed_is_let_go_of(make: Any) -> None:
    """With its pictures; nothing that lives on, such as the client's thread, holds it."""
    widget = make()
    seen = weakref.ref(widget)
    widget.close()
    del widget
    until(lambda: gc.collect() >= 0 and seen() is None)


def test_a_studio_goes_on_after_a_viewer_is_closed() -> None:
    """What is shared by all of its controls stays open."""
    before = set(_instances)
    made = studio()
    made.selected = None
    for model in set(_instances) - before:
        assert _instances[model].get_state()  # which fails if it shows something closed
    made.close()


def test_a_fill_that_ends_later_makes_nothing_anew() -> None:
    def slow(image: Any, mask: Any, options: Any, progress: Any) -> Any:
        until(lambda: closed)
        return image

    closed: list[bool] = []
    ff.Studio(PICTURE, client=ff.connect("local", store=None)).close()
    before = set(_instances)
    made = ff.Studio(PICTURE, client=ff.connect("local", engine=slow, store=None))
    assert made.painter is not None
    made.painter.rectangle(BOX)
    (run,) = made.fill()
    until(lambda: made.fills[0].stage == "pending")
    made.close()
    closed.append(True)
    run.wait()
    until(lambda: not made.running and made._follower._thread is None)
    assert set(_instances) == before
