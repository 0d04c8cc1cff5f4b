"""Float64: matching networks against plain modules, finite differences and known losses."""

import math

import pytest
import torch
from torch.nn import functional as F

from baselines.matching_networks import (
    MatchingNetworks,
    class_log_probabilities,
    similarity_of,
)
from tests.baselines.embedding_cases import (
    config_for,
    finite_difference,
    learner_for,
    of_seed,
    plain_embedding,
    random_tasks,
)

CONFIG = config_for(MatchingNetworks(), k_shot=2, n_query=3, tasks_per_batch=2)
KINDS = ["cosine", "free-query-norm", "l2"]


def plain_similarity(kind, query, item):
    if kind == "l2":
        return -(query - item).square().sum()
    cosine = torch.dot(query, item) / item.norm()
    return cosine if kind == "free-query-norm" else cosine / query.norm()


def plain_outputs(support, labels, query, kind, scale):
    """Log-probabilities of one task, query by query and item by item."""
    rows = []
    for each in query:
        weights = torch.stack([scale * plain_similarity(kind, each, item) for item in support])
        probabilities = weights.softmax(0)
        rows.append(torch.stack([probabilities[labels == c].sum() for c in range(5)]).log())
    return torch.stack(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_training_and_scoring_are_those_of_plain_modules(kind):
    method = MatchingNetworks(similarity=kind, scale=0.5)
    learner, batch = learner_for(method, CONFIG, seeds=2), random_tasks(CONFIG, tasks=4)
    losses, outputs = method.objective(learner, batch)
    gradients = torch.autograd.grad(losses.sum() / 2, list(learner.params.values()))
    found = dict(zip(learner.params, gradients, strict=True))
    tested = method.outputs(learner, batch, {})
    for seed in range(2):
        tasks = [2 * seed, 2 * seed + 1]
        network = plain_embedding(CONFIG, of_seed(learner, seed)).train()
        images = torch.cat((batch.support_x, batch.query_x), 1)[tasks]
        features = network.features(images.flatten(0, 1)).unflatten(0, (2, -1))
        expected = []
        for task, of_task in zip(tasks, features, strict=True):
            support, query = of_task[:10], of_task[10:]
            logs = plain_outputs(support, batch.support_y[task], query, kind, 0.5)
            torch.testing.assert_close(outputs[task], logs, rtol=1e-9, atol=1e-10)
            expected.append(F.nll_loss(logs, batch.query_y[task]))
            torch.testing.assert_close(losses[task], expected[-1], rtol=1e-9, atol=1e-10)
        before = of_seed(learner, seed)
        (sum(expected) / 2).backward()
        for name, value in network.tensors().items():
            if name.startswith("head"):
                continue
            # Averages are told the way back from where the batch takes them.
            wanted = before[name] - value if value.grad is None else value.grad
            torch.testing.assert_close(found[name][seed], wanted, rtol=1e-7, atol=1e-10)
        network = plain_embedding(CONFIG, before).eval()
        for task in tasks:
            with torch.no_grad():
                support, query = (
                    network.features(x[task]) for x in (batch.support_x, batch.query_x)
                )
                logs = plain_outputs(support, batch.support_y[task], query, kind, 0.5)
            torch.testing.assert_close(tested[task], logs, rtol=1e-9, atol=1e-10)


def test_the_gradient_is_that_of_finite_differences():
    method = MatchingNetworks()
    learner, batch = learner_for(method, CONFIG), random_tasks(CONFIG, tasks=2)
    loss = method.objective(learner, batch)[0].sum()
    gradients = torch.autograd.grad(loss, list(learner.params.values()))
    found = dict(zip(learner.params, gradients, strict=True))
    for name, place in (("conv0.weight", 3), ("conv2.weight", 77), ("conv3.gamma", 1)):
        expected = finite_difference(method, learner, batch, name, place)
        assert float(found[name].flatten()[place]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("classes", "lowest"), [(5, 0.7636), (20, 2.0323)])
@pytest.mark.parametrize("shots", [1, 5])
def test_a_softmax_of_cosines_is_flat(classes, lowest, shots):
    """At best, where classes are the corners of a simplex, the loss is far from 0."""
    corners = torch.eye(classes, dtype=torch.double) - 1 / classes
    labels = torch.arange(classes).repeat_interleave(shots)[None]
    similarities = similarity_of("cosine", 3 * corners[None], corners[labels])
    outputs = class_log_probabilities(similarities, labels, classes)
    loss = F.nll_loss(outputs[0], torch.arange(classes))
    assert float(loss) == pytest.approx(lowest, abs=1e-4)


@pytest.mark.parametrize("classes", [5, 20])
def test_features_that_say_nothing_have_the_loss_of_chance(classes):
    generator = torch.Generator().manual_seed(0)
    query, support = torch.randn((2, 1, classes, 4096), generator=generator, dtype=torch.double)
    labels = torch.arange(classes)[None]
    outputs = class_log_probabilities(similarity_of("cosine", query, support), labels, classes)
    loss = F.nll_loss(outputs[0], torch.arange(classes))
    assert float(loss) == pytest.approx(math.log(classes), abs=0.02)


def test_a_scaled_cosine_is_not_flat():
    corners = torch.eye(5, dtype=torch.double)[None]
    similarities = 100 * similarity_of("cosine", corners, corners)
    outputs = class_log_probabilities(similarities, torch.arange(5)[None], 5)
    assert float(F.nll_loss(outputs[0], torch.arange(5))) < 1e-9
