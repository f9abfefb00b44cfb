"""The stop button in the midst of a sweep, in real kernels: old, middle and new."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client import BlockingKernelClient, KernelManager

from tests.hosted import Hosted, hosting
from tests.patience import until

CACHE = Path(__file__).resolve().parents[1] / ".cache"
# What each needs besides what is installed here.
VERSIONS = {"6.31.0": ["nest_asyncio"], "7.3.0": ["nest_asyncio"], "installed": []}
POINTS, AT_ONCE = 12, 4

SETUP = """
import time
from PIL import Image
import fluxfill_nb as ff
from fluxfill_nb.store import RunStore
from fluxfill_nb.sweep import Sweep

image = Image.linear_gradient("L").resize((96, 64))
mask = ff.Mask.from_box(image.size, (10, 10, 50, 40))
settings = dict(base_url={url!r}, price=0.05, max_active={at_once})
request = ff.FillRequest(image, mask, "a vase", steps=15)
sweep = Sweep(request, seed=range({points}))
"""


class Notebook:
    """A kernel, and what one does with it."""

    def __init__(self, version: str, folder: Path) -> None:
        self.manager = KernelManager()
        env = dict(os.environ)
        if version != "installed":
            env["PYTHONPATH"] = str(installed(version))
        self.manager.start_kernel(env=env, cwd=str(folder))
        self.kernel: BlockingKernelClient = self.manager.blocking_client()
        self.kernel.start_channels()
        self.kernel.wait_for_ready(timeout=60)

    def close(self) -> None:
        self.kernel.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    def run(self, code: str) -> str:
        """Run a cell; returns what it printed."""
        printed: list[str] = []

        def hook(message):
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        reply = self.kernel.execute_interactive(code, timeout=60, output_hook=hook)["content"]
        assert reply["status"] == "ok", "\n".join(reply["traceback"])
        return "".join(printed).strip()

    def stop(self, cell: str, when) -> tuple[float, float, str]:
        """Run a cell, and stop it; returns when that was, when it ended, and the error's name."""
        self.kernel.execute(cell)
        until(when)
        stopped = time.monotonic()
        self.manager.interrupt_kernel()
        reply = self.kernel.get_shell_msg(timeout=30)["content"]
        ended = time.monotonic()
        assert reply["status"] == "error"
        return stopped, ended, reply["ename"]


def installed(version: str) -> Path:
    """Where a version of ipykernel is, from the package index at first use."""
    folder = CACHE / f"ipykernel=={version}"
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
        packages = [f"ipykernel=={version}", *VERSIONS[version]]
        command = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", str(unfinished)]
        done = subprocess.run(
            [sys.executable, *command, *packages], check=False, capture_output=True, text=True
        )
        if done.returncode:
            if "CI" in os.environ:
                raise RuntimeError(done.stderr)
            pytest.skip(f"ipykernel {version} cannot be fetched: {done.stderr.strip()[-200:]}")
        unfinished.rename(folder)
    return folder


def slowness() -> float:
    """How many times longer things take now than on a machine that has nothing else to do."""
    began, used = time.monotonic(), time.process_time()
    while time.process_time() - used < 0.1:
        pass
    return (time.monotonic() - began) / (time.process_time() - used)


@pytest.fixture(scope="module")
def hosted() -> Iterator[Hosted]:
    with hosting((96, 64)) as hosted:
        yield hosted


@pytest.fixture(scope="module", params=VERSIONS)
def notebook(request, hosted, tmp_path_factory) -> Iterator[Notebook]:
    notebook = Notebook(request.param, tmp_path_factory.mktemp("kernel"))
    notebook.run(SETUP.format(url=hosted.url, points=POINTS, at_once=AT_ONCE))
    if request.param != "installed":
        assert notebook.run("import ipykernel; print(ipykernel.__version__)") == request.param
    yield notebook
    notebook.close()


@pytest.fixture
def unused(notebook, hosted) -> Notebook:
    """The kernel, with clients that have nothing in their stores, at a service that knows none."""
    hosted.start_afresh()
    number = time.monotonic_ns()  # each key has its own places
    notebook.run(
        f"client = ff.FluxFill('key-{number}', store='store-{number}', **settings)\n"
        f"awaited = ff.AsyncFluxFill('key-{number}', store='store-{number}', **settings)"
    )
    return notebook


CELLS = {
    "blocking": ("runs = client.sweep(sweep)", "client.{}"),
    "awaited": ("runs = await awaited.sweep(sweep)", "await awaited.{}"),
    "handle": ("run = client.start(sweep)\nruns = run.wait()", "client.{}"),
    "awaited handle": ("run = client.start(sweep)\nruns = await run", "client.{}"),
}


@pytest.mark.parametrize(
    ("cell", "slow"),
    [
        *((cell, "pictures") for cell in CELLS),
        ("blocking", "answers"),
        ("awaited", "answers"),
    ],
)
def test_the_stop_button_gives_control_back_and_loses_nothing(unused, hosted, cell, slow):
    notebook = unused
    code, verb = CELLS[cell]
    if slow == "pictures":
        # The first pictures are there, the next are not.
        hosted.on = lambda event: setattr(hosted, "lasts", 60 * (hosted.submits >= AT_ONCE))
        sent = 2 * AT_ONCE
    else:  # they are waited for: otherwise their tasks would be lost
        hosted.answers_after, hosted.lasts = 2.0, 60
        sent = AT_ONCE
    stopped, ended, error = notebook.stop(
        code, lambda: sent == (hosted.submits if slow == "answers" else hosted.answered)
    )
    # Some 0.5 s where nothing else runs; other tests do.
    assert ended - max(stopped, hosted.last_answer) < 2.5 * slowness()
    assert error in ("KeyboardInterrupt", "CancelledError")

    assert hosted.submits == hosted.answered == sent
    time.sleep(0.5)
    assert hosted.submits == sent
    # What was under way is still to be had; the same cell goes on with the rest.
    hosted.end_now()
    hosted.on = lambda event: None
    hosted.answers_after = hosted.lasts = 0.0
    assert notebook.run(f"print(len({verb.format('resume()')}))") == str(AT_ONCE)
    assert hosted.submits == sent
    assert notebook.run(f"{code}\nprint(len(runs.results))") == str(POINTS)
    assert hosted.seeds == list(range(POINTS))


def test_other_cells_run_while_a_sweep_does(unused, hosted):
    hosted.lasts = 60
    unused.run("run = client.start(sweep)")
    until(lambda: hosted.submits == AT_ONCE)
    assert unused.run("print(run.is_done, run.progress.under_way)") == f"False {AT_ONCE}"
    unused.run("run.cancel()\nrun.wait()")
    assert unused.run("print(run.is_stopped, len(run.result().missing))") == (f"True {POINTS}")
