"""The client, blocking: the awaited one, run on a background loop."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NoReturn, Self, Unpack, overload

import httpx

from ..images import ImageSource
from ..mask import MaskSource
from ..options import FillKeywords
from ..request import FillRequest
from ..result import FillResult, FillTask
from ..store import RunStore
from ..sweep import Sweep, SweepResult
from . import conductor
from .collected import Collected
from .core import HOSTED_URL, AsyncFluxFill, StoreSource, request_of
from .places import MOST
from .portal import begin, run
from .progress import OnProgress
from .run import OnResult, Run

if TYPE_CHECKING:
    from .receiver import Receiver


class FluxFill:
    """Client of a FLUX.1 Fill service, blocking; for scripts, notebooks and threads alike.

    Every method may be called from any thread, also while the notebook's own event loop runs. The
    stop button ends a wait at once; what was submitted by then is kept in ``unfinished``.

    Parameters
    ----------
    api_key
        Key of the hosted service; default: the environment variable BFL_API_KEY, which is read for
        addresses of the hosted service only.
    base_url
        Address of the service.
    store
        Where all that is sent and all that comes back is kept, a `fluxfill_nb.RunStore` or the
        folder of one: what is there is not paid for again. None: nothing is kept.
    max_active
        How many fills run at once; the hosted service allows 24 a key.
    timeout
        How long to wait for one picture, s. Until there is a place for it, its time does not run.
    transport
        Another way to the service, such as ``LocalServer().transport``.
    webhooks
        Where the service calls when a picture is ready, if requests have that ``webhook_url``: the
        client then asks at once.
    service
        What to call the service; default: its host.
    price
        Of a fill, USD; default: the hosted service's, and unknown for others.

    Raises
    ------
    fluxfill_nb.errors.MissingKey
        The hosted service is meant, and there is no key.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> picture = Image.linear_gradient("L")
    >>> mask = ff.Mask.from_box(picture.size, (80, 80, 120, 120))
    >>> with ff.LocalServer() as server, ff.FluxFill(base_url=server.url) as client:
    ...     client.fill(picture, mask, steps=15, seed=7).image.size
    (256, 256)
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str = HOSTED_URL,
        store: StoreSource = None,
        max_active: int = MOST,
        timeout: float = 300.0,
        transport: httpx.AsyncBaseTransport | None = None,
        webhooks: Receiver | None = None,
        service: str | None = None,
        price: float | None = None,
    ) -> None:
        self._awaited = AsyncFluxFill(
            api_key,
            base_url=base_url,
            store=store,
            max_active=max_active,
            timeout=timeout,
            transport=transport,
            webhooks=webhooks,
            service=service,
            price=price,
        )

    @property
    def service(self) -> str:
        """What the service is called."""
        return self._awaited.service

    @property
    def price(self) -> float | None:
        """Of a fill, USD; None if it is not known."""
        return self._awaited.price

    @property
    def store(self) -> RunStore | None:
        """Where things are kept; None: nowhere."""
        return self._awaited.store

    @property
    def unfinished(self) -> tuple[FillTask, ...]:
        """The tasks that were submitted through this client and whose picture is not here yet."""
        return self._awaited.unfinished

    def expected(self, count: int) -> float | None:
        """Return how long so many fills will take, s, going by the last ones in the store.

        Parameters
        ----------
        count
            How many are sent.

        Returns
        -------
        float or None
            None: nothing is known of that.
        """
        return self._awaited.expected(count)

    def fill(
        self,
        image: ImageSource | FillRequest,
        mask: MaskSource | None = None,
        prompt: str | None = "",
        *,
        on_progress: OnProgress | None = None,
        reuse: bool | None = None,
        retry: bool | Collection[str] = False,
        **options: Unpack[FillKeywords],
    ) -> FillResult:
        """Fill what the mask marks, and wait for the picture; see `AsyncFluxFill.fill`.

        Parameters
        ----------
        image
            The picture, or a whole `fluxfill_nb.FillRequest` (then without mask and prompt).
        mask
            White is filled; None: what is transparent in the picture is.
        prompt
            What belongs there.
        on_progress
            Called with a `fluxfill_nb.result.FillProgress` after each look at the task, in the
            client's thread: it should be quick, and neither print nor display.
        reuse
            Whether the store's picture of the same request will do. None: if it would come out the
            same again (a seed, no prompt upsampling). True: any. False: a new one is made.
        retry
            Whether to send what may have been paid for without anything to show for it: kinds of
            ends, ``"unconfirmed"`` and ``"expired"``, or True for both.
        **options
            ``seed``, ``guidance``, ``steps``, …: see `fluxfill_nb.options.FillOptions`.

        Returns
        -------
        fluxfill_nb.FillResult
            The picture, and how it was made.
        """
        # Here rather than on the loop: what cannot be used is said without a word of threads.
        request = request_of(image, mask, prompt, **options)
        return run(
            lambda: self._awaited.fill(request, on_progress=on_progress, reuse=reuse, retry=retry)
        )

    def submit(self, request: FillRequest) -> FillTask:
        """Send a request, and return the task that it has become."""
        return run(lambda: self._awaited.submit(request))

    def wait(self, task: FillTask, *, on_progress: OnProgress | None = None) -> FillResult:
        """Wait until a task's picture is ready, and fetch it; see `AsyncFluxFill.wait`.

        Parameters
        ----------
        task
            What `submit` returned, an error carried, or was written down elsewhere.
        on_progress
            As in `fill`.
        """
        return run(lambda: self._awaited.wait(task, on_progress=on_progress))

    def resume(self) -> Collected:
        """Collect every picture that is still to be had; see `AsyncFluxFill.resume`.

        Returns
        -------
        Collected
            A list of the results, that also says what was ``lost`` and what is ``unconfirmed``.
        """
        return run(self._awaited.resume)

    @overload
    def start(
        self, what: Sweep, *, on_result: OnResult | None = ..., budget: float | None = ...,
        reuse: bool | None = ..., retry: bool | Collection[str] = ...,
    ) -> Run[SweepResult]: ...  # fmt: skip
    @overload
    def start(
        self, what: FillRequest, *, on_result: OnResult | None = ..., budget: float | None = ...,
        reuse: bool | None = ..., retry: bool | Collection[str] = ...,
    ) -> Run[FillResult]: ...  # fmt: skip
    def start(
        self,
        what: Sweep | FillRequest,
        *,
        on_result: OnResult | None = None,
        budget: float | None = None,
        reuse: bool | None = None,
        retry: bool | Collection[str] = False,
    ) -> Run[SweepResult] | Run[FillResult]:
        """Start a sweep, or one fill, in the background; see `AsyncFluxFill.start`.

        Parameters
        ----------
        what
            A `fluxfill_nb.Sweep`, or a request.
        on_result, budget, reuse, retry
            As in `sweep`.

        Returns
        -------
        fluxfill_nb.client.Run
            To be watched, cancelled, or waited for.
        """
        handle, work = conductor.prepare(
            self._awaited, what, on_result=on_result, budget=budget, reuse=reuse, retry=retry,
            again=lambda sweep, kinds: self.sweep(sweep, retry=kinds),
        )  # fmt: skip
        begin(work)
        return handle

    def sweep(
        self,
        sweep: Sweep,
        *,
        on_result: OnResult | None = None,
        budget: float | None = None,
        reuse: bool | None = None,
        retry: bool | Collection[str] = False,
        dry_run: bool = False,
    ) -> SweepResult:
        """Make all fills of a sweep, and wait for them; see `AsyncFluxFill.sweep`.

        Parameters
        ----------
        sweep
            What to make.
        on_result
            Called with each `fluxfill_nb.sweep.Point` and its result or error, in the client's
            thread: it should be quick, and neither print nor display.
        budget
            The most that may be spent now, USD: the run stops before it is passed.
        reuse
            As in `fill`.
        retry
            Kinds of ends that are sent again: ``"failed"``, ``"moderated"``, ``"expired"``,
            ``"unconfirmed"``; True: all. Else such points stay as they are, with their reason.
        dry_run
            Send nothing: return what is there already.

        Returns
        -------
        fluxfill_nb.SweepResult
            All points: those that failed or are missing too.
        """
        if dry_run:
            return run(lambda: conductor.what_is_there(self._awaited, sweep, reuse=reuse))
        handle = self.start(sweep, on_result=on_result, budget=budget, reuse=reuse, retry=retry)
        with handle.shown():
            return handle.wait()

    def credits(self) -> float:
        """Return how many credits the account has left; one is worth $0.01."""
        return run(self._awaited.credits)

    def close(self) -> None:
        """Stop what runs, and close the connections. Tasks that were submitted go on."""
        run(self._awaited.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        self._awaited.__reduce__()

    def __repr__(self) -> str:
        return repr(self._awaited).replace("AsyncFluxFill", "FluxFill")
