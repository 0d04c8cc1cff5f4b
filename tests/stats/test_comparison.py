"""The gate's comparison seed by seed: what it notices, and how often it is wrong."""

import math

import numpy as np
import pytest

from suite.stats import Spread, compare, noticed
from suite.stats.gate import LEVEL, POWER, apart

REFERENCE = [0.90, 0.70, 0.80, 0.85]
SEEDS, TESTS, GATES, RUNS = 20, 6, 6000, 15


def found(now, reference=REFERENCE, spread=0.01, runs=RUNS, higher=True):
    measured = Spread(value=spread, runs=runs)
    return compare(now, reference, measured, tests=TESTS, higher_is_better=higher)


def status(now, **named):
    return found(now, **named).status


def moved(*amounts):
    return [before + amount for before, amount in zip(REFERENCE, amounts, strict=True)]


def test_the_same_passes_and_so_does_what_rounding_does():
    assert (found(REFERENCE).status, found(REFERENCE).difference) == ("passed", 0.0)
    assert status(moved(0.01, -0.01, 0.01, 0.005)) == "passed"


def test_a_fall_and_a_rise_in_both_directions():
    worse, better = moved(*[-0.03] * 4), moved(*[0.03] * 4)
    assert [status(worse), status(better)] == ["fell", "rose"]
    assert [status(worse, higher=False), status(better, higher=False)] == ["rose", "fell"]


def test_seeds_differ_by_more_than_a_fall_that_is_noticed():
    """The spread of the seeds, 0.09 here, is no part of it."""
    assert np.std(REFERENCE, ddof=1) > 0.08
    assert status(moved(*[-0.02] * 4)) == "fell"
    assert status(moved(*[-0.015] * 4)) == "passed"


def test_seeds_that_move_apart_need_a_greater_fall():
    assert status(moved(-0.06, 0.00, -0.05, -0.01), runs=0) == "passed"
    assert status(moved(-0.14, -0.08, -0.13, -0.09)) == "fell"


def test_seeds_that_move_both_ways_farther_than_rounding_moves_them_have_changed():
    assert apart(RUNS, seeds=4, tests=TESTS) == pytest.approx(3.65, abs=0.01)
    for by, said in ((0.030, "passed"), (0.032, "changed")):
        # Of four seeds that move so, the standard deviation is greater by the root of 4/3.
        assert status(moved(by, -by, by, -by)) == said
        assert status(moved(by, -by, by, -by), higher=False) == said
        assert status(moved(by, -by, by, -by), runs=0) == "passed"
    # The fewer runs a spread was measured by, the less is held against it.
    assert status(moved(0.032, -0.032, 0.032, -0.032), runs=8) == "passed"


def test_the_interval_is_of_the_greater_spread():
    assert found(REFERENCE).ci95 == pytest.approx(1.96 * 0.01 / 2.0, rel=1e-4)
    apart = found(moved(0.03, -0.03, 0.03, -0.03))
    assert apart.ci95 == pytest.approx(1.96 * 0.03 * math.sqrt(4 / 3) / 2.0, rel=1e-4)


def test_what_is_not_finite_fell_and_a_reference_must_be_finite():
    assert status(moved(0.0, 0.0, 0.0, math.nan)) == "fell"
    assert status(moved(0.0, 0.0, 0.0, math.inf)) == "fell"
    with pytest.raises(ValueError, match="not finite"):
        found(REFERENCE, reference=moved(0.0, 0.0, 0.0, math.inf))


@pytest.mark.parametrize("now", [REFERENCE[:1], REFERENCE[:3]])
def test_a_seed_without_a_partner_is_refused(now):
    with pytest.raises(ValueError, match="two pairs at least"):
        found(now)


def share(said, *, fall, seen):
    """How often it is said where seeds fall by `fall` and spread by `seen` times 1."""
    rng = np.random.default_rng(0)
    drawn = rng.normal(-fall, seen, size=(GATES, SEEDS))
    zeros = np.zeros(SEEDS)
    return np.mean([status(row, reference=zeros, spread=1.0) == said for row in drawn])


def test_a_fall_is_noticed_as_often_as_it_says():
    fall = noticed(1.0, seeds=SEEDS, tests=TESTS)
    assert share("fell", fall=fall, seen=1.0) == pytest.approx(POWER, abs=0.01)
    assert share("fell", fall=0.7 * fall, seen=1.0) < 0.7


def test_what_is_noticed_shrinks_with_seeds_and_grows_with_spread_and_tests():
    assert noticed(2.0, seeds=20, tests=6) == pytest.approx(2.0 * noticed(1.0, seeds=20, tests=6))
    assert noticed(1.0, seeds=40, tests=6) < 0.72 * noticed(1.0, seeds=20, tests=6)
    assert noticed(1.0, seeds=20, tests=6) > noticed(1.0, seeds=20, tests=1)


@pytest.mark.parametrize(("seen", "most"), [(0.5, 0.0), (1.0, LEVEL / TESTS), (3.0, 0.0015)])
def test_few_harmless_changes_fail(seen, most):
    """Also where they do more than was measured: then a test says so 0.1 % of the time."""
    slack = 3.0 * math.sqrt(most / GATES)
    for said in ("fell", "rose"):
        assert share(said, fall=0.0, seen=seen) <= most + slack
    if seen > 1.0:
        assert share("changed", fall=0.0, seen=seen) > 0.65
    else:
        assert share("changed", fall=0.0, seen=seen) <= most + slack
