"""In a real kernel: the stop button, blocking and awaited."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from jupyter_client import BlockingKernelClient, KernelManager

SETUP = """
import time
from PIL import Image
import fluxfill_nb as ff

def slow(image, mask, options, progress):
    for step in range(400):
        progress(step / 400)
        time.sleep(0.01)
    return image

picture = Image.linear_gradient("L")
mask = ff.Mask.from_box(picture.size, (50, 50, 90, 90))
client = ff.connect("local", engine=slow)
awaited = ff.AsyncFluxFill(transport=ff.LocalServer(slow).transport)
"""


@pytest.fixture(scope="module")
def manager() -> Iterator[KernelManager]:
    manager = KernelManager()
    manager.start_kernel()
    yield manager
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


@pytest.fixture(scope="module")
def kernel(manager) -> Iterator[BlockingKernelClient]:
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    run(client, SETUP)
    yield client
    client.stop_channels()


def run(kernel: BlockingKernelClient, code: str) -> str:
    """Run a cell; returns what it printed."""
    printed: list[str] = []

    def hook(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = kernel.execute_interactive(code, timeout=60, output_hook=hook)["content"]
    assert reply["status"] == "ok", reply
    return "".join(printed).strip()


@pytest.mark.parametrize(
    ("cell", "name"),
    [("client.fill(picture, mask)", "client"), ("await awaited.fill(picture, mask)", "awaited")],
)
def test_the_stop_button_gives_control_back_and_loses_nothing(manager, kernel, cell, name):
    kernel.execute(cell)
    # The cell is busy once its task is with the server.
    time.sleep(1.5)
    stopped = time.monotonic()
    manager.interrupt_kernel()
    reply = kernel.get_shell_msg(timeout=20)["content"]
    assert time.monotonic() - stopped < 5
    assert reply["status"] == "error"
    assert reply["ename"] in ("KeyboardInterrupt", "CancelledError")
    assert run(kernel, f"print(len({name}.unfinished))") == "1"
    resumed = "await awaited.resume()" if name == "awaited" else "client.resume()"
    assert run(kernel, f"print([r.image.size for r in {resumed}])") == "[(256, 256)]"
    assert run(kernel, f"print({name}.unfinished)") == "()"


def test_a_cell_may_block_while_the_kernels_own_loop_runs(kernel):
    assert run(kernel, "print(client.fill(picture, mask, seed=3).seed)") == "3"
