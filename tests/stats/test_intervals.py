"""The two intervals, against numbers computed by hand, scipy and their own promise."""

import math

import numpy as np
import pytest
from scipy import stats

from suite.stats import ci95_seeds, ci95_tasks


def test_tasks_by_hand() -> None:
    # mean 2.5, population variance (2.25 + 0.25 + 0.25 + 2.25) / 4 = 1.25
    assert ci95_tasks([1.0, 2.0, 3.0, 4.0]) == pytest.approx(1.96 * math.sqrt(1.25) / 2)


def test_tasks_of_one_query_images_are_the_papers_width() -> None:
    # 600 tasks with a standard deviation of 0.23 gave the paper's +-1.84 % (Table 1).
    outcomes = np.array([0.487 - 0.23, 0.487 + 0.23] * 300)
    assert ci95_tasks(outcomes) == pytest.approx(0.0184, abs=5e-5)


def test_tasks_in_single_precision_are_computed_in_double() -> None:
    outcomes = np.random.default_rng(0).random(600)
    single = ci95_tasks(outcomes.astype(np.float32))
    assert single == pytest.approx(ci95_tasks(outcomes), rel=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_an_outcome_that_is_not_finite_has_no_interval(bad: float) -> None:
    assert ci95_tasks([1.0, bad]) is None
    assert ci95_seeds([1.0, bad]) is None


def test_an_overflow_has_no_interval() -> None:
    assert ci95_tasks([1e300, -1e300]) is None


@pytest.mark.parametrize("outcomes", [[], np.zeros((2, 2))])
def test_tasks_refuse_what_is_no_list_of_tasks(outcomes: list[float]) -> None:
    with pytest.raises(ValueError, match=r"at least one task|one dimension"):
        ci95_tasks(outcomes)


def test_seeds_by_hand() -> None:
    # mean 2, sample variance 1, and the tabulated t quantile for two degrees of freedom is 4.303
    assert ci95_seeds([1.0, 2.0, 3.0]) == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)


def test_seeds_agree_with_scipy() -> None:
    means = np.random.default_rng(1).normal(size=5)
    low, high = stats.t.interval(0.95, 4, loc=means.mean(), scale=stats.sem(means))
    assert ci95_seeds(means) == pytest.approx((high - low) / 2)


@pytest.mark.parametrize("means", [[], [0.5]])
def test_fewer_than_two_seeds_have_no_interval(means: list[float]) -> None:
    assert ci95_seeds(means) is None


def test_the_interval_over_seeds_covers_the_truth_as_often_as_it_says() -> None:
    draws = np.random.default_rng(2).normal(size=(4000, 3))  # (repetition, seed)
    covered = [abs(row.mean()) <= (ci95_seeds(row) or 0.0) for row in draws]
    # Three standard errors of a proportion of 0.95 over 4000 repetitions are 0.0104.
    assert np.mean(covered) == pytest.approx(0.95, abs=0.0104)
