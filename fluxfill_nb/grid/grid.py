"""Results of a sweep side by side: `Grid`, a matplotlib figure."""

from __future__ import annotations

import base64
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from ..errors import InvalidOption
from ..showing import Showing, fitted
from ..sweep.dimensions import dimensions_of
from .contents import Cell, Look, Survey
from .drawing import draw
from .figures import DPI, as_jpeg, rendered
from .fonts import DRAWING, measured
from .layout import Page, lay_out
from .places import ROLES, places_of

if TYPE_CHECKING:
    from ..sweep import SweepResult

_SAVED_QUALITY = 93
_LARGEST_SAVED = 8000
_NUMBERS_DPI = 300  # saved numbers have no pixels of their own
_FORMATS = (".png", ".jpg", ".jpeg", ".pdf", ".svg")


class Grid:
    """Results of a sweep in rows and columns; a matplotlib figure, shown as a small JPEG.

    Axes that are given no place get a sensible one as long as there is no choice to make: the
    longest as columns, then rows, then panels. Everything is drawn with the pixels that its size
    needs, at any resolution.

    Parameters
    ----------
    runs
        The results.
    row, col
        Axes for the rows and the columns.
    col_wrap
        Begin a new line after so many columns; without rows only.
    panel
        An axis with a grid of its own for each value.
    page
        An axis with a page of its own for each value, see `pages`.
    show
        ``'composited'``: the fill over the original. ``'raw'``: as the service made it.
        ``'difference'``: how far that is from the original. ``'crop'``: around the mask.
    original
        Put the original first, with the mask outlined.
    caption
        What to say below each cell: names of settings and axes, ``'duration'``, ``'price'``, and
        metrics.
    metric
        Draw this metric as colours instead of the pictures; one of `fluxfill_nb.metrics.METRICS`.
    cell
        Longer side of a cell, px; default: what fits.
    max_px
        Longer side of the figure as the notebook shows it, px.
    title
        Default: the prompt, if it is the same everywhere.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        There is no such axis, or one has no place; the message says what to do.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.grid import Grid
    >>> from fluxfill_nb.sweep import Sweep
    >>> from fluxfill_nb.sweep import SweepResult
    >>> picture = Image.linear_gradient("L")
    >>> mask = ff.Mask.from_ellipse(picture.size, (80, 80, 140, 160))
    >>> sweep = Sweep(ff.FillRequest(picture, mask, steps=15), seed=[1, 2, 3], guidance=[10, 30])
    >>> with ff.connect("local") as client:
    ...     runs = SweepResult(sweep, [client.fill(point.request) for point in sweep])
    >>> Grid(runs, row="guidance", col="seed")
    <Grid 2 x 3: rows guidance, columns seed, composited>
    """

    def __init__(
        self,
        runs: SweepResult,
        *,
        row: str | None = None,
        col: str | None = None,
        col_wrap: int | None = None,
        panel: str | None = None,
        page: str | None = None,
        show: str = "composited",
        original: bool = False,
        caption: Sequence[str] | str | None = None,
        metric: str | None = None,
        cell: int | None = None,
        max_px: int = 2400,
        title: str | None = None,
    ) -> None:
        names = (caption,) if isinstance(caption, str) else tuple(caption or ())
        self._look = Look(show, original, names, metric, cell, max_px, title)
        self._look.check(tuple(runs.axes))
        wanted = dict(zip(ROLES, (row, col, panel, page), strict=True))
        self._places = places_of(dimensions_of(runs), wanted, col_wrap)
        self._showing = Showing()
        self._survey = Survey(runs, self._places, self._look, self._showing)
        self._page: int | None = None

    @property
    def pages(self) -> tuple[Grid, ...]:
        """A grid for each value of the axis ``page``; this one alone if there is no such axis."""
        if self._places.page is None or self._page is not None:
            return (self,)
        return self._all_pages

    @functools.cached_property
    def _all_pages(self) -> tuple[Grid, ...]:
        pages = []
        for page in range(len(self._places.page or ())):
            grid = object.__new__(Grid)
            grid._look, grid._places, grid._page = self._look, self._places, page
            grid._showing, grid._survey = self._showing, self._survey
            pages.append(grid)
        return tuple(pages)

    @functools.cached_property
    def figure(self) -> Figure:
        """The figure, at 100 dpi; to be changed as one likes. Of several pages, the first."""
        with DRAWING:
            return draw(self._layout, self._survey.extent, self._look.show, self._showing)

    @property
    def axes(self) -> Axes:
        """The one Axes of the figure: its data are px, from the top left, as in `box`."""
        return self.figure.axes[0]

    def box(self, **labels: Any) -> tuple[float, float, float, float]:
        """Return (left, top, right, bottom) of a cell, px: where to draw something of one's own.

        Parameters
        ----------
        **labels
            Axis to value, so many that one cell has them all.

        Raises
        ------
        fluxfill_nb.errors.InvalidOption
            None, or several cells have these labels.
        """
        found = [
            spot.box
            for spot in self._layout.spots
            if spot.content.kind != "original"
            and labels.items() <= dict(spot.content.point.labels).items()
        ]
        if len(found) != 1:
            raise InvalidOption(f"{len(found)} cells have {labels}: give labels that one has.")
        left, top, width, height = found[0]
        return left, top, left + width, top + height

    def save(self, path: str | os.PathLike[str], *, dpi: float | None = None) -> Path:
        """Save the figure; as a PDF with all pages.

        Parameters
        ----------
        path
            Ends with .png, .jpg, .jpeg, .pdf or .svg.
        dpi
            Pixels for an inch, of which a cell of 200 px has 2. Default: so many that pictures are
            saved pixel for pixel, up to 8000 px for the longer side of the figure.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        fluxfill_nb.errors.InvalidOption
            The suffix is another one, or the format has no pages.
        """
        path = Path(path)
        kind = path.suffix.lower()
        if kind not in _FORMATS:
            raise InvalidOption(f"Grids are saved as {', '.join(_FORMATS)}; not as {path.name!r}.")
        if dpi is not None and not dpi > 0:
            raise InvalidOption(f"dpi is {dpi!r}: it must be above 0.")
        pages = self.pages
        if len(pages) > 1 and kind != ".pdf":
            raise InvalidOption(
                f"This grid has {len(pages)} pages, {kind} files have one: save as .pdf, or each "
                f"by itself, as in grid.pages[0].save('page 1{kind}')."
            )
        with DRAWING:
            if kind == ".pdf":
                with PdfPages(path) as pdf:
                    for page in pages:
                        pdf.savefig(page.figure, dpi=dpi or page._full_dpi)
            elif kind == ".svg":
                self.figure.savefig(path, format="svg", dpi=dpi or self._full_dpi)
            else:
                resolution = dpi or self._full_dpi
                image = rendered(self.figure, resolution).convert("RGB")
                image.save(path, quality=_SAVED_QUALITY, dpi=(resolution, resolution))
        return path

    @functools.cached_property
    def _layout(self) -> Page[Cell]:
        return lay_out(self._survey.contents(self._page or 0), measured)

    @property
    def _full_dpi(self) -> float:
        """The resolution at which the largest picture is drawn pixel for pixel."""
        page = self._layout
        most = DPI * _LARGEST_SAVED / max(page.width, page.height)
        if self._look.metric:
            return min(most, _NUMBERS_DPI)
        scale = 1.0
        for spot in page.spots:
            size = self._showing.natural_size(spot.content.point.request, self._look.show)
            drawn = fitted(size, (round(spot.box.width), round(spot.box.height)))
            scale = max(scale, size[0] / drawn[0])
        return min(most, DPI * scale)

    def __repr__(self) -> str:
        places = self._places
        cells = [spot for spot in self._layout.spots if spot.content.kind != "original"]
        tops, lefts = ({getattr(spot.box, side) for spot in cells} for side in ("top", "left"))
        words = {"row": "rows", "col": "columns", "panel": "panels", "page": "pages"}
        where = [f"{words[role]} {axis}" for role in ROLES if (axis := getattr(places, role))]
        what = ", ".join([*where, self._look.metric or self._look.show])
        return f"<Grid {len(tops)} x {len(lefts)}: {what}>"

    def _repr_mimebundle_(self, **_kwargs: Any) -> dict[str, Any]:
        with DRAWING:
            page = self._layout
            scale = min(1.0, self._look.max_px / max(page.width, page.height))
            jpeg = as_jpeg(self.figure, DPI * scale)
        text = repr(self)
        if len(self.pages) > 1:
            text += f"\nThe first of {len(self.pages)} pages: grid.pages has all."
        return {"text/plain": text, "image/jpeg": base64.b64encode(jpeg).decode()}
