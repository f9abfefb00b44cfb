"""FLUX.1 Fill [dev] as a tiny model of random weights: by itself, and over HTTP."""

from __future__ import annotations

import functools
import gc
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import fluxfill_nb as ff
from fluxfill_nb import engines
from fluxfill_nb.errors import InvalidOption
from fluxfill_nb.options import FillOptions

torch = pytest.importorskip("torch", reason="torch is not installed; make test-flux runs these")
diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed: make test-flux")
transformers = pytest.importorskip("transformers")
sys.path.insert(0, str(Path(__file__).parent))
import tiny_flux  # noqa: E402

from fluxfill_nb.engines.flux_dev.scene import Scene  # noqa: E402
from tests.patience import until  # noqa: E402

# Of 255. Sums of floats come out a little different in batches of another size.
TOLERANCE = 1


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Tiny matrices are slower with more, and processors are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tiny_flux.save(tmp_path_factory.mktemp("flux") / "tiny")


@pytest.fixture
def tiny(folder, tmp_path):
    """Makes engines, in a place of their own: no test sees what another one has loaded."""
    (tmp_path / "weights").symlink_to(folder)
    return functools.partial(engines.FluxDev, tmp_path / "weights", device="cpu", dtype="float32")


def scene(size=(64, 48)):
    """A picture that is the same each time, and a box in its middle."""
    width, height = size
    picture = Image.radial_gradient("L").resize(size)
    picture = Image.merge("RGB", (picture, Image.linear_gradient("L").resize(size), picture))
    ImageDraw.Draw(picture).line((0, 0, width, height), "orange", 3)
    return picture, ff.Mask.from_box(size, (width // 4, height // 4, width - 5, height))


def unheard(fraction, preview=None):
    pass


def filled(engine, *, size=(64, 48), progress=unheard, **options):
    return engine(*scene(size), FillOptions(**{"seed": 1, "steps": 15, **options}), progress)


def apart(one, other) -> int:
    """The largest difference of two pictures, of 255."""
    assert one.size == other.size
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other)).max())


# -------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize(
    ("size", "dtype", "within"),
    [
        ((64, 48), "float32", 0),
        ((130, 100), "float32", 0),
        ((17, 33), "float32", 0),
        # On the CPU, though not on a GPU, diffusers rounds the length of a step to eight bits.
        ((64, 48), "bfloat16", 8),
    ],
)
def test_the_picture_is_the_one_of_diffusers(tiny, folder, size, dtype, within):
    plain = diffusers.FluxFillPipeline.from_pretrained(
        folder, dtype=getattr(torch, dtype), local_files_only=True
    )
    plain.set_progress_bar_config(disable=True)
    padded = Scene(*scene(size))
    width, height = padded.size
    noise = torch.randn((1, 16, height // 8, width // 8), generator=torch.manual_seed(7))
    expected = plain(
        prompt="a red vase",
        image=Image.fromarray(padded.pixels),
        mask_image=Image.fromarray(padded.hole),
        width=width,
        height=height,
        num_inference_steps=20,
        guidance_scale=15.0,
        latents=plain._pack_latents(noise, 1, 16, height // 8, width // 8),
        generator=torch.manual_seed(0),
    ).images[0]
    picture = filled(
        tiny(dtype=dtype), size=size, prompt="a red vase", seed=7, steps=20, guidance=30
    )
    assert picture.size == size
    assert apart(picture, padded.crop(expected)) <= within
    assert np.asarray(picture).std() > 5  # random weights make noise, not nothing


def test_every_setting_counts_and_the_same_ones_repeat_a_picture(tiny):
    engine = tiny()
    first = filled(engine, prompt="a red vase")
    assert apart(first, filled(engine, prompt="a red vase")) == 0
    for change in ({"seed": 2}, {"steps": 16}, {"guidance": 90}, {"prompt": "a blue vase"}):
        assert apart(first, filled(engine, **{"prompt": "a red vase", **change})) > TOLERANCE


def test_picture_and_mask_count_where_they_should(tiny):
    engine, (picture, mask) = tiny(), scene()
    options = FillOptions(seed=1, steps=15)
    first = engine(picture, mask, options, unheard)
    inside = picture.copy()
    inside.paste("white", (30, 20, 40, 30))
    assert apart(first, engine(inside, mask, options, unheard)) == 0
    assert apart(first, engine(inside, mask.shrink(8), options, unheard)) > TOLERANCE


def test_a_fill_does_not_depend_on_those_it_shares_steps_with(tiny):
    engine = tiny(batch=4)
    singly = {}
    cases = [
        {"seed": seed, "prompt": prompt, "guidance": guidance, "steps": steps}
        for seed, prompt, guidance, steps in (
            (1, "a vase", 30, 15), (2, "a vase", 30, 15), (3, "a cat", 90, 15), (2**40, "", 60, 20)
        )
    ]  # fmt: skip
    for number, case in enumerate(cases):
        singly[number] = filled(engine, **case)
    before = engine.stats
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda case: filled(engine, **case), cases))
    assert all(apart(picture, singly[n]) <= TOLERANCE for n, picture in enumerate(together))
    done = engine.stats
    assert done.steps - before.steps == 65
    assert done.passes - before.passes < 40


def test_without_a_seed_it_is_the_one_of_zero(tiny):
    engine = tiny()
    assert apart(filled(engine, seed=None), filled(engine, seed=0)) == 0


def test_the_contracts_guidance_is_in_proportion(tiny):
    assert tiny().details(FillOptions())["guidance"] == 30
    assert tiny().details(FillOptions(guidance=1.5))["guidance"] == 0.75
    assert tiny(guidance=60).details(FillOptions(guidance=42.0))["guidance"] == 42
    same = filled(tiny(), guidance=40), filled(tiny(guidance=60.0), guidance=20)
    assert apart(*same) == 0


# -------------------------------------------------------------------------- progress, cancelling


def test_progress_rises_and_shows_where_each_step_leads(tiny):
    heard = []
    filled(
        tiny(),
        size=(130, 100),
        progress=lambda fraction, preview=None: heard.append((fraction, preview)),
    )
    fractions = [fraction for fraction, _ in heard]
    assert fractions == sorted(fractions)
    looks = [preview() for _, preview in heard if preview]
    assert len(looks) == 15
    assert {(look.size, look.mode) for look in looks} == {((17, 13), "RGB")}
    assert apart(looks[0], looks[-1]) > 0


def test_a_preview_is_the_end_of_the_road(tiny):
    """Where the model always points to the same end, every step shows that."""
    from fluxfill_nb.engines.flux_dev.model import Denoising, Model

    model = Model(tiny())
    row = model.begin(Scene(*scene()), FillOptions(seed=1, steps=15, guidance=60))
    assert isinstance(row, Denoising)
    velocity, looks = torch.randn(row.latents.shape, generator=torch.manual_seed(3)), []
    while row.fraction < 1:
        row.advance(velocity)
        looks.append(row.preview())
    assert all(apart(look, looks[-1]) <= 1 for look in looks)
    assert row.sigmas[-1] == 0


def test_who_stops_hears_no_more_and_its_mate_goes_on(tiny):
    engine = tiny()
    expected = filled(engine, seed=2, steps=30)
    heard = []

    def stop(fraction, preview=None):
        if fraction:
            heard.append(fraction)
            if len(heard) == 3:
                raise engines.Cancelled

    with ThreadPoolExecutor(2) as pool:
        stopped = pool.submit(filled, engine, seed=3, steps=50, progress=stop)
        kept = pool.submit(filled, engine, seed=2, steps=30)
        with pytest.raises(engines.Cancelled):
            stopped.result()
        assert apart(kept.result(), expected) <= TOLERANCE
    assert len(heard) == 3
    assert engine.stats.fills == 2
    assert engine.stats.steps < 30 + 30 + 50


# ------------------------------------------------------------------------------------- over HTTP


def test_a_sweep_over_http_shares_steps_and_what_is_encoded(tiny):
    engine = tiny(batch=8)
    picture, mask = scene((70, 50))
    request = ff.FillRequest(picture, mask, "a red vase", steps=15, output_format="png")
    with ff.connect("local", engine=engine, store=None) as client:
        assert client.service == "local engine: flux_dev"
        results = client.sweep(ff.Sweep(request, seed=range(6), guidance=[30, 60]))
    assert len(results) == 12
    for point, result in results.items():
        options = FillOptions("a red vase", steps=15, **point.labels)
        assert result.raw.size == (70, 50)
        assert apart(result.raw, engine(picture, mask, options, unheard)) <= TOLERANCE
    stats = engine.stats
    assert stats.prompts_encoded == stats.pictures_encoded == 1
    assert stats.prompts_reused == stats.pictures_reused == 23
    assert stats.steps == 24 * 15
    # Alone, each step is a pass; what the twelve shared shows in the difference.
    assert stats.passes < 12 * 15 + 12 * 15 / 2


def test_outside_the_mask_it_is_the_users_picture(tiny):
    picture, mask = scene((70, 50))
    with ff.connect("local", engine=tiny(), store=None) as client:
        result = client.fill(picture, mask, steps=15, seed=1, output_format="png")
    outside = mask.grow(20).array == 0
    assert outside.any()
    raw, image = np.asarray(result.raw), np.asarray(result.image)
    assert (image[outside] == np.asarray(picture)[outside]).all()
    assert (raw[outside] != np.asarray(picture)[outside]).any()


def test_a_client_that_goes_stops_the_model(tiny):
    engine = tiny()
    picture, mask = scene((256, 256))
    request = ff.FillRequest(picture, mask, steps=50)
    with ff.connect("local", engine=engine, store=None) as client:
        client.start(ff.Sweep(request, seed=range(30)))
        until(lambda: engine.stats.steps > 0, patience=300)
    until(lambda: "fluxfill-flux" not in [thread.name for thread in threading.enumerate()])
    assert engine.stats.fills < 30


# ------------------------------------------------------------------------ one model in a process


def test_equal_engines_share_one_model_and_it_goes_with_the_last(tiny):
    engine = tiny()
    filled(engine)
    copy = pickle.loads(pickle.dumps(engine))
    assert copy == engine
    assert len(pickle.dumps(engine)) < 1000
    assert copy.stats == engine.stats == tiny().stats
    assert tiny(dtype="bfloat16").stats.fills == 0
    del engine
    assert copy.stats.fills == 1
    until(lambda: "fluxfill-flux" not in [thread.name for thread in threading.enumerate()])
    del copy
    gc.collect()
    assert tiny().stats.fills == 0


def test_it_runs_in_another_process(tiny):
    picture, mask = scene()
    engine = tiny()
    with ff.connect(
        "local", engine=engine, executor="processes", workers=1, store=None, timeout=3000
    ) as client:
        result = client.fill(picture, mask, steps=15, seed=1, output_format="png")
    assert engine.stats.fills == 0
    assert apart(result.raw, filled(engine)) <= TOLERANCE


def test_it_says_what_it_is(tiny, tmp_path):
    assert repr(tiny(batch=2)) == (
        f"FluxDev({str(tmp_path / 'weights')!r}, device='cpu', dtype='float32', batch=2)"
    )
    assert tiny(batch=3).concurrency == 6
    assert "not rewritten" in tiny().details(FillOptions())["note"]


# ----------------------------------------------------------------------------- what goes wrong


def test_without_a_gpu_it_says_so(folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidOption, match=r"device is 'cuda': PyTorch .* no such GPU"):
        engines.FluxDev(folder).load()


def test_other_flux_models_are_refused(tmp_path):
    other = tiny_flux.save(tmp_path / "other", channels=64)
    with pytest.raises(InvalidOption, match="takes 64 channels, Fill's takes 384"):
        engines.FluxDev(other, device="cpu").load()


def test_cut_off_weights_are_refused(tmp_path):
    cut = tiny_flux.save(tmp_path / "cut")
    file = cut / "transformer" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InvalidOption, match="cannot be loaded; copy the model again"):
        engines.FluxDev(cut, device="cpu").load()


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's memory as Linux does")
def test_a_picture_that_memory_does_not_hold_fails_alone(folder):
    result = subprocess.run(
        [sys.executable, "-c", _WITH_LITTLE_MEMORY, str(folder)],
        capture_output=True,
        text=True,
        timeout=3000,
    )
    assert result.returncode == 0, result.stderr
    said, then = result.stdout.splitlines()
    assert said.startswith("The memory of 'cpu' does not suffice for a picture of 2048 x 2048 px.")
    assert "quantize='nf4'" in said
    assert then == "(64, 48) 1"


_WITH_LITTLE_MEMORY = """
import resource, sys
import torch
from PIL import Image
import fluxfill_nb as ff
from fluxfill_nb import engines
from fluxfill_nb.options import FillOptions

torch.set_num_threads(1)
engine = engines.FluxDev(sys.argv[1], device="cpu", dtype="float32")

def fill(size):
    options = FillOptions(seed=1, steps=15)
    return engine(Image.new("RGB", size), ff.Mask.full(size), options, lambda *news: None)

fill((64, 48))
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 200_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    fill((2048, 2048))
except MemoryError as error:
    print(error)
print(fill((64, 48)).size, engine.stats.fills - 1)
"""


# --------------------------------------------------------------------------------------- options


@pytest.mark.parametrize("option", [{"dtype": "bfloat16"}, {"offload": True}])
def test_an_option_changes_little_and_repeats(tiny, option):
    engine = tiny(**option)
    picture = filled(engine)
    assert apart(picture, filled(engine)) == 0
    assert np.abs(np.asarray(picture).astype(int) - filled(tiny())).mean() < 10


def test_the_transformer_makes_way_for_the_text_encoders(tiny, monkeypatch):
    """On a GPU of 24 GB there is room for either, not for both."""
    transformer, t5 = diffusers.FluxTransformer2DModel, transformers.T5EncoderModel
    place, places = [""], []
    move, encode = transformer.to, t5.forward

    def to(self, *arguments, **keywords):
        place[0] = str(keywords.get("device", *arguments[:1]))
        return move(self, *arguments, **keywords)

    @functools.wraps(encode)
    def forward(self, *arguments, **keywords):
        places.append(place[0])
        return encode(self, *arguments, **keywords)

    monkeypatch.setattr(transformer, "to", to)
    monkeypatch.setattr(t5, "forward", forward)
    engine = tiny(offload=True, batch=1)
    with ThreadPoolExecutor(3) as pool:  # the second one begins as the first one ends
        list(pool.map(lambda prompt: filled(engine, prompt=prompt), ["a cup", "a vase", "a jug"]))
    until(lambda: place == ["cpu"])  # it goes to rest after the last picture is out
    assert places == ["cpu"] * 3  # at work it is on "cpu:0"


def test_a_picture_too_large_to_be_decoded_at_once_is_decoded_in_pieces(tiny, monkeypatch):
    vae, tiled = diffusers.AutoencoderKL, []
    decode = vae.decode

    @functools.wraps(decode)
    def short_of_memory(self, *arguments, **keywords):
        tiled.append(self.use_tiling)
        if not self.use_tiling:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return decode(self, *arguments, **keywords)

    monkeypatch.setattr(vae, "decode", short_of_memory)
    assert apart(filled(tiny()), filled(tiny())) == 0
    assert tiled == [False, True, False, True]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("option", [{"batch": 2}, {"first_block_cache": 0.1}])
def test_a_compiled_transformer_paints_the_same(tiny, option, monkeypatch):
    compile_ = diffusers.FluxTransformer2DModel.compile_repeated_blocks
    # Traced as always, and run without the minutes that a compiler takes.
    monkeypatch.setattr(
        diffusers.FluxTransformer2DModel,
        "compile_repeated_blocks",
        functools.partialmethod(compile_, backend="eager"),
    )
    engine, exact = tiny(compile=True, **option), tiny(**option)
    with ThreadPoolExecutor(2) as pool:
        for size in ((64, 48), (32, 48)):
            fill = functools.partial(filled, engine, size=size)
            pictures = list(pool.map(lambda seed, fill=fill: fill(seed=seed), range(2)))
            for seed, picture in enumerate(pictures):
                assert apart(picture, filled(exact, size=size, seed=seed)) <= TOLERANCE


def test_the_first_block_decides_for_each_fill_alone(tmp_path):
    deep = tiny_flux.save(tmp_path / "deep", blocks=3)
    exact = engines.FluxDev(deep, device="cpu", dtype="float32")
    engine = engines.FluxDev(deep, device="cpu", dtype="float32", first_block_cache=0.9)
    assert engine.concurrency == 2
    singly = [filled(engine, seed=seed, steps=30) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        together = pool.map(lambda seed: filled(engine, seed=seed, steps=30), range(3))
    assert [apart(*pair) for pair in zip(singly, together, strict=True)] == [0, 0, 0]
    assert apart(singly[0], filled(exact, seed=0, steps=30)) > 0  # some steps were left out


@pytest.mark.filterwarnings("ignore")
def test_eight_bits_change_little(tiny):
    pytest.importorskip("torchao", reason="make test-flux installs torchao")
    engine = tiny(dtype="bfloat16", quantize="int8")
    picture = filled(engine)
    assert apart(picture, filled(engine)) == 0
    assert np.abs(np.asarray(picture).astype(int) - filled(tiny())).mean() < 10
