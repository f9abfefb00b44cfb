"""A sweep's results as one HTML page that opens from disk and needs no network."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import os
import re
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from .errors import FluxFillError, InvalidOption
from .options import FillOptions
from .request import FillRequest
from .result import FillResult
from .showing import DIFFERENCE_TOP, Showing, difference_colours, fitted
from .sweep import status
from .sweep.dimensions import dimensions_of, value_text
from .wording import counted

if TYPE_CHECKING:
    from .mask import Size
    from .sweep import Outcome, Point, SweepResult

_TEMPLATE = Path(__file__).with_suffix(".html")
_SUFFIXES = (".html", ".htm")
# Of the table's columns, what they are called there.
_COLUMNS = {"duration_s": "duration, s", "price_usd": "price, USD"}
_ALWAYS = ("prompt", "seed", "guidance", "steps")
_SETTINGS = tuple(name for name in FillOptions.names() if not name.startswith("webhook"))


def write_report(
    runs: SweepResult,
    path: str | os.PathLike[str],
    *,
    max_px: int = 1024,
    quality: int = 85,
    title: str | None = None,
) -> Path:
    """Write results as a page: a grid whose axes can be switched, to look closely and compare.

    Everything is inside the one file, each picture once, as a JPEG.

    Parameters
    ----------
    runs
        The results.
    path
        Ends with .html or .htm.
    max_px
        Longer side of the pictures in the page, px; larger ones are scaled down.
    quality
        Of the pictures as JPEG, 1 to 100.
    title
        Default: the prompt, if it is the same everywhere.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        The suffix is another one, or a number out of range.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.report import write_report
    >>> from fluxfill_nb.sweep import Sweep
    >>> from fluxfill_nb.sweep import SweepResult
    >>> picture = Image.linear_gradient("L")
    >>> mask = ff.Mask.from_ellipse(picture.size, (80, 80, 140, 160))
    >>> sweep = Sweep(ff.FillRequest(picture, mask, steps=15), seed=[1, 2])
    >>> with ff.connect("local") as client:
    ...     runs = SweepResult(sweep, [client.fill(point.request) for point in sweep])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(write_report(runs, Path(folder, "sweep.html")).name)
    sweep.html
    """
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise InvalidOption(f"Reports are saved as {' or '.join(_SUFFIXES)}; not as {path.name!r}.")
    if not (isinstance(max_px, Integral) and max_px >= 64):
        raise InvalidOption(f"max_px is {max_px!r}: it must be a whole number from 64 on.")
    if quality not in range(1, 101):
        raise InvalidOption(f"quality is {quality!r}: it must be a whole number from 1 to 100.")
    template = _TEMPLATE.read_text(encoding="utf-8")
    prompts = {point.request.prompt or "" for point in runs.sweep.points}
    if title is None:
        axes = " × ".join(map(str, dimensions_of(runs)))
        title = (prompts.pop() if len(prompts) == 1 else "") or f"Sweep of {axes or 'one fill'}"
    parts = {
        "title": html.escape(title),
        "summary": html.escape(_summary(runs)),
        "table": _table(runs),
        "data": _for_script(_Content(runs, max_px, quality).data()),
    }
    # The page allows nothing but what stands in it: whatever a prompt says, it cannot be run.
    for kind in ("script", "style"):
        own = re.search(rf"<{kind}>(.*?)</{kind}>", template, re.DOTALL)
        assert own is not None
        digest = base64.b64encode(hashlib.sha256(own[1].encode()).digest()).decode()
        parts[f"{kind}_hash"] = f"'sha256-{digest}'"
    page = re.sub(r"\{\{(\w+)\}\}", lambda name: parts[name[1]], template)
    path.write_text(page, encoding="utf-8", newline="\n")
    return path


class _Content:
    """What the page's script works on: axes, pictures, cells."""

    def __init__(self, runs: SweepResult, max_px: int, quality: int) -> None:
        self._runs = runs
        self._max_px = max_px
        self._quality = quality
        self._showing = Showing(thumbs=False)
        self._scenes: dict[tuple[int, int], int] = {}
        self._scene_data: list[dict[str, Any]] = []

    def data(self) -> dict[str, Any]:
        """Return it as JSON values."""
        dimensions = dimensions_of(self._runs)
        cells = [
            {"at": [dimension.at(point) for dimension in dimensions], **self._cell(point, outcome)}
            for point, outcome in self._runs.items()
        ]
        return {
            "axes": [
                {
                    "name": str(dimension),
                    "headers": [dimension.header(place) for place in range(len(dimension))],
                    "values": [dimension.text(place) for place in range(len(dimension))],
                    "isWordy": dimension.is_wordy,
                }
                for dimension in dimensions
            ],
            "scenes": self._scene_data,
            "cells": cells,
            "colours": difference_colours().tolist(),
            "top": DIFFERENCE_TOP,
        }

    def _cell(self, point: Point, outcome: Outcome) -> dict[str, Any]:
        request = point.request
        seed = outcome.seed if isinstance(outcome, FillResult) else None
        facts = {name: value_text(label) for name, label in point.labels.items()}
        for name in _SETTINGS:
            value = seed if name == "seed" and seed is not None else getattr(request, name)
            default = FillOptions.model_fields[name].default
            if value is not None and (name in _ALWAYS or value != default):
                facts.setdefault(name, value_text(value))
        cell: dict[str, Any] = {"status": status(outcome), "scene": self._scene(request)}
        if isinstance(outcome, FillResult):
            size = self._size(request)
            try:
                picture = self._showing.picture(outcome, size, "raw", request=request)
            except FluxFillError as error:
                cell |= {"status": "damaged", "reason": str(error)}
            else:
                cell |= {"picture": self._jpeg(picture), "stars": self._runs.stars(point)}
            facts["service"] = outcome.service
            if outcome.duration is not None:
                facts["duration"] = f"{outcome.duration:.1f} s"
            if outcome.price is not None:
                facts["price"] = f"${outcome.price:.2f}" if outcome.price else "free"
        elif outcome is not None:
            cell["reason"] = str(outcome)
        return cell | {"facts": list(facts.items())}

    def _scene(self, request: FillRequest) -> int:
        """The number of the picture and the mask that a request fills."""
        key = id(request.picture), id(request.mask)
        if key not in self._scenes:
            self._scenes[key] = len(self._scene_data)
            width, height = size = self._size(request)
            share, hole = self._showing.masks(request, size)
            across, down = (width / request.image.width, height / request.image.height)
            left, top, right, bottom = self._showing.crop(request)
            self._scene_data.append(
                {
                    "size": size,
                    "crop": [left * across, top * down, right * across, bottom * down],
                    "original": self._jpeg(self._showing.original(request, size, outlined=False)),
                    "share": _png_of_alpha(share),
                    "hole": _png_of_alpha(hole),
                }
            )
        return self._scenes[key]

    def _size(self, request: FillRequest) -> Size:
        natural = request.image.size
        return fitted(natural, min(self._max_px, max(natural)))

    def _jpeg(self, image: Image.Image) -> str:
        profile = image.info.get("icc_profile")
        return _encoded(image, "JPEG", quality=self._quality, icc_profile=profile)


def _png_of_alpha(alpha: Image.Image) -> str:
    """A white picture of this alpha."""
    return _encoded(Image.merge("LA", (Image.new("L", alpha.size, 255), alpha)), "PNG")


def _encoded(image: Image.Image, kind: str, **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _for_script(data: Any) -> str:
    """JSON that no text in it can end before its end."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _summary(runs: SweepResult) -> str:
    counts: dict[str, int] = {}
    for outcome in runs.outcomes:
        counts[status(outcome)] = counts.get(status(outcome), 0) + 1
    states = ", ".join(f"{count} {word}" for word, count in counts.items())
    return " · ".join([*runs.services, f"{counted(len(runs), 'fill')}: {states}"])


def _table(runs: SweepResult) -> str:
    """All points with what is known of them, as an HTML table."""
    rows = runs.to_dicts()
    names = [name for name in rows[0] if any(row[name] not in (None, "") for row in rows)]
    head = "".join(
        f'<th scope="col">{html.escape(_COLUMNS.get(name, name))}</th>' for name in names
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(_in_table(row[name]))}</td>" for name in names)
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _in_table(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)
