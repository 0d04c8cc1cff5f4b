"""The meta-learner LSTM: what section 10 of the rivals' sheet asks of it, and how it trains."""

import dataclasses
import math

import msgspec
import pytest
import torch
from torch.nn import functional as F

from baselines import meta_learner_lstm
from baselines.meta_learner_lstm import MetaLearnerLSTM, scaled
from suite.data.images import load_image_data
from suite.inner.learner import Learner
from suite.outer.gradient import meta_gradient
from suite.registry import Registry
from suite.run.execute import execute
from suite.run.request import Request
from suite.settings import get_setting
from tests.baselines.cases import random_tasks
from tests.baselines.plain_classifier import plain
from tests.baselines.side_by_side import Training, require_alike

METHOD = MetaLearnerLSTM(units=5)
SETTINGS = ["miniimagenet-5way-1shot", "glyphs-5way-1shot"]
CELL = ("lstm.weight", "lstm.bias", "gates.weight", "gates.bias")


def config_for(setting, *, steps, **changes):
    own = get_setting(setting).recipe(METHOD.name).config
    small = {"hidden": (4, 4, 4, 4), "n_way": 3, "n_query": 2, "inner_steps": steps}
    return msgspec.structs.replace(own, **small | changes)


def learner_for(config, *, seeds=1, spread=0.3):
    """In float64, all weights off their initial values, some gammas negative."""
    generator = torch.Generator().manual_seed(5)
    network = METHOD.network(config, 0)
    each = [network.initial(generator) for _ in range(seeds)]
    params = {}
    for name in each[0]:
        value = torch.stack([one[name] for one in each]).double()
        moved = value + spread * torch.randn(value.shape, generator=generator).double()
        params[name] = moved.requires_grad_()
    return Learner(config=config, network=network, params=params)


def as_sgd(learner, rate):
    """With gates that keep the weights whole and step at `rate`, whatever they see."""
    params = {n: torch.zeros_like(v) if n in CELL else v for n, v in learner.params.items()}
    bias = torch.tensor([50.0, math.log(rate / (1 - rate))], dtype=torch.double)
    params["gates.bias"] = bias.expand(learner.seeds, -1)
    return dataclasses.replace(learner, params=params)


def plain_learner(learner, seed=0):
    """Torch's own modules with the initial weights of that seed and fresh running averages."""
    params = {name: value[seed].detach() for name, value in learner.params.items()}
    for name in list(params):
        if name.endswith(".gamma"):
            params[name.replace("gamma", "mean")] = torch.zeros_like(params[name])
            params[name.replace("gamma", "variance")] = torch.ones_like(params[name])
    network = plain(learner.config, params).train()
    for norm in network.norms:
        norm.momentum = 0.9
    return network


@pytest.mark.parametrize("setting", SETTINGS)
def test_with_open_gates_it_is_gradient_descent_at_the_rate_over_the_examples(setting):
    config = config_for(setting, steps=3)
    learner, batch = as_sgd(learner_for(config, seeds=2), 0.6), random_tasks(config, tasks=4)
    tested = dataclasses.replace(learner, query_norm="running-averages")
    ours = torch.stack(list(METHOD.by_step(tested, batch, 3, {})))  # (step, task, query, class)
    examples = batch.support_y.shape[1]
    for task in range(4):
        network = plain_learner(learner, seed=task // 2)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.6 / examples)
        for step in range(4):
            with torch.no_grad():
                expected = network.eval()(batch.query_x[task])
            torch.testing.assert_close(ours[step, task], expected, rtol=1e-7, atol=1e-8)
            loss = F.cross_entropy(network.train()(batch.support_x[task]), batch.support_y[task])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def test_one_update_passes_a_gradient_to_the_initial_weights_by_cell_and_gates():
    config = config_for(SETTINGS[0], steps=1)
    learner, batch = learner_for(config), random_tasks(config, tasks=1)
    found = meta_gradient(METHOD.objective, learner, batch).gradients
    network = plain_learner(learner)
    names = learner.network.adapted
    tensors = network.tensors()
    weights = [tensors[name] for name in names]
    support = F.cross_entropy(network(batch.support_x[0]), batch.support_y[0])
    gradients = torch.autograd.grad(support, weights)
    start = torch.cat([value.detach().flatten() for value in weights])
    gradient = torch.cat([value.flatten() for value in gradients]) / batch.support_y.shape[1]
    cell = {name: learner.params[name][0].detach() for name in CELL}
    forget, enter = gates_of(cell, start, gradient, support.detach())
    with torch.no_grad():
        after = forget.sigmoid() * start - enter.sigmoid() * gradient
        for value, part in zip(weights, after.split([w.numel() for w in weights]), strict=True):
            value.copy_(part.view_as(value))
    query = F.cross_entropy(network(batch.query_x[0]), batch.query_y[0])
    of_query = torch.cat([g.flatten() for g in torch.autograd.grad(query, weights)])
    slopes = [gate.sigmoid() * (1 - gate.sigmoid()) for gate in (forget, enter)]
    by_weight = cell["gates.weight"][:, -2]
    passed = forget.sigmoid() + slopes[0] * by_weight[0] * start
    passed = passed - slopes[1] * by_weight[1] * gradient
    ours = torch.cat([found[name].flatten() for name in names])
    torch.testing.assert_close(ours, passed * of_query, rtol=1e-7, atol=1e-10)


def gates_of(cell, weights, gradient, loss):
    """Both gates, before the sigmoid, at the first update: by Torch's LSTM, one weight a row."""
    units = len(cell["lstm.bias"]) // 4
    lstm = torch.nn.LSTMCell(4, units).double()
    enter, forget, show, new = cell["lstm.weight"].split(units)
    bias = cell["lstm.bias"].split(units)
    ordered = torch.cat((enter, forget, new, show))
    with torch.no_grad():
        lstm.weight_ih.copy_(ordered[:, :4])
        lstm.weight_hh.copy_(ordered[:, 4:])
        lstm.bias_ih.copy_(torch.cat((bias[0], bias[1], bias[3], bias[2])))
        lstm.bias_hh.zero_()
        told = (*scaled(loss.expand_as(gradient)), *scaled(gradient))
        hidden, _ = lstm(torch.stack(told, dim=1))
        seen = torch.cat((hidden, weights[:, None], torch.zeros_like(weights)[:, None]), dim=1)
        return (seen @ cell["gates.weight"].T + cell["gates.bias"]).unbind(1)


def test_the_gradient_is_the_slope_where_gradients_and_losses_are_frozen(monkeypatch):
    config = config_for(SETTINGS[0], steps=3)
    learner, batch = learner_for(config), random_tasks(config, tasks=1)
    told, advance = [], meta_learner_lstm.advance

    def recorded(params, flat, gradient, losses, state):
        told.append((gradient, losses))
        return advance(params, flat, gradient, losses, state)

    monkeypatch.setattr(meta_learner_lstm, "advance", recorded)
    found = meta_gradient(METHOD.objective, learner, batch).gradients
    generator = torch.Generator().manual_seed(3)
    way = {n: torch.randn(v.shape, generator=generator).double() for n, v in learner.params.items()}
    expected = float(sum((found[name] * value).sum() for name, value in way.items()))

    def slope():
        width, values = 1e-6, []
        for sign in (1, -1):
            params = {n: (v + sign * width * way[n]).detach() for n, v in learner.params.items()}
            moved = dataclasses.replace(learner, params=params)
            values.append(float(METHOD.objective(moved, batch)[0].detach().sum()))
        return (values[0] - values[1]) / (2 * width)

    monkeypatch.setattr(meta_learner_lstm, "advance", advance)
    free = slope()
    frozen = list(told)

    def replayed(params, flat, gradient, losses, state):
        told.append(frozen[len(told) % len(frozen)])
        return advance(params, flat, *told[-1], state)

    told.clear()
    monkeypatch.setattr(meta_learner_lstm, "advance", replayed)
    assert slope() == pytest.approx(expected, rel=1e-6)
    assert free != pytest.approx(expected, rel=1e-2)


def test_magnitude_and_sign_of_small_and_great_values():
    x = torch.tensor([1.0, -0.5, 1e-3, -(torch.e**-10), 3e-6, -4e-7, 0.0]).double()
    size, sign = scaled(x)
    great = x.abs() >= torch.e**-10 * (1 - 1e-6)
    expected = torch.where(great, x.abs().clamp_min(1e-30).log() / 10, -1.0)
    torch.testing.assert_close(size, expected, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(sign, torch.where(great, x.sign(), torch.e**10 * x))


def test_it_has_the_published_number_of_weights_less_biases_that_cancel():
    own = get_setting("miniimagenet-5way-1shot").recipe(METHOD.name).config
    network = MetaLearnerLSTM().network(own, 0)
    drawn = network.initial(torch.Generator().manual_seed(0))
    sizes = {name: value.numel() for name, value in drawn.items()}
    assert sum(sizes[name] for name in network.adapted) == 32_901 - 4 * 32
    assert sum(sizes[name] for name in CELL) == 2_046
    assert set(sizes) == {*network.adapted, *CELL}
    keep, go = drawn["gates.bias"].sigmoid()
    assert keep > 0.98
    assert 0.0066 < go < 0.0181


def test_the_queries_of_a_test_do_not_see_each_other():
    config = config_for(SETTINGS[0], steps=2)
    learner, batch = learner_for(config), random_tasks(config, tasks=1)
    tested = dataclasses.replace(learner, query_norm="running-averages")
    *_, whole = METHOD.by_step(tested, batch, 2, {})
    first = dataclasses.replace(
        batch, query_x=batch.query_x[:, :1].clone(), query_y=batch.query_y[:, :1]
    )
    *_, alone = METHOD.by_step(tested, first, 2, {})
    torch.testing.assert_close(alone, whole[:, :1])
    *_, transductive = METHOD.by_step(learner, batch, 2, {})
    _, in_training = METHOD.objective(learner, batch)
    torch.testing.assert_close(transductive, in_training.detach())
    assert not torch.allclose(transductive, whole, rtol=1e-2)
    torch.testing.assert_close(METHOD.validate(learner, batch), whole)


def test_the_running_averages_follow_by_the_shots():
    one, five = (
        get_setting(f"miniimagenet-5way-{shots}shot").recipe(METHOD.name).config for shots in (1, 5)
    )
    assert (one.inner_steps, five.inner_steps) == (12, 8)
    other = dataclasses.replace(METHOD, momentum=0.3)
    for config, method, momentum in ((one, METHOD, 0.9), (five, METHOD, 0.95), (five, other, 0.3)):
        config = msgspec.structs.replace(config, hidden=(2, 2, 2, 2), n_way=2, n_query=1)
        learner, batch = learner_for(config), random_tasks(config, tasks=1)
        _, weights = method._updated(learner, batch, 1)
        kernels = learner.params["conv0.weight"][0].detach()
        seen = F.conv2d(batch.support_x[0], kernels, padding=1)
        torch.testing.assert_close(weights["conv0.mean"][0], momentum * seen.mean((0, 2, 3)))
        variance = 1 + momentum * (seen.transpose(0, 1).flatten(1).var(1) - 1)
        torch.testing.assert_close(weights["conv0.variance"][0], variance)


def test_with_no_updates_the_gates_have_no_part():
    learner, batch = (
        learner_for(config_for(SETTINGS[0], steps=0)),
        random_tasks(config_for(SETTINGS[0], steps=0), tasks=1),
    )
    found = meta_gradient(METHOD.objective, learner, batch).gradients
    assert not any(found[name].any() for name in CELL)
    assert found["head.weight"].any()


def training(**changes):
    config = config_for("glyphs-5way-1shot", steps=2, tasks_per_batch=2, **changes)
    return Training(method=METHOD, config=config, iterations=4)


def test_a_seed_in_company_equals_the_seed_alone():
    for alone, together in training().alone_and_in_company((0, 3)):
        require_alike(alone, together, 1e-9)


def test_stopped_and_gone_on_it_comes_to_the_same_weights(tmp_path):
    require_alike(*training().whole_and_in_pieces(1, tmp_path))


def test_it_learns(tmp_path):
    setting = get_setting("glyphs-5way-1shot")
    recipe = setting.recipe(METHOD.name)
    small = {"hidden": (16, 16, 16, 16), "tasks_per_batch": 4, "inner_steps": 5, "n_query": 5}
    scored = {"tasks": 25, "n_query": 5, "steps": 5, "report_step": 5}
    request = Request(
        setting=setting,
        method=METHOD.name,
        seeds=(0,),
        config=msgspec.structs.replace(recipe.config, meta_lr=0.01, **small),
        schedule=setting.schedule(110, METHOD.name),
        protocols=(msgspec.structs.replace(recipe.protocols[0], **scored),),
        device=torch.device("cpu"),
    )
    images = load_image_data("glyphs", root=None)
    ((_, record),) = execute(request, Registry(tmp_path / "results"), images).written
    first, *_, last = (sum(scores) / len(scores) for scores in record.per_task["accuracy"])
    assert first < 0.35  # before an update nothing is known of the classes: chance is 0.2
    assert last > 0.5
