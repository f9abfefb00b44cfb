"""The Studio: paint, say what belongs there, fill, compare; in a notebook or as an app."""

from __future__ import annotations

import base64
import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from traitlets import Bunch, Instance, Int, List, Unicode, observe

from ... import services
from ...client import FluxFill
from ...client.run import Run
from ...errors import InvalidImage, InvalidInput, InvalidMask, InvalidOption, MissingKey
from ...images import ImageSource, Picture
from ...mask import Mask, MaskSource
from ...options import FillOptions
from ...painting import Painting
from ...request import FillRequest
from ...result import FillResult
from ..faults import Steady, told
from ..follower import Follower
from ..painter import MaskPainter
from ..panel import ParameterPanel
from ..parts import Whole
from ..service import introduced
from ..signed import signed
from ..thumbnails import jpeg
from . import words
from .fills import Fill
from .frame import Frame

_MOST_SEEDS = 64
_STATIC_SIDE = 480


@signed
class Studio(Whole, Steady):
    """Paint a mask, say what belongs there, press Fill, and compare what comes.

    Several fills may run at once, and each can be stopped; the notebook stays free meanwhile. What
    a click does, a method does too.

    Parameters
    ----------
    image
        Anything that `fluxfill_nb.open_image` takes; None: it is opened on the page.
    client
        Who fills; default: what `fluxfill_nb.connect` chooses.
    mask
        To begin with: anything that `fluxfill_nb.Mask` takes, of the picture's size. None: what is
        transparent in the picture.
    options
        To begin with: a `fluxfill_nb.options.FillOptions`, or a request, for its settings.

    Attributes
    ----------
    results
        Every `fluxfill_nb.FillResult` so far, newest last. May be observed: observers are called
        soon after, in a thread that also brings the page up to date, so they should be quick; they
        may call ``fill``.
    selected
        The result that is compared with its original, in the painter's place; None: the painter is
        seen. Assign it.
    running
        How many fills are under way.
    hint, error, log
        What is to be done before a fill; what went wrong last, as one line; how that came.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.options import FillOptions
    >>> from fluxfill_nb.widgets.studio import Studio
    >>> studio = Studio(Image.linear_gradient("L"), options=FillOptions(steps=15, seed=7))
    >>> studio.painter.rectangle((80, 80, 120, 120))
    >>> studio.request
    FillRequest(256 x 256, mask 2.4 %, steps=15, seed=7)
    >>> [run.wait() for run in studio.fill()]
    [<FillResult 256 x 256, seed 7, local engine: patches, free>]
    >>> studio.results
    [<FillResult 256 x 256, seed 7, local engine: patches, free>]
    """

    # None of them is synchronized with the page.
    results = List(Instance(FillResult))
    selected = Instance(FillResult, allow_none=True)
    running = Int(0)
    hint = Unicode("")
    log = Unicode("")

    def __init__(
        self,
        image: ImageSource | None = None,
        *,
        client: FluxFill | None = None,
        mask: MaskSource | None = None,
        options: FillOptions | None = None,
    ) -> None:
        # What can be wrong comes first: a widget that was begun would stay on all pages.
        if image is not None:
            picture = Picture.open(image)
            painting = _painting_of(picture, mask)
        elif mask is not None:
            raise InvalidImage("A mask is of a picture: give the picture, too.")
        self._lock = threading.RLock()
        self._fills: list[Fill] = []
        self._stale: set[Fill] = set()
        self._stars: dict[str, int] = {}
        self._untold: deque[Bunch] = deque()
        self._painter: MaskPainter | None = None
        self._base: tuple[Painting, int, FillRequest] | None = None
        self._awaited: tuple[Fill, object] | None = None
        self.panel = ParameterPanel(options, client=client or services.connect())
        super().__init__()
        self._follower = Follower(self._bring_up_to_date)
        self._frame = Frame(self)
        self.children = self._frame.children
        if image is not None:
            self._begin(picture, painting)

    # ------------------------------------------------------------------------------ what it has

    @property
    def painter(self) -> MaskPainter | None:
        """Where the mask is painted; None as long as there is no picture."""
        return self._painter

    @property
    def client(self) -> FluxFill | None:
        """Who fills: the one that the panel has; None if its key is missing. Assign another."""
        client: FluxFill | None = self.panel.client
        return client

    @client.setter
    def client(self, client: FluxFill) -> None:
        self.panel.client = client

    @property
    def image(self) -> Image.Image | None:
        """The picture, RGB. Assign another to begin anew on that; the results stay."""
        return None if self._painter is None else self._painter.image

    @image.setter
    def image(self, image: ImageSource) -> None:
        picture = Picture.open(image)
        self._begin(picture, _painting_of(picture))

    @property
    def fills(self) -> tuple[Fill, ...]:
        """All that was asked for, newest last: with its run, its result, or its error."""
        with self._lock:
            return tuple(self._fills)

    @property
    def request(self) -> FillRequest:
        """What Fill sends: the picture, the mask as it is painted, the panel's settings.

        A seed that is not locked is the last one; Fill draws the next.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            There is no picture, or nothing is painted.
        """
        return self._request(self.panel.options)

    # ------------------------------------------------------------------------------ what it does

    def fill(self, seeds: int = 1) -> list[Run[FillResult]]:
        """Fill what is painted, in the background; return at once.

        Parameters
        ----------
        seeds
            How many pictures: of the next seed, and of those that follow it, 1 to 64.

        Returns
        -------
        list of Run
            One for each picture: to be watched, stopped, or waited for.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            There is no picture, nothing is painted, or a setting cannot be used.
        """
        if isinstance(seeds, bool) or not 1 <= seeds <= _MOST_SEEDS:
            raise InvalidOption(f"seeds is {seeds!r}: it must be from 1 to {_MOST_SEEDS}.")
        client = self.client
        if client is None:
            raise MissingKey(introduced(None))
        self._check()
        request = self._request(self.panel.next_options())
        first = request.seed or 0
        fills = [Fill(client, request.replace(seed=first + more)) for more in range(seeds)]
        with self._lock:
            self._fills += fills
            self._awaited = fills[0], self._view()
        for fill in fills:
            self._frame.strip.add(fill)
        runs = [self._followed(fill) for fill in fills]
        self._count()
        return runs

    def stop(self) -> None:
        """Stop all fills under way: nothing more is sent, and what was sent stays to be had."""
        for fill in self.fills:
            fill.stop()
        self._follower.stir()

    def again(self, fill: Fill) -> None:
        """Ask once more for a fill that failed or was stopped; others go on as they are."""
        if fill.again():
            self._followed(fill)

    def drop(self, fill: Fill) -> None:
        """Show a fill that failed or was stopped no more."""
        with self._lock:
            self._fills = [other for other in self._fills if other is not fill]
        self._frame.strip.drop(fill)

    def use(self, result: FillResult) -> None:
        """Go on from a result: it becomes the picture, with nothing painted."""
        self.image = result.image

    def take_settings(self, result: FillResult) -> None:
        """Set the panel as it was for a result, with its seed, which is locked.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            They are not known.
        """
        if (request := result.request) is None:
            raise InvalidInput("With which settings this picture was made is not known.")
        seed = request.seed if result.seed is None else result.seed
        self.panel.options = request.replace(seed=seed).options
        self.hint = "The settings are taken, with their seed: unlock it for other pictures."

    def star(self, result: FillResult, stars: int = 1) -> None:
        """Give a result stars; the store keeps them, if there is one.

        Parameters
        ----------
        result
            One of ``results``.
        stars
            0 to 5; 0 takes them away.
        """
        client = self._client_of(result)
        if client is not None and client.store is not None:
            client.store.star(result.key, stars)
        else:
            self._stars[result.key] = stars
        self._frame.strip.choose()

    def stars(self, result: FillResult) -> int:
        """Return how many stars a result has."""
        client = self._client_of(result)
        if client is not None and client.store is not None:
            return client.store.stars(result.key)
        return self._stars.get(result.key, 0)

    def save(self, result: FillResult, path: str | os.PathLike[str]) -> Path:
        """Save a result with its origin inside; return where it is.

        Parameters
        ----------
        result
            One of ``results``.
        path
            Ends with .png, .jpg, .jpeg or .webp; see `fluxfill_nb.FillResult.save`.
        """
        return result.save(path)

    def link(self, result: FillResult) -> str:
        """Return HTML of a link with a result as a PNG file, as the page offers it."""
        with tempfile.TemporaryDirectory() as folder:
            png = result.save(Path(folder, "fill.png")).read_bytes()
        name = f"fill-{words.seed_of(None, result).replace(' ', '-')}.png"
        data = base64.b64encode(png).decode()
        size = f"{len(png) / 1e6:.1f} MB" if len(png) >= 1e5 else f"{len(png) / 1e3:.0f} kB"
        return f'<a download="{name}" href="data:image/png;base64,{data}">Download PNG ({size})</a>'

    def close(self) -> None:
        """Take it off the page; fills under way go on, and stay in the store."""
        if hasattr(self, "_frame"):
            self._frame.strip.forget()
            with self._frame.lock:
                super().close()
        else:
            super().close()

    # ------------------------------------------------------------------------------ how it does it

    def _begin(self, picture: Picture, painting: Painting) -> None:
        """Put a picture on the easel."""
        if self._painter is None:
            self._painter = MaskPainter(painting)
        else:
            self._painter.painting = painting
        # The file that it came from is sent, not what the painter makes of it.
        request = FillRequest(picture.given_out(), Mask.full(painting.size))
        with self._lock:
            self._base = painting, -1, request
        self.selected = None
        self._frame.has_picture()

    def _check(self) -> Painting:
        """Return what is painted on, if it can be filled."""
        if self._painter is None:
            raise InvalidImage("There is no picture yet: open one, then paint on it.")
        painting = self._painter.painting
        if painting.bbox is None:
            raise InvalidMask(
                "Nothing is painted yet: paint over what is to be filled, then press Fill."
            )
        return painting

    def _request(self, options: FillOptions) -> FillRequest:
        painting = self._check()
        with painting.lock:
            version, mask = painting.version, painting.mask
        with self._lock:
            known, drawn, request = self._base or (None, -1, None)
            if known is not painting or request is None:
                request = FillRequest(painting.image, mask)
            elif drawn != version:
                request = request.replace(mask=mask)
            self._base = painting, version, request
        return request.replace(**{name: getattr(options, name) for name in options.names()})

    def _followed(self, fill: Fill) -> Run[FillResult]:
        run = fill.run
        assert run is not None
        run.watch(lambda _: self._heard(fill))
        self._heard(fill)
        return run

    def _heard(self, fill: Fill) -> None:
        """Take note of what has changed; in the client's thread, so quickly."""
        settled = fill.settle()
        with self._lock:
            self._stale.add(fill)
            if settled and fill.result is not None:
                self.results = [*self.results, fill.result]
        if settled and fill.result is not None and fill.error is not None:
            self._fail(fill.error)  # it is here, but could not be kept
        self._follower.stir()

    def _bring_up_to_date(self) -> bool:
        """Let the page show how things are; return whether there is more to come."""
        with self._lock:
            fills, stale = list(self._fills), self._stale
            under_way = [fill for fill in fills if fill.stage == "pending"]
            self._stale = set()
        # What has just come is shown first, and of that what is to be seen large.
        try:
            for fill in sorted(fills, key=lambda fill: fill not in stale):
                if fill in stale or fill in under_way:
                    self._frame.strip.refresh(fill)
        except Exception:
            with self._lock:
                self._stale |= stale  # for the next time
            raise
        self._count()
        self._show_first()
        while self._untold:
            super().notify_change(self._untold.popleft())
        return bool(under_way)

    def notify_change(self, change: Bunch) -> None:
        """Tell observers; of results later, for they come in the client's thread.

        Parameters
        ----------
        change
            As observers get it.
        """
        if change["name"] == "results":
            self._untold.append(change)
        else:
            super().notify_change(change)

    def _count(self) -> None:
        with self._lock:  # the later count is to be what stays
            under_way = [fill for fill in self._fills if fill.stage == "pending"]
            self.running = len(under_way)
            self._frame.show_progress(under_way)

    def _show_first(self) -> None:
        """Show what was asked for last, unless somebody has gone on meanwhile."""
        with self._lock:
            fill, view = self._awaited or (None, None)
            if fill is None or fill.result is None:
                return
            self._awaited = None
        if view == self._view():
            self.selected = fill.result

    def _view(self) -> object:
        """What somebody is looking at: it is not taken away from who has gone on."""
        painter = self._painter
        return painter and (painter.painting, painter.mask_version), self.selected

    def _client_of(self, result: FillResult) -> FluxFill | None:
        for fill in self.fills:
            if fill.result is result:
                return fill.client
        return self.client

    @observe("selected")
    def _select(self, _: Any) -> None:
        self._frame.compare()

    def _safely(self, action: Callable[[], None]) -> None:
        """Do what the page asks for; what goes wrong is shown, and the Studio goes on."""
        try:
            self.hint = self.error = self.log = ""
            self._frame.strip.offer(None)
            action()
        except InvalidInput as error:
            self.hint = told(error)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.log = words.log(error)
        super()._fail(error)

    def __repr__(self) -> str:
        picture = "no picture" if self._painter is None else "{} x {}".format(*self._painter.size)
        return f"<Studio {picture}, {len(self.results)} results, {self.running} under way>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        if self._painter is None:
            return bundle
        if self.results:
            picture = self.results[-1].image.copy()
            picture.thumbnail((_STATIC_SIDE, _STATIC_SIDE))
        else:
            picture = self._painter.preview(_STATIC_SIDE)
        return bundle | {"image/jpeg": base64.b64encode(jpeg(picture)).decode()}


def _painting_of(picture: Picture, mask: MaskSource | None = None) -> Painting:
    """Return what is painted on; without a mask, what is transparent is to be filled."""
    if mask is None and picture.image.mode == "RGBA":
        mask = Mask.from_alpha(picture.image)
    return Painting(picture.rgb, mask)
