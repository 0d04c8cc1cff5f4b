"""Verdicts, variance components and paired differences by hand."""

import math

import numpy as np
import pytest

from suite.stats import judge, paired_difference, variance_components

CLOSE = [0.486, 0.487, 0.488, 0.487, 0.487]


@pytest.mark.parametrize(
    ("means", "paper", "outcome"),
    [
        ([], 0.487, "not run"),
        ([0.487], 0.487, "not enough seeds"),
        ([0.487, 0.487], 0.487, "not enough seeds"),
        (CLOSE, 0.487, "reproduced"),
        # Shown to differ, and shown to differ by less than matters.
        (CLOSE, 0.4771, "reproduced"),
        (CLOSE, 0.44, "differs"),
        ([0.40, 0.48, 0.58], 0.487, "not enough seeds"),
        # Within two margins of a mean that three runs know to a tenth of one.
        ([0.520, 0.521, 0.522], 0.487, "differs"),
        # A mean far off, where one run may lie as far off as the printed one.
        ([0.30, 0.45, 0.35, 0.42, 0.38], 0.487, "consistent"),
        ([0.30, 0.45, 0.35, 0.42], 0.487, "not enough seeds"),
        # Outside of where one more run would lie, by less than matters.
        ([0.503, 0.504, 0.505, 0.504, 0.506], 0.487, "consistent"),
        ([0.48, math.inf], 0.487, "differs"),
    ],
)
def test_outcomes(means, paper, outcome):
    assert judge(means, paper, 0.004, 0.02, tasks=600).outcome == outcome


def test_a_prediction_over_more_than_five_margins_is_wide():
    spread = [0.2, 0.4, 0.6, 0.5, 0.3]
    assert judge(spread, 0.45, 0.004, 0.08, tasks=600).outcome == "consistent"
    assert not judge(spread, 0.45, 0.004, 0.10, tasks=600).wide
    assert judge(spread, 0.45, 0.004, 0.08, tasks=600).wide


def test_the_interval_by_hand():
    # Variances of the two means: 0.01 / 3 (t quantile 4.3027) and 0.0025 (t quantile 1.9639).
    verdict = judge([0.1, 0.2, 0.3], 0.15, 1.96 * 0.05, 0.2, tasks=600)
    quantile = (4.3027 * 0.01 / 3 + 1.9639 * 0.0025) / (0.01 / 3 + 0.0025)
    assert verdict.difference == pytest.approx(0.05)
    assert verdict.ci95 == pytest.approx(quantile * math.sqrt(0.01 / 3 + 0.0025), rel=1e-4)
    assert verdict.ci90 < verdict.ci95


def test_without_a_spread_of_its_own_the_interval_is_the_papers():
    verdict = judge([0.487] * 3, 0.487, 0.004, 0.02, tasks=10**6)
    assert verdict.ci95 == pytest.approx(0.004, rel=1e-4)


@pytest.mark.parametrize(("interval", "margin"), [(0.0, 0.1), (0.1, 0.0), (math.nan, 0.1)])
def test_a_margin_and_an_interval_are_positive(interval, margin):
    with pytest.raises(ValueError, match="must be positive"):
        judge(CLOSE, 0.487, interval, margin, tasks=600)


def test_components_are_told_apart():
    rng = np.random.default_rng(0)
    models = rng.normal(0.5, 0.03, size=400)
    runs = [model + rng.normal(0.0, 0.2, size=100) for model in models]
    found = variance_components(runs, same_tasks=False)
    assert found.seed == pytest.approx(0.03, rel=0.1)
    assert found.task == pytest.approx(0.2, rel=0.02)


def test_what_the_same_tasks_add_to_all_is_no_part_of_the_seeds():
    rng = np.random.default_rng(0)
    tasks = rng.normal(0.0, 1.0, size=40)
    models = rng.normal(0.5, 0.05, size=(400, 1))
    runs = list(models + tasks + rng.normal(0.0, 0.2, size=(400, 40)))
    assert variance_components(runs, same_tasks=True).seed == pytest.approx(0.05, rel=0.1)
    assert variance_components(runs, same_tasks=False).seed == 0.0


def test_without_a_spread_of_seeds_that_component_is_zero():
    rows = [np.array([0.0, 1.0] * 50), np.array([1.0, 0.0] * 50)]
    assert variance_components(rows, same_tasks=False).seed == 0.0


@pytest.mark.parametrize("runs", [[], [[0.1, 0.2]], [[0.1], [0.2]], [[0.1, math.inf], [0.1, 0.2]]])
def test_no_components_of_too_little(runs):
    assert variance_components(runs, same_tasks=False) is None


def test_pairs_by_hand():
    found = paired_difference([([1.0, 2.0, 3.0, 9.0], [0.0, 1.0, 1.0]), ([2.0], [0.0])])
    assert found.mean == pytest.approx((4 / 3 + 2) / 2)
    assert found.seeds == 2
    assert found.ci95_seeds == pytest.approx(
        12.706 * (2 - 4 / 3) / math.sqrt(2) / math.sqrt(2), rel=1e-3
    )
    assert found.ci95_tasks == pytest.approx(1.96 * math.sqrt(2 / 9) / math.sqrt(3) / 2)
    assert paired_difference([]) is None
    assert paired_difference([([math.inf], [1.0])]) is None
