"""The embedded server: in process, without a port; or on one."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Self

import httpx

from .. import engines
from ..listening import Listener, check_address, is_loopback
from . import checks
from .app import create_app
from .jobs import Jobs
from .keys import Holder, holders_of
from .webhooks import Form, Webhooks

# How long a picture may lie before nobody is expected to fetch it any more, s.
_FETCHED_WITHIN = 60.0
_LOOK = 0.05


class LocalServer:
    """The hosted service's contract, served by an engine of one's own.

    In process through ``transport``; as a context manager on a port as well.

    Parameters
    ----------
    engine
        ``"patches"``, or any `fluxfill_nb.engines.Engine`.
    host, port
        Where to listen as a context manager; port 0 takes a free one.
    keys
        The keys that may submit, as such or as `fluxfill_nb.server.Holder`, which have names and
        limits; none: everybody who reaches the port may. A host that other machines can reach needs
        one: if none is given, one is made. See ``keys``. Those who wait take turns, key by key.
    max_active
        How many tasks of each key may wait or run at once.
    executor
        Where the engine runs. ``"threads"`` (default). ``"processes"``: new ones of this machine,
        in each of which NumPy takes one processor. The address of a Dask scheduler, such as
        ``"tcp://127.0.0.1:8786"``: its workers, which need the same packages. Or any executor; it
        stays its owner's to shut down. Beyond threads the engine must be picklable and importable
        there, and a fill whose worker dies is run again on another one. On other machines, progress
        is heard and fills can be stopped only if they share the folder for temporary files.
    workers
        How many fills run at once; default: as many as suit the engine, the machine or the cluster.
        An executor that is lent without it gets all at once, and decides itself which is next.
    credits
        What each key can spend, at 5 credits a picture; None: fills cost nothing.
    webhook_form
        How calls to a ``webhook_url`` prove who calls: ``"A"`` signs the body, ``"B"`` sends the
        secret.
    webhook_networks
        Where such calls may go besides the public internet: ``["127.0.0.0/8"]`` is this machine.

    Attributes
    ----------
    url
        Where it listens.
    keys
        The keys that may submit, the one that was made included.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        One of these is not as it should be.
    ImportError, OSError
        The cluster cannot be reached.

    Examples
    --------
    >>> import httpx
    >>> import fluxfill_nb as ff
    >>> with ff.LocalServer() as server:
    ...     httpx.get(server.url + "/v1/credits").json()
    {'credits': 0.0}
    """

    def __init__(
        self,
        engine: str | engines.Engine = "patches",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        keys: Sequence[str | Holder] = (),
        max_active: int = 24,
        executor: Executor | str | None = None,
        workers: int | None = None,
        credits: float | None = None,
        webhook_form: Form = "A",
        webhook_networks: Sequence[str] = (),
    ) -> None:
        check_address(host, port)
        checks.count("max_active", max_active)
        if credits is not None:
            checks.amount("credits", credits)
        chosen = engines.get(engine)
        self.engine_name = engines.name_of(chosen)
        holders = holders_of(keys)
        if not holders and not is_loopback(host):
            holders = holders_of([secrets.token_urlsafe(24)])
        self.keys = tuple(holder.key for holder in holders)
        self._webhooks = Webhooks(form=webhook_form, networks=webhook_networks)
        self.jobs = Jobs(chosen, executor=executor, workers=workers)
        self.jobs.is_discreet = False  # in process, whoever asks may know what the engine says
        self.app = create_app(
            self.jobs,
            keys=holders,
            max_active=max_active,
            credits=credits,
            webhooks=self._webhooks,
        )
        self.url = "http://local"
        self._host, self._port = host, port
        self._listener: Listener | None = None

    @property
    def transport(self) -> httpx.ASGITransport:
        """For ``httpx`` and ``fluxfill_nb`` clients: reaches the server without a port."""
        return httpx.ASGITransport(self.app)

    def start(self) -> Self:
        """Listen on the port; from then on, ``url`` is the address.

        Raises
        ------
        OSError
            The port is taken, or the host is not this machine.
        """
        self.jobs.is_discreet = True
        self._listener = Listener(self.app, self._host, self._port)
        self.url = self._listener.url
        return self

    def drain(self, grace: float) -> None:
        """Take no more fills on; let those that were taken on end, and be fetched.

        Submissions are answered 503 from now on. Returns when every picture of the last minute and
        of the fills that still run was fetched, after ``grace`` at the latest. Then `close`.

        Parameters
        ----------
        grace
            How long to wait at most, s.

        Raises
        ------
        fluxfill_nb.errors.InvalidOption
            ``grace`` is below 0, or no finite number.
        """
        checks.amount("grace", grace)
        self.jobs.stop_taking(grace)
        give_up = time.monotonic() + grace
        since = time.time() - _FETCHED_WITHIN
        while self.jobs.unfetched(since) and time.monotonic() < give_up:
            time.sleep(_LOOK)

    def close(self) -> None:
        """Stop listening, stop what runs, and remove the pictures."""
        self._webhooks.close()
        self.jobs.close()
        if self._listener is not None:
            self._listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<LocalServer {self.url}, engine: {self.engine_name}>"
