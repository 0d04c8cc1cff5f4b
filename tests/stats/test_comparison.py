"""The gate: a fall is told from noise, and from a fall that does not matter."""

import math

import numpy as np
import pytest
from scipy import stats

from suite.stats import compare

REFERENCE = [0.90, 0.91, 0.92, 0.91, 0.90]


def status(now, margin=0.02, higher=True):
    return compare(now, REFERENCE, margin, higher_is_better=higher).status


def test_the_same_passes_and_so_does_noise():
    assert status(REFERENCE) == "passed"
    assert status([0.90, 0.93, 0.89]) == "passed"


def test_a_fall_and_a_rise_in_both_directions():
    worse, better = [0.80, 0.81, 0.80], [0.99, 0.98, 0.99]
    assert [status(worse), status(better)] == ["fell", "rose"]
    assert [status(worse, higher=False), status(better, higher=False)] == ["rose", "fell"]


def test_a_fall_that_is_shown_but_small_passes():
    now = [0.890, 0.900, 0.891]
    assert status(now, margin=0.001) == "passed"
    assert status(np.array(REFERENCE) - 0.015) == "passed"
    assert status(np.array(REFERENCE) - 0.025) == "fell"


def test_a_large_fall_that_is_not_shown_passes():
    assert status([0.99, 0.60, 0.99]) == "passed"


def test_p_is_welchs():
    now = [0.80, 0.85, 0.90]
    found = compare(now, REFERENCE, 0.02, higher_is_better=True)
    expected = stats.ttest_ind(now, REFERENCE, equal_var=False, alternative="less")
    assert found.p == pytest.approx(expected.pvalue)


def test_equal_seeds_have_no_spread():
    assert compare([0.5] * 3, [0.5] * 3, 0.1, higher_is_better=True).status == "passed"
    assert compare([0.3] * 3, [0.5] * 3, 0.1, higher_is_better=True).status == "fell"


def test_what_is_not_finite_fell_and_a_reference_must_be_finite():
    assert status([0.9, math.nan]) == "fell"
    with pytest.raises(ValueError, match="not finite"):
        compare(REFERENCE, [0.9, math.inf], 0.1, higher_is_better=True)
    with pytest.raises(ValueError, match="two seeds each"):
        status([0.9])


def test_few_clean_gates_fail():
    """Welch's test at 1 % fails up to 1.6 % of the time at so few seeds."""
    rng = np.random.default_rng(0)
    found = [
        compare(rng.normal(size=5), rng.normal(size=10), 0.1, higher_is_better=True).status
        for _ in range(2000)
    ]
    assert found.count("fell") / len(found) < 0.02
    assert found.count("rose") / len(found) < 0.02
