"""Choosing the service."""

from __future__ import annotations

import pytest

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidOption


def test_without_a_key_the_local_engine_is_taken():
    assert repr(ff.connect()) == "<FluxFill: local engine: patches, free>"


def test_with_a_key_the_hosted_service_is_taken(monkeypatch):
    monkeypatch.setenv("BFL_API_KEY", "secret")
    assert repr(ff.connect()) == "<FluxFill: api.bfl.ai, $0.05 a fill>"
    assert repr(ff.connect("local")) == "<FluxFill: local engine: patches, free>"


def test_a_key_that_is_given_means_the_hosted_service():
    assert ff.connect(api_key="secret").service == "api.bfl.ai"


def test_a_blank_key_is_no_key(monkeypatch):
    monkeypatch.setenv("BFL_API_KEY", "  ")
    assert ff.connect().service == "local engine: patches"


def test_an_address_is_taken_as_it_is():
    assert repr(ff.connect("http://lab.example:8000")) == "<FluxFill: lab.example:8000>"


def test_another_engine_is_named():
    assert ff.connect("local", engine=gradient).service == "local engine: gradient"


def gradient(image, mask, options, progress):
    return image


@pytest.mark.parametrize(
    "chosen", [{"engine": gradient}, {"workers": 2}, {"executor": "processes"}]
)
def test_an_engine_of_ones_own_is_not_paid_for(monkeypatch, chosen):
    monkeypatch.setenv("BFL_API_KEY", "secret")
    with ff.connect(**chosen) as client:
        assert repr(client).endswith(", free>")


@pytest.mark.parametrize("where", [{"service": "hosted"}, {"service": "http://lab.example"}, {}])
@pytest.mark.parametrize(
    ("name", "value"), [("engine", gradient), ("executor", "processes"), ("workers", 2)]
)
def test_an_engine_is_for_the_local_service_only(where, name, value):
    with pytest.raises(
        InvalidOption, match=rf"{name} is for the local .*connect\('local', {name}="
    ):
        ff.connect(**where, api_key="secret", **{name: value})


@pytest.mark.parametrize("service", ["locale", "api.bfl.ai", "", "lab.example:8000", 8000])
def test_unknown_services_are_refused(service):
    with pytest.raises(InvalidOption, match="'hosted', 'local'"):
        ff.connect(service)


def test_unknown_engines_are_refused():
    with pytest.raises(InvalidOption, match="there are: patches"):
        ff.connect("local", engine="lama")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", 0), ("timeout", "5"), ("timeout", float("nan")), ("timeout", None),
        ("max_active", 0), ("max_active", "3"), ("max_active", True), ("max_active", 2.5),
    ],
)  # fmt: skip
def test_limits_that_are_none_are_refused(name, value):
    with pytest.raises(InvalidOption, match=rf"{name} is {value!r}( s)?: it must be"):
        ff.FluxFill("secret", **{name: value})
