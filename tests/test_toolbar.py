"""The painter's tool bar: each button does what its method does, and shows what the traits say."""

from __future__ import annotations

import asyncio
import base64
import html
import io
import json
import re
import xml.etree.ElementTree as ET
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ipywidgets import Button, FileUpload, IntSlider, ToggleButton
from ipywidgets.embed import dependency_state
from ipywidgets.widgets.widget import _instances
from PIL import Image

from fluxfill_nb.mask import Mask
from fluxfill_nb.widgets import icons
from fluxfill_nb.widgets.painter import MaskPainter
from tests.widgets import find, foreign, marked, press, seen, sheets, widgets

SIZE = (64, 48)
NAMES = [
    "brush",
    "eraser",
    "line",
    "rectangle",
    "ellipse",
    "lasso",
    "polygon",
    "fill",
    "wand",
    "pan",
]
BOX = Mask.from_box(SIZE, (10, 8, 40, 30))
HOLED = BOX - Mask.from_box(SIZE, (20, 12, 28, 20))

SIZES = st.floats(1, 1000) | st.integers(1, 1000).map(float)
SHARES = st.floats(0, 1)


@pytest.fixture(scope="module")
def shared():
    """A painter for tests that leave no trace, or only in the trait that they look at."""
    return MaskPainter(Image.new("RGB", SIZE, "teal"))


@pytest.fixture
def painter():
    return MaskPainter(Image.new("RGB", SIZE, "teal"), HOLED)


def upload(painter: MaskPainter, content: bytes, name: str = "mask.png") -> None:
    file = {
        "name": name, "type": "image/png", "size": len(content), "last_modified": 0,
        "content": memoryview(content),
    }  # fmt: skip
    find(painter, "Load", FileUpload).set_state({"value": [file]})


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def tool_buttons(painter: MaskPainter) -> dict[str, ToggleButton]:
    rail = marked(painter, "tools")
    return dict(zip([tool.name for tool in painter.tools], rail.children, strict=True))


# ------------------------------------------------------------------------------------------- tools


def test_a_button_for_each_tool_names_it_and_its_key(painter):
    for tool in painter.tools:
        button = tool_buttons(painter)[tool.name]
        assert button.description == tool.label
        assert button.tooltip.startswith(f"{tool.label} ({tool.key.upper()})")
    assert list(tool_buttons(painter)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_pressing_a_tool_chooses_it_and_it_alone_is_down(painter, name):
    for before in (name, "pan", "brush"):
        painter.tool = before
        press(tool_buttons(painter)[name])
        assert painter.tool == name
        down = [other for other, button in tool_buttons(painter).items() if button.value]
        assert down == [name]
        told = [
            other for other, button in tool_buttons(painter).items() if "– on" in button.tooltip
        ]
        assert told == [name]


def test_a_tool_chosen_in_code_is_shown(painter):
    painter.tool = "lasso"
    assert tool_buttons(painter)["lasso"].value
    assert not tool_buttons(painter)["brush"].value
    assert marked(painter, "name").value == "Lasso"
    assert marked(painter, "hint").value == html.escape(painter.hint) != ""


def test_a_plugged_in_tool_gets_a_button_that_can_be_told_from_others(painter):
    painter.add_tool("dark", lambda image, mask, points: image.mean(axis=2) < 60)
    painter.add_tool(
        "red", lambda image, mask, points: mask, icon="<circle cx='10' cy='10' r='6'/>"
    )
    buttons = tool_buttons(painter)
    press(buttons["red"])
    assert painter.tool == "red"
    assert [name for name, button in buttons.items() if button.value] == ["red"]
    for name in ("dark", "red"):
        assert f".fa-{buttons[name].icon}{{" in sheets(painter)
    assert len({button.icon for button in buttons.values()}) == len(buttons)


def test_tools_that_come_and_go_leave_nothing_behind(painter):
    painter.add_tool("dark", lambda image, mask, points: mask)
    before = len(_instances)
    for _ in range(5):
        painter.add_tool("dark", lambda image, mask, points: mask)
    assert len(_instances) == before


def test_every_shortcut_has_a_button(painter):
    painter.tool = "brush"
    titles = [w.tooltip for w in widgets(painter) if isinstance(w, (Button, ToggleButton))]
    painter.tool = "rectangle"
    keys = {key for title in titles for key in re.findall(r"\(([^()]+|\()\)", title)}
    assert keys >= {
        *"BELROPFWAHIX[]01+−", "Ctrl+Z", "Ctrl+Shift+Z", "Esc", "Enter", "V: next",
    }  # fmt: skip


# ----------------------------------------------------------------------------------------- options

OPTIONS = {
    "Size": {"brush", "eraser", "line"},
    "Size, px": {"brush", "eraser", "line"},
    "Hardness": {"brush", "eraser", "line"},
    "Add": {"line", "rectangle", "ellipse", "lasso", "polygon", "fill", "wand"},
    "Subtract": {"line", "rectangle", "ellipse", "lasso", "polygon", "fill", "wand"},
    "Replace": {"rectangle", "ellipse", "lasso", "polygon", "fill", "wand"},
    "Swap": {"brush", "eraser", "line", "rectangle", "ellipse", "lasso", "polygon", "fill", "wand"},
    "Tolerance": {"wand"},
    "Contiguous": {"wand"},
}


@pytest.mark.parametrize("name", NAMES)
def test_options_are_those_of_the_tool(shared, name):
    shared.tool = name
    labels = {getattr(widget, "description", None) for widget in seen(shared)}
    assert labels & set(OPTIONS) == {label for label, tools in OPTIONS.items() if name in tools}


def test_closing_is_offered_while_a_shape_is_open(painter):
    assert "Close shape" not in {getattr(w, "description", None) for w in seen(painter)}
    painter.is_open = True
    assert {"Close shape", "Cancel"} <= {getattr(w, "description", None) for w in seen(painter)}
    painter.is_open = False
    assert "Close shape" not in {getattr(w, "description", None) for w in seen(painter)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(size=SIZES, hardness=SHARES, opacity=SHARES, tolerance=st.integers(0, 255))
def test_showing_a_value_does_not_change_it(shared, size, hardness, opacity, tolerance):
    values = {
        "brush_size": size,
        "hardness": hardness,
        "overlay_opacity": opacity,
        "tolerance": tolerance,
    }
    for trait, value in values.items():
        setattr(shared, trait, value)
    assert {trait: getattr(shared, trait) for trait in values} == values
    assert find(shared, "Size, px").value == pytest.approx(size, abs=0.5)
    assert find(shared, "Hardness").value == find(shared, "Hardness, %").value
    assert find(shared, "Hardness").value == pytest.approx(100 * hardness, abs=0.51)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(stop=st.integers(0, 300))
def test_the_size_slider_reaches_from_1_to_1000_px_by_factors(shared, stop):
    find(shared, "Size", IntSlider).set_state({"value": stop})
    assert shared.brush_size == pytest.approx(10 ** (stop / 100), abs=0.5)
    # It stays under the hand that moves it.
    assert find(shared, "Size", IntSlider).value == stop


@pytest.mark.parametrize(
    ("label", "value", "trait", "expected"),
    [
        ("Size, px", 77.0, "brush_size", 77.0),
        ("Size", 300, "brush_size", 1000.0),
        ("Size", 0, "brush_size", 1.0),
        ("Hardness", 40, "hardness", 0.4),
        ("Hardness, %", 15, "hardness", 0.15),
        ("Tolerance", 200, "tolerance", 200),
        ("Opacity", 80, "overlay_opacity", 0.8),
        ("Colour", "#00ff00", "overlay_color", "#00ff00"),
    ],
)
def test_controls_set_their_trait(painter, label, value, trait, expected):
    find(painter, label).set_state({"value": value})
    assert getattr(painter, trait) == expected


@pytest.mark.parametrize(
    ("label", "trait", "value"),
    [
        ("Subtract", "mode", "subtract"),
        ("Replace", "mode", "replace"),
        ("Outline", "show", "outline"),
        ("Mask", "show", "mask"),
        ("Picture", "show", "picture"),
        ("Contiguous", "contiguous", False),
        ("Compare", "peek", True),
        ("Scroll", "scrolling", True),
    ],
)
def test_switches_set_their_trait_and_follow_it(painter, label, trait, value):
    before = getattr(painter, trait)
    button = find(painter, label, ToggleButton)
    press(button)
    assert getattr(painter, trait) == value
    setattr(painter, trait, before)
    assert button.value == (before is True)
    assert ("– on" in button.tooltip) == (before is True)


def test_the_one_that_is_down_stays_down(painter):
    for label in ("Add", "Overlay", "Brush"):
        press(find(painter, label, ToggleButton))
        assert find(painter, label, ToggleButton).value
    assert (painter.mode, painter.show, painter.tool) == ("add", "overlay", "brush")


def test_swap_says_what_it_swaps(painter):
    swap = find(painter, "Swap", Button)
    assert "brush and eraser" in swap.tooltip
    press(swap)
    assert painter.tool == "eraser"
    painter.tool = "ellipse"
    assert "add and subtract" in swap.tooltip
    press(swap)
    assert painter.mode == "subtract"


@pytest.mark.parametrize("size", [1.0, 2.0, 10.0, 55.0, 999.0, 1000.0])
def test_larger_and_smaller_change_the_size_by_a_step_within_its_limits(painter, size):
    painter.brush_size = size
    press(find(painter, "Larger", Button))
    assert size < painter.brush_size <= 1000 or size == 1000
    painter.brush_size = size
    press(find(painter, "Smaller", Button))
    assert 1 <= painter.brush_size < size or size == 1
    assert painter.error == ""


# --------------------------------------------------------------------------------------- the mask


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Clear", Mask.empty(SIZE)),
        ("Invert", ~HOLED),
        ("Fill holes", BOX),
        ("Grow", HOLED.grow(3)),
        ("Shrink", HOLED.shrink(3)),
        ("Feather", HOLED.feather(3)),
    ],
)
def test_actions_do_what_the_methods_do(painter, label, expected):
    find(painter, "Amount, px").set_state({"value": 3})
    press(find(painter, label, Button))
    assert painter.mask == expected
    press(find(painter, "Undo", Button))
    assert painter.mask == HOLED
    press(find(painter, "Redo", Button))
    assert painter.mask == expected


def test_undo_and_redo_can_be_pressed_when_there_is_something(painter):
    def disabled() -> tuple[bool, bool]:
        return find(painter, "Undo", Button).disabled, find(painter, "Redo", Button).disabled

    assert disabled() == (True, True)
    painter.invert()
    assert disabled() == (False, True)
    painter.undo()
    assert disabled() == (True, False)


# ------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("mask", [HOLED.feather(4), ~HOLED])
def test_a_saved_mask_can_be_loaded_again(painter, mask):
    painter.mask = mask
    press(find(painter, "Save", Button))
    link = marked(painter, "link")
    assert link in seen(painter)
    assert re.search(r'download="mask.png".*>mask.png \(1 kB\)</a>', link.value)
    saved = base64.b64decode(re.search(r"base64,([^\"]+)", link.value)[1])
    painter.clear()
    upload(painter, saved)
    assert painter.error == ""
    assert painter.mask == mask


def test_the_link_goes_with_the_next_change(painter):
    press(find(painter, "Save", Button))
    assert find(painter, "Save", Button) not in seen(painter)
    painter.invert()
    assert marked(painter, "link").value == ""
    assert marked(painter, "link") not in seen(painter)
    assert find(painter, "Save", Button) in seen(painter)


def test_a_mask_of_another_size_is_refused_with_a_sentence(painter):
    upload(painter, png(Image.new("L", (10, 12), 255)))
    assert "10 x 12 px" in painter.error
    assert "64 x 48 px" in painter.error
    assert painter.mask == HOLED
    # The file would be saved with the notebook; and the same one can be given again.
    assert find(painter, "Load", FileUpload).value == ()


def test_what_is_no_picture_is_refused_with_a_sentence(painter):
    upload(painter, b"not a picture", "notes.txt")
    assert "picture" in painter.error
    assert painter.mask == HOLED


def test_a_mask_that_fills_nothing_is_loaded_and_remarked_on(painter):
    upload(painter, png(Image.new("L", SIZE, 90)))
    assert painter.mask.is_empty
    assert "fills nothing" in painter.error


# ---------------------------------------------------------------------------------------- the view


def test_zoom_is_shown_and_changed(painter):
    painter.fit()
    before = painter.zoom
    press(find(painter, "Zoom in", Button))
    assert painter.zoom > before
    assert marked(painter, "zoom").value == f"{100 * painter.zoom:.0f} %"
    press(find(painter, "Zoom out", Button))
    assert painter.zoom == pytest.approx(before)
    press(find(painter, "Actual size", Button))
    assert marked(painter, "zoom").value == "100 %"
    press(find(painter, "Fit", Button))
    assert painter.zoom == before


# ------------------------------------------------------------------------------------ what it says


def test_the_status_tells_coverage_box_and_size(painter):
    assert marked(painter, "facts").value == "fills 19.4 % · box 10, 8 – 40, 30 · 64 × 48 px"
    painter.clear()
    assert marked(painter, "facts").value == "fills nothing · 64 × 48 px"


def test_in_a_loop_coverage_is_counted_now_and_then_and_the_last_change_never_missed(painter):
    facts = marked(painter, "facts")
    counted = []
    facts.observe(lambda change: counted.append(change["new"]), "value")

    async def paint() -> None:
        for width in range(1, 61):
            painter.rectangle((0, 0, width, 48), mode="replace")
        assert len(counted) <= 2
        await asyncio.sleep(0.6)

    asyncio.run(paint())
    assert len(counted) <= 3
    assert facts.value == "fills 93.8 % · box 0, 0 – 60, 48 · 64 × 48 px"


def test_an_error_is_shown_as_text_until_it_is_dismissed(painter):
    line = marked(painter, "error")
    assert line not in seen(painter)
    painter.error = "5 < 6 & <b>bold</b>"
    assert line in seen(painter)
    shown = marked(painter, "message").value
    assert "5 &lt; 6 &amp; &lt;b&gt;" in shown
    assert 'role="alert"' in shown
    press(find(painter, "Dismiss", Button))
    assert painter.error == ""
    assert line not in seen(painter)
    assert marked(painter, "message").value == ""


def test_what_goes_wrong_behind_a_button_is_shown_and_the_painter_goes_on(painter):
    painter.observe(lambda change: 1 / 0, "show")
    press(find(painter, "Outline", ToggleButton))
    assert "ZeroDivisionError" in painter.error
    press(find(painter, "Invert", Button))
    assert painter.mask == ~HOLED


# ------------------------------------------------------------------------------ style and state


def test_all_icons_that_are_asked_for_are_drawn(painter):
    asked = {icon for w in widgets(painter) if (icon := getattr(w, "icon", "")) != ""}
    assert len(asked) > 30
    assert asked <= {icons.PREFIX + name for name in icons.NAMES}
    for icon in asked:
        assert f".fa-{icon}{{" in sheets(painter)


def drawing(rule: str) -> ET.Element:
    return ET.fromstring(unquote(re.search(r'url\("data:image/svg\+xml,(.*?)"\)', rule)[1]))


def test_the_icons_stand_in_a_row():
    row = drawing(icons.css())
    assert row.get("width") == str(20 * len(icons.NAMES))
    assert len(row) == len(icons.NAMES)
    assert len(set(re.findall(r"--ffnb-place:(\d+)", icons.css()))) == len(icons.NAMES)


@pytest.mark.parametrize("label", ["Sam", "x", "<&>", "Ünï", "'\"", "</style>"])
def test_an_icon_made_of_letters_is_well_formed(label):
    rule = icons.rule("tool-0", icons.monogram(label))
    assert drawing(rule)[0].text == label[:2].capitalize()
    assert "</style" not in rule


def test_an_icon_with_a_style_of_its_own_does_not_end_that_of_the_page():
    markup = icons.svg("<style>circle{fill:red}</style><circle r='5'/>")
    rule = icons.rule("tool-0", markup)
    assert "</style" not in rule
    assert ET.tostring(drawing(rule)) == ET.tostring(ET.fromstring(markup))


def test_classes_are_ours_or_the_front_ends_and_colours_the_themes(painter):
    assert not foreign(sheets(painter))


def test_painters_share_their_style_sheets(painter):
    other = MaskPainter(Image.new("RGB", SIZE))
    assert painter.children[:-1] == other.children[:-1]
    other.children[0].close()
    third = MaskPainter(Image.new("RGB", SIZE))
    assert third.children[0].comm is not None
    assert ".ffnb-ui" in third.children[0].value
    assert ".ffnb-painter" in third.children[1].value


def test_no_control_makes_a_layout_or_a_style_of_its_own(painter):
    own = [w for w in widgets(painter) if isinstance(w, (Button, ToggleButton, IntSlider))]
    assert len({id(w.layout) for w in own}) == 1
    assert len({id(w.style) for w in own}) == 3


def test_the_saved_state_is_small_and_has_no_picture_in_it():
    noise = np.random.default_rng(7).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    painter = MaskPainter(Image.fromarray(noise))
    for _ in range(20):
        painter.brush([(5, 5), (600, 400)], size=30)
        painter.invert()
    press(find(painter, "Save", Button))
    upload(painter, png(Image.fromarray(noise[:, :, 0]).point(lambda v: 255 * (v > 127))))
    assert painter.error == ""
    assert len(json.dumps(dependency_state(painter, drop_defaults=True))) < 70_000
