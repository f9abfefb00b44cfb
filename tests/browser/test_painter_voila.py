"""The painter in Voilà, where a page has the widgets and nothing else of a notebook."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

import fluxfill_nb as ff
from tests.browser.easel import Easel
from tests.patience import until

SIZE = (640, 480)
LINE = [(120.0, 100.0), (500.0, 150.0), (280.0, 400.0)]
# Nothing but widgets can tell the page what the kernel has.
CODE = """
import base64
from ipywidgets import Textarea
from PIL import Image
from fluxfill_nb.widgets.painter import MaskPainter

painter = MaskPainter(Image.new("RGB", (640, 480), "gray"))
painter.brush_size = 40
mask = Textarea()
mask.add_class("mask")

def tell(change):
    mask.value = base64.b64encode(painter.mask.to_png()).decode()

painter.observe(tell, "mask_version")
display(painter, mask)
"""


@pytest.fixture
def easel(lab, page):
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    name = lab.blank("app.ipynb")
    notebook = json.loads((lab.root / name).read_text())
    notebook["cells"] = [
        {"cell_type": "code", "id": "app", "source": CODE, "metadata": {}, "outputs": [],
         "execution_count": None}
    ]  # fmt: skip
    (lab.root / name).write_text(json.dumps(notebook))
    page.goto(f"{lab.url}voila/render/{name}", timeout=60_000)
    yield Easel(page, page.locator("body"), SIZE).wait()
    assert not wrong


def test_paint_and_undo_in_voila(easel):
    told = easel.page.locator(".mask textarea")

    def mask() -> ff.Mask:
        return ff.Mask(Image.open(io.BytesIO(base64.b64decode(told.input_value()))))

    easel.drag(LINE)
    until(told.input_value, "the kernel has painted")
    painted = mask()
    wanted = ff.Mask.from_strokes(SIZE, [LINE], width=40)
    assert (painted & wanted).coverage > 0.97 * (painted | wanted).coverage
    until(lambda: easel.agreement(painted.array) >= 0.99, "the canvas shows the mask")
    easel.choose("Rectangle")
    easel.drag([(300, 200), (600, 440)])
    until(lambda: mask() != painted, "the kernel has a rectangle")
    both = mask()
    until(lambda: easel.agreement(both.array) >= 0.99, "the canvas shows both")
    easel.page.keyboard.press("Control+z")
    until(lambda: mask() == painted, "the kernel has undone it")
    until(lambda: easel.agreement(painted.array) >= 0.99, "the canvas shows one again")
    assert np.count_nonzero(painted.array) < np.count_nonzero(both.array)
