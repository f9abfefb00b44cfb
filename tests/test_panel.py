"""The parameter panel: made from the table of parameters; each control does what a line does."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import comm
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ipywidgets import (
    BoundedFloatText,
    BoundedIntText,
    Button,
    Checkbox,
    IntSlider,
    Text,
    Textarea,
    ToggleButton,
    Widget,
)
from ipywidgets.embed import dependency_state
from pydantic import Field, SecretStr
from traitlets import TraitError

import fluxfill_nb as ff
from fluxfill_nb import services
from fluxfill_nb.errors import InvalidOption
from fluxfill_nb.options import FillFields, FillOptions
from fluxfill_nb.request import FILL_PATH
from fluxfill_nb.widgets.panel import ParameterPanel
from fluxfill_nb.widgets.panel.code import as_curl, as_python
from fluxfill_nb.widgets.panel.fields import PRESETS, Scale, fields
from fluxfill_nb.widgets.panel.rows import Secret
from tests.patience import until
from tests.widgets import find, foreign, marked, press, seen, sheets, widgets

SECRET = "whsec-3f9a7c21"
KEY = "bfl-key-81d2e6"
OWN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def panel() -> ParameterPanel:
    return ParameterPanel()


@pytest.fixture(scope="module")
def shared() -> ParameterPanel:
    return ParameterPanel()


def note(panel: ParameterPanel, name: str) -> str:
    """What is seen below a field."""
    row = marked(panel, f"field-{name}")
    (line,) = (widget for widget in widgets(row) if "ffnb-note" in widget._dom_classes)
    return line.value if line in list(seen(row)) else ""


def type_into(field: Widget, value: Any) -> None:
    field.set_state({"value": value})


# ------------------------------------------------------------------------- made from the table


class More(FillOptions):
    """The table with a parameter of each kind more."""

    strength: Annotated[float, Field(ge=0, le=1, description="How much is changed.")] = 0.8
    layers: Annotated[int | None, Field(ge=2, le=9, description="How many.")] = 4
    sampler: Annotated[Literal["euler", "heun"] | None, Field(description="Which.")] = "euler"
    tiled: Annotated[bool, Field(description="In tiles.")] = False
    style: Annotated[str | None, Field(description="In whose manner.")] = None
    frames: Annotated[int | None, Field(description="Any number.")] = None
    token: Annotated[SecretStr | None, Field(description="Not for all.")] = None


def test_every_parameter_has_a_row_that_explains_it(panel):
    panel.explained = True
    for name, field in FillFields.model_fields.items():
        shown = note(panel, name)
        assert field.description.split(";")[0].replace("'", "&#x27;") in shown
    assert panel.fields[0].name == "prompt"
    assert {field.name for field in panel.fields} == set(FillFields.model_fields)


def test_ranges_and_defaults_are_the_tables(panel):
    for name, (low, high) in {
        "Guidance": (1.5, 100), "Steps": (15, 50), "Safety tolerance": (0, 6)
    }.items():  # fmt: skip
        number = find(panel, name, (BoundedFloatText, BoundedIntText))
        default = FillFields.model_fields[name.lower().replace(" ", "_")].default
        assert (number.min, number.max, number.value) == (low, high, default)
        assert find(panel, name, IntSlider).tooltip


@pytest.mark.parametrize(
    ("label", "kind", "value", "expected"),
    [
        ("Strength", BoundedFloatText, 0.25, ("strength", 0.25)),
        ("Strength", IntSlider, 40, ("strength", 0.4)),
        ("Layers", BoundedIntText, 7, ("layers", 7)),
        ("Layers", IntSlider, 7, ("layers", 9)),
        ("HEUN", ToggleButton, True, ("sampler", "heun")),
        ("Tiled", Checkbox, True, ("tiled", True)),
        ("Style", Textarea, "of Klee", ("style", "of Klee")),
        ("Frames", Text, "12", ("frames", 12)),
        ("Token", Secret, SECRET, ("token", SecretStr(SECRET))),
    ],
)
def test_a_parameter_added_to_the_table_appears_with_the_control_that_fits(
    label, kind, value, expected
):
    panel = ParameterPanel(More(prompt="a vase"))
    type_into(find(panel, label, kind), value)
    assert panel.error == ""
    assert panel.options == More(prompt="a vase", **dict([expected]))
    panel.explained = True
    assert More.model_fields[expected[0]].description in note(panel, expected[0])


def test_options_of_the_plain_table_are_taken_by_a_panel_with_more(panel):
    more = ParameterPanel(More(strength=0.1))
    more.options = FillOptions("a vase", steps=20)
    assert more.options == More("a vase", steps=20)


def test_a_request_is_taken_for_its_settings(panel, picture, mask):
    request = ff.FillRequest(picture, mask, "a vase", guidance=12, seed=5)
    panel.options = request
    assert panel.options == request.options
    assert type(panel.options) is FillOptions
    assert ParameterPanel(request).options == request.options


# ------------------------------------------------------------------------------------- scales


@pytest.mark.parametrize("field", [f for f in fields(More) if f.scale], ids=lambda f: f.name)
def test_every_stop_is_allowed_and_the_marks_are_among_them(field):
    scale = field.scale
    values = [scale.value(stop) for stop in range(scale.stops + 1)]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (scale.low, scale.high)
    assert set(field.marks) <= set(values)
    assert field.default in values
    if scale.whole:
        assert {type(value) for value in values} == {int}


def test_guidance_grows_by_factors():
    scale = next(field.scale for field in fields(FillOptions) if field.name == "guidance")
    assert scale.marks == (1.5, 3, 10, 30, 60, 100)
    assert scale.share(10) == pytest.approx(0.452, abs=0.001)
    assert not Scale(15, 50, whole=True).is_wide


@OWN
@given(
    guidance=st.floats(1.5, 100),
    steps=st.integers(15, 50),
    tolerance=st.integers(0, 6),
    seed=st.integers(-(2**70), 2**70),
    prompt=st.text(),
)
def test_showing_a_value_does_not_change_it(shared, guidance, steps, tolerance, seed, prompt):
    options = FillOptions(
        prompt, guidance=guidance, steps=steps, safety_tolerance=tolerance, seed=seed
    )
    shared.options = options
    assert shared.options == options
    assert find(shared, "Guidance", BoundedFloatText).value == guidance
    assert find(shared, "Guidance", IntSlider).value == pytest.approx(
        182 * Scale(1.5, 100, whole=False).share(guidance), abs=3.1
    )
    assert find(shared, "Seed", Text).value == str(seed)


@OWN
@given(stop=st.integers(0, 182))
def test_the_slider_stays_under_the_hand_that_moves_it(shared, stop):
    slider = find(shared, "Guidance", IntSlider)
    shared.options = FillOptions(guidance=100 if stop < 91 else 1.5)
    type_into(slider, stop)
    assert slider.value == stop
    assert shared.options.guidance == next(
        field.scale for field in shared.fields if field.name == "guidance"
    ).value(stop)


def test_none_is_shown_as_the_default_and_left_alone(panel):
    options = FillOptions(None, steps=None, guidance=None, output_format=None, seed=None)
    panel.options = options
    assert panel.options == options
    assert find(panel, "Steps", BoundedIntText).value == 50
    assert find(panel, "JPEG", ToggleButton).value
    assert panel.chosen_preset == "default"


# ------------------------------------------------------------------------------------ controls


@pytest.mark.parametrize(
    ("label", "kind", "value", "expected"),
    [
        ("Prompt", Textarea, "a vase\nof clay", {"prompt": "a vase\nof clay"}),
        ("Prompt upsampling", Checkbox, True, {"prompt_upsampling": True}),
        ("Guidance", BoundedFloatText, 33.3, {"guidance": 33.3}),
        ("Steps", IntSlider, 5, {"steps": 20}),
        ("Steps", BoundedIntText, 28, {"steps": 28}),
        ("Seed", Text, " 77 ", {"seed": 77}),
        ("PNG", ToggleButton, True, {"output_format": "png"}),
        ("Safety tolerance", IntSlider, 6, {"safety_tolerance": 6}),
        ("Webhook URL", Text, "https://me.example/x", {"webhook_url": "https://me.example/x"}),
        ("Webhook secret", Secret, SECRET, {"webhook_secret": SECRET}),
    ],
)
def test_controls_set_the_options_and_follow_them(panel, label, kind, value, expected):
    heard = []
    panel.observe(lambda change: heard.append(change["new"]), "options")
    control = find(panel, label, kind)
    before = control.value
    type_into(control, value)
    assert panel.options == FillOptions(**expected)
    assert heard == [FillOptions(**expected)]
    panel.options = FillOptions()
    assert control.value == before
    assert panel.problems == {}


def test_numbers_beyond_the_range_cannot_be_typed(panel):
    for label, kind, name in [
        ("Guidance", BoundedFloatText, "guidance"), ("Steps", BoundedIntText, "steps")
    ]:  # fmt: skip
        type_into(find(panel, label, kind), 4000)
        assert getattr(panel.options, name) == find(panel, label, kind).max
        type_into(find(panel, label, kind), -4000)
        assert getattr(panel.options, name) == find(panel, label, kind).min


def test_the_one_that_is_down_stays_down(panel):
    press(find(panel, "JPEG", ToggleButton))
    assert find(panel, "JPEG", ToggleButton).value
    assert panel.options.output_format == "jpeg"


@pytest.mark.parametrize(
    ("label", "name", "wrong", "right"),
    [
        ("Seed", "seed", "seven", "7"),
        ("Seed", "seed", "1.5", ""),
        ("Webhook URL", "webhook_url", "ftp://me.example", "https://me.example/"),
        ("Webhook URL", "webhook_url", "nonsense", ""),
    ],
)
def test_what_cannot_be_used_is_marked_with_the_rule_until_it_is_mended(
    panel, label, name, wrong, right
):
    field, row = find(panel, label, Text), marked(panel, f"field-{name}")
    rule = FillOptions.rule(name).removesuffix(", or None")
    type_into(field, wrong)
    assert rule in note(panel, name)
    assert 'role="alert"' in note(panel, name)
    assert "ffnb-wrong" in row._dom_classes
    assert panel.options == FillOptions()
    with pytest.raises(InvalidOption, match=re.escape(rule)):
        panel.next_options()
    # It stays, to be mended, whatever happens elsewhere.
    type_into(find(panel, "Steps", BoundedIntText), 20)
    assert field.value == wrong
    type_into(field, right)
    assert panel.problems == {}
    assert note(panel, name) == ""
    assert "ffnb-wrong" not in row._dom_classes
    assert str(getattr(panel.options, name) or "") == right
    panel.next_options()


@pytest.mark.parametrize("mend", ["reset", "assign", "update"])
def test_code_mends_what_is_marked(panel, mend):
    type_into(find(panel, "Seed", Text), "seven")
    if mend == "reset":
        panel.reset()
    elif mend == "assign":
        panel.options = FillOptions(steps=20)
    else:
        panel.update(seed=None)
    assert panel.problems == {}
    assert find(panel, "Seed", Text).value == ""


def test_a_wrong_update_changes_nothing(panel):
    with pytest.raises(InvalidOption, match="from 15 to 50"):
        panel.update(prompt="a vase", steps=4)
    with pytest.raises(InvalidOption, match="did you mean guidance"):
        panel.update(guidence=30)
    assert panel.options == FillOptions()


# ---------------------------------------------------------------------------- presets and reset


@pytest.mark.parametrize(
    ("name", "label", "guidance", "steps"),
    [("default", "Default", 60, 50), ("sample", "Sample", 30, 50), ("draft", "Draft", 60, 15)],
)
def test_a_preset_sets_guidance_and_steps_and_nothing_else(panel, name, label, guidance, steps):
    panel.options = FillOptions("a vase", guidance=7, steps=21, seed=3, output_format="png")
    assert panel.chosen_preset is None
    press(find(panel, label, ToggleButton))
    assert panel.options == FillOptions(
        "a vase", guidance=guidance, steps=steps, seed=3, output_format="png"
    )
    by_click = panel.options
    panel.update(guidance=7, steps=21)
    assert not any(find(panel, other.capitalize(), ToggleButton).value for other in PRESETS)
    panel.preset(name)
    assert panel.options == by_click
    assert [o for o in PRESETS if find(panel, o.capitalize(), ToggleButton).value] == [name]


def test_there_are_no_other_presets(panel):
    with pytest.raises(InvalidOption, match="default, sample, draft"):
        panel.preset("fast")


def test_reset_keeps_the_prompt(panel):
    panel.options = FillOptions("a vase", seed=4, steps=20, webhook_secret=SECRET)
    press(find(panel, "Reset", Button))
    assert panel.options == FillOptions("a vase")
    assert not panel.seed_locked


# ---------------------------------------------------------------------------------------- seeds


def test_unlocked_every_fill_draws_a_seed_and_shows_it(panel):
    panel.observe(lambda change: pytest.fail("it was locked"), "seed_locked")
    drawn = []
    for _ in range(20):
        drawn.append(panel.next_options().seed)
        assert find(panel, "Seed", Text).value == str(drawn[-1])
    assert len(set(drawn)) == 20
    assert not panel.seed_locked


def test_the_seed_that_the_dice_have_drawn_is_used_once(panel):
    press(find(panel, "New seed", Button))
    drawn = panel.options.seed
    assert panel.next_options().seed == drawn
    assert panel.next_options().seed != drawn


def test_a_seed_that_is_typed_or_assigned_is_locked(panel):
    type_into(find(panel, "Seed", Text), "12")
    assert panel.seed_locked
    assert [panel.next_options().seed for _ in range(2)] == [12, 12]
    press(find(panel, "Lock seed", ToggleButton))
    assert panel.next_options().seed != 12
    panel.options = FillOptions(seed=5)
    assert [panel.next_options().seed for _ in range(2)] == [5, 5]
    assert ParameterPanel(FillOptions(seed=5)).seed_locked
    press(find(panel, "New seed", Button))
    assert panel.seed_locked
    assert panel.options.seed != 5
    type_into(find(panel, "Seed", Text), "")
    assert not panel.seed_locked


def test_locking_without_a_seed_draws_one(panel):
    press(find(panel, "Lock seed", ToggleButton))
    assert panel.options.seed is not None
    assert panel.next_options() == panel.next_options() == panel.options


def test_threads_that_ask_at_once_get_seeds_of_their_own(panel):
    with ThreadPoolExecutor(8) as pool:
        seeds = list(pool.map(lambda _: panel.next_options().seed, range(60)))
    assert len(set(seeds)) == 60


# -------------------------------------------------------------------------------------- as text


def test_the_python_makes_the_fill(panel, picture, mask, tmp_path):
    picture.save("picture.png")
    Path("mask.png").write_bytes(mask.to_png())
    panel.options = FillOptions('a "vase"\nof {clay} \\', guidance=30, steps=15, seed=3)
    names: dict[str, Any] = {}
    exec(compile(panel.to_python(), "copied", "exec"), names)
    assert names["result"].request.options == panel.options
    assert names["client"].service.startswith("local engine")


@given(options=st.builds(FillOptions, st.text(), guidance=st.floats(1.5, 100), seed=st.integers()))
def test_the_python_says_all_that_is_not_default(options):
    call = ast.parse(as_python(options)).body[-1].value
    said = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert FillOptions(**said) == options
    assert "prompt" in said or not options.prompt


def of_shell(command: str, folder: Path, **environment: str) -> str:
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env={"PATH": "/usr/bin:/bin"} | environment,
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip


PRINTABLE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@settings(OWN, max_examples=30)
@given(prompt=PRINTABLE | st.sampled_from(["$HOME `id` $(id) \\ \\$ \"q\" 'q' !!", "JSON\nJSON\n"]))
def test_the_shell_sends_the_prompt_as_it_is(tmp_path, prompt):
    (tmp_path / "picture.png").write_bytes(b"picture" * 40)
    (tmp_path / "mask.png").write_bytes(b"mask")
    options = FillOptions(prompt, webhook_secret=SECRET, webhook_url="https://me.example/")
    sent = of_shell(f"curl() {{ cat; }}\n{as_curl(options)}", tmp_path, WEBHOOK_SECRET="w")
    body = json.loads(sent)
    assert body.pop("webhook_secret") == "w"
    assert body.pop("image").startswith("cGljdHVyZXBpY3R1cmV")
    assert body.pop("mask") == "bWFzaw=="
    assert FillOptions(**body) == FillOptions(prompt, webhook_url="https://me.example/")


def test_curl_itself_sends_what_a_server_takes(panel, picture, mask, tmp_path):
    picture.save(tmp_path / "picture.png")
    (tmp_path / "mask.png").write_bytes(mask.to_png())
    panel.options = FillOptions("a `vase` for $5", steps=15, seed=3)
    with ff.LocalServer(keys=[KEY]) as server:
        command = panel.to_curl().replace(f"https://api.bfl.ai{FILL_PATH}", server.url + FILL_PATH)
        answer = json.loads(of_shell(command, tmp_path, BFL_API_KEY=KEY))
        assert {"id", "polling_url"} <= answer.keys()

        def ready() -> bool:
            return httpx.get(answer["polling_url"]).json()["status"] == "Ready"

        until(ready, "the task is ready")
        result = httpx.get(answer["polling_url"]).json()["result"]
        assert (result["prompt"], result["seed"]) == ("a `vase` for $5", 3)


@pytest.mark.parametrize(("label", "name"), [("Python", "python"), ("curl", "curl")])
def test_the_text_is_shown_follows_the_settings_and_is_closed(panel, label, name):
    code = marked(panel, "code")
    assert code not in seen(panel)
    press(find(panel, label, ToggleButton))
    assert code in seen(panel)
    panel.update(prompt="<b>vase</b>")
    assert "&lt;b&gt;vase&lt;/b&gt;" in code.value
    press(find(panel, "Close", Button))
    assert code not in seen(panel)
    assert code.value == ""


# --------------------------------------------------------------------------- service and credits


@pytest.fixture
def hosted(monkeypatch) -> Iterator[ff.LocalServer]:
    """The hosted service, played by a local server that knows one key."""
    server = ff.LocalServer(keys=[KEY], credits=812)
    connect = services.connect

    def to_server(service: str | None = None, **options: Any) -> ff.FluxFill:
        if service == "hosted" and options.get("api_key"):
            transport = server.transport
            return ff.FluxFill(options["api_key"], transport=transport, store=options.get("store"))
        return connect(service, **options)

    monkeypatch.setattr(services, "connect", to_server)
    yield server
    server.close()


def test_the_price_line_says_what_is_meant(panel, hosted):
    assert panel.price_line == "Free: local engine, no FLUX"
    assert panel.price == 0
    with ff.FluxFill(KEY, transport=hosted.transport) as client:
        panel.client = client
        assert panel.service == "hosted"
        assert panel.price == 0.05
        assert panel.price_line.startswith("$0.05 a fill on the hosted service")
        until(lambda: panel.credits is not None, "the credits are known")
        assert panel.price_line.endswith("· 812 credits left ($8.12)")
        assert marked(panel, "price").value == panel.price_line
    with ff.LocalServer() as server, ff.FluxFill(base_url=server.url) as client:
        panel.client = client
        assert panel.price is None
        assert server.url.split("/")[2] in panel.price_line
        assert panel.credits is None


def test_without_a_client_the_panel_says_what_connect_would_choose(monkeypatch):
    assert ParameterPanel().service == "local"
    monkeypatch.setenv("BFL_API_KEY", KEY)
    panel = ParameterPanel()
    assert panel.service == "hosted"
    assert not panel.needs_key


def test_the_key_field_is_there_when_the_hosted_service_is_chosen_and_no_key_is_there(
    panel, hosted
):
    entry = marked(panel, "key")
    assert entry not in seen(panel)
    press(find(panel, "Hosted", ToggleButton))
    assert panel.error == ""
    assert entry in seen(panel)
    assert panel.client is None
    assert panel.service == "hosted"
    press(find(panel, "Local", ToggleButton))
    assert entry not in seen(panel)
    assert panel.client.service.startswith("local engine")
    press(find(panel, "Hosted", ToggleButton))
    type_into(find(panel, "API key", Secret), KEY)
    assert panel.error == ""
    assert find(panel, "API key", Secret).value == ""
    assert entry not in seen(panel)
    assert panel.client.credits() == 812
    # The store stays the one that the client before had.
    assert panel.client.store is not None


def test_a_key_that_is_there_is_used(monkeypatch, panel):
    monkeypatch.setenv("BFL_API_KEY", KEY)
    monkeypatch.setattr(ParameterPanel, "ask_credits", lambda self: None)  # it is the real one
    press(find(panel, "Hosted", ToggleButton))
    assert not panel.needs_key
    assert panel.client.service == "api.bfl.ai"


@pytest.mark.parametrize("typed", ["bfl key", "bfl\tkey-ä"])
def test_what_can_be_no_key_is_refused_and_not_shown(panel, typed, caplog):
    panel.connect("hosted")
    type_into(find(panel, "API key", Secret), typed)
    assert "no key has" in panel.error
    assert panel.client is None
    assert panel.needs_key
    assert typed not in panel.error + caplog.text + repr(dependency_state(panel))


def test_a_key_that_the_service_refuses_is_asked_for_again(panel, hosted):
    panel.connect("hosted")
    type_into(find(panel, "API key", Secret), "another-key")
    until(lambda: panel.needs_key, "the key is asked for again")
    until(lambda: "refuses this key" in panel.error, "it is told why")
    type_into(find(panel, "API key", Secret), KEY)
    until(lambda: panel.credits == 812, "the credits are known")
    assert not panel.needs_key


class Slow(httpx.AsyncBaseTransport):
    """A way that leads nowhere, after a while."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go = threading.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.set()
        while not self.go.is_set():
            await anyio.sleep(0.01)
        return httpx.Response(400, json={"detail": "no"})


def test_asking_for_credits_blocks_nobody_and_fails_quietly(caplog):
    way = Slow()
    client = ff.FluxFill(KEY, transport=way)
    started = time.monotonic()
    panel = ParameterPanel(client=client)
    panel.update(steps=20)
    assert time.monotonic() - started < 2
    assert way.asked.wait(5)
    way.go.set()
    until(
        lambda: not [t for t in threading.enumerate() if t.name == "fluxfill-credits"],
        "the question is over",
    )
    assert (panel.credits, panel.error, panel.needs_key) == (None, "", False)
    assert KEY not in caplog.text


# -------------------------------------------------------------------------------------- secrets


class Eavesdropper(comm.BaseComm):
    """Keeps all that a kernel sends to its pages."""

    sent: list[str] = []  # noqa: RUF012

    def publish_msg(self, msg_type: str, data: Any = None, **rest: Any) -> None:
        self.sent.append(repr((msg_type, data, rest)))


def test_no_secret_is_in_the_state_nor_sent_nor_shown(monkeypatch, hosted, caplog):
    monkeypatch.setattr(comm, "create_comm", Eavesdropper)
    monkeypatch.setattr(Eavesdropper, "sent", [])
    panel = ParameterPanel(FillOptions(webhook_secret=SECRET))
    panel.code = "python"
    panel.explained = panel.advanced = True
    type_into(find(panel, "Webhook secret", Secret), SECRET + "-2")
    panel.connect("hosted")
    type_into(find(panel, "API key", Secret), KEY)
    panel.code = "curl"
    panel._safely(lambda: panel.update(webhook_secret=SECRET, steps=3))
    until(lambda: panel.credits == 812, "the credits are known")
    assert panel.options.webhook_secret.get_secret_value() == SECRET + "-2"
    everything = [
        json.dumps(dependency_state(panel)),
        repr(panel), str(panel), repr(panel._repr_mimebundle_()), panel.error, caplog.text,
        panel.to_python(), panel.to_curl(), repr(panel.problems), *Eavesdropper.sent,
    ]  # fmt: skip
    assert len(Eavesdropper.sent) > 100
    assert panel.error
    for secret in (SECRET, KEY):
        assert not [text for text in everything if secret in text]


def test_a_secret_is_replaced_or_removed(panel):
    field = find(panel, "Webhook secret", Secret)
    assert field.placeholder == "Not set"
    type_into(field, SECRET)
    assert "Set" in field.placeholder
    type_into(field, " ")
    assert panel.options.webhook_secret is None


def test_only_the_panel_itself_is_synchronized(panel):
    own = set(ParameterPanel.class_own_traits())
    assert {"options", "client", "credits", "problems"} <= own
    assert not own & set(panel.keys)


# ------------------------------------------------------------------------- what goes wrong, looks


def test_what_goes_wrong_in_a_handler_is_shown_and_the_panel_goes_on(panel, caplog):
    panel.observe(lambda change: 1 / 0, "options")
    press(find(panel, "PNG", ToggleButton))
    assert "ZeroDivisionError" in panel.error
    assert "ZeroDivisionError" in caplog.text
    assert marked(panel, "error") in seen(panel)
    panel.unobserve_all("options")
    press(find(panel, "Dismiss", Button))
    assert marked(panel, "error") not in seen(panel)


def test_advanced_fields_are_folded_away(panel):
    address = find(panel, "Webhook URL", Text)
    assert address not in seen(panel)
    press(find(panel, "Advanced", ToggleButton))
    assert address in seen(panel)


def test_every_control_has_a_name_and_help(panel):
    controls = (Button, ToggleButton, IntSlider, Text, Textarea, Checkbox, BoundedIntText)
    for widget in widgets(panel):
        if isinstance(widget, controls):
            assert widget.description
            assert widget.tooltip


def test_words_stand_at_the_safety_tolerance(panel):
    marks = [
        w.value for w in widgets(marked(panel, "field-safety_tolerance")) if hasattr(w, "value")
    ]
    text = re.sub("<[^>]*>", "|", str(marks))
    assert all(word in text for word in ("0 strictest", "2 default", "6 most tolerant"))


def test_all_icons_are_drawn(panel):
    asked = {icon for w in widgets(panel) if (icon := getattr(w, "icon", ""))}
    assert len(asked) >= 5
    for icon in asked:
        assert f".fa-{icon}{{" in sheets(panel)


def test_classes_are_ours_or_the_front_ends_and_colours_the_themes(panel):
    assert not foreign(sheets(panel))


def test_panels_share_their_sheets_and_their_state_is_small(panel):
    assert ParameterPanel().children[:-1] == panel.children[:-1]
    panel.explained = True
    panel.code = "curl"
    for _ in range(50):
        panel.next_options()
    assert len(json.dumps(dependency_state(panel, drop_defaults=True))) < 56_000


def test_what_is_no_options_is_refused(panel):
    with pytest.raises(TraitError, match="FillOptions"):
        panel.options = {"steps": 20}
    assert panel.options == FillOptions()


def test_where_widgets_do_not_run_the_settings_are_a_table(panel):
    panel.update(prompt="a vase <b>", guidance=30, webhook_secret=SecretStr(SECRET))
    shown = panel._repr_mimebundle_()["text/html"]
    for text in ("a vase &lt;b&gt;", ">30<", ">50<", "new for each fill", ">set<", "Free: local"):
        assert text in shown
    assert SECRET not in shown
    assert "Webhook URL" not in shown


def test_what_are_no_options_is_refused_at_once():
    with pytest.raises(InvalidOption, match="options is a dict: give FillOptions"):
        ParameterPanel({"webhook_secret": SECRET})
