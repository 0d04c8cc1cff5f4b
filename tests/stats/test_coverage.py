"""The intervals cover what they say: 93 to 97 % of simulated truths at a nominal 95 %."""

import numpy as np
import pytest

from suite.stats import ci95_seeds, ci95_tasks, judge, pi95_seed

REPETITIONS, TASKS, QUERIES = 4000, 600, 5
LEVEL, SEED_SD, TASK_SD = 0.487, 0.01, 0.2
DATA = ("normal", "binomial")


def scores(data: str, seeds: int, rng: np.random.Generator) -> np.ndarray:
    """The seeds' means of many experiments, (repetition, seed): models differ, and so do tasks."""
    models = LEVEL + SEED_SD * rng.normal(size=(REPETITIONS, seeds))
    if data == "normal":
        return models + TASK_SD / np.sqrt(TASKS) * rng.normal(size=models.shape)
    return rng.binomial(TASKS * QUERIES, models) / (TASKS * QUERIES)


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("data", DATA)
def test_over_seeds(data, seeds):
    draws = scores(data, seeds, np.random.default_rng(seeds))
    covered = [abs(row.mean() - LEVEL) <= ci95_seeds(row) for row in draws]
    assert 0.93 < np.mean(covered) < 0.97


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("data", DATA)
def test_of_one_more_seed(data, seeds):
    rng = np.random.default_rng(seeds)
    draws, following = scores(data, seeds, rng), scores(data, 1, rng)[:, 0]
    pairs = zip(draws, following, strict=True)
    covered = [abs(row.mean() - one) <= pi95_seed(row) for row, one in pairs]
    assert 0.93 < np.mean(covered) < 0.97


@pytest.mark.parametrize("data", DATA)
def test_over_the_tasks_of_one_model(data):
    rng = np.random.default_rng(1)
    if data == "normal":
        draws = LEVEL + TASK_SD * rng.normal(size=(REPETITIONS, TASKS))
    else:
        draws = rng.binomial(QUERIES, LEVEL, size=(REPETITIONS, TASKS)) / QUERIES
    covered = [abs(row.mean() - LEVEL) <= ci95_tasks(row) for row in draws]
    assert 0.93 < np.mean(covered) < 0.97


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("paper_ci95", [0.004, 0.0184])
def test_of_the_difference_from_a_printed_number(data, seeds, paper_ci95):
    """Cochran's and Cox's quantile is a little wide: 97.1 % at three seeds, at its worst."""
    rng = np.random.default_rng(seeds)
    printed = LEVEL + 0.03 + paper_ci95 / 1.96 * rng.normal(size=REPETITIONS)
    covered = []
    for row, paper in zip(scores(data, seeds, rng), printed, strict=True):
        verdict = judge(row, paper, paper_ci95, 0.02, tasks=TASKS)
        covered.append(abs(verdict.difference + 0.03) <= verdict.ci95)
    assert 0.93 < np.mean(covered) < 0.975


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_of_the_difference_goal_by_goal(seeds):
    """Both are scored on the same 40 goals, which differ much more than models do."""
    rng = np.random.default_rng(seeds)
    covered = []
    for _ in range(REPETITIONS):
        goals = rng.normal(0.0, 50.0, size=40)
        ours = goals + 5.0 * rng.normal(size=(seeds, 1)) + 8.0 * rng.normal(size=(seeds, 40))
        theirs = goals + 30.0 + 8.0 * rng.normal(size=40)
        means = ours.mean(1)
        width = ci95_tasks(ours.mean(0) - theirs)
        verdict = judge(means, theirs.mean(), width, 10.0, tasks=40)
        covered.append(abs(verdict.difference + 30.0) <= verdict.ci95)
    assert 0.93 < np.mean(covered) < 0.985


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_few_verdicts_are_wrong(seeds):
    """Five in a hundred of each kind at most, and as many again for the noise of this test."""
    rng = np.random.default_rng(seeds)
    ours = scores("normal", seeds, rng)
    noise = 0.004 / 1.96 * rng.normal(size=REPETITIONS)
    for truth, wrong in ((0.0, "differs"), (0.02, "reproduced")):
        said = [
            judge(row, LEVEL + truth + error, 0.004, 0.02, tasks=TASKS).outcome
            for row, error in zip(ours, noise, strict=True)
        ]
        assert said.count(wrong) / REPETITIONS < 0.065
