"""Masks from files and to files: what the tool bar has for them."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ipywidgets import Box, FileUpload

from ...images import encode_png
from ..controls import marked, reveal
from ..icons import PREFIX

if TYPE_CHECKING:
    from .painter import MaskPainter
    from .toolbar import PainterControls


def files(controls: PainterControls) -> Box:
    """Return the buttons to load and to save the mask.

    A page saves what it has as a link, so the second makes one: it holds the file, and goes with
    the next change, lest it is saved with the notebook.
    """
    painter = controls.owner
    upload = controls.field(
        FileUpload, "Load", "Load a mask from a picture file",
        accept="image/*", icon=f"{PREFIX}load",
    )  # fmt: skip
    link = controls.text("link")

    def load() -> None:
        if upload.value:
            file = upload.value[0]
            # Otherwise the file would be saved with the notebook.
            upload.value = ()
            _load(painter, file)

    def offer() -> None:
        link.value = _link(encode_png(painter.mask.to_pil()))
        show()

    def forget(_: object) -> None:
        link.value = ""
        show()

    def show() -> None:
        reveal(link, bool(link.value))
        reveal(download, not link.value)

    download = controls.action("download", "Save", "Save the mask as PNG", offer)
    upload.observe(controls.guarded(load), "value")
    controls.follow("mask_version", forget)
    return controls.group(
        marked(upload, "text", "upload", "load"), marked(download, "text"), link, name="files"
    )


def _load(painter: MaskPainter, file: Mapping[str, Any]) -> None:
    """Load a mask from an uploaded file, and say what is odd about it."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        painter.load(bytes(file["content"]))
    painter.error = " ".join(str(each.message) for each in said)


def _link(png: bytes) -> str:
    size = f"{max(1, round(len(png) / 1000))} kB"
    data = base64.b64encode(png).decode()
    return f'<a download="mask.png" href="data:image/png;base64,{data}">mask.png ({size})</a>'
