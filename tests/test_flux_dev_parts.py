"""FLUX.1 Fill [dev], all that needs neither torch nor weights."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb import engines
from fluxfill_nb.engines.flux_dev.palette import Palette
from fluxfill_nb.engines.flux_dev.sampling import Sampling
from fluxfill_nb.engines.flux_dev.scene import Scene
from fluxfill_nb.errors import InvalidOption
from fluxfill_nb.options import FillOptions

# ---------------------------------------------------------------------------------------- weights

SHARDS = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}


@pytest.fixture
def folder(tmp_path):
    """What diffusers saves, as far as names go."""
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "FluxFillPipeline"}))
    for name in ("scheduler", "tokenizer", "tokenizer_2"):
        (tmp_path / name).mkdir()
    for name in ("text_encoder", "text_encoder_2", "transformer", "vae"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "model.safetensors").touch()
    sharded = tmp_path / "transformer"
    (sharded / "model.safetensors").unlink()
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"weight_map": SHARDS}))
    for shard in SHARDS.values():
        (sharded / shard).touch()
    return tmp_path


def test_a_folder_that_is_not_there_is_named():
    with pytest.raises(InvalidOption, match=r"no folder '\./weights'.*model_index\.json"):
        engines.FluxDev("./weights")


def test_a_file_of_weights_is_not_enough(tmp_path):
    with pytest.raises(InvalidOption, match=r"no model_index\.json in .*one file of"):
        engines.FluxDev(tmp_path)


def test_another_model_is_refused(folder):
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    with pytest.raises(InvalidOption, match="holds a StableDiffusionPipeline"):
        engines.FluxDev(folder)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_an_index_that_makes_no_sense_is_named(folder, content):
    (folder / "model_index.json").write_text(content)
    with pytest.raises(InvalidOption, match=r"model_index\.json"):
        engines.FluxDev(folder)


@pytest.mark.parametrize(
    "lost",
    [
        "transformer/model-00002-of-00002.safetensors",
        "vae/config.json",
        "text_encoder_2/model.safetensors",
    ],
)
def test_missing_files_are_named(folder, lost):
    (folder / lost).unlink()
    named = lost.replace("text_encoder_2/model", "text_encoder_2/*")
    with pytest.raises(InvalidOption) as caught:
        engines.FluxDev(folder)
    assert f"it lacks {named}. " in str(caught.value)


def test_missing_folders_are_named(folder):
    (folder / "tokenizer_2").rmdir()
    with pytest.raises(InvalidOption, match="it lacks tokenizer_2/. "):
        engines.FluxDev(folder)


def test_without_the_libraries_it_says_what_to_install(folder, monkeypatch):
    found = importlib.util.find_spec
    hidden = {"torch", "diffusers"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n in hidden else found(n))
    with pytest.raises(ImportError, match=r'torch.*pip install "fluxfill-nb\[flux\]"'):
        engines.FluxDev(folder)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"device": "gpu"}, "device is 'gpu': it must be 'cuda', 'cuda:1', 'mps' or 'cpu'"),
        ({"dtype": "half"}, "dtype is 'half': it must be 'bfloat16', 'float16' or 'float32'"),
        ({"batch": 0}, "batch is 0: it must be 1 or more"),
        ({"guidance": 0.0}, "guidance is 0.0: it must be above 0"),
        ({"quantize": "nf5"}, "quantize is 'nf5': it must be None, 'nf4' or 'int8'"),
        ({"quantize": "nf4", "device": "cpu"}, "it must be None or 'int8' where device is 'cpu'"),
        ({"first_block_cache": 1.5}, "first_block_cache is 1.5: it must be None, or above 0"),
    ],
)
def test_wrong_options_are_named(folder, option, said):
    with pytest.raises(InvalidOption) as caught:
        engines.FluxDev(folder, **option)
    assert said in str(caught.value)


def test_by_name_it_asks_for_weights():
    with pytest.raises(InvalidOption, match=r"needs weights: engines\.FluxDev.*--weights"):
        engines.get("flux_dev")
    with pytest.raises(InvalidOption, match="no folder './weights'"):
        engines.get("flux_dev", weights="./weights")


def test_other_engines_have_no_weights():
    with pytest.raises(InvalidOption, match="'flux_dev' only, not to 'patches'"):
        engines.get("patches", weights="./weights")


def test_the_engines_are_light_to_import():
    """Nobody who uses another engine waits for torch."""
    code = "import sys, fluxfill_nb.engines; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=300).returncode == 0


# ------------------------------------------------------------------------------------------ scenes


@pytest.mark.parametrize(
    ("size", "padded"), [((64, 48), (64, 48)), ((130, 100), (144, 112)), ((1, 17), (16, 32))]
)
def test_sides_are_padded_to_the_grid_and_cropped_again(size, padded):
    picture = Image.effect_noise(size, 80).convert("RGB")
    scene = Scene(picture, ff.Mask.full(size))
    assert scene.size == padded
    assert scene.pixels.shape == (padded[1], padded[0], 3)
    assert scene.crop(Image.fromarray(scene.pixels)).tobytes() == picture.tobytes()


def test_a_hole_at_the_border_goes_on_beyond_it():
    picture = Image.new("RGB", (20, 20))
    beyond = Scene(picture, ff.Mask.from_box((20, 20), (10, 0, 20, 20))).hole[:, 20:]
    assert beyond.all()
    assert not Scene(picture, ff.Mask.from_box((20, 20), (5, 5, 15, 15))).hole[:, 20:].any()


def test_scenes_are_equal_by_what_they_show():
    picture, mask = Image.new("RGB", (32, 32), "red"), ff.Mask.from_box((32, 32), (0, 0, 9, 9))
    scene = Scene(picture, mask)
    assert scene == Scene(picture.copy(), ff.Mask(mask.array))
    assert len({scene, Scene(picture, mask), Scene(picture, ~mask)}) == 2
    assert scene != Scene(Image.new("RGB", (32, 32), "blue"), mask)
    assert Scene(Image.new("RGB", (16, 32)), ff.Mask.full((16, 32))) != Scene(
        Image.new("RGB", (32, 16)), ff.Mask.full((32, 16))
    )


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"\(32, 32\) px, its mask \(16, 16\)"):
        Scene(Image.new("RGB", (32, 32)), ff.Mask.full((16, 16)))


# ---------------------------------------------------------------------------------------- palettes


def test_a_palette_learns_the_colours_of_latents():
    """Latents that are a linear map of the colours can be painted exactly."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (6, 8, 3))
    mix = rng.normal(size=(3, 16))
    latents = np.moveaxis((colours / 127.5 - 1) @ mix + 0.3, 2, 0).astype(np.float32)
    palette = Palette(latents, colours.repeat(8, 0).repeat(8, 1).astype(np.uint8))
    painted = np.asarray(palette.paint(latents)).astype(int)
    assert np.abs(painted - colours).max() <= 2
    assert palette.paint(latents[:, :3, :2]).size == (2, 3)


def test_a_palette_of_one_colour_paints_that():
    latents = np.full((16, 4, 4), 0.7, np.float32)
    painted = Palette(latents, np.full((32, 32, 3), (200, 100, 5), np.uint8)).paint(latents)
    assert np.abs(np.asarray(painted).astype(int) - (200, 100, 5)).max() <= 2


# ---------------------------------------------------------------------------- several at a time


class Countdown:
    """A sampler that can be held before each step, and whose memory takes ``room`` fills."""

    def __init__(self, room=100, *, held=False):
        self.room = room
        self.permits = threading.Semaphore(0)
        if not held:
            self.let_go()
        self.arrived = threading.Semaphore(0)
        self.batches = []
        self.rested = threading.Event()

    def let_go(self):
        self.permits.release(10_000)

    def begin(self, scene, options):
        if options.prompt == "cannot begin":
            raise ValueError("no such thing")
        return Row(options)

    def step(self, rows):
        self.arrived.release()
        assert self.permits.acquire(timeout=60)
        if len(rows) > self.room:
            raise MemoryError("too many")
        if any(row.options.prompt == "cannot step" for row in rows):
            raise ZeroDivisionError
        self.batches.append([row.options.seed for row in rows])
        for row in rows:
            row.step += 1

    def finish(self, row):
        return Image.new("RGB", (16, 16), (row.options.seed, row.step, 0))

    def tidy(self, *, rest=False):
        if rest:
            self.rested.set()

    def encoded(self):
        return {}


class Row:
    preview = None

    def __init__(self, options):
        self.options = options
        self.step = 0

    @property
    def fraction(self):
        return self.step / self.options.steps


class Caller(threading.Thread):
    """A thread that asks for a fill, and keeps what comes of it."""

    def __init__(self, sampling, seed=0, *, steps=15, prompt="", side=16, progress=None):
        super().__init__(daemon=True)
        picture = Image.new("RGB", (side, side))
        self.sampling, self.scene = sampling, Scene(picture, ff.Mask.full(picture.size))
        self.options = FillOptions(prompt, seed=seed, steps=steps)
        self.progress = progress or (lambda fraction, preview=None: None)
        self.error = self.picture = None
        self.start()

    def run(self):
        try:
            self.picture = self.sampling.fill(self.scene, self.options, self.progress)
        except Exception as error:
            self.error = error

    def result(self):
        self.join(60)
        assert not self.is_alive()
        if self.error:
            raise self.error
        return self.picture.getpixel((0, 0))[:2]


def queued(sampling, number):
    """Wait until so many wait."""
    pause = threading.Event()
    while sampling.waiting < number:
        pause.wait(0.01)


def test_who_comes_later_gets_on_between_two_steps():
    model = Countdown(held=True)
    sampling = Sampling(lambda: model, at_once=3)
    first = Caller(sampling, 1)
    assert model.arrived.acquire(timeout=60)
    others = []
    for seed, steps in ((2, 20), (3, 15), (4, 15)):
        others.append(Caller(sampling, seed, steps=steps))
        queued(sampling, len(others))
    model.let_go()
    assert first.result() == (1, 15)
    assert [caller.result() for caller in others] == [(2, 20), (3, 15), (4, 15)]
    assert model.batches[:2] == [[1], [1, 2, 3]]
    assert model.batches[15] == [2, 3, 4]  # a seat is taken again at once
    stats = sampling.stats
    assert (stats.fills, stats.steps, stats.passes) == (4, 65, len(model.batches))


def test_who_leaves_stops_nobody_else():
    model = Countdown(held=True)
    sampling = Sampling(lambda: model, at_once=2)
    steps_heard = []

    def leave(fraction, preview=None):
        if fraction:
            steps_heard.append(fraction)
            raise engines.Cancelled

    mate = Caller(sampling, 1)
    assert model.arrived.acquire(timeout=60)
    leaver = Caller(sampling, 2, steps=50, progress=leave)
    queued(sampling, 1)
    model.permits.release(2)
    with pytest.raises(engines.Cancelled):  # at once: the third step has no permit yet
        leaver.result()
    model.let_go()
    assert mate.result() == (1, 15)
    assert len(steps_heard) == 1
    assert model.batches == [[1], [1, 2], [1, 2]] + [[1]] * 12
    assert sampling.stats.fills == 1


def test_who_leaves_while_waiting_never_begins():
    model = Countdown(held=True)
    sampling = Sampling(lambda: model, at_once=1)
    is_unwanted = threading.Event()

    def look(fraction, preview=None):
        if is_unwanted.is_set():
            raise engines.Cancelled

    first = Caller(sampling, 1)
    assert model.arrived.acquire(timeout=60)
    second = Caller(sampling, 2, progress=look)
    queued(sampling, 1)
    is_unwanted.set()
    with pytest.raises(engines.Cancelled):  # though the model does not move at all
        second.result()
    model.let_go()
    assert first.result() == (1, 15)
    assert model.batches == [[1]] * 15


def test_pictures_of_another_size_wait_for_their_turn():
    model = Countdown(held=True)
    sampling = Sampling(lambda: model, at_once=4)
    first = Caller(sampling, 1)
    assert model.arrived.acquire(timeout=60)
    large = Caller(sampling, 2, side=32)
    queued(sampling, 1)
    late = Caller(sampling, 3)
    queued(sampling, 2)
    model.let_go()
    assert [caller.result() for caller in (first, large, late)] == [(1, 15), (2, 15), (3, 15)]
    assert model.batches == [[1]] * 15 + [[2]] * 15 + [[3]] * 15


def test_with_too_little_memory_fewer_share_a_step(caplog):
    model = Countdown(room=2, held=True)
    sampling = Sampling(lambda: model, at_once=8)
    callers = [Caller(sampling, 0)]
    assert model.arrived.acquire(timeout=60)
    for seed in range(1, 8):
        callers.append(Caller(sampling, seed))
        queued(sampling, seed)
    model.let_go()
    assert [caller.result() for caller in callers] == [(seed, 15) for seed in range(8)]
    assert max(map(len, model.batches)) == 2
    assert [record.args for record in caplog.records] == [(4,), (2,)]
    assert sampling.stats.steps == 8 * 15  # none was taken twice


def test_with_too_little_memory_for_one_it_says_so():
    sampling = Sampling(lambda: Countdown(room=0), at_once=4)
    with pytest.raises(MemoryError, match="too many"):
        Caller(sampling).result()


@pytest.mark.parametrize(
    ("prompt", "error"), [("cannot begin", ValueError), ("cannot step", ZeroDivisionError)]
)
def test_a_failure_reaches_its_caller_and_the_next_fill_works(prompt, error):
    model = Countdown()
    sampling = Sampling(lambda: model, at_once=4)
    with pytest.raises(error):
        Caller(sampling, prompt=prompt).result()
    assert Caller(sampling, 5).result() == (5, 15)


def test_loading_that_fails_is_tried_again():
    tries = []

    def load():
        tries.append(None)
        if len(tries) == 1:
            raise MemoryError("another program is on the GPU")
        return Countdown()

    sampling = Sampling(load, at_once=4)
    with pytest.raises(MemoryError, match="another program"):
        Caller(sampling).result()
    assert Caller(sampling, 5).result() == (5, 15)


def test_when_all_is_done_the_model_rests():
    model = Countdown()
    Caller(Sampling(lambda: model, at_once=1)).result()
    assert model.rested.wait(60)


def test_progress_is_heard_in_the_callers_own_thread_and_rises():
    heard = []
    caller = Caller(
        Sampling(Countdown, at_once=1),
        progress=lambda fraction, preview=None: heard.append(
            (fraction, threading.current_thread())
        ),
    )
    caller.result()
    fractions = [fraction for fraction, _ in heard]
    assert fractions == sorted(fractions)
    assert len(set(fractions) - {0}) == 15
    assert {thread for _, thread in heard} == {caller}
