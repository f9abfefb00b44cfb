"""What people read with `?` and in the documentation: every public name is explained."""

from __future__ import annotations

import builtins
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pytest
from numpydoc.docscrape import NumpyDocString

import fluxfill_nb as ff

# Whose names the documentation shows beside the package's own.
MODULES = {
    "client": ["Receiver", "Run"],
    "client.webhooks": ["WebhookCall", "WebhookRefused", "verify"],
    "engines": ["Cancelled", "Engine", "Patches", "Progress", "get"],
    "errors": ff.errors.__all__,
    "grid": ["plot"],
    "metrics": ["Metric", "measure"],
    "options": ["FillOptions"],
    "painting": ["Log", "Painting"],
    "report": ["write_report"],
    "result": ["FillProgress", "FillStatus", "PictureFile"],
    "server": ["create_app"],
    "sweep": ["Point"],
}
NAMES = [f"fluxfill_nb.{name}" for name in ff.__all__ if name != "errors"] + [
    f"fluxfill_nb.{module}.{name}" for module, names in MODULES.items() for name in names
]
# Where an example says no more than the summary does.
NEED_NO_EXAMPLE = (
    "fluxfill_nb.engines.Cancelled", "fluxfill_nb.engines.Progress", "fluxfill_nb.errors.",
    "fluxfill_nb.result.", "fluxfill_nb.sweep.Point",
)  # fmt: skip
DESCRIBED = (property, cached_property, classmethod, staticmethod)


def value_of(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def members(path: str) -> Iterator[tuple[str, Any]]:
    """The methods and properties that a class has from us, with their names."""
    kind = value_of(path)
    if not inspect.isclass(kind):
        return
    for name, member in inspect.getmembers_static(kind):
        home = next((base for base in kind.__mro__ if name in vars(base)), kind)
        ours = not name.startswith("_") and home.__module__.startswith("fluxfill_nb")
        described = isinstance(member, DESCRIBED) or inspect.isfunction(member)
        if ours and described:
            yield f"{path}.{name}", member


CALLS = [(path, value_of(path)) for path in NAMES if callable(value_of(path))]
MEMBERS = [pair for path in NAMES for pair in members(path)]


def by_path(pairs: list[tuple[str, Any]]) -> Any:
    return pytest.mark.parametrize(
        ("path", "value"), pairs, ids=[path.removeprefix("fluxfill_nb.") for path, _ in pairs]
    )


def doc_of(value: Any) -> NumpyDocString:
    return NumpyDocString(inspect.getdoc(value) or "")


def function_of(value: Any) -> Any:
    """What is called; None for a property."""
    if inspect.isclass(value):
        return value.__init__ if "__init__" in vars(value) else None
    if isinstance(value, classmethod | staticmethod):
        return value.__func__
    return value if inspect.isfunction(value) else None


def parameters_of(function: Any) -> set[str]:
    given = list(inspect.signature(function).parameters.values())
    if given and given[0].name in ("self", "cls"):
        del given[0]
    # What catches too many of them only serves to say so.
    return {each.name for each in given if each.kind is not each.VAR_POSITIONAL}


def is_called_by_people(path: str, value: Any) -> bool:
    """Whether anyone but we ourselves makes or calls it."""
    return not (
        path.startswith("fluxfill_nb.errors.")
        or getattr(value, "_is_protocol", False)
        or path in ("fluxfill_nb.client.Run", "fluxfill_nb.client.webhooks.WebhookRefused")
        or path.endswith(".model_post_init")
    )


def described_in(text: NumpyDocString) -> set[str]:
    return {
        name.strip().lstrip("*")
        for section in ("Parameters", "Attributes")
        for entry in text[section]
        for name in (entry.name or entry.type).split(",")
    }


@by_path(CALLS + MEMBERS)
def test_is_summed_up_in_one_sentence(path, value):
    text = doc_of(value)
    assert text["Summary"], "has no docstring"
    assert " ".join(text["Summary"]).endswith((".", "…")), text["Summary"]


@by_path([pair for pair in CALLS if not pair[0].startswith(NEED_NO_EXAMPLE)])
def test_is_shown_by_an_example(path, value):
    assert ">>> " in "\n".join(doc_of(value)["Examples"])


@by_path([pair for pair in CALLS + MEMBERS if function_of(pair[1]) and is_called_by_people(*pair)])
def test_every_parameter_is_described(path, value):
    missing = parameters_of(function_of(value)) - described_in(doc_of(value))
    if len(missing) == 1:  # what the sentence itself names needs no paragraph
        missing = {name for name in missing if not re.search(rf"\b{name}\b", value.__doc__)}
    assert missing == set()


@by_path([pair for pair in CALLS + MEMBERS if inspect.isfunction(function_of(pair[1]))])
def test_says_what_it_returns(path, value):
    if inspect.isclass(value):
        return
    text = doc_of(value)
    returned = str(inspect.signature(function_of(value)).return_annotation)
    if returned == "None":
        assert not text["Returns"]
    elif returned == "Self" or returned.startswith("Run["):
        return  # itself, or the handle that everything long gives
    elif not (text["Returns"] or text["Yields"]):
        says = " ".join([*text["Summary"], *text["Extended Summary"]])
        assert re.search(r"\b([Rr]eturn(s|ed)?|fetch)\b", says), says


@by_path(CALLS + MEMBERS)
def test_errors_that_are_said_to_be_raised_exist(path, value):
    for entry in doc_of(value)["Raises"]:
        for name in entry.type.split(","):
            name = name.strip()
            assert " ".join(entry.desc).strip(), f"{name} is not explained"
            known = value_of(name) if "." in name else getattr(builtins, name)
            assert issubclass(known, BaseException)
