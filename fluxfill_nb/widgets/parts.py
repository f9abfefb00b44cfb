"""What a widget is made of, and how all of that is closed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ipywidgets import VBox, Widget

from .sheets import is_shared


class Whole(VBox):  # type: ignore[misc]
    """A box that has made all that is in it: closing it closes that, too."""

    def close(self) -> None:
        """Take it off the page, with all that it is made of."""
        if self.comm is not None:
            # First, for what stays open and shows something closed would hinder a page that is
            # loaded anew.
            super().close()
            close_all([*self.children, self.layout])


def inside(widgets: Iterable[Widget]) -> Iterator[Widget]:
    """Iterate over widgets, and over all that lies in them."""
    for widget in widgets:
        yield widget
        yield from inside(getattr(widget, "children", ()))


def close_all(widgets: Iterable[Widget]) -> None:
    """Close widgets and all that lies in them, with layouts and styles.

    Left open are the style sheets that all share, and canvases, which are closed by who draws
    on them, once no page does so any more.
    """
    for widget in list(inside(widgets)):
        if not is_shared(widget) and widget._model_module != "ipycanvas":
            close(widget)


def close(widget: Widget) -> None:
    """Close one widget, its layout and its style."""
    for part in (widget, getattr(widget, "layout", None), getattr(widget, "style", None)):
        if isinstance(part, Widget):
            part.close()
