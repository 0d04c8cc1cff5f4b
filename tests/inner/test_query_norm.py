"""Whose statistics normalise a query: the support set's, or its own with the support set's."""

from dataclasses import replace

import msgspec
import pytest
import torch

from suite.data.synthetic import random_batch
from suite.inner.adapt import adapt, predictions
from suite.inner.learner import Learner
from suite.models import build_network
from suite.rng import generator
from suite.settings import get_setting

CPU = torch.device("cpu")
STEPS = 2
SETTINGS = ("omniglot-5way-1shot", "omniglot-5way-1shot-mlp", "miniimagenet-5way-5shot")


def case(name: str):
    """A learner in float64 with offsets, and a batch with two queries a class."""
    setting = get_setting(name)
    config = msgspec.structs.replace(
        setting.config, hidden=(6, 6, 6, 6), tasks_per_batch=2, n_query=2
    )
    network, noise = build_network(config), torch.Generator().manual_seed(0)
    params = {
        name: (value + 0.3 * torch.randn(value.shape, generator=noise))[None]
        .double()
        .requires_grad_()
        for name, value in network.initial(generator(0, "initial weights")).items()
    }
    batch = random_batch(config, CPU).changed(lambda x: x.double() if x.is_floating_point() else x)
    return Learner(config=config, network=network, params=params), batch


def outputs(learner, batch, norm: str):
    scored = replace(learner, query_norm=norm)
    return list(predictions(scored, batch, lr=0.05, steps=STEPS))


@pytest.mark.parametrize("name", SETTINGS)
def test_queries_that_are_the_support_set_are_normalised_as_it_is(name):
    learner, batch = case(name)
    same = replace(batch, query_x=batch.support_x, query_y=batch.support_y)
    by_support = outputs(learner, same, "support-statistics")
    for fast, seen in zip(
        adapt(learner, batch, lr=0.05, steps=STEPS, order="none"), by_support, strict=True
    ):
        torch.testing.assert_close(seen, learner.network.forward(fast, batch.support_x))


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("norm", ["support-statistics", "one-query"])
def test_a_query_does_not_depend_on_the_others(name, norm):
    learner, batch = case(name)
    query_x = batch.query_x.clone()
    query_x[:, 1:] = torch.rand_like(query_x[:, 1:])
    other = replace(batch, query_x=query_x)
    for ours, theirs in zip(
        outputs(learner, batch, norm), outputs(learner, other, norm), strict=True
    ):
        torch.testing.assert_close(ours[:, 0], theirs[:, 0])
        assert not torch.allclose(ours[:, 1], theirs[:, 1])
    first, second = (outputs(learner, each, "batch-statistics") for each in (batch, other))
    assert not torch.allclose(first[-1][:, 0], second[-1][:, 0])


@pytest.mark.parametrize("name", SETTINGS)
def test_one_query_is_normalised_with_the_support_set(name):
    learner, batch = case(name)
    alone = outputs(learner, batch, "one-query")[-1]
    *_, fast = adapt(learner, batch, lr=0.05, steps=STEPS, order="none")
    for query in range(batch.query_x.shape[1]):
        both = torch.cat((batch.support_x, batch.query_x[:, query : query + 1]), dim=1)
        wanted = learner.network.forward(fast, both)[:, -1]
        torch.testing.assert_close(alone[:, query], wanted)
    assert not torch.allclose(alone, outputs(learner, batch, "support-statistics")[-1])
