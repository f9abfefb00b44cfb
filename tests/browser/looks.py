"""What can be read and reached: contrasts, names and focus, as a browser computes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from playwright.sync_api import Locator

# Contrast of each text with what is behind it, and of each icon, slider and field's edge.
# What cannot be pressed now needs none. Gives [ratio, needed, what], the worst first.
_CONTRASTS = """root => {
    const context = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    const over = (ground, colour, alpha = 1) => {
        context.globalAlpha = 1;
        context.fillStyle = `rgb(${ground})`;
        context.fillRect(0, 0, 1, 1);
        context.globalAlpha = alpha;
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const grounds = new Map([[null, [255, 255, 255]]]);
    const ground = element => {
        if (!grounds.has(element))
            grounds.set(element,
                over(ground(element.parentElement), getComputedStyle(element).backgroundColor));
        return grounds.get(element);
    };
    const opacity = element => element === null ? 1
        : opacity(element.parentElement) * getComputedStyle(element).opacity;
    const luminance = colour => {
        const [red, green, blue] = colour.map(value => value / 255).map(
            value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const found = [];
    const judge = (element, behind, colour, needed, what) => {
        const both = [over(behind, colour, opacity(element)), behind].map(luminance);
        found.push([(Math.max(...both) + 0.05) / (Math.min(...both) + 0.05), needed, what]);
    };
    for (const element of root.querySelectorAll("*")) {
        if (element.closest("style, :disabled")
            || !element.checkVisibility({opacityProperty: true})) continue;
        const style = getComputedStyle(element), behind = ground(element);
        const what = `${element.tagName} ${element.className} ${element.textContent.slice(0, 30)}`;
        const own = [...element.childNodes].some(
            node => node.nodeType === 3 && node.textContent.trim());
        const typed = element.matches("input, textarea, select");
        if ((own || typed) && parseFloat(style.fontSize)) {
            judge(element, behind, style.color, 4.5, "text: " + what);
            if (element.placeholder)
                judge(element, behind, getComputedStyle(element, "::placeholder").color, 4.5,
                    "placeholder: " + element.placeholder);
        }
        for (const place of ["::before", "::after"]) {
            const {content, color, fontSize} = getComputedStyle(element, place);
            if (/^"[^"]*[a-z%]/i.test(content) && parseFloat(fontSize))
                judge(element, behind, color, 4.5, `${place} ${content}: ${what}`);
        }
        if (element.matches(".fa"))
            judge(element, behind, style.color, 3, "icon: " + what);
        if (element.matches(".noUi-handle, .noUi-connects"))
            judge(element, ground(element.parentElement.closest(".jupyter-widgets")),
                style.backgroundColor, 3, "slider: " + what);
        if (element.matches("input:not([type=color], [type=checkbox]), textarea, select"))
            judge(element, ground(element.parentElement), style.borderTopColor, 3,
                "edge: " + what);
    }
    return found.sort((one, other) => one[0] / one[1] - other[0] / other[1]);
}"""
# Everything that the Tab key is to reach, numbered; with its place on the page.
_STOPS = """root => [...root.querySelectorAll(
        "a[href], button, input, select, textarea, summary, pre, [tabindex]")]
    .filter(each => each.matches("a, button, input, select, textarea, summary, [tabindex]")
        && each.tabIndex >= 0 && !each.disabled && each.checkVisibility({visibilityProperty: true})
        && each.getBoundingClientRect().width > 0)
    .map((each, number) => {
        each.dataset.stop = number;
        const {left, top, height} = each.getBoundingClientRect();
        const bar = each.closest(".ffnb-bar, .ffnb-rail, .ffnb-row, .ffnb-buttons, .ffnb-card");
        return [each.getAttribute("aria-label") || each.innerText || each.title || each.className
            || each.tagName, [...root.querySelectorAll("*")].indexOf(bar), left, top, height];
    })"""
_FOCUSED = """root => {
    const focused = document.activeElement;
    if (!root.contains(focused)) return null;
    const {outlineStyle, outlineWidth} = getComputedStyle(focused);
    return [focused.dataset.stop ?? "?" + focused.outerHTML.slice(0, 120),
        outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 ? "" : focused.outerHTML];
}"""
_FOLLOWED = """width => {
    const {right} = document.querySelector("#jp-main-dock-panel").getBoundingClientRect();
    return width - 60 < right && right <= width;
}"""
_ROLES = "button|checkbox|combobox|link|progressbar|slider|spinbutton|textbox"


def faint(root: Locator) -> list[str]:
    """What is seen and has less contrast than WCAG's level AA asks for."""
    found = root.evaluate(_CONTRASTS)
    assert found
    return [f"{ratio:.2f} of {needed}: {what}" for ratio, needed, what in found if ratio < needed]


def unnamed(root: Locator) -> list[str]:
    """Controls that a screen reader has no name for."""
    lines = root.aria_snapshot().splitlines()
    assert any(re.search(rf"- (?:{_ROLES}) \"", line) for line in lines)
    return [line for line in lines if re.match(rf"\s*- (?:{_ROLES})(?!\w| \")", line)]


@dataclass(frozen=True)
class Stop:
    """Something that the Tab key is to reach: its name, which bar it is in, its place, CSS px."""

    name: str
    group: int
    left: float
    top: float
    height: float

    def is_before(self, other: Stop) -> bool:
        """Whether it is read before another: left of it in one line, else above it."""
        if abs(self.top + self.height / 2 - other.top - other.height / 2) < 12:
            return self.left < other.left
        return self.top < other.top + other.height


def widen(root: Locator, width: int) -> None:
    """Make the window so wide, CSS px, and wait until JupyterLab has followed."""
    root.page.set_viewport_size({"width": width, "height": 900})
    root.page.wait_for_function(_FOLLOWED, arg=width)


def tabbed(root: Locator) -> tuple[list[Stop], list[int], list[str]]:
    """Press Tab from the first control until the focus leaves.

    Returns what can be reached, in the page's order; the numbers of what was reached; and what had
    no ring around it while it had the focus.
    """
    stops = [Stop(*each) for each in root.evaluate(_STOPS)]
    root.evaluate("root => root.querySelector('[data-stop=\"0\"]').focus()")
    reached, ringless = [0], []
    for _ in range(2 * len(stops)):
        root.page.keyboard.press("Tab")
        focused = root.evaluate(_FOCUSED)
        if focused is None:
            return stops, reached, ringless
        stop, hidden = focused
        assert not stop.startswith("?"), stop
        reached.append(int(stop))
        if hidden:
            ringless.append(hidden)
    raise AssertionError(f"The focus does not leave: {reached[-5:]} of {len(stops)}")
