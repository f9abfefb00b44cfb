"""Fills under way, several at a time: the one thread that works for all who call."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image

from .scene import Scene

if TYPE_CHECKING:
    from ...options import FillOptions
    from ..engine import Progress

_log = logging.getLogger(__name__)

# How often a caller that waits looks whether it is still wanted, s.
_LOOK = 0.1
# How much of a fill is done when all steps are taken; the rest is decoding.
_STEPS_SHARE = 0.95


@dataclass(frozen=True)
class Stats:
    """What an engine has done so far in this process.

    ``fills``
        Pictures that were finished.
    ``steps``, ``passes``
        Steps that were taken, and passes through the model that it took: several fills share one.
    ``prompts_encoded``, ``prompts_reused``
        How often the text encoders ran, and how often their result was still there.
    ``pictures_encoded``, ``pictures_reused``
        The same of picture and mask.
    """

    fills: int = 0
    steps: int = 0
    passes: int = 0
    prompts_encoded: int = 0
    prompts_reused: int = 0
    pictures_encoded: int = 0
    pictures_reused: int = 0


class Row(Protocol):
    """One fill between two steps."""

    @property
    def fraction(self) -> float:
        """Share of the steps that are taken; 1: all are."""

    @property
    def preview(self) -> Callable[[], Image.Image] | None:
        """Makes a picture of the state so far."""


class Sampler(Protocol):
    """The model, for one thread. Its rows are those that it began."""

    def begin(self, scene: Scene, options: FillOptions) -> Row:
        """Prepare a fill."""

    def step(self, rows: list[Any]) -> None:
        """Take a step with fills of one size; MemoryError: too many, and nothing has changed."""

    def finish(self, row: Any) -> Image.Image:
        """Return the picture of a fill whose steps are all taken."""

    def tidy(self, *, rest: bool = False) -> None:
        """Give memory back; ``rest``: nothing is to be done for now."""

    def encoded(self) -> dict[str, int]:
        """Return the counts of `Stats` that are about encoding."""


@dataclass(frozen=True)
class _News:
    """What happened to a fill: a step was taken, its picture is there, or it failed."""

    fraction: float = 0.0
    preview: Callable[[], Image.Image] | None = None
    picture: Image.Image | None = None
    error: BaseException | None = None


class _Fill:
    """One call of the engine. Its caller hears the news; ``left`` says that it does not wait."""

    def __init__(self, scene: Scene, options: FillOptions) -> None:
        self.scene = scene
        self.options = options
        self.row: Row | None = None
        self.left = False
        self.news: queue.SimpleQueue[_News] = queue.SimpleQueue()


class Sampling:
    """A batch that rolls on: fills get on and off between any two steps.

    Calls come from any number of threads. Those of one size share the passes through the model,
    whatever their seed, prompt, picture, guidance and steps, in the order in which they came. Each
    caller's ``progress`` is called in its own thread; if it raises, that fill gets off at once,
    and the others go on.

    Parameters
    ----------
    load
        Makes the sampler, at the first fill.
    at_once
        How many fills share a pass at most. Fewer from then on if memory does not suffice.
    """

    def __init__(self, load: Callable[[], Sampler], at_once: int) -> None:
        self._load = load
        self._at_once = at_once
        self._sampler: Sampler | None = None
        self._loading = threading.Lock()
        self._waiting: deque[_Fill] = deque()
        self._is_running = False
        self._lock = threading.Lock()
        self._fills = self._steps = self._passes = 0

    @property
    def stats(self) -> Stats:
        """What was done so far."""
        encoded = self._sampler.encoded() if self._sampler else {}
        return Stats(self._fills, self._steps, self._passes, **encoded)

    @property
    def waiting(self) -> int:
        """How many fills have not begun."""
        return len(self._waiting)

    def load(self) -> Sampler:
        """Return the sampler, loaded if it was not."""
        with self._loading:
            if self._sampler is None:
                self._sampler = self._load()
            return self._sampler

    def fill(self, scene: Scene, options: FillOptions, progress: Progress) -> Image.Image:
        """Return the picture, of the scene's padded size; waits for it."""
        fill = _Fill(scene, options)
        try:
            self._enter(fill)
            fraction = 0.0
            while True:
                try:
                    news = fill.news.get(timeout=_LOOK)
                except queue.Empty:
                    progress(fraction)
                    continue
                if news.error is not None:
                    raise news.error
                if news.picture is not None:
                    return news.picture
                fraction = news.fraction
                progress(fraction, news.preview)
        finally:
            fill.left = True

    def _enter(self, fill: _Fill) -> None:
        with self._lock:
            self._waiting.append(fill)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="fluxfill-flux").start()

    def _run(self) -> None:
        """Roll on as long as somebody waits."""
        aboard: list[_Fill] = []
        rests = True
        while True:
            aboard = [fill for fill in aboard if not fill.left]
            with self._lock:
                new = self._getting_on(aboard)
                if rests and not new:
                    self._is_running = False
                    return
            rests = not aboard and not new
            try:
                sampler = self.load()
            except BaseException as error:
                for fill in new:
                    fill.news.put(_News(error=error))
                rests = True
                continue
            if rests:  # before the thread ends: the next one may begin at once
                sampler.tidy(rest=True)
            aboard += [fill for fill in new if self._begin(sampler, fill)]
            aboard = self._advance(sampler, aboard)

    def _getting_on(self, aboard: list[_Fill]) -> list[_Fill]:
        """Take from the queue what is next, as far as it fits to those aboard."""
        new: list[_Fill] = []
        while self._waiting:
            first = self._waiting[0]
            if not first.left:
                others = aboard or new
                if len(aboard) + len(new) >= self._at_once or (
                    others and others[0].scene.size != first.scene.size
                ):
                    break
                new.append(first)
            self._waiting.popleft()
        return new

    def _begin(self, sampler: Sampler, fill: _Fill) -> bool:
        """Prepare a fill; return whether that went well."""
        try:
            fill.row = sampler.begin(fill.scene, fill.options)
        except BaseException as error:
            fill.news.put(_News(error=error))
            return False
        return True

    def _advance(self, sampler: Sampler, aboard: list[_Fill]) -> list[_Fill]:
        """Take a step with all; return those that have more to go."""
        for fill in self._stepped(sampler, aboard):
            assert fill.row is not None
            fill.news.put(_News(fill.row.fraction * _STEPS_SHARE, fill.row.preview))
            if fill.row.fraction < 1 or fill.left:
                continue
            aboard.remove(fill)
            try:
                fill.news.put(_News(picture=sampler.finish(fill.row)))
                self._fills += 1
            except BaseException as error:
                fill.news.put(_News(error=error))
        return aboard

    def _stepped(self, sampler: Sampler, aboard: list[_Fill]) -> list[_Fill]:
        """Take a step with all, as many at once as memory allows; return those that took it."""
        stepped: list[_Fill] = []
        to_go = list(aboard)
        while to_go:
            chunk, is_short = to_go[: self._at_once], False
            try:
                sampler.step([fill.row for fill in chunk if fill.row is not None])
                self._passes += 1
                self._steps += len(chunk)
                stepped += chunk
            except MemoryError as error:
                is_short = True
                if len(chunk) > 1:
                    self._at_once = len(chunk) // 2
                    _log.warning("Memory is short: from now on %d at once", self._at_once)
                    chunk = []
                else:
                    self._give_up(chunk, aboard, error)
            except BaseException as error:
                self._give_up(chunk, aboard, error)
            if is_short:  # not in "except", which holds on to what did not fit
                sampler.tidy()
            to_go = to_go[len(chunk) :]
        return stepped

    def _give_up(self, chunk: list[_Fill], aboard: list[_Fill], error: BaseException) -> None:
        for fill in chunk:
            aboard.remove(fill)
            fill.news.put(_News(error=error))
