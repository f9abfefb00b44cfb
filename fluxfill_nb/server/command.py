"""The command ``serve``: a server for others, from its start to its end."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from .. import engines
from ..errors import InvalidOption
from ..listening import check_address
from . import checks, keys
from .keys import Holder
from .local import LocalServer

# How long engines that were told to stop may take for it, s.
_STOPPING = 5.0
_LOOK = 0.05


def run(options: argparse.Namespace) -> None:
    """Serve until a signal comes: SIGTERM ends it in peace, Ctrl-C at once.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        One of the options is not as it should be.
    OSError, ImportError
        The port is taken, or the cluster cannot be reached.
    """
    # All of it before an engine is loaded, which may take minutes.
    check_address(options.host, options.port)
    checks.amount("--grace", options.grace)
    checks.count("--max-active", options.max_active)
    if options.workers is not None:
        checks.count("--workers", options.workers)
    if options.credits is not None:
        checks.amount("--credits", options.credits)
    holders = [*map(keys.parse, options.key), *_read(options.keys)]
    engine = _engine(options)
    load = getattr(engine, "load", None)
    if load is not None and not (options.processes or options.scheduler):
        print(f"Loading {engines.name_of(engine)} …", flush=True)
        load()  # before anybody is promised anything
    with LocalServer(
        engine,
        host=options.host,
        port=options.port,
        keys=holders,
        max_active=options.max_active,
        credits=options.credits,
        executor=options.scheduler or ("processes" if options.processes else "threads"),
        workers=options.workers,
    ) as server:
        if server.keys and not holders:
            print(f"Reachable from other machines, so a key is needed: {server.keys[0]}")
        print(f"Serving {server.engine_name} on {server.url} (documented at {server.url}/docs)")
        print(f'Use it with fluxfill_nb.connect("{server.url}"); stop with Ctrl-C.', flush=True)
        _wait_for_sigterm()
        print(f"Stopping: what was taken on may take {options.grace:g} s.", flush=True)
        server.drain(options.grace)
    give_up = time.monotonic() + _STOPPING
    while server.jobs.active and time.monotonic() < give_up:
        time.sleep(_LOOK)
    if server.jobs.active:  # Python would wait for engines that do not listen
        print("Stopped in the middle of a fill.", flush=True)
        sys.stderr.flush()
        os._exit(0)


def _engine(options: argparse.Namespace) -> engines.Engine:
    given = {"device": options.device, "dtype": options.dtype}
    settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if options.engine == engines.FluxDev.name and options.weights is not None:
        return engines.FluxDev(options.weights, **settings)
    if settings:
        raise InvalidOption(f"--{next(iter(settings))} is for 'flux_dev' with --weights only.")
    return engines.get(options.engine, weights=options.weights)


def _read(path: Path | None) -> list[Holder]:
    if path is None:
        return []
    holders = keys.read(path)
    if not holders:
        raise InvalidOption(f"{str(path)!r} holds no keys.")
    if keys.is_open_to_others(path):
        print(f"warning: others can read {str(path)!r}: chmod 600 it.", file=sys.stderr)
    return holders


def _wait_for_sigterm() -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    while not stop.wait(1.0):  # in slices: else Windows does not hear Ctrl-C
        pass
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a second one is as good as Ctrl-C
