"""Nearest neighbour and the linear head on frozen features, against plain computations."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from torch.nn import functional as F

from baselines import frozen, logistic
from baselines.linear_head import LinearHead
from baselines.logistic import NotFitted, fit_logistic
from baselines.nearest_neighbour import NearestNeighbour
from tests.baselines.cases import NETWORKS, config_for, learner_for, random_tasks
from tests.baselines.plain_classifier import plain


def plain_features(learner, seed, x):
    params = {name: value[seed] for name, value in learner.params.items()}
    with torch.no_grad():
        return plain(learner.config, params).eval().features(x)


@pytest.mark.parametrize("setting", NETWORKS)
def test_the_nearest_neighbour_is_found_image_by_image(setting, monkeypatch):
    config = config_for(setting)
    learner, batch = learner_for(config, seeds=2), random_tasks(config, tasks=4, n_query=3)
    monkeypatch.setattr(frozen, "INPUTS_AT_ONCE", 7 * batch.query_x[0, 0].numel())
    outputs = NearestNeighbour().outputs(learner, batch, {})
    for task in range(4):  # the first two are the first seed's
        support = plain_features(learner, task // 2, batch.support_x[task])
        for place, image in enumerate(plain_features(learner, task // 2, batch.query_x[task])):
            cosines = F.cosine_similarity(support, image[None])
            nearest = batch.support_y[task, cosines.argmax()]
            assert outputs[task, place].argmax() == nearest
            assert float(outputs[task, place].max()) == pytest.approx(float(cosines.max()))


def scipy_optimum(x, y, classes, l2):
    """Weights (class, feature) and biases (class,) by BFGS on the loss as it is written."""

    def unpack(flat):
        matrix = flat.reshape(classes, x.shape[1] + 1)
        return matrix[:, :-1], matrix[:, -1]

    def loss(flat):
        weight, bias = unpack(flat)
        logs = log_softmax(x @ weight.T + bias, axis=1)
        errors = np.exp(logs) - np.eye(classes)[y]
        slope = np.concatenate((errors.T @ x + l2 * weight, errors.sum(0)[:, None]), axis=1)
        value = -logs[np.arange(len(y)), y].sum() + 0.5 * l2 * (weight**2).sum()
        return value, slope.ravel()

    start = np.zeros(classes * (x.shape[1] + 1))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-9})
    return unpack(found.x)


@pytest.mark.parametrize(("examples", "features"), [(10, 4), (10, 10), (6, 30)])
@pytest.mark.parametrize("l2", [1.0, 0.01])
def test_logistic_regression_reaches_the_optimum_of_scipy(examples, features, l2):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, examples, features))
    y = np.stack([rng.permutation(np.arange(examples) % 3) for _ in range(3)])
    weight, bias = fit_logistic(torch.tensor(x), torch.tensor(y), classes=3, l2=l2)
    for task in range(3):
        expected = scipy_optimum(x[task], y[task], 3, l2)
        assert np.allclose(weight[task], expected[0], atol=1e-5)
        # Biases are determined but for a constant.
        assert np.allclose(
            bias[task] - bias[task].mean(), expected[1] - expected[1].mean(), atol=1e-5
        )


def test_an_optimum_that_is_not_reached_is_told(monkeypatch):
    monkeypatch.setattr(logistic, "_MOST_STEPS", 3)
    x = torch.randn(1, 6, 2, generator=torch.Generator().manual_seed(0))
    with pytest.raises(NotFitted, match="after 3 steps"):
        fit_logistic(x, torch.tensor([[0, 1, 0, 1, 0, 1]]), classes=2, l2=1e-6)


def test_the_linear_head_is_fitted_to_unit_features():
    config = config_for("omniglot-5way-5shot-mlp")
    learner, batch = learner_for(config), random_tasks(config, tasks=2, n_query=3)
    outputs = LinearHead().outputs(learner, batch, {})
    for task in range(2):
        support, query = (
            F.normalize(plain_features(learner, 0, x[task]), dim=1).numpy()
            for x in (batch.support_x, batch.query_x)
        )
        weight, bias = scipy_optimum(support, batch.support_y[task].numpy(), 5, 1.0)
        expected = log_softmax(query @ weight.T + bias, axis=1)
        assert np.allclose(outputs[task].log_softmax(1), expected, atol=1e-6)
