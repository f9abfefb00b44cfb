"""The report: one file, everything inside, nothing of it run but its own script."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.errors import ContentModerated, InvalidOption
from fluxfill_nb.report import write_report
from fluxfill_nb.sweep import Sweep, SweepResult

SIZE = (96, 64)
NOISE = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
PICTURE = Image.fromarray(NOISE).resize(SIZE, Image.Resampling.BICUBIC)
NASTY = "</script><script>alert(1)</script><!-- </title> {{data}} & \"'\u2028"
ADDRESS = "https://api.example.org/result?sig=very-secret"


def filled(request: ff.FillRequest, number: int) -> ff.FillResult:
    image = request.image.copy()
    image.paste((number * 40 % 256, 90, 160), mask=request.mask.to_pil())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    task = ff.FillTask(f"t{number}", ADDRESS, request)
    return ff.FillResult(
        task, buffer.getvalue(), "local engine: patches", seed=request.seed, duration=4.5, price=0.0
    )


def runs_of(image: Image.Image = PICTURE, prompt: str = NASTY, **axes: Any) -> SweepResult:
    mask = ff.Mask.from_ellipse(image.size, (30, 20, 60, 44))
    sweep = Sweep(ff.FillRequest(image, mask, prompt.replace("{{data}}", "")), **axes)
    return SweepResult(sweep, [filled(point.request, point.index) for point in sweep])


class Page(HTMLParser):
    """What a browser makes of the file: elements, addresses, scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.contents: list[tuple[str, str]] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        self.contents.append((self._open, data))

    def of(self, tag: str) -> list[str]:
        return [data for opened, data in self.contents if opened == tag and data.strip()]

    @property
    def data(self) -> dict[str, Any]:
        found = re.search(r'<script type="application/json" id="data">(.*?)</script>', self.text)
        return json.loads(found[1])


@pytest.fixture(scope="module")
def runs() -> SweepResult:
    runs = runs_of(guidance=[10, 30, 60], seed=range(4))
    outcomes = list(runs.outcomes)
    outcomes[3] = ContentModerated(f"Refused: {NASTY}", task=outcomes[3].task)
    outcomes[7] = None
    runs = SweepResult(runs.sweep, outcomes)
    runs.star(guidance=60, seed=1, stars=4)
    return runs


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory) -> Page:
    path = write_report(runs, tmp_path_factory.mktemp("report") / "sweep.html")
    return Page(path.read_text(encoding="utf-8"))


def picture(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_nothing_is_fetched(page):
    for _, attributes in page.elements:
        assert not {"src", "href", "action", "srcset"} & set(attributes)
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "@import" not in page.text


def test_the_page_allows_its_own_script_and_nothing_else(page):
    (policy,) = (
        attributes["content"]
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    for kind in ("script", "style"):
        (own,) = re.findall(rf"<{kind}>(.*?)</{kind}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert not any(name.startswith("on") or name == "style" for _, a in page.elements for name in a)


def test_prompts_and_reasons_are_text(page):
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 2  # the data, and the page's own
    assert "alert(1)" not in "".join(page.of("script")[1:])
    assert NASTY.replace("{{data}}", "").strip() in "".join(page.of("h1"))
    (moderated,) = (cell for cell in page.data["cells"] if cell["status"] == "moderated")
    assert moderated["reason"] == f"Refused: {NASTY}"
    assert "{{data}}" in "".join(page.of("td"))


def test_no_address_and_no_task_is_in_it(page):
    assert "very-secret" not in page.text
    assert "api.example.org" not in page.text


def test_each_picture_is_there_once(page):
    urls = re.findall(r"data:image/[a-z]+;base64,[^\"]+", page.text)
    assert len(urls) == len(set(urls)) == 10 + 3  # results; original, mask and its soft edge
    shown = [picture(cell["picture"]) for cell in page.data["cells"] if "picture" in cell]
    assert {image.format for image in shown} == {"JPEG"}
    assert {image.size for image in shown} == {SIZE}


def test_the_cells_are_the_points(page, runs):
    data = page.data
    assert [axis["name"] for axis in data["axes"]] == ["guidance", "seed"]
    assert data["axes"][0]["headers"] == ["guidance = 10", "guidance = 30", "guidance = 60"]
    assert [cell["at"] for cell in data["cells"]] == [[g, s] for g in range(3) for s in range(4)]
    states = [cell["status"] for cell in data["cells"]]
    assert (states[3], states[7], states.count("done")) == ("moderated", "missing", 10)
    assert [cell.get("stars", 0) for cell in data["cells"]].index(4) == 9
    facts = dict(data["cells"][9]["facts"])
    assert (facts["guidance"], facts["seed"], facts["duration"]) == ("60", "1", "4.5 s")
    assert facts["service"] == "local engine: patches"


def test_the_pictures_are_the_results(page, runs):
    for cell, outcome in zip(page.data["cells"], runs.outcomes, strict=True):
        if "picture" in cell:
            apart = np.asarray(picture(cell["picture"]), float) - np.asarray(outcome.raw)
            assert np.abs(apart).mean() < 6


def test_the_fill_is_blended_by_the_results_own_share(page, runs):
    """What the page draws: the original, and over it the fill as far as it shows."""
    (scene,) = page.data["scenes"]
    share = np.asarray(picture(scene["share"]))[:, :, 1:] / 255
    original = np.asarray(picture(scene["original"]), float)
    raw = np.asarray(picture(page.data["cells"][0]["picture"]), float)
    drawn = original * (1 - share) + raw * share
    assert np.abs(drawn - np.asarray(runs[0].image)).mean() < 6
    # Outside the mask it is the original's alone.
    outside = np.asarray(runs[0].request.mask.array) == 0
    assert not share[outside].any()


def test_the_table_can_be_read_without_the_script(page, runs):
    heads = page.of("th")
    assert {"guidance", "seed", "status", "stars", "duration, s"} <= set(heads)
    assert sum(tag == "tr" for tag, _ in page.elements) == 1 + len(runs)
    scopes = [attributes.get("scope") for tag, attributes in page.elements if tag == "th"]
    assert set(scopes) == {"col"}


def test_pictures_are_scaled_down_to_the_size_asked_for(tmp_path):
    large = PICTURE.resize((960, 640))
    sizes = {}
    for side in (128, 2000):
        path = write_report(runs_of(large, seed=[1]), tmp_path / f"{side}.html", max_px=side)
        data = Page(path.read_text(encoding="utf-8")).data
        sizes[side] = picture(data["cells"][0]["picture"]).size
        (scene,) = data["scenes"]
        for name in ("original", "share", "hole"):
            assert picture(scene[name]).size == sizes[side] == tuple(scene["size"])
        left, top, right, bottom = scene["crop"]
        assert 0 <= left < right <= sizes[side][0]
        assert 0 <= top < bottom <= sizes[side][1]
    assert sizes == {128: (128, 85), 2000: (960, 640)}


def test_each_picture_and_mask_is_a_scene(tmp_path):
    masks = {name: ff.Mask.from_box(SIZE, (n, n, 40, 40)) for n, name in enumerate("ab")}
    data = Page(
        write_report(runs_of(mask=masks, seed=[1, 2]), tmp_path / "r.html").read_text()
    ).data
    assert len(data["scenes"]) == 2
    assert [cell["scene"] for cell in data["cells"]] == [0, 0, 1, 1]
    assert data["axes"][0]["values"] == ["a", "b"]


def test_a_damaged_picture_is_told_of(tmp_path):
    runs = runs_of(seed=[1, 2])
    broken = ff.FillResult(runs[0].task, b"\xff\xd8\xffnothing", "x")
    path = write_report(SweepResult(runs.sweep, [broken, runs[1]]), tmp_path / "r.html")
    first, second = Page(path.read_text()).data["cells"]
    assert first["status"] == "damaged"
    assert "damaged" in first["reason"]
    assert second["status"] == "done"


def test_a_report_of_one_point_and_of_a_title(tmp_path):
    path = runs_of(prompt="a vase", seed=3).report(tmp_path / "r.HTM", title="<i>One</i>")
    page = Page(path.read_text(encoding="utf-8"))
    assert page.of("h1") == ["<i>One</i>"]
    assert [cell["at"] for cell in page.data["cells"]] == [[]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "r.pdf"}, r"\.html or \.htm"),
        ({"max_px": 10}, "max_px is 10"),
        ({"max_px": 99.5}, "max_px is 99.5"),
        ({"quality": 0}, "quality is 0"),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, message):
    path = tmp_path / options.pop("path", "r.html")
    with pytest.raises(InvalidOption, match=message):
        write_report(runs_of(seed=[1]), path, **options)
    assert not path.exists()


def test_reports_need_no_matplotlib():
    code = "import sys, fluxfill_nb.report; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
