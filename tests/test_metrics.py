"""Metrics: pictures whose numbers are known by construction."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidInput, InvalidOption
from fluxfill_nb.metrics import CHANGED, METRICS, measure

SIZE = (64, 48)
MASK = ff.Mask.from_box(SIZE, (20, 12, 44, 36))
INSIDE = MASK.array == 255
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def grey(level: float) -> np.ndarray[Any, Any]:
    return np.full((48, 64, 3), level, np.uint8)


def result_of(original: Any, filled: Any, mask: ff.Mask = MASK) -> ff.FillResult:
    request = ff.FillRequest(np.asarray(original), mask, seed=1)
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(filled)).save(buffer, "PNG")
    return ff.FillResult(ff.FillTask("1", "https://a.example", request), buffer.getvalue(), "test")


def pasted(inside: Any, outside: Any) -> Any:
    return np.where(INSIDE[:, :, None], inside, outside)


@pytest.mark.parametrize("inside", [grey(0), grey(255), NOISE])
def test_what_is_untouched_outside_has_no_drift(inside):
    found = measure(result_of(NOISE, pasted(inside, NOISE)), "drift", "changed")
    assert found == {"drift": 0, "changed": 0}


@pytest.mark.parametrize("shift", [1, 5, -5, CHANGED, CHANGED + 1, 60])
def test_drift_is_the_mean_change_in_levels(shift):
    found = measure(result_of(grey(100), pasted(grey(7), grey(100 + shift))), "drift", "changed")
    assert found["drift"] == pytest.approx(abs(shift))
    assert found["changed"] == (abs(shift) > CHANGED)


def test_drift_counts_channels_and_changed_counts_pixels():
    filled = grey(100)
    filled[:6, :, 1] += 30  # one channel of an eighth of the picture
    outside = np.count_nonzero(~INSIDE)
    found = measure(result_of(grey(100), filled), "drift", "changed")
    assert found["changed"] == pytest.approx(6 * 64 / outside)
    assert found["drift"] == pytest.approx(10 * 6 * 64 / outside)


pictures = hnp.arrays(np.uint8, (12, 16, 3))
holes = hnp.arrays(np.bool_, (12, 16)).filter(lambda hole: hole.any())


@given(original=pictures, filled=pictures, hole=holes)
def test_drift_and_changed_as_anyone_would_compute_them(original, filled, hole):
    found = measure(result_of(original, filled, ff.Mask(hole)), "drift", "changed")
    change = np.abs(original.astype(int) - filled)[~hole]
    if not change.size:
        assert all(map(math.isnan, found.values()))
    else:
        assert found["drift"] == pytest.approx(change.mean())
        assert found["changed"] == pytest.approx((change > CHANGED).any(axis=1).mean())


@given(original=pictures, filled=pictures, hole=holes)
def test_metrics_are_numbers_that_make_sense(original, filled, hole):
    found = measure(result_of(original, filled, ff.Mask(hole)))
    assert list(found) == list(METRICS)
    assert all(type(value) is float for value in found.values())
    assert found["seam"] > 0 or math.isnan(found["seam"])
    assert found["sharpness"] > 0 or math.isnan(found["sharpness"])
    assert math.isnan(found["diversity"])


def test_the_edge_of_a_soft_mask_lies_where_the_service_splits_it():
    soft = ff.Mask(np.where(INSIDE, 128, 127).astype(np.uint8))
    filled = pasted(grey(200), grey(103))
    assert measure(result_of(grey(100), filled, soft), "drift") == {"drift": 3}


@pytest.mark.parametrize("step", [0, 10, 39, 100])
def test_a_step_at_the_rim_is_a_seam(step):
    found = measure(result_of(grey(100), pasted(grey(100 + step), grey(0))), "seam")
    assert found["seam"] == pytest.approx(step + 1)  # flat beside it: one level by one level


def test_a_seam_is_measured_against_what_is_near_it():
    ramp = np.zeros((48, 64, 3), np.uint8) + (3 * np.arange(64, dtype=np.uint8))[None, :, None]
    hole = ff.Mask.from_box(SIZE, (20, 0, 44, 48))  # its rim is crossed by the ramp only
    found = measure(result_of(ramp, ramp, hole), "seam")["seam"]
    # From pixel to pixel the ramp rises by 3 along rows, by 0 along columns, near the rim both.
    assert found == pytest.approx((3 + 1) / (1.5 + 1), rel=0.05)
    stepped = measure(result_of(ramp, ramp + np.uint8(12), hole), "seam")["seam"]
    # 15 on one side, 9 on the other.
    assert stepped == pytest.approx((12 + 1) / (1.5 + 1), rel=0.05)


def test_a_seam_is_that_of_the_blend_not_of_what_came():
    whole = measure(result_of(grey(100), grey(140)), "seam")
    assert whole["seam"] == pytest.approx(41)


def test_the_pictures_border_is_no_seam():
    left = ff.Mask.from_box(SIZE, (0, 0, 30, 48))
    assert measure(result_of(grey(9), grey(9), left), "seam") == {"seam": 1}


def test_the_same_texture_is_as_sharp():
    found = measure(result_of(NOISE, NOISE), "sharpness")
    assert found["sharpness"] == pytest.approx(1, abs=0.15)


def test_flat_is_less_sharp_and_noise_more():
    flat = measure(result_of(NOISE, grey(128)), "sharpness")["sharpness"]
    noisy = measure(result_of(grey(128), NOISE), "sharpness")["sharpness"]
    assert flat < 0.01
    assert noisy > 100
    assert flat * noisy == pytest.approx(1, rel=0.3)


def test_a_step_at_the_rim_is_not_sharpness():
    found = measure(result_of(grey(0), pasted(grey(255), grey(0))), "sharpness")
    assert found == {"sharpness": 1}


def test_sharpness_is_the_ratio_of_variances():
    stripes = np.where(np.arange(64)[None, :, None] % 2, 10, 20) * np.ones((48, 1, 3))
    found = measure(result_of(grey(50), stripes.astype(np.uint8)), "sharpness")
    # 4 x 20 - 2 x 10 - 2 x 20 = 20, and -20 on the other stripes: a variance of 400.
    assert found["sharpness"] == pytest.approx(401, rel=0.01)


def test_diversity_is_the_mean_difference_to_the_others():
    results = [result_of(grey(0), pasted(grey(level), grey(0))) for level in (10, 20, 50)]
    found = [
        measure(one, "diversity", others=[other for other in results if other is not one])
        for one in results
    ]
    assert [each["diversity"] for each in found] == [25, 20, 35]


def test_diversity_looks_into_the_hole_only():
    one, other = (result_of(NOISE, pasted(grey(80), level)) for level in (grey(0), NOISE))
    assert measure(one, "diversity", others=[other]) == {"diversity": 0}


def test_diversity_of_a_large_hole_is_of_what_is_seen():
    size = (1024, 768)
    rng = np.random.default_rng(1)
    mask = ff.Mask.from_box(size, (0, 0, 1024, 700))
    fine = [rng.integers(0, 256, (768, 1024, 3), dtype=np.uint8) for _ in range(2)]
    one, other = (result_of(fine[0], picture, mask) for picture in fine)
    found = measure(one, "diversity", others=[other])["diversity"]
    assert 5 < found < 40  # grain of 85 levels, averaged over 4 x 4 pixels


def test_without_other_seeds_there_is_no_diversity():
    assert math.isnan(measure(result_of(NOISE, NOISE))["diversity"])


def test_diversity_refuses_another_mask():
    other = result_of(NOISE, NOISE, ff.Mask.from_box(SIZE, (0, 0, 9, 9)))
    with pytest.raises(InvalidInput, match="the other results have another"):
        measure(result_of(NOISE, NOISE), others=[other])


def test_nothing_outside_has_no_drift_seam_or_sharpness():
    found = measure(result_of(NOISE, grey(1), ff.Mask.full(SIZE)))
    assert all(map(math.isnan, found.values()))


def test_a_picture_of_another_size_is_resampled():
    twice = np.kron(pasted(grey(200), grey(104)), np.ones((2, 2, 1))).astype(np.uint8)
    found = measure(result_of(grey(100), twice), "drift")
    assert found["drift"] == pytest.approx(4, abs=0.6)


@pytest.mark.parametrize("name", METRICS)
def test_each_metric_says_what_it_is(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.measure.__doc__ is not None
    assert metric.says
    assert metric.unit
    assert metric.better in ("lower", "near 1", "depends")


def test_an_unknown_metric_is_refused_with_a_hint():
    with pytest.raises(InvalidOption, match=r"There is no metric 'drfit': did you mean drift\?"):
        measure(result_of(NOISE, NOISE), "drfit")
    with pytest.raises(InvalidOption, match="there are drift, changed, seam, sharpness, diversity"):
        measure(result_of(NOISE, NOISE), "lpips")


def test_a_result_without_its_request_is_refused_with_the_remedy():
    bare = replace(result_of(NOISE, NOISE), task=ff.FillTask("1", "https://a.example"))
    with pytest.raises(InvalidInput, match=r"wait for FillTask\(id, polling_url, request="):
        measure(bare)


def test_the_local_engine_leaves_the_rest_alone(picture, mask):
    with ff.connect("local") as client:
        first, second = (
            client.fill(picture, mask, steps=15, seed=seed, output_format="png") for seed in (1, 2)
        )
        lossy = client.fill(picture, mask, steps=15, seed=1, output_format="jpeg")
    found = measure(first, others=[second])
    assert found["drift"] == found["changed"] == 0
    assert 0 < found["diversity"] < 100
    assert 0 < measure(lossy, "drift")["drift"] < 4
