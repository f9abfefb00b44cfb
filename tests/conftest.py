"""What several tests need: pictures, a server for any application, and no key from outside."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from hypothesis import settings
from PIL import Image

import fluxfill_nb as ff

if TYPE_CHECKING:
    from tests.front_end import Page

# Machines that run tests are slow at odd moments.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    """Nothing here may reach the hosted service, whoever runs the tests."""
    monkeypatch.delenv("BFL_API_KEY", raising=False)


@pytest.fixture(scope="session")
def picture() -> Image.Image:
    """A small picture with structure: 96 x 64 px."""
    ramp = Image.linear_gradient("L").resize((96, 64))
    return Image.merge("RGB", (ramp, Image.radial_gradient("L").resize((96, 64)), ramp))


@pytest.fixture(scope="session")
def mask(picture) -> ff.Mask:
    return ff.Mask.from_ellipse(picture.size, (30, 20, 60, 44))


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Put any ASGI application on a loopback port; returns its address."""
    with contextlib.ExitStack() as stack:
        yield lambda application: stack.enter_context(_serving(application))


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Page]]:
    """A kernel with nothing in it; opens a page to it."""
    from tests.front_end import kernel

    with kernel(monkeypatch) as opening:
        yield opening


@contextlib.contextmanager
def _serving(application: Any) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(
        uvicorn.Config(application, log_level="critical", lifespan="off", ws="none")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
