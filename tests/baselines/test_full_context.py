"""Float64: full-context embeddings against Torch's own LSTM cells, one step at a time."""

import pytest
import torch
from torch import nn

from baselines.full_context import (
    clipped_together,
    context_weights,
    query_in_context,
    support_in_context,
)

SEEDS, TASKS, ITEMS, QUERIES, FEATURES = 2, 2, 6, 3, 4


def drawn(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def features():
    return drawn((SEEDS, TASKS, ITEMS, FEATURES), 0), drawn((SEEDS, TASKS, QUERIES, FEATURES), 1)


def random_weights():
    return {
        name: 0.5 * drawn((SEEDS, *value.shape), 2 + number)
        for number, (name, value) in enumerate(context_weights(FEATURES).items())
    }


def cell(of_input, of_state, bias):
    """Torch's, whose gates are input, forget, candidate, output: ours have the candidate last."""
    write, keep, show, value = range(4)

    def reordered(weight):
        parts = weight.detach().chunk(4)
        return torch.cat([parts[each] for each in (write, keep, value, show)])

    found = nn.LSTMCell(of_input.shape[1], FEATURES).double()
    with torch.no_grad():
        found.weight_ih.copy_(reordered(of_input))
        found.weight_hh.copy_(reordered(of_state))
        found.bias_ih.copy_(reordered(bias))
        found.bias_hh.zero_()
    return found


def plain_support(weights, items, aligned):
    """One task's."""
    outputs = []
    for direction, order in enumerate((range(ITEMS), reversed(range(ITEMS)))):
        names = ("input", "state", "bias")
        unit = cell(*(weights[f"context.{name}"][direction] for name in names))
        state = (torch.zeros(1, FEATURES).double(), torch.zeros(1, FEATURES).double())
        seen = {}
        for place in order:
            state = unit(items[place][None], state)
            seen[place] = state[0][0]
        outputs.append(seen)
    forward, backward = outputs
    return torch.stack(
        [items[i] + forward[i] + backward[i if aligned else ITEMS - 1 - i] for i in range(ITEMS)]
    )


def plain_query(weights, query, support, reads):
    """One query's, as the released code has it: r is read before it is known whether it is used."""
    of_input = torch.cat((weights["attention.query"], weights["attention.read"]), 1)
    unit = cell(of_input, weights["attention.state"], weights["attention.bias"])
    h, c = torch.zeros_like(query)[None], torch.zeros_like(query)[None]
    r = support.mean(0)
    for _ in range(reads):
        out, c = unit(torch.cat((query, r))[None], (h, c))
        h = query + out
        r = (support @ h[0]).softmax(0) @ support
    return h[0]


@pytest.mark.parametrize("aligned", [False, True])
def test_the_support_is_read_both_ways(aligned):
    (support, _), weights = features(), random_weights()
    found = support_in_context(weights, support, aligned=aligned)
    for seed in range(SEEDS):
        own = {name: value[seed] for name, value in weights.items()}
        for task in range(TASKS):
            expected = plain_support(own, support[seed, task], aligned)
            torch.testing.assert_close(found[seed, task], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("reads", [1, 3])
def test_a_query_reads_the_support(reads):
    (support, query), weights = features(), random_weights()
    found = query_in_context(weights, query, support, reads=reads)
    for seed in range(SEEDS):
        own = {name: value[seed] for name, value in weights.items()}
        for task in range(TASKS):
            for place in range(QUERIES):
                each = query[seed, task, place]
                expected = plain_query(own, each, support[seed, task], reads)
                torch.testing.assert_close(found[seed, task, place], expected)


def test_weights_of_zero_leave_features_and_their_gradients_as_they_are():
    weights = {
        name: value.double().expand(SEEDS, *value.shape)
        for name, value in context_weights(FEATURES).items()
    }
    support, query = (each.requires_grad_() for each in features())
    in_context = (
        support_in_context(weights, support, aligned=False),
        query_in_context(weights, query, support, reads=3),
    )
    assert all(map(torch.equal, in_context, (support, query)))
    slopes = torch.autograd.grad(sum(each.sin().sum() for each in in_context), (support, query))
    torch.testing.assert_close(slopes, (support.cos(), query.cos()), rtol=0, atol=0)


def test_every_weight_but_one_that_reads_no_state_yet_is_learned_from_the_start():
    """Gates of zero let candidates through by half; the states they would read are zero."""
    weights = {
        name: value.double().expand(SEEDS, *value.shape).clone().requires_grad_()
        for name, value in context_weights(FEATURES).items()
    }
    support, query = features()
    support = support_in_context(weights, support, aligned=False)
    query = query_in_context(weights, query, support, reads=3)
    slopes = torch.autograd.grad((query @ support.mT).sin().sum(), list(weights.values()))
    moved = {name for name, slope in zip(weights, slopes, strict=True) if slope.any()}
    assert moved == set(weights) - {"context.state"}


def test_gradients_are_clipped_by_their_common_norm_in_each_seed():
    values = {"a": drawn((2, 3), 0).requires_grad_(), "b": drawn((2, 2, 2), 1).requires_grad_()}
    slopes = {"a": drawn((2, 3), 2), "b": drawn((2, 2, 2), 3)}
    small = torch.tensor([1.0, 1e-3], dtype=torch.double)
    slopes = {n: v * small.view(-1, *(1,) * (v.ndim - 1)) for n, v in slopes.items()}
    clipped = clipped_together(values, 0.25)
    assert all(torch.equal(clipped[name], values[name]) for name in values)
    loss = sum((clipped[name] * slopes[name]).sum() for name in values)
    found = torch.autograd.grad(loss, list(values.values()))
    norms = torch.stack([v.flatten(1).square().sum(1) for v in slopes.values()]).sum(0).sqrt()
    assert norms[0] > 0.25 > norms[1]
    for slope, gradient in zip(slopes.values(), found, strict=True):
        torch.testing.assert_close(gradient[0], slope[0] * (0.25 / norms[0]))
        torch.testing.assert_close(gradient[1], slope[1])
