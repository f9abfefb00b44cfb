"""Grids of many pictures against what one would use instead; prints README's table.

Each way of drawing runs in a process of its own, which says what it took: the processor's time from
the files on disk to the bytes of the picture shown, imports aside, and the peak of its memory. The
figures are medians. Each row has its target: an exit status tells of those that are missed.
mediapy and diffusers are installed into folders at their first use.

What one would write without any of this is a list of opened pictures and `imshow` of each; the list
stays alive, as it does in a notebook. `make_image_grid` knows no headers and shows a PNG, as
notebooks do with pictures of Pillow: that is less work than ours, and is told as it is.
"""

from __future__ import annotations

import base64
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

RIVALS = {"mediapy": "mediapy==1.2.7", "diffusers": "diffusers==0.42.1"}
CACHE = Path(__file__).resolve().parent.parent / ".cache"
SIDE = 1024
PICTURES = 25
ROUNDS = 3
# The grid's side, and the size of a cell: the same for all rivals.
GRIDS = ((10, 200), (20, 100))


class Row(NamedTuple):
    """One line of the table, and what it must keep to."""

    work: str
    ours: str
    instead: str
    ratio: float
    at_least: float

    def __str__(self) -> str:
        return (
            f"| {self.work} | {self.ours} | {self.instead} | "
            f"{self.ratio:.1f} (≥ {self.at_least:g}) |"
        )


class Taken(NamedTuple):
    """What one run took: CPU seconds; memory beyond the imports, and in all; the output's size."""

    cpu: float
    drawing: float  # MB, as those below
    memory: float
    size: float


def main() -> None:
    """Print the table; end with an error if a target is missed."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        photographs(Path(folder))
        for count, cell in GRIDS:
            first, again = (7.0, 20.0) if count == 10 else (12.0, 35.0)
            kept = Path(folder, f"kept-{count}")
            ours = taken(folder, "ours", count, cell)
            with_thumbs = taken(folder, "ours", count, cell, kept)
            for rival in ("subplots", *(RIVALS if count == 10 else ())):
                theirs = taken(folder, rival, count, cell)
                is_main = rival == "subplots"
                for what, mine, least in (
                    ("", ours, first),
                    (", thumbnails there", with_thumbs, again),
                ):
                    rows.append(
                        Row(
                            f"CPU of a {count} x {count} grid of {SIDE}² JPEGs{what}",
                            f"{mine.cpu:.2f} s, {mine.size:.1f} MB shown",
                            f"{theirs.cpu:.2f} s, {theirs.size:.1f} MB, {NAMES[rival]}",
                            theirs.cpu / mine.cpu,
                            least if is_main else 1.0,
                        )
                    )
                rows.append(
                    Row(
                        f"its peak memory, {count} x {count}",
                        f"{ours.memory:.0f} MB ({ours.drawing:.0f} beyond the imports)",
                        f"{theirs.memory:.0f} MB ({theirs.drawing:.0f}), {NAMES[rival]}",
                        theirs.memory / ours.memory,
                        5.0 if is_main else 1.0,
                    )
                )
        spent = taken(folder, "arrival", 10, 200).cpu
        work, budget = "arrival of a result: all views and the drift", "40 ms, the budget"
        rows.append(Row(work, f"{spent * 1e3:.0f} ms", budget, 0.04 / spent, 1.0))
    print("| work | fluxfill_nb | instead | times less |")
    print("| --- | --- | --- | --- |")
    print(*rows, sep="\n")
    missed = [row.work for row in rows if row.ratio < row.at_least]
    if missed:
        sys.exit(f"Missed: {'; '.join(missed)}.")


def taken(folder: str, way: str, count: int, cell: int, kept: Path | None = None) -> Taken:
    """Run one way of drawing in fresh processes; return the medians."""
    if way in RIVALS:
        install(RIVALS[way])
    command = [sys.executable, __file__, way, folder, str(count), str(cell), str(kept or "")]
    runs = []
    for _ in range(ROUNDS + (kept is not None)):  # the first one makes the thumbnails
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return Taken(*(statistics.median(values) for values in zip(*runs[-ROUNDS:], strict=True)))


# ------------------------------------------------------------------------------- ways of drawing


def ours(paths: list[Path], count: int, cell: int, kept: str) -> Callable[[], bytes]:
    """The package's own, from files as a store has them."""
    import fluxfill_nb as ff
    from fluxfill_nb.grid import Grid
    from fluxfill_nb.result import PictureFile
    from fluxfill_nb.store.stored import StoredResult
    from fluxfill_nb.sweep import SweepResult

    thumbs = Path(kept or tempfile.mkdtemp(dir=paths[0].parent))
    outcomes = []
    sweep = a_sweep(paths, count)
    for number, (point, path) in enumerate(zip(sweep, paths, strict=True)):
        # The same few files stand for as many different ones.
        file = PictureFile(path.parent / "of" / f"{number}.jpg", (SIDE, SIDE), thumbs)
        file.path.parent.mkdir(exist_ok=True)
        if not file.path.exists():
            file.path.symlink_to(path)
        task = ff.FillTask("t", "https://api.example.org", point.request)
        outcomes.append(StoredResult(task, file, "local", key=str(number)))
    runs = SweepResult(sweep, outcomes)

    def draw() -> bytes:
        return base64.b64decode(Grid(runs, cell=cell)._repr_mimebundle_()["image/jpeg"])

    return draw


def subplots(paths: list[Path], count: int, cell: int, _kept: str) -> Callable[[], bytes]:
    """An Axes for each picture of a list, as people write it."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    def draw() -> bytes:
        images = [Image.open(path) for path in paths]
        inches = count * cell / 100
        figure, all_axes = plt.subplots(count, count, figsize=(inches + 0.9, inches + 0.4))
        figure.subplots_adjust(0.8 / (inches + 0.9), 0, 1, 1 - 0.3 / (inches + 0.4), 0.02, 0.02)
        for number, (axes, image) in enumerate(zip(all_axes.flat, images, strict=True)):
            axes.imshow(image)
            axes.set_xticks([])
            axes.set_yticks([])
            if number < count:
                axes.set_title(f"seed = {number}", fontsize=8)
            if number % count == 0:
                axes.set_ylabel(f"guidance = {number // count + 2}", fontsize=8)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=100, bbox_inches="tight")  # as notebooks do
        return buffer.getvalue()

    return draw


def mediapy(paths: list[Path], count: int, cell: int, _kept: str) -> Callable[[], bytes]:
    """`mediapy.show_images` at the size of a cell, without row headers, which it has not."""
    sys.path.append(str(CACHE / RIVALS["mediapy"]))
    import mediapy as media

    def draw() -> bytes:
        images = []
        for path in paths:
            with Image.open(path) as image:
                images.append(np.asarray(image))
        titles = [f"seed = {number % count}" for number in range(len(images))]
        page: str = media.show_images(images, titles, height=cell, columns=count, return_html=True)
        return page.encode()

    return draw


def diffusers(paths: list[Path], count: int, cell: int, _kept: str) -> Callable[[], bytes]:
    """`make_image_grid`, scaled to the size of a cell; without headers, which it has not."""
    sys.path.append(str(CACHE / RIVALS["diffusers"]))
    from diffusers.utils import make_image_grid

    def draw() -> bytes:
        images = [Image.open(path) for path in paths]
        buffer = io.BytesIO()
        make_image_grid(images, count, count, resize=cell).save(buffer, "PNG")
        return buffer.getvalue()

    return draw


def arrival(paths: list[Path], _count: int, _cell: int, _kept: str) -> Callable[[], bytes]:
    """What is worked out when a result comes: its views, a JPEG of each, and the drift."""
    import fluxfill_nb as ff
    from fluxfill_nb.metrics import measure
    from fluxfill_nb.showing import Showing

    request = next(iter(a_sweep(paths, 10))).request
    showing = Showing()
    results = [
        ff.FillResult(ff.FillTask("t", "https://a.b", request), path.read_bytes(), "local")
        for path in paths[:11]
    ]

    def one(result: Any) -> bytes:
        buffer = io.BytesIO()
        for view in showing.views(result, 200).values():
            view.save(buffer, "JPEG", quality=88)
        measure(result, "drift")
        return buffer.getvalue()

    one(results[0])  # what is shared is made once

    def draw() -> bytes:
        return b"".join(map(one, results[1:]))

    return draw


NAMES = {
    "subplots": "`plt.subplots`, `imshow`",
    "mediapy": "`mediapy.show_images(height=…)`",
    "diffusers": "diffusers' `make_image_grid(resize=…)`, no headers",
}
WAYS: dict[str, Callable[..., Callable[[], bytes]]] = {
    "ours": ours, "subplots": subplots, "mediapy": mediapy, "diffusers": diffusers,
    "arrival": arrival,
}  # fmt: skip


def run(way: str, folder: str, count: str, cell: str, kept: str) -> None:
    """Draw once, in this process, and print what it took."""
    files = sorted(Path(folder).glob("*.jpg"))
    number = int(count)
    paths = [files[place % len(files)] for place in range(number * number)]
    draw = WAYS[way](paths, number, int(cell), kept)
    before = peak()
    started = time.process_time()
    output = draw()
    cpu = time.process_time() - started
    if way == "arrival":
        cpu /= 10
    print(json.dumps([cpu, peak() - before, peak(), len(output) / 1e6]))


def peak() -> float:
    """Return the largest memory that this process has had, MB; Linux tells."""
    # Not getrusage: that counts what the process before it, which started it, had.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3


# --------------------------------------------------------------------------------- what is needed


def photographs(folder: Path) -> None:
    """Write photographs with the noise of a camera, each with a fill of its own."""
    from skimage import data

    image = Image.fromarray(data.astronaut()).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    pixels = np.asarray(image).astype(np.float32)
    for number in range(PICTURES):
        chance = np.random.default_rng(number)
        noisy = np.clip(pixels + chance.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)
        filled = Image.fromarray(noisy)
        filled.paste(tuple(chance.integers(0, 256, 3).tolist()), (300, 200, 700, 700))
        filled.save(folder / f"{number:02}.jpg", quality=88)


def a_sweep(paths: list[Path], count: int) -> Any:
    """Return a sweep of as many points."""
    import fluxfill_nb as ff
    from fluxfill_nb.sweep import Sweep

    request = ff.FillRequest(
        paths[0], ff.Mask.from_ellipse((SIDE, SIDE), (300, 200, 700, 700)), "a vase"
    )
    return Sweep(request, guidance=range(2, 2 + count), seed=range(count))


def install(rival: str) -> None:
    """Install a rival if need be, with what it needs; none of them needs a model or torch here."""
    folder = CACHE / rival
    if not folder.exists():
        unfinished = folder.with_name(f"{rival}.{os.getpid()}")
        command = ["-m", "pip", "install", "--quiet", "--target", str(unfinished)]
        subprocess.run([sys.executable, *command, rival], check=True)
        unfinished.rename(folder)


if __name__ == "__main__":
    run(*sys.argv[1:]) if sys.argv[1:] else main()
