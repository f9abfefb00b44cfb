"""What people are used to: completion, `?`, reprs that show, NumPy, pandas, ipywidgets."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from jupyter_client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from PIL import Image
from pydantic import BaseModel

import fluxfill_nb as ff

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def values(tmp_path_factory) -> Iterator[dict[str, Any]]:
    """One of each public kind, made of one sweep."""
    picture = Image.linear_gradient("L").resize((96, 64))
    mask = ff.Mask.from_ellipse(picture.size, (30, 20, 60, 44))
    request = ff.FillRequest(picture, mask, "red", steps=15)
    store = tmp_path_factory.mktemp("runs")
    with ff.connect("local", store=store) as client:
        sweep = ff.Sweep(request, guidance=[10, 30], seed=range(2))
        runs = client.start(sweep).wait()
        result = runs.results[0]
        yield {
            "Compare": ff.Compare(result),
            "FillRequest": request,
            "FillResult": result,
            "FillTask": result.task,
            "FluxFill": client,
            "Grid": runs.grid(),
            "LocalServer": ff.LocalServer(),
            "Mask": mask,
            "MaskPainter": ff.MaskPainter(picture),
            "ParameterPanel": ff.ParameterPanel(),
            "RunStore": client.store,
            "Studio": ff.Studio(picture, client=client),
            "Sweep": sweep,
            "SweepResult": runs,
        }


@pytest.fixture(scope="module")
def kernel() -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel()
    client.execute_interactive("import fluxfill_nb as ff; mask = ff.Mask.full((8, 8))", timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


# ---------------------------------------------------------------------------- what is offered


def test_completion_offers_what_is_ours(values):
    pydantics = {name for name in dir(BaseModel) if not name.startswith("_")}
    offered = {name for name in dir(values["FillRequest"]) if not name.startswith("_")}
    assert not offered & pydantics
    assert {"prompt", "guidance", "mask", "picture", "replace", "from_file"} <= offered
    assert values["FillRequest"].model_dump(exclude={"image", "mask"})  # there all the same


def test_a_kernel_completes_names_and_methods(kernel):
    for typed, wanted in {"ff.Mas": "MaskPainter", "mask.gr": "grow"}.items():
        answer = kernel.complete(typed, reply=True, timeout=60)
        assert any(match.endswith(wanted) for match in answer["content"]["matches"]), typed


def test_a_kernel_explains_every_public_name(kernel):
    for name in ff.__all__:
        code = f"ff.{name}"
        content = kernel.inspect(code, len(code), reply=True, timeout=60)["content"]
        text = re.sub(r"\x1b\[[0-9;]*m", "", content["data"]["text/plain"])
        assert "Docstring:" in text, name
        assert ">>> " in text or name == "errors", name


@pytest.mark.parametrize("name", [name for name in ff.__all__ if name != "errors"])
def test_signatures_name_the_parameters(name):
    assert not {"args", "kwargs"} & set(inspect.signature(getattr(ff, name)).parameters)


# ---------------------------------------------------------------------------- what is shown


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Compare", WIDGET), ("FillRequest", "image/png"), ("FillResult", "image/jpeg"),
        ("Grid", "image/jpeg"), ("Mask", "image/png"), ("MaskPainter", WIDGET),
        ("ParameterPanel", WIDGET), ("RunStore", "text/html"), ("Studio", WIDGET),
        ("Sweep", "text/html"), ("SweepResult", "image/jpeg"),
    ],
)  # fmt: skip
def test_values_show_themselves(values, name, kind):
    formatter = DisplayFormatter()
    formatter.active_types = formatter.format_types
    shown, _ = formatter.format(values[name])
    assert kind in shown
    assert shown["text/plain"] == repr(values[name])


@pytest.mark.parametrize("name", ["Compare", "MaskPainter", "Studio"])
def test_widgets_leave_a_picture_where_there_is_no_kernel(values, name):
    formatter = DisplayFormatter()
    formatter.active_types = formatter.format_types
    assert {"image/png", "image/jpeg"} & set(formatter.format(values[name])[0])


@pytest.mark.parametrize("name", ["RunStore", "Sweep"])
def test_tables_take_their_colours_from_the_page(values, name):
    html = values[name]._repr_html_()
    assert "<table" in html
    assert not re.search(r"color|background|#[0-9a-f]{3,6}\b|rgb", html.replace("&#", ""))


def test_every_repr_says_what_it_is(values):
    for name, value in values.items():
        assert name in repr(value) or repr(value).startswith(name), name
        assert " at 0x" not in repr(value)
        assert len(repr(value).splitlines()[0]) < 240


# ---------------------------------------------------------------------------- NumPy and pandas


def test_a_mask_is_an_array_and_an_array_a_mask(values):
    mask = values["Mask"]
    array = np.asarray(mask)
    assert array.shape == (64, 96)
    assert array.dtype == np.uint8
    assert set(np.unique(array)) == {0, 255}
    inside = np.array(mask, dtype=bool)
    assert inside.mean() == pytest.approx(mask.coverage)
    for source in (array, inside, array / 255, array[..., None], mask.to_pil()):
        assert ff.Mask(source) == mask
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 255


def test_pictures_are_arrays_and_back(values):
    picture = np.asarray(values["FillResult"].image)
    assert picture.shape == (64, 96, 3)
    assert np.array_equal(np.asarray(ff.open_image(picture)), picture)
    assert np.array_equal(np.asarray(ff.open_image(picture / 255)), picture)


def test_results_are_a_table_for_pandas(values):
    frame = values["SweepResult"].to_frame()
    assert len(frame) == 4
    assert sorted(frame["guidance"].unique()) == [10, 30]
    assert frame.groupby("guidance")["seed"].nunique().tolist() == [2, 2]
    measured = pd.DataFrame(values["SweepResult"].metrics("sharpness"))
    assert measured.pivot(index="guidance", columns="seed", values="sharpness").shape == (2, 2)
    assert len(values["RunStore"].to_frame()) == 4


# ---------------------------------------------------------------------------- ipywidgets


def test_traits_are_observed_and_linked(values):
    painter, seen = values["MaskPainter"], []
    painter.observe(lambda change: seen.append(change["new"]), "mask_version")
    painter.rectangle((2, 2, 20, 20))
    assert seen == [painter.mask_version]
    slider = ipywidgets.FloatSlider(min=1, max=200)
    ipywidgets.link((painter, "brush_size"), (slider, "value"))
    slider.value = 42
    assert painter.brush_size == 42
    painter.brush_size = 7
    assert slider.value == 7


@pytest.mark.parametrize("name", ["Compare", "MaskPainter", "ParameterPanel", "Studio"])
def test_widgets_are_laid_out_like_all_others(values, name):
    widget = values[name]
    widget.layout.max_width = "600px"
    row = ipywidgets.HBox([widget, ipywidgets.HTML("beside it")])
    assert row.children[0].layout.max_width == "600px"


def test_interact_tries_what_a_mask_could_be(values):
    picture, mask = values["FillResult"].image, values["Mask"]

    def grown(radius: int) -> Image.Image:
        return mask.grow(radius).preview(picture)

    shown = ipywidgets.interactive(grown, radius=(0, 20))
    shown.children[0].value = 12
    shown.update()
    assert shown.result.size == picture.size
    assert shown.result != mask.preview(picture)
