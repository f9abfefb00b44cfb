"""Letters: which font has them, and how wide they are."""

from __future__ import annotations

import functools
import threading

from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.textpath import text_to_path

DRAWING = threading.RLock()
"""Held by whoever draws: matplotlib's fonts and caches are not made for several threads."""

# Of writings that the font which comes with matplotlib lacks, where they are installed.
_FALLBACKS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Source Han Sans", "WenQuanYi Zen Hei", "Hiragino Sans",
    "PingFang SC", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Arial Unicode MS",
    "Noto Sans Devanagari", "Noto Sans Thai", "Noto Emoji", "Segoe UI Emoji",
)  # fmt: skip


@functools.cache
def _families() -> tuple[str, ...]:
    installed = {font.name for font in fontManager.ttflist}
    return ("DejaVu Sans", *(name for name in _FALLBACKS if name in installed))


@functools.lru_cache(maxsize=64)
def font(size: float, bold: bool) -> FontProperties:
    """Return the font of all texts, at a size in points."""
    return FontProperties(family=list(_families()), size=size, weight="bold" if bold else "normal")


@functools.cache
def _known_letters() -> frozenset[int]:
    fonts = (get_font(findfont(FontProperties(family=name))) for name in _families())
    return frozenset(code for font in fonts for code in font.get_charmap())


def drawable(text: str) -> str:
    """The text with a box for each letter that no font has: matplotlib would warn of each."""
    return "".join(letter if ord(letter) in _known_letters() else "\u25a1" for letter in text)


@functools.lru_cache(maxsize=4096)
def measured(text: str, size: float, bold: bool) -> float:
    """Return the width of a text, in the unit of its size."""
    with DRAWING:
        width: float = text_to_path.get_text_width_height_descent(
            drawable(text), font(size, bold), False
        )[0]
    return width
