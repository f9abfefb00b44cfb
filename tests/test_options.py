"""The table of parameters: every field, range, default and message of the contract."""

from __future__ import annotations

import inspect
import pickle
import re
from typing import Any, get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fluxfill_nb.errors import InvalidOption
from fluxfill_nb.options import FillFields, FillKeywords, FillOptions

SECRET = "hush-hush-hush"
LONGEST_URL = "https://example.org/".ljust(2083, "a")

DEFAULTS = {
    "prompt": "",
    "steps": 50,
    "prompt_upsampling": False,
    "seed": None,
    "guidance": 60.0,
    "output_format": "jpeg",
    "safety_tolerance": 2,
    "webhook_url": None,
    "webhook_secret": None,
}
NUMBERS = ("steps", "seed", "guidance", "safety_tolerance")


def refusal(**options: Any) -> str:
    """Return what is said against these settings."""
    with pytest.raises(InvalidOption) as caught:
        FillOptions(**options)
    return str(caught.value)


def test_names_and_defaults_are_the_contracts() -> None:
    options = FillOptions()
    assert {name: getattr(options, name) for name in FillOptions.names()} == DEFAULTS
    assert FillOptions.names() == tuple(DEFAULTS)


@pytest.mark.parametrize("name", [name for name in DEFAULTS if name != "safety_tolerance"])
def test_none_is_accepted(name: str) -> None:
    assert getattr(FillOptions(**{name: None}), name) is None  # type: ignore[arg-type]


def test_safety_tolerance_cannot_be_none() -> None:
    assert refusal(safety_tolerance=None) == (
        "safety_tolerance is None: it must be a whole number from 0 to 6."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prompt", "Vase aus „Terrakotta“, 赤い花瓶\n"),
        ("prompt", "x" * 100_000),
        ("steps", 15),
        ("steps", 50),
        ("prompt_upsampling", True),
        ("seed", 0),
        ("seed", -1),
        ("seed", 2**63),
        ("guidance", 1.5),
        ("guidance", 100),
        ("output_format", "jpeg"),
        ("output_format", "png"),
        ("safety_tolerance", 0),
        ("safety_tolerance", 6),
    ],
)
def test_values_up_to_the_ends_of_the_range_are_kept(name: str, value: Any) -> None:
    assert getattr(FillOptions(**{name: value}), name) == value


@pytest.mark.parametrize("url", ["http://localhost:8000/hook", "https://e.org/a?b=c", LONGEST_URL])
def test_webhook_url_is_an_address(url: str) -> None:
    assert str(FillOptions(webhook_url=url).webhook_url) == url


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("prompt", 3, "prompt is 3: it must be text, or None."),
        ("prompt", ["a"], "prompt is ['a']: it must be text, or None."),
        ("steps", 14, "steps is 14: it must be a whole number from 15 to 50, or None."),
        ("steps", 51, "steps is 51: it must be a whole number from 15 to 50, or None."),
        ("steps", 20.5, "steps is 20.5: it must be a whole number from 15 to 50, or None."),
        ("steps", "many", "steps is 'many': it must be a whole number from 15 to 50, or None."),
        ("steps", range(15), "steps is range(0, 15): it must be a whole number from 15 to 50, or"),
        ("prompt_upsampling", 2, "prompt_upsampling is 2: it must be True or False, or None."),
        ("seed", 0.5, "seed is 0.5: it must be a whole number, or None."),
        ("seed", [1], "seed is [1]: it must be a whole number, or None."),
        ("guidance", 1.49, "guidance is 1.49: it must be a number from 1.5 to 100, or None."),
        ("guidance", 100.01, "guidance is 100.01: it must be a number from 1.5 to 100, or None."),
        ("guidance", float("nan"), "guidance is nan: it must be a number from 1.5 to 100, or None"),
        ("guidance", float("inf"), "guidance is inf: it must be a number from 1.5 to 100, or None"),
        ("output_format", "webp", "output_format is 'webp': it must be 'jpeg' or 'png', or None."),
        ("output_format", "PNG", "output_format is 'PNG': it must be 'jpeg' or 'png', or None."),
        ("safety_tolerance", -1, "safety_tolerance is -1: it must be a whole number from 0 to 6."),
        ("safety_tolerance", 7, "safety_tolerance is 7: it must be a whole number from 0 to 6."),
        *((name, True, f"{name} is True: it must be a") for name in NUMBERS),
        *((name, "0-3", f"{name} is '0-3': it must be a") for name in NUMBERS),
        *((name, np.True_, f"{name} is True: it must be a") for name in NUMBERS),
    ],
)
def test_a_refusal_names_field_value_and_range(name: str, value: object, message: str) -> None:
    assert refusal(**{name: value}).startswith(message)


@pytest.mark.parametrize("url", ["", "example.org", "ftp://example.org", LONGEST_URL + "a", 3])
def test_a_wrong_webhook_url_is_refused_unseen(url: object) -> None:
    assert refusal(webhook_url=url) == (
        "webhook_url is not valid: it must be an http or https address of up to 2083 characters, "
        "or None."
    )


def test_all_problems_are_told_at_once() -> None:
    assert refusal(steps=5, guidance=0, safety_tolerance=7).count("it must be") == 3


def test_a_long_value_is_cut_in_the_message() -> None:
    assert len(refusal(seed="A" * 10_000)) < 200


@settings(deadline=None)
@given(st.integers() | st.integers(0, 60))
def test_steps_are_taken_exactly_from_15_to_50(value: int) -> None:
    if 15 <= value <= 50:
        assert FillOptions(steps=value).steps == value
    else:
        assert "15 to 50" in refusal(steps=value)


@settings(deadline=None)
@given(st.floats() | st.floats(0, 110))
def test_guidance_is_taken_exactly_from_1_5_to_100(value: float) -> None:
    if 1.5 <= value <= 100:
        assert FillOptions(guidance=value).guidance == value
    else:
        assert "1.5 to 100" in refusal(guidance=value)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("steps", np.int64(20), 20),
        ("seed", np.uint32(2**32 - 1), 2**32 - 1),
        ("seed", np.array(7), 7),
        ("guidance", np.float32(30), 30.0),
        ("guidance", np.int8(30), 30.0),
        ("safety_tolerance", np.int64(0), 0),
        ("prompt_upsampling", np.True_, True),
        ("output_format", np.str_("png"), "png"),
        ("prompt", np.str_("a vase"), "a vase"),
    ],
)
def test_numpy_scalars_become_plain_values(name: str, value: Any, kept: object) -> None:
    found = getattr(FillOptions(**{name: value}), name)
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("guidnce", "guidance"),
        ("Guidance", "guidance"),
        ("step", "steps"),
        ("tolerance", "safety_tolerance"),
        ("promt", "prompt"),
        ("maks", "mask"),
    ],
)
def test_an_unknown_keyword_is_refused_with_a_hint(typo: str, meant: str) -> None:
    assert refusal(**{typo: 3}) == f"There is no setting {typo!r}: did you mean {meant}?"


@pytest.mark.parametrize("name", ["strength", "image"])
def test_a_keyword_unlike_any_setting_gets_the_list(name: str) -> None:
    assert refusal(**{name: 3}) == f"There is no setting {name!r}: there are {', '.join(DEFAULTS)}."


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("prompt", "text, or None"),
        ("steps", "a whole number from 15 to 50, or None"),
        ("prompt_upsampling", "True or False, or None"),
        ("seed", "a whole number, or None"),
        ("guidance", "a number from 1.5 to 100, or None"),
        ("output_format", "'jpeg' or 'png', or None"),
        ("safety_tolerance", "a whole number from 0 to 6"),
        ("webhook_url", "an http or https address of up to 2083 characters, or None"),
        ("webhook_secret", "text, or None"),
    ],
)
def test_rules_in_words(name: str, rule: str) -> None:
    assert FillOptions.rule(name) == rule


def test_keywords_and_fields_agree() -> None:
    keywords = get_type_hints(FillKeywords, include_extras=True)
    fields = get_type_hints(FillFields, include_extras=True)
    assert set(keywords) == set(DEFAULTS) - {"prompt"}
    assert not FillKeywords.__required_keys__
    for name, hint in keywords.items():
        if name.startswith("webhook"):
            assert hint == fields[name] | str, name
        else:
            assert hint == fields[name], name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("prompt", {"type": "string"}),
        ("steps", {"type": "integer", "minimum": 15, "maximum": 50}),
        ("prompt_upsampling", {"type": "boolean"}),
        ("seed", {"type": "integer"}),
        ("guidance", {"type": "number", "minimum": 1.5, "maximum": 100}),
        ("output_format", {"type": "string", "enum": ["jpeg", "png"]}),
        ("safety_tolerance", {"type": "integer", "minimum": 0, "maximum": 6}),
        ("webhook_url", {"type": "string", "format": "uri", "minLength": 1, "maxLength": 2083}),
        ("webhook_secret", {"type": "string", "format": "password", "writeOnly": True}),
    ],
)
def test_the_schema_holds_type_range_default_and_description(
    name: str, expected: dict[str, object]
) -> None:
    schema = FillFields.model_json_schema()["properties"][name]
    assert schema["default"] == DEFAULTS[name]
    assert len(schema["description"]) > 20
    if name == "safety_tolerance":
        assert expected.items() <= schema.items()
    else:
        assert schema["anyOf"] == [expected, {"type": "null"}]


@pytest.mark.parametrize("name", NUMBERS)
def test_the_server_refuses_true_for_a_number_too(name: str) -> None:
    with pytest.raises(ValueError, match="not true or false"):
        FillFields.model_validate_json(f'{{"{name}": true}}')


def test_a_change_is_refused_and_points_to_replace() -> None:
    options = FillOptions(steps=20)
    with pytest.raises(AttributeError, match=r"replace\(steps=…\)"):
        options.steps = 30  # type: ignore[misc]
    with pytest.raises(ValidationError):
        del options.steps
    assert options.steps == 20


def test_equal_options_are_one_in_a_set() -> None:
    assert len({FillOptions(seed=1), FillOptions("", seed=1), FillOptions(seed=2)}) == 2


def test_none_becomes_the_default_when_resolved() -> None:
    nothing: dict[str, Any] = dict.fromkeys(set(DEFAULTS) - {"safety_tolerance"})
    resolved = FillOptions(**nothing).resolved()
    assert resolved.seed is not None
    assert FillOptions(seed=resolved.seed) == resolved


def test_a_seed_is_drawn_only_where_none_is() -> None:
    assert FillOptions(seed=0).resolved().seed == 0
    drawn = {FillOptions().resolved().seed for _ in range(4)}
    assert len(drawn) > 1
    assert all(seed is not None and 0 <= seed < 2**31 for seed in drawn)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, False),
        ({"seed": 0}, True),
        ({"seed": 0, "prompt_upsampling": None}, True),
        ({"seed": 0, "prompt_upsampling": True}, False),
    ],
)
def test_repeatable_needs_a_seed_and_an_own_prompt(options: dict[str, Any], expected: bool) -> None:
    assert FillOptions(**options).is_repeatable is expected


def test_repr_shows_what_differs_from_the_defaults() -> None:
    assert repr(FillOptions()) == "FillOptions()"
    assert repr(FillOptions("a vase", steps=None, guidance=60)) == (
        "FillOptions(prompt='a vase', steps=None)"
    )
    assert len(repr(FillOptions("a vase " * 1000))) < 250


def test_repr_shows_of_an_address_only_whose_it_is() -> None:
    options = FillOptions(webhook_url=f"https://me:{SECRET}@e.org/{SECRET}?token={SECRET}")
    assert repr(options) == "FillOptions(webhook_url='https://e.org/…')"


def test_the_signature_is_for_people() -> None:
    signature = inspect.signature(FillOptions)
    assert [name for name in signature.parameters if name not in DEFAULTS] == []
    assert str(signature).startswith(
        "(prompt: 'str | None' = '', *, steps: int | None = 50, "
        "prompt_upsampling: bool | None = False, seed: int | None = None, "
    )
    assert not re.search("Annotated|Validator|function", str(signature))


def test_a_replaced_copy_is_checked() -> None:
    options = FillOptions("a vase", webhook_secret=SECRET)
    replaced = options.__replace__(steps=20)  # what copy.replace calls
    assert replaced == FillOptions("a vase", webhook_secret=SECRET, steps=20)
    for change, words in ({"steps": 5}, "15 to 50"), ({"stepz": 20}, "did you mean steps"):
        with pytest.raises(InvalidOption, match=words):
            options.__replace__(**change)


def test_half_a_character_is_refused() -> None:
    assert (
        refusal(prompt="a vase \ud83d") == "prompt is 'a vase \\ud83d': it must be text, or None."
    )


def test_there_is_no_rule_for_an_unknown_setting() -> None:
    with pytest.raises(InvalidOption, match=r"no setting 'guidence': did you mean guidance\?"):
        FillOptions.rule("guidence")


def test_the_secret_shows_nowhere_but_on_request() -> None:
    options = FillOptions(webhook_url="https://e.org/", webhook_secret=SECRET)
    assert options.webhook_secret is not None
    assert options.webhook_secret.get_secret_value() == SECRET
    assert pickle.loads(pickle.dumps(options)) == options
    shown = [repr(options), str(options), options.model_dump_json(), str(options.model_dump())]
    assert not [text for text in shown if SECRET in text]


@pytest.mark.parametrize("secret", [3, [SECRET], {"secret": SECRET}, object()])
def test_a_wrong_secret_is_refused_unseen(secret: object) -> None:
    assert (
        refusal(webhook_secret=secret) == "webhook_secret is not valid: it must be text, or None."
    )


def test_assigning_a_secret_does_not_show_it() -> None:
    with pytest.raises(AttributeError) as caught:
        FillOptions().webhook_secret = SECRET  # type: ignore[misc, assignment]
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("content", [SECRET, [SECRET], {"webhook_secret": [SECRET]}])
def test_pydantics_own_errors_do_not_show_it_either(content: object) -> None:
    with pytest.raises(ValidationError) as caught:
        FillOptions.model_validate(content)
    assert SECRET not in str(caught.value)
