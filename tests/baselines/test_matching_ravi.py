"""Float64: Ravi and Larochelle's matching networks against plain modules and two Adams."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from baselines.matching_ravi import RaviMatching
from suite.outer.engine import Engine
from suite.outer.snapshot import initial as initial_of
from suite.outer.state import stack, unstack
from suite.run.train import Hooks, train
from suite.settings import Schedule
from tests.baselines.embedding_cases import (
    config_for,
    finite_difference,
    learner_for,
    of_seed,
    plain_embedding,
    random_tasks,
)

METHOD = RaviMatching()
PLAIN = RaviMatching(fce=False, dropout=0.0)
CONFIG = config_for(METHOD, k_shot=2, n_query=3, tasks_per_batch=1)
EMBEDDING = [f"conv{n}.{part}" for n in range(4) for part in ("weight", "gamma", "beta")]


def whole(params):
    """The tied weights, and the running averages of either side."""
    tied = {name: params[f"query.{name}"] + params[f"support.{name}"] for name in EMBEDDING}
    sides = {}
    for side in ("query", "support"):
        prefix = f"{side}."
        own = {n.removeprefix(prefix): v for n, v in params.items() if n.startswith(prefix)}
        sides[side] = own | tied
    return sides


def plain_sums(support, labels, query, classes=5):
    rows = []
    for each in query:
        cosines = [F.cosine_similarity(each, item, dim=0) for item in support]
        sums = [
            sum(c for c, y in zip(cosines, labels, strict=True) if y == n) for n in range(classes)
        ]
        rows.append(torch.stack(sums))
    return torch.stack(rows)


def test_weights_take_a_step_of_adam_by_the_queries_and_one_by_the_support():
    """Three iterations of two seeds, held to tied modules with two optimizers."""
    learner = learner_for(PLAIN, CONFIG, seeds=2)
    batches = [random_tasks(CONFIG, tasks=2, seed=10 + n) for n in range(3)]
    start = [of_seed(learner, seed) for seed in range(2)]
    state = stack([initial_of(params) for params in start], CONFIG, torch.device("cpu"))
    learner = replace(learner, params=state.params)
    schedule = Schedule(name="shortened", iterations=3, validate_every=3)

    class Stream:
        keys = (1, 2)

        def batch(self, first, *shape):
            return batches[first]

    train(PLAIN, learner, schedule, (Stream(), Stream()), state, Hooks(), Engine(kind="eager"))
    for seed, snapshot in enumerate(unstack(state)):
        networks = {
            side: plain_embedding(CONFIG, params).train()
            for side, params in whole(start[seed]).items()
        }
        weights = {s: [n.tensors()[name] for name in EMBEDDING] for s, n in networks.items()}
        tied = [value.detach().clone() for value in weights["query"]]
        adams = {side: torch.optim.Adam(tied, lr=CONFIG.meta_lr) for side in networks}
        for batch in batches:
            support = networks["support"].features(batch.support_x[seed])
            query = networks["query"].features(batch.query_x[seed])
            sums = plain_sums(support, batch.support_y[seed], query)
            loss = F.cross_entropy(sums, batch.query_y[seed])
            slopes = {
                side: torch.autograd.grad(loss, weights[side], retain_graph=True)
                for side in networks
            }
            for side, adam in adams.items():
                for value, slope in zip(tied, slopes[side], strict=True):
                    value.grad = slope
                adam.step()
            with torch.no_grad():
                for value, *both in zip(tied, *weights.values(), strict=True):
                    for each in both:
                        each.copy_(value)
        for side, params in whole(snapshot.params).items():
            for name, expected in networks[side].tensors().items():
                if not name.startswith("head"):
                    torch.testing.assert_close(
                        params[name], expected.detach(), rtol=1e-7, atol=1e-9
                    )
        moved = whole(snapshot.params)
        assert not torch.allclose(moved["query"]["conv0.mean"], moved["support"]["conv0.mean"])


@pytest.mark.parametrize("method", [METHOD, PLAIN])
def test_the_gradient_is_that_of_finite_differences(method):
    learner, batch = learner_for(method, CONFIG), random_tasks(CONFIG, tasks=1)
    loss = method.objective(learner, batch)[0].sum()
    gradients = torch.autograd.grad(loss, list(learner.params.values()))
    found = dict(zip(learner.params, gradients, strict=True))
    places = [("conv0.weight", 3), ("conv2.weight", 70), ("conv3.gamma", 1), ("conv1.beta", 2)]
    for name, place in places:
        halves = [float(found[f"{side}.{name}"].flatten()[place]) for side in ("query", "support")]
        # The loss is a function of the sum of both halves; each has the gradient of one side.
        expected = finite_difference(method, learner, batch, f"query.{name}", place)
        assert sum(halves) == pytest.approx(expected, rel=1e-4)
        assert abs(halves[0]) > 1e-9 < abs(halves[1])
    if method.fce:
        for name, place in (("context.input", 9), ("context.state", 5), ("context.bias", 2)):
            expected = finite_difference(method, learner, batch, name, place)
            assert float(found[name].flatten()[place]) == pytest.approx(expected, rel=1e-4)
        clipped = {n: v for n, v in found.items() if n.startswith("attention.")}
        norm = torch.stack([v.square().sum() for v in clipped.values()]).sum().sqrt()
        exact = torch.tensor(
            [finite_difference(method, learner, batch, n, 3) for n in clipped], dtype=torch.double
        )
        ours = torch.tensor([float(v.flatten()[3]) for v in clipped.values()]).double()
        ratio = float(ours.norm() / exact.norm())
        torch.testing.assert_close(ours, exact * ratio, rtol=1e-4, atol=1e-12)
        assert ratio == pytest.approx(1.0, rel=1e-4) if norm < 0.2499 else ratio < 1


def test_lstms_of_zero_weights_change_neither_outputs_nor_gradients():
    with_context, without = RaviMatching(dropout=0.0), PLAIN
    learner, batch = learner_for(with_context, CONFIG, seeds=2), random_tasks(CONFIG, tasks=4)
    params = {
        n: (v if n.split(".")[0] in ("query", "support") else torch.zeros_like(v)).detach()
        for n, v in learner.params.items()
    }
    learner = replace(learner, params={n: v.requires_grad_() for n, v in params.items()})
    bare = {n: v for n, v in learner.params.items() if n.split(".")[0] in ("query", "support")}
    plain = replace(learner, params=bare)
    torch.testing.assert_close(
        with_context.outputs(learner, batch, {}), without.outputs(plain, batch, {})
    )
    both = []
    for method, each in ((with_context, learner), (without, plain)):
        losses, outputs = method.objective(each, batch)
        slopes = torch.autograd.grad(losses.sum(), list(bare.values()))
        both.append((losses, outputs, slopes))
    torch.testing.assert_close(*both, rtol=1e-9, atol=1e-11)


def test_fresh_lstms_are_of_zero_weights():
    drawn = METHOD.network(CONFIG, 0).initial(torch.Generator().manual_seed(0))
    lstms = {n: v for n, v in drawn.items() if n.split(".")[0] not in ("query", "support")}
    assert sum(value.numel() for value in lstms.values()) == 7 * 4 * 4 * 4 + 3 * 4 * 4
    assert not any(value.any() for value in lstms.values())
    assert not any(drawn[f"support.{name}"].any() for name in EMBEDDING)


@pytest.mark.parametrize("shots", [1, 5])
def test_scores_rank_as_the_nearest_mean_of_normalised_features(shots):
    config = config_for(METHOD, k_shot=shots, n_query=4)
    learner, batch = learner_for(PLAIN, config), random_tasks(config, tasks=3)
    outputs = PLAIN.outputs(learner, batch, {})
    sides = {s: plain_embedding(config, p).eval() for s, p in whole(of_seed(learner, 0)).items()}
    for task in range(3):
        with torch.no_grad():
            support = F.normalize(sides["support"].features(batch.support_x[task]))
            query = F.normalize(sides["query"].features(batch.query_x[task]))
        means = support.unflatten(0, (5, shots)).mean(1)
        for place, each in enumerate(query):
            nearest = torch.stack([torch.dot(each, mean) for mean in means])
            assert outputs[task, place].argsort().tolist() == nearest.argsort().tolist()


def test_the_order_of_the_support_counts_in_context_and_is_the_tasks_own():
    learner, batch = learner_for(METHOD, CONFIG), random_tasks(CONFIG, tasks=3)
    outputs = METHOD.outputs(learner, batch, {})
    alone = METHOD.outputs(learner, batch.part(1, 1, 2), {})
    torch.testing.assert_close(outputs[1:2], alone)
    other = METHOD.outputs(learner, replace(batch, keys=batch.keys + 1), {})
    assert not torch.allclose(outputs, other)
    unread = PLAIN.outputs(learner, replace(batch, keys=batch.keys + 1), {})
    torch.testing.assert_close(unread, PLAIN.outputs(learner, batch, {}))


def test_training_drops_and_scoring_does_not():
    learner, batch = learner_for(PLAIN, CONFIG), random_tasks(CONFIG, tasks=2)
    dropping = replace(PLAIN, dropout=0.3)
    exact = PLAIN.objective(learner, batch)[0]
    dropped, again = (dropping.objective(learner, batch)[0] for _ in range(2))
    assert not torch.allclose(exact, dropped)
    assert torch.equal(dropped, again)
    other = dropping.objective(learner, replace(batch, keys=batch.keys + 1))[0]
    assert not torch.allclose(dropped, other)
    assert torch.equal(PLAIN.outputs(learner, batch, {}), dropping.outputs(learner, batch, {}))


def test_one_training_serves_both_shots():
    configs = {shots: config_for(METHOD, k_shot=shots) for shots in (1, 5)}
    shared = {METHOD.shared_config(config) for config in configs.values()}
    assert shared == {configs[5]}
