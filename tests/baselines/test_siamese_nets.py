"""Float64: Siamese nets against plain modules and finite differences, and their tuning."""

import math

import pytest
import torch
from torch.nn import functional as F

from baselines.siamese_nets import SiameseNets, class_scores, pair_losses
from suite.inner.trials import Trials
from suite.settings import get_setting
from tests.baselines.embedding_cases import (
    GLYPHS,
    config_for,
    finite_difference,
    learner_for,
    of_seed,
    plain_embedding,
    random_tasks,
)

METHOD = SiameseNets()
CONFIG = config_for(METHOD, k_shot=2, n_query=3)
ONE_SHOT = config_for(METHOD, k_shot=1, n_query=3)


def logit(params, one, other):
    return params["pair.bias"][0] + sum(
        weight * abs(a - b) for weight, a, b in zip(params["pair.weight"], one, other, strict=True)
    )


def plain_loss(params, features, labels, *, with_itself):
    """Pair by pair."""
    of_one, of_two = [], []
    count = len(labels)
    for i in range(count):
        for j in range(count):
            if i == j and not with_itself:
                continue
            odds = logit(params, features[i], features[j])
            target = torch.tensor(float(labels[i] == labels[j])).double()
            loss = F.binary_cross_entropy_with_logits(odds, target)
            (of_one if labels[i] == labels[j] else of_two).append(loss)
    return 0.5 * (sum(of_one) / len(of_one) + sum(of_two) / len(of_two))


def test_training_is_that_of_plain_modules_pair_by_pair():
    learner, batch = learner_for(METHOD, CONFIG, seeds=2), random_tasks(CONFIG, tasks=2)
    losses, outputs = METHOD.objective(learner, batch)
    gradients = torch.autograd.grad(losses.sum(), list(learner.params.values()))
    found = dict(zip(learner.params, gradients, strict=True))
    for seed in range(2):
        before = of_seed(learner, seed)
        own = {n: before[n].clone().requires_grad_() for n in ("pair.weight", "pair.bias")}
        embedding = {n: v for n, v in before.items() if not n.startswith("pair")}
        network = plain_embedding(CONFIG, embedding).train()
        images = torch.cat((batch.support_x[seed], batch.query_x[seed]))
        labels = torch.cat((batch.support_y[seed], batch.query_y[seed]))
        features = network.features(images)
        loss = plain_loss(own, features, labels, with_itself=False)
        torch.testing.assert_close(losses[seed], loss, rtol=1e-9, atol=1e-10)
        loss.backward()
        for name, value in (network.tensors() | own).items():
            if not name.startswith("head"):
                wanted = before[name] - value if value.grad is None else value.grad
                torch.testing.assert_close(found[name][seed], wanted, rtol=1e-7, atol=1e-10)
        for place in range(3):
            scores = []
            for label in range(5):
                odds = [logit(own, features[10 + place], features[2 * label + n]) for n in range(2)]
                scores.append(torch.stack(odds).sigmoid().mean().log())
            torch.testing.assert_close(outputs[seed, place], torch.stack(scores))


def test_the_gradient_is_that_of_finite_differences():
    learner, batch = learner_for(METHOD, CONFIG), random_tasks(CONFIG, tasks=2)
    loss = METHOD.objective(learner, batch)[0].sum()
    gradients = torch.autograd.grad(loss, list(learner.params.values()))
    found = dict(zip(learner.params, gradients, strict=True))
    places = [("conv0.weight", 3), ("conv2.weight", 70), ("pair.weight", 1), ("pair.bias", 0)]
    for name, place in places:
        expected = finite_difference(METHOD, learner, batch, name, place)
        assert float(found[name].flatten()[place]) == pytest.approx(expected, rel=1e-4)


def test_pairs_of_one_class_count_as_much_as_those_of_two():
    labels = torch.arange(16).repeat_interleave(4)[None]
    logits = torch.zeros(1, 64, 64).double()
    for with_itself in (False, True):
        loss = float(pair_losses(logits, labels, with_itself=with_itself))
        assert loss == pytest.approx(math.log(2))
    same = labels[0][:, None] == labels[0]
    right = torch.where(same, 9.0, -9.0).double()[None]
    assert float(pair_losses(right, labels, with_itself=False)) < 2e-4
    # Told to be of two classes, all pairs of one are half of the loss.
    apart = torch.full((1, 64, 64), -9.0).double()
    assert float(pair_losses(apart, labels, with_itself=False)) == pytest.approx(4.5, abs=1e-3)


def test_scores_have_no_tie_where_probabilities_are_next_to_one_or_nought():
    labels = torch.arange(2).repeat_interleave(5)[None]
    for level in (25.0, -60.0):
        logits = torch.full((1, 1, 10), level)
        logits[..., 7] += 1
        scores = class_scores(logits, labels, 2)
        assert scores.argmax(-1).item() == 1


@pytest.mark.parametrize("config", [CONFIG, ONE_SHOT])
def test_tuning_is_gradient_descent_on_the_pairs_of_the_support_set(config):
    learner, batch = learner_for(METHOD, config), random_tasks(config, tasks=2)
    chosen = {"step_size": 0.05}
    steps = list(METHOD.by_step(learner, batch, 2, chosen))
    for task in range(2):
        own = {n: v.clone() for n, v in of_seed(learner, 0).items() if n.startswith("pair")}
        embedding = {n: v for n, v in of_seed(learner, 0).items() if n not in own}
        network = plain_embedding(config, embedding).eval()
        for step in range(3):
            support = network.features(batch.support_x[task])
            query = network.features(batch.query_x[task])
            labels = batch.support_y[task]
            for place in (0, 7):
                of_class = [
                    torch.stack([logit(own, query[place], s) for s in support[labels == label]])
                    for label in range(5)
                ]
                scores = torch.stack([each.sigmoid().mean().log() for each in of_class])
                torch.testing.assert_close(steps[step][task, place], scores.detach())
            tuned = {n: v.requires_grad_() for n, v in own.items()}
            loss = plain_loss(tuned, support, labels, with_itself=True)
            weights = [
                v for n, v in network.tensors().items() if v.requires_grad and "head" not in n
            ]
            slopes = torch.autograd.grad(loss, [*weights, *tuned.values()])
            with torch.no_grad():
                for value, slope in zip([*weights, *tuned.values()], slopes, strict=True):
                    value -= 0.05 * slope
            own = {n: v.detach() for n, v in tuned.items()}
    assert not torch.allclose(steps[0], steps[2], rtol=1e-3)


def test_a_step_size_of_nought_tunes_nothing_and_is_what_validation_sees():
    learner, batch = learner_for(METHOD, CONFIG), random_tasks(CONFIG, tasks=2)
    first, *others = METHOD.by_step(learner, batch, 2, {"step_size": 0.0})
    assert all(torch.equal(first, each) for each in others)
    assert len(others) == 2
    torch.testing.assert_close(METHOD.validate(learner, batch), first)


def test_the_step_size_is_chosen_on_validation_tasks(monkeypatch):
    learner, batch = learner_for(METHOD, CONFIG), random_tasks(CONFIG, tasks=2)
    right = F.one_hot(batch.query_y, 5).double()
    asked = []

    def by_step(self, learner, batch, steps, selected):
        # The best at first is not the best after all steps.
        yield right if selected["step_size"] == 1.0 else -right
        for _ in range(steps):
            yield right if selected["step_size"] in (0.01, 0.1) else -right

    class Stream:
        keys = (1,)

        def batch(self, start, count, *shape):
            asked.append((start, count, *shape))
            return batch

    monkeypatch.setattr(SiameseNets, "by_step", by_step)
    protocol = GLYPHS.recipe("siamese-nets").protocols[0]
    chosen = METHOD.select(learner, Stream(), protocol, Trials())
    assert chosen == {"step_size": 0.01}
    assert sum(count for _, count, *_ in asked) == METHOD.validation_tasks


def test_one_training_serves_all_ways_and_shots():
    configs = [
        get_setting(f"omniglot-{way}way-{shot}shot").recipe("siamese-nets").config
        for way in (5, 20)
        for shot in (1, 5)
    ]
    (shared,) = {METHOD.shared_config(config) for config in configs}
    assert (shared.n_way, shared.k_shot + shared.n_query, shared.tasks_per_batch) == (16, 4, 1)
    assert METHOD.on(GLYPHS.schedule(200, "siamese-nets")).validation_tasks == 10
