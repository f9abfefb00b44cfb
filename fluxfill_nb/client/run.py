"""A run: fills under way, and the handle by which they are watched, stopped and waited for."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeAlias, TypeVar

from .. import errors
from ..result import FillProgress
from ..sweep import Outcome, Point
from .tally import RunProgress, State, Tally

T = TypeVar("T")
OnResult: TypeAlias = Callable[[Point, Outcome], object]
"""What is told of each fill that has ended."""

SETTLES = 30.0
"""How long a stopped run may take to note what it has sent, s."""

# How long a wait lasts at a time, s: between two, the stop button is heard.
_SLICE = 0.1


class Run(Generic[T]):
    """Fills under way. Made by ``client.start(…)``, which does not wait.

    May be read, stopped and waited for from any thread, and awaited on any event loop. In a
    notebook it shows itself as a live view.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> picture = Image.linear_gradient("L")
    >>> mask = ff.Mask.from_box(picture.size, (80, 80, 120, 120))
    >>> request = ff.FillRequest(picture, mask, steps=15)
    >>> with ff.connect("local", store=None) as client:
    ...     run = client.start(ff.Sweep(request, seed=range(3)))
    ...     runs = run.wait()
    >>> run.is_done, len(runs.results)
    (True, 3)
    """

    def __init__(self, points: tuple[Point, ...], service: str, tally: Tally[T]) -> None:
        self.points = points
        self.service = service
        self._tally = tally

    @property
    def is_done(self) -> bool:
        """Whether it has ended: all is there, or it was stopped."""
        return self._tally.future.done()

    @property
    def is_stopped(self) -> bool:
        """Whether somebody or something stopped it before its end."""
        return self._tally.is_stopped

    @property
    def halted_by(self) -> errors.FluxFillError | None:
        """The error that ended it early, because every further fill would meet it too."""
        return self._tally.halted_by

    @property
    def progress(self) -> RunProgress:
        """How far it is."""
        return self._tally.progress

    def state(self, index: int) -> State:
        """Return how far the fill of ``points[index]`` is."""
        return self._tally.state(index)

    def outcome(self, index: int) -> Outcome:
        """Return what ``points[index]`` has come to: a result, an error, or None as yet."""
        return self._tally.outcome(index)

    def seen(self, index: int) -> FillProgress | None:
        """Return what the service last said of ``points[index]``, if it is under way."""
        return self._tally.seen(index)

    def watch(self, watcher: Callable[[int | None], object]) -> Callable[[], None]:
        """Have a function called with the index of each fill that changes, and None at the end.

        Parameters
        ----------
        watcher
            Called in the client's thread: it should be quick, and neither print nor display.

        Returns
        -------
        collections.abc.Callable
            What ends that.
        """
        return self._tally.watch(watcher)

    def cancel(self) -> None:
        """Stop: nothing more is sent; what was sent stays to be had, and what is done is kept.

        Returns at once. The fills under way are taken up again by ``client.resume()``, or by
        starting the same again.
        """
        self._tally.stop()

    def result(self) -> T:
        """Return what has come so far, without waiting.

        Raises
        ------
        fluxfill_nb.errors.FluxFillError
            Of a single fill: its picture is not here yet, or why there is none.
        """
        return self._tally.result()

    def wait(self) -> T:
        """Wait for the end, and return what has come. The stop button stops the run.

        Raises
        ------
        KeyboardInterrupt
            The run was stopped; what was sent by then is kept.
        RuntimeError
            Called on the event loop that does the work: await the run there.
        """
        if self._tally.thread == threading.get_ident() and not self.is_done:
            raise RuntimeError("This is the loop that does the work: write `await run` here.")
        future = self._tally.future
        try:
            while not future.done():
                with suppress(TimeoutError):
                    return future.result(_SLICE)
            return future.result()
        except KeyboardInterrupt as interrupt:
            self._stop_for(interrupt)
            raise

    def __await__(self) -> Generator[Any, None, T]:
        return self._awaited().__await__()

    async def _awaited(self) -> T:
        future = asyncio.wrap_future(self._tally.future)
        try:
            # In slices: the kernel's interrupt does not wake its loop.
            while not (await asyncio.wait({future}, timeout=_SLICE))[0]:
                pass
            return future.result()
        except asyncio.CancelledError as interrupt:
            self.cancel()
            give_up = time.monotonic() + SETTLES
            while not self.is_done and time.monotonic() < give_up:
                await asyncio.sleep(_SLICE / 10)
            interrupt.add_note(self._how_to_go_on())
            raise

    def _stop_for(self, interrupt: KeyboardInterrupt) -> None:
        """Stop, and wait until what was sent is noted."""
        self.cancel()
        give_up = time.monotonic() + SETTLES
        while not self.is_done and time.monotonic() < give_up:
            time.sleep(_SLICE / 10)
        if not hasattr(interrupt, "__notes__"):
            interrupt.add_note(self._how_to_go_on())

    def _how_to_go_on(self) -> str:
        return f"Stopped: {self.progress}. Run it again to go on: nothing is paid for twice."

    def __repr__(self) -> str:
        end = "stopped" if self.is_stopped else "ended" if self.is_done else "running"
        return f"<Run, {end}: {self.progress}, {self.service}>"

    def _repr_mimebundle_(self, **_kwargs: Any) -> Any:
        from ..widgets.live import LiveView

        return LiveView(self)._repr_mimebundle_()

    @contextmanager
    def shown(self, *, awaited: bool = False) -> Iterator[None]:
        """Show it live for as long as a block lasts, if this is a notebook.

        Parameters
        ----------
        awaited
            Whether this thread's own event loop does the work, so that it must not be held up.

        Yields
        ------
        None
            The block.
        """
        try:
            if not _in_notebook():
                yield
                return
            from ..widgets.live import showing

            with showing(self, awaited=awaited):
                yield
        except KeyboardInterrupt as interrupt:
            self._stop_for(interrupt)
            raise


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
