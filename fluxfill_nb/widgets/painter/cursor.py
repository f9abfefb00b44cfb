"""The pointer over the canvas: a ring as large as the brush, drawn by the browser, never late."""

from __future__ import annotations

from urllib.parse import quote

LARGEST = 122.0
"""Diameter, CSS px, up to which a ring is a pointer: browsers take pictures of up to 128 px."""

# A ring smaller than this shows its middle as well.
_TINY = 7.0
# The canvas is as narrow as the page has room for: from one step to the next, the ring is scaled.
_STEP = 0.87
_NARROWEST = 200.0


def pointer_css(selector: str, diameter: float | None, width: float, cursor: str) -> str:
    """Return the style sheet that gives an element its pointer.

    Parameters
    ----------
    selector
        The element, inside a container that is as wide as the canvas.
    diameter
        Of the ring, CSS px, where the canvas has its full width; None for no ring.
    width
        Full width of the canvas, CSS px.
    cursor
        The pointer without a ring, as CSS names it.
    """
    if diameter is None or diameter > LARGEST:
        return f"{selector}{{cursor:{cursor}}}"
    rules = [f"{selector}{{cursor:{_ring(diameter)}}}"]
    narrow = width
    while narrow > _NARROWEST:
        # The ring is right in the middle of a step.
        limit = narrow * _STEP**0.5
        narrow *= _STEP
        ring = _ring(diameter * narrow / width)
        rules.append(f"@container (max-width:{limit:.0f}px){{{selector}{{cursor:{ring}}}}}")
    return "\n".join(rules)


def _ring(diameter: float) -> str:
    """A ring of two lines, one of which stands out from whatever is beneath."""
    radius = max(diameter / 2, 0.75)
    side = 2 * int(radius + 2) + 1
    middle = side / 2
    circle = f"<circle cx='{middle}' cy='{middle}' fill='none'"
    lines = (
        f"{circle} r='{radius + 0.5:.2f}' stroke='#000' stroke-opacity='.8'/>"
        f"{circle} r='{max(radius - 0.5, 0.5):.2f}' stroke='#fff'/>"
    )
    if diameter < _TINY:
        side, middle, lines = _with_arms(radius)
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' width='{side}' height='{side}'>{lines}</svg>"
    hot = int(middle)
    return f'url("data:image/svg+xml,{quote(svg, safe=chr(39) + " =/:")}") {hot} {hot},crosshair'


def _with_arms(radius: float) -> tuple[int, float, str]:
    """A ring too small to be found, with four arms that point to it."""
    side, middle = 23, 11.5
    near = radius + 3
    arms = "".join(
        f"M{middle} {a:g}V{b:g}M{a:g} {middle}H{b:g}"
        for a, b in ((1.5, middle - near), (middle + near, side - 1.5))
    )
    dot = f"<circle cx='{middle}' cy='{middle}' r='{radius:.2f}'"
    return (
        side,
        middle,
        (
            f"<path d='{arms}' stroke='#000' stroke-opacity='.8' stroke-width='3'/>"
            f"<path d='{arms}' stroke='#fff'/>"
            f"{dot} fill='none' stroke='#000' stroke-width='2' stroke-opacity='.8'/>"
            f"{dot} fill='#fff'/>"
        ),
    )
