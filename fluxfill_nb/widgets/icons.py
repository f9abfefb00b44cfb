"""Icons: drawn on a grid of 20 by 20, as CSS that takes the colour of the text."""

from __future__ import annotations

from functools import cache
from html import escape
from urllib.parse import quote

PREFIX = "ffnb-"
"""What an icon's name begins with where ipywidgets ask for one: ``Button(icon="ffnb-brush")``."""

# Markup inside an <svg>; strokes are 1.5 wide and round unless an icon says otherwise.
_SOLID = "fill='#000' stroke='none'"
_TINT = "fill='#000' fill-opacity='.35'"
_DASHED = "stroke-dasharray='1.6 2.2'"
_PICTURE = "<rect x='2.5' y='4' width='15' height='12' rx='1.5'/>"
_LENS = "<circle cx='8.75' cy='8.75' r='5.5'/><path d='M12.8 12.8 17 17M6.4 8.75h4.7'/>"
_TRAY = "<path d='M3.5 12.5v3a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1v-3'/>"
_STAR = "<path fill='{}' d='m10 2.8 2.2 4.6 5 .7-3.6 3.5.9 5L10 14.2l-4.5 2.4.9-5L2.8 8.1l5-.7z'/>"
_CORNERS = "<path d='M3.5 7V3.5H7M13 3.5h3.5V7M16.5 13v3.5H13M7 16.5H3.5V13'/>"

_DRAWINGS = {
    # tools
    "brush": "<path d='M9.2 11 15.7 4a1.3 1.3 0 0 1 1.9 1.9L11 12.7'/>"
    f"<path {_TINT} d='M8.4 11.2c-2.3 0-3.2 1.5-3.4 3-.1 1.2-.8 1.9-2.2 2.2 2.7 1.3 7.6 1.1 7.8-2.6"
    " .1-1.4-.8-2.6-2.2-2.6z'/>",
    "eraser": f"<path {_TINT} d='M6.8 6.8 10 3.6a1.4 1.4 0 0 1 2 0L16.4 8a1.4 1.4 0 0 1 0 2"
    "l-3.2 3.2z'/><path d='M6.8 6.8 3.6 10a1.4 1.4 0 0 0 0 2l4.5 4.5h1.8l3.3-3.3M8 16.5h9'/>",
    "line": "<circle cx='4.25' cy='15.75' r='1.75'/><circle cx='15.75' cy='4.25' r='1.75'/>"
    "<path d='m5.5 14.5 9-9'/>",
    "rectangle": "<rect x='2.75' y='4.5' width='14.5' height='11' rx='.75'/>",
    "ellipse": "<ellipse cx='10' cy='10' rx='7.25' ry='5.5'/>",
    "lasso": "<path d='M7.2 12.7C4.6 12 2.9 10.3 2.9 8.3 2.9 5.6 6.1 3.4 10 3.4s7.1 "
    "2.2 7.1 4.9-3.2 4.9-7.1 4.9'/><circle cx='8.4' cy='13.2' r='1.6'/>"
    "<path d='M7.6 14.7c.3 1.2-.2 2.2-1.5 2.7'/>",
    "polygon": "<path d='M4.2 5.2 14.8 3.8 16.6 11.2 9.4 16.3 3.8 12.8z'/>"
    f"<g {_SOLID}><circle cx='4.2' cy='5.2' r='1.6'/><circle cx='14.8' cy='3.8' r='1.6'/>"
    "<circle cx='16.6' cy='11.2' r='1.6'/><circle cx='9.4' cy='16.3' r='1.6'/>"
    "<circle cx='3.8' cy='12.8' r='1.6'/></g>",
    "fill": "<path d='M6.8 2.6 15 10.8l-5 5a1.4 1.4 0 0 1-2 0L3 10.8a1.4 1.4 0 0 1 0-2"
    "l4.8-4.8'/>"
    f"<path {_TINT} d='M2.7 10.3H14.5l-5.2 5.3a1 1 0 0 1-1.4 0z'/>"
    f"<path {_SOLID} d='M16.8 12.2c1 1.4 1.6 2.3 1.6 3.1a1.6 1.6 0 0 1-3.2 0c0-.8.6-1.7"
    " 1.6-3.1z'/>",
    "wand": "<path d='m3 17 8.6-8.6'/>"
    "<path d='M13.8 2.5v3.6M12 4.3h3.6M16.6 9v2.8M15.2 10.4H18M7.8 3v2.8M6.4 4.4h2.8'/>",
    "pan": "<path d='M6.6 10.6V5.2a1.2 1.2 0 0 1 2.4 0v4M9 8.8V3.9a1.2 1.2 0 0 1 2.4 0v4.9"
    "M11.4 8.9V4.9a1.2 1.2 0 0 1 2.4 0v4.6M13.8 7.7a1.2 1.2 0 0 1 2.4 0V12"
    "c0 3.3-2 5.5-5 5.5-2.5 0-3.7-1-5-3.2L3.9 10.6a1.2 1.2 0 0 1 2-1.3l.7 1.1'/>",
    # how a shape changes the mask
    "add": f"<path {_TINT} d='M3 3h9.5v4.5H17V17H7.5v-4.5H3z'/>",
    "subtract": f"<path {_TINT} d='M3 3h9.5v4.5h-5v5H3z'/>"
    f"<path {_DASHED} d='M7.5 12.5V17H17V7.5h-4.5'/>",
    "replace": f"<path {_DASHED} d='M7.5 12.5H3V3h9.5v4.5'/>"
    f"<rect {_TINT} x='7.5' y='7.5' width='9.5' height='9.5'/>",
    "swap": "<path d='M3.5 6.5h12M12.5 3.5l3 3-3 3M16.5 13.5h-12M7.5 10.5l-3 3 3 3'/>",
    "smaller": f"<circle {_SOLID} cx='10' cy='10' r='2.25'/>",
    "larger": f"<circle {_SOLID} cx='10' cy='10' r='5.5'/>",
    "close": "<path d='M4 10.5 8.2 14.7 16 6'/>",
    "cancel": "<path d='m5.2 5.2 9.6 9.6M14.8 5.2l-9.6 9.6'/>",
    # history
    "undo": "<path d='M7.5 4.5 3.5 8.5l4 4M3.5 8.5h8.8a4 4 0 0 1 0 8H8.5'/>",
    "redo": "<path d='m12.5 4.5 4 4-4 4M16.5 8.5H7.7a4 4 0 0 0 0 8h3.8'/>",
    # the whole mask
    "clear": "<path d='M3.5 5.5h13M8 5.3V3.5h4v1.8M5 5.5l.8 11h8.4l.8-11M8.5 8.5v5M11.5 8.5v5'/>",
    "invert": "<circle cx='10' cy='10' r='7'/>"
    f"<path {_SOLID} d='M10 3a7 7 0 0 1 0 14z'/>",
    "holes": "<circle cx='10' cy='10' r='7'/>"
    f"<circle {_SOLID} cx='10' cy='10' r='3.25'/>",
    "grow": f"{_CORNERS}<circle {_TINT} cx='10' cy='10' r='3'/>",
    "shrink": "<path d='M3.5 7H7V3.5M13 3.5V7h3.5M16.5 13H13v3.5M7 16.5V13H3.5'/>"
    f"<circle {_SOLID} cx='10' cy='10' r='1.75'/>",
    "feather": f"<circle {_SOLID} cx='10' cy='10' r='3'/><circle stroke-opacity='.6' cx='10'"
    " cy='10' r='5'/><circle stroke-opacity='.3' cx='10' cy='10' r='7.5'/>",
    "load": f"{_TRAY}<path d='M10 12.5v-9M6.5 7 10 3.5 13.5 7'/>",
    "download": f"{_TRAY}<path d='M10 3.5v9M6.5 9l3.5 3.5L13.5 9'/>",
    # the view
    "zoom-out": _LENS,
    "zoom-in": f"{_LENS}<path d='M8.75 6.4v4.7'/>",
    "fit": f"{_CORNERS}<rect {_TINT} x='6.5' y='7.25' width='7' height='5.5'/>",
    "actual": "<path d='M4 7.2 6.2 5.5v9M13.3 7.2l2.2-1.7v9M10.2 8.3v.1M10.2 12.3v.1'/>",
    "overlay": f"{_PICTURE}<circle {_TINT} cx='10' cy='10' r='3.4'/>",
    "outline": f"{_PICTURE}<circle {_DASHED} cx='10' cy='10' r='3.4'/>",
    "mask": "<path fill='#000' fill-rule='evenodd' d='M4 4h12a1.5 1.5 0 0 1 1.5 1.5v9A1.5 1.5"
    " 0 0 1 16 16H4a1.5 1.5 0 0 1-1.5-1.5v-9A1.5 1.5 0 0 1 4 4zM10 6.6a3.4 3.4 0 0 0 0 6.8"
    " 3.4 3.4 0 0 0 0-6.8z'/>",
    "picture": f"{_PICTURE}<path d='m2.9 14.5 4-4.5 3.4 3.6 2.3-2.3 4.4 4'/>"
    f"<circle {_SOLID} cx='13.3' cy='7.6' r='1.25'/>",
    "peek": "<path d='M2.3 10S5 4.9 10 4.9s7.7 5.1 7.7 5.1-2.7 5.1-7.7 5.1S2.3 10 2.3 10z'/>"
    "<circle cx='10' cy='10' r='2.25'/>",
    "scroll": "<path d='M10 3v14M6.5 6.5 10 3l3.5 3.5M6.5 13.5 10 17l3.5-3.5'/>",
    "error": "<path d='M10 3.2 17.6 16.5H2.4zM10 8.2v3.6M10 14.2v.1'/>",
    # settings
    "dice": "<rect x='3.25' y='3.25' width='13.5' height='13.5' rx='2.5'/>"
    f"<g {_SOLID}><circle cx='7' cy='7' r='1.3'/><circle cx='13' cy='7' r='1.3'/>"
    "<circle cx='10' cy='10' r='1.3'/><circle cx='7' cy='13' r='1.3'/>"
    "<circle cx='13' cy='13' r='1.3'/></g>",
    "lock": "<rect x='4.25' y='9' width='11.5' height='7.75' rx='1.5'/>"
    "<path d='M6.75 9V6.5a3.25 3.25 0 0 1 6.5 0V9M10 12v1.75'/>",
    "reset": "<path d='M4 4v4h4M4.4 8a6.25 6.25 0 1 1-.6 3.6'/>",
    "explain": "<circle cx='10' cy='10' r='7'/>"
    "<path d='M8 8.2a2 2 0 1 1 3 1.7c-.7.4-1 .8-1 1.6M10 13.6v.1'/>",
    "more": "<path d='m6 8 4 4 4-4'/>",
    # comparing
    "swipe": f"{_PICTURE}<path {_TINT} stroke='none' d='M3 5h7v10H3z'/><path d='M10 2v16'/>",
    "side": "<rect x='2.25' y='5' width='6.5' height='10' rx='1'/>"
    f"<rect {_TINT} x='11.25' y='5' width='6.5' height='10' rx='1'/>",
    "flicker": f"<rect {_TINT} x='2.5' y='6.5' width='11' height='9' rx='1'/>"
    "<path d='M6.5 3.5h9a2 2 0 0 1 2 2v7'/>",
    "difference": "<circle cx='7.75' cy='10' r='5.25'/><circle cx='12.25' cy='10' r='5.25'/>"
    f"<path {_SOLID} d='M10 5.26a5.25 5.25 0 0 1 0 9.48 5.25 5.25 0 0 1 0-9.48z'/>",
    "play": f"<path {_SOLID} d='M6 4.2 15.5 10 6 15.8z'/>",
    "resume": f"<path d='M4.5 4.5v11'/><path {_SOLID} d='M8 4.2 17 10 8 15.8z'/>",
    # fills and results
    "fill-in": "<path d='M6.2 3.6v12.8L16.4 10z' fill='#000'/>",
    "seeds": "<rect x='3' y='3' width='6' height='6' rx='1'/><rect x='11' y='3' width='6' "
    "height='6' rx='1'/><rect x='3' y='11' width='6' height='6' rx='1'/>"
    "<rect x='11' y='11' width='6' height='6' rx='1'/>",
    "stop": "<rect x='5.25' y='5.25' width='9.5' height='9.5' rx='1' fill='#000'/>",
    "again": "<path d='M16 4v4h-4M15.6 8a6.25 6.25 0 1 0 .6 3.6'/>",
    "code": "<path d='m7 6-4 4 4 4M13 6l4 4-4 4'/>",
    "open": "<path d='M2.75 15.5v-11h5l1.75 2h6v2.25M2.75 15.5l2.5-6.75h12.5l-2.5 6.75z'/>",
    "back": "<path d='M8.5 4.5 3 10l5.5 5.5M3 10h14'/>",
    "star": _STAR.format("none"),
    "starred": _STAR.format("#000"),
    "onward": "<rect x='2.5' y='5' width='8' height='10' rx='1'/>"
    "<path d='M8 10h9.5M14 6.5l3.5 3.5-3.5 3.5'/>",
    "settings": "<path d='M3 6h6M13 6h4M3 14h2M9 14h8'/><circle cx='11' cy='6' r='2'/>"
    "<circle cx='7' cy='14' r='2'/>",
}  # fmt: skip

NAMES = frozenset(_DRAWINGS)
"""The names there are, without the prefix."""

# What may stand in a quoted URL of CSS as it is.
_SAFE = " ='/:,.;()<>-"


@cache
def css() -> str:
    """Return all icons in a row, as one picture, and for each its place there.

    Examples
    --------
    >>> css().splitlines()[1]
    '.fa-ffnb-brush{--ffnb-place:0}'
    """
    row = "".join(
        f"<g transform='translate({20 * place})'>{drawing}</g>"
        for place, drawing in enumerate(_DRAWINGS.values())
    )
    places = (f".fa-{PREFIX}{name}{{--ffnb-place:{at}}}" for at, name in enumerate(_DRAWINGS))
    return "\n".join([f".ffnb-ui{{--ffnb-icons:{_url(svg(row, len(_DRAWINGS)))}}}", *places])


def rule(name: str, markup: str) -> str:
    """Return the rule that makes an SVG the icon of a name; of its colours, only alpha counts."""
    return f".fa-{PREFIX}{name}{{--ffnb-icons:{_url(markup)}}}"


def monogram(label: str) -> str:
    """Return an SVG of a label's first two letters, for a tool that brought no icon."""
    letters = escape(label.strip()[:2].capitalize())
    return svg(
        "<text x='10' y='14.2' text-anchor='middle' font-family='sans-serif' font-size='12'"
        f" font-weight='600' fill='#000' stroke='none'>{letters}</text>"
    )


def svg(drawing: str, count: int = 1) -> str:
    """Return the drawing as an SVG, 20 high and 20 wide per icon, with the strokes of all icons."""
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{20 * count}' height='20' fill='none' "
        "stroke='#000' stroke-width='1.5' stroke-linecap='round' stroke-linejoin='round'>"
        f"{drawing}</svg>"
    )


def _url(markup: str) -> str:
    # A style of the SVG's own must not end that of the page.
    data = quote(markup, _SAFE).replace("</style", "%3C/style")
    return f'url("data:image/svg+xml,{data}")'
