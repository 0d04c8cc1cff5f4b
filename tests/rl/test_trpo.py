"""Gradient, Fisher product and step, against autograd through the whole graph in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from suite.rl.adapt import surrogate
from suite.rl.policy import distribution, divergence, log_density
from suite.rl.trpo import Meta, Region, flat, trpo_step, unflat

LR = 0.5
NAMES = [None, ("context",), ("layer0.weight", "layer2.bias", "log_std")]
"""What the inner step changes: all, or some alone."""


def one(params, task):
    return {name: value[task : task + 1] for name, value in params.items()}


def rows(batch, task):
    here = batch.weights[task] > 0
    return batch.observations[task, here][None], batch.actions[task, here][None], here


def adapted_alone(meta, params, task, first_order=False):
    """The inner step of one task as the paper writes it, without weights or a task axis."""
    observations, actions, here = rows(meta.inner, task)
    densities = log_density(params, observations, actions)
    loss = -(densities * meta.inner.advantages[task, here]).mean()
    gradients = torch.autograd.grad(loss, list(params.values()), create_graph=True)
    if first_order:
        gradients = [gradient.detach() for gradient in gradients]
    pairs = zip(params.items(), gradients, strict=True)
    stepped = {name: value - LR * gradient for (name, value), gradient in pairs}
    return params | {name: stepped[name] for name in meta.names or params}


def leaves(meta):
    return {name: value.clone().requires_grad_() for name, value in meta.params.items()}


def relative(found, wanted):
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("order", ["second", "first"])
def test_gradient(meta, order, names):
    meta = meta(order, names)
    params = leaves(meta)
    loss = 0.0
    for task in range(meta.tasks):
        after = adapted_alone(meta, params, task, order == "first")
        observations, actions, here = rows(meta.outer, task)
        old = log_density(one(meta.old, task), observations, actions)
        ratio = torch.exp(log_density(after, observations, actions) - old)
        loss = loss - (ratio * meta.outer.advantages[task, here]).mean() / meta.tasks
    wanted = torch.autograd.grad(loss, list(params.values()))
    wanted = flat(dict(zip(params, wanted, strict=True)))
    assert relative(flat(meta.gradient()), wanted) < 1e-12


@pytest.mark.parametrize("names", NAMES)
def test_the_second_order_matters(meta, names):
    first, second = (flat(meta(order, names).gradient()) for order in ("first", "second"))
    assert relative(first, second) > 1e-3


@pytest.mark.parametrize("names", NAMES)
def test_only_what_is_named_is_adapted(meta, names):
    meta = meta(names=names)
    moved = {n for n, v in meta.old.items() if not torch.equal(v, v[:1].expand_as(v))}
    assert moved == set(names or meta.params)
    for name in set(meta.params) - moved:
        torch.testing.assert_close(meta.old[name][:1], meta.params[name], rtol=0.0, atol=0.0)


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("tasks", [None, 2])
def test_fisher_product(meta, tasks, names):
    meta = meta(names=names)
    params = leaves(meta)
    count = tasks or meta.tasks
    away = 0.0
    for task in range(count):
        after = adapted_alone(meta, params, task)
        observations, _, _ = rows(meta.outer, task)
        old = distribution(one(meta.old, task), observations)
        away = away + divergence(old, distribution(after, observations)).mean() / count
    slope = torch.autograd.grad(away, list(params.values()), create_graph=True)
    drawn = torch.Generator().manual_seed(1)
    vector = {name: torch.randn(v.shape, generator=drawn).to(v) for name, v in params.items()}
    dot = sum((s * v).sum() for s, v in zip(slope, vector.values(), strict=True))
    wanted = torch.autograd.grad(dot, list(params.values()))
    wanted = flat(dict(zip(params, wanted, strict=True)))
    fisher = meta.fisher(Region(divergence=0.01, fisher_tasks=tasks))
    assert relative(flat(fisher(vector)), wanted) < 1e-12
    # Once more: the graphs are kept.
    assert relative(flat(fisher(vector)), wanted) < 1e-12


def on_gpu(meta):
    def moved(batch):
        names = ("observations", "actions", "advantages", "weights")
        return replace(batch, **{name: getattr(batch, name).cuda() for name in names})

    params, old = ({n: v.cuda() for n, v in each.items()} for each in (meta.params, meta.old))
    return Meta(params, moved(meta.inner), old, moved(meta.outer), meta.lr, meta.order)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("order", ["second", "first"])
def test_a_gpu_does_the_same(meta, order):
    here = meta(order)
    there = on_gpu(here)
    assert relative(flat(there.gradient()), flat(here.gradient())) < 1e-12
    products = (each.fisher(Region(divergence=0.01))(each.gradient()) for each in (here, there))
    one, other = map(flat, products)
    assert relative(other, one) < 1e-12
    steps = [flat(trpo_step(each, Region(divergence=0.01)).params) for each in (here, there)]
    assert relative(steps[1], steps[0]) < 1e-6


def test_a_step_gains_within_the_region(meta):
    meta = meta()
    update = trpo_step(meta, Region(divergence=0.01))
    before, at_once = meta.objective(meta.params)
    after, away = meta.objective(update.params)
    assert at_once == pytest.approx(0.0, abs=1e-12)
    assert update.gain == pytest.approx(before - after)
    assert update.gain > 0.0
    assert update.divergence == pytest.approx(away)
    assert 0.001 < away <= 0.01


def test_no_step_is_taken_where_none_helps(meta, monkeypatch):
    meta = meta()
    monkeypatch.setattr(meta, "objective", lambda params: (1.0, 0.0))
    update = trpo_step(meta, Region(divergence=0.01))
    assert update.params is meta.params
    assert (update.gain, update.tries) == (0.0, 15)


def test_surrogate_of_the_old_policy_is_minus_the_mean_advantage(meta):
    meta = meta()
    found = surrogate(meta.old, meta.old, meta.outer)
    torch.testing.assert_close(found, torch.zeros(3).double(), atol=1e-9, rtol=0.0)


def test_vectors_and_back(policy):
    again = unflat(flat(policy), policy)
    for name, value in policy.items():
        torch.testing.assert_close(again[name], value, rtol=0.0, atol=0.0)


def test_without_an_inner_step_it_is_trpo_s_own(meta):
    """Gradient and Fisher product, by autograd on the surrogate and the divergence."""
    batch = meta("second").outer.part(1)
    policy = {name: value[:1] for name, value in meta("second").params.items()}
    plain = Meta(policy, batch, policy, batch, 0.0, "second")
    params = {name: value.clone().requires_grad_() for name, value in policy.items()}
    wanted = torch.autograd.grad(surrogate(params, policy, batch).mean(), list(params.values()))
    np.testing.assert_allclose(
        flat(plain.gradient()), flat(dict(zip(params, wanted, strict=True))), rtol=1e-12
    )
    apart = divergence(
        distribution(policy, batch.observations), distribution(params, batch.observations)
    )
    mean = (apart * batch.weights).sum()
    slope = torch.autograd.grad(mean, list(params.values()), create_graph=True)
    vector = unflat(np.random.default_rng(0).normal(size=len(flat(policy))), policy)
    dot = sum((a * b).sum() for a, b in zip(slope, vector.values(), strict=True))
    wanted = torch.autograd.grad(dot, list(params.values()))
    found = plain.fisher(Region(divergence=0.01))(vector)
    np.testing.assert_allclose(
        flat(found), flat(dict(zip(params, wanted, strict=True))), rtol=1e-11, atol=1e-14
    )
