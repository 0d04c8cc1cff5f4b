"""Float64: fine-tuning many tasks at once is Torch's own loop on each of them."""

import pytest
import torch
from torch.nn import functional as F

from baselines import tuning
from baselines.fine_tuning import FineTuning
from suite.inner.trials import Trials
from suite.settings import Schedule, get_setting
from tests.baselines.cases import NETWORKS, config_for, learner_for, random_tasks
from tests.baselines.plain_classifier import plain

LR, DECAY = 0.05, 0.1


def plain_outputs(learner, batch, task, *, updates):
    """Training mode while it is tuned, evaluation mode when it is scored."""
    params = {name: value[0] for name, value in learner.params.items()}
    drawn = torch.Generator().manual_seed(learner.key)
    network = plain(learner.config, params | learner.network.fresh_head(5, drawn))
    optimizer = torch.optim.SGD(network.parameters(), lr=LR)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + t * DECAY))
    network.train()
    for _ in range(updates):
        optimizer.zero_grad()
        F.cross_entropy(network(batch.support_x[task]), batch.support_y[task]).backward()
        optimizer.step()
        schedule.step()
    network.eval()
    return network(batch.query_x[task]).detach()


@pytest.mark.parametrize("setting", NETWORKS)
def test_it_equals_a_loop_over_the_tasks(setting, monkeypatch):
    learner = learner_for(config_for(setting))
    batch = random_tasks(learner.config, tasks=3)
    # Two tasks at once, then the third; and the query images in parts.
    monkeypatch.setattr(tuning, "INPUTS_AT_ONCE", 2 * batch.support_x[0].numel())
    method = FineTuning()
    outputs, again = method.by_step(learner, batch, 1, {"step_size": LR, "decay": DECAY})
    assert torch.equal(outputs, again)
    for task in range(3):
        expected = plain_outputs(learner, batch, task, updates=method.updates)
        assert torch.allclose(outputs[task], expected, rtol=1e-9, atol=1e-10)
    untouched = plain_outputs(learner, batch, 0, updates=0)
    assert not torch.allclose(outputs[0], untouched, rtol=1e-2)


def test_the_learner_is_left_as_it_was():
    learner = learner_for(config_for(NETWORKS[0]))
    before = {name: value.clone() for name, value in learner.params.items()}
    batch = random_tasks(learner.config, tasks=2)
    FineTuning(updates=2).outputs(learner, batch, {"step_size": 1.0, "decay": 0.0})
    assert all(torch.equal(value, before[name]) for name, value in learner.params.items())


class Tasks:
    """A stream of one batch that notes what was asked of it."""

    def __init__(self, batch):
        self.given, self.asked = batch, []

    def batch(self, start, count, *shape):
        self.asked.append((start, count, *shape))
        return self.given


def test_the_grid_is_searched_for_the_greatest_accuracy(monkeypatch):
    config = config_for(NETWORKS[0])
    learner, batch = learner_for(config), random_tasks(config, tasks=4)
    right = torch.nn.functional.one_hot(batch.query_y, 5).double()
    tried = []

    def outputs(learner, batch, head, lrs):
        tried.append(lrs)
        good = lrs[0] == 0.01 and lrs[1] in (0.01 / 1.001, 0.01 / 1.0001)
        return right if good else -right

    monkeypatch.setattr("baselines.fine_tuning.tuned_outputs", outputs)
    stream, protocol = Tasks(batch), get_setting(NETWORKS[0]).recipe("fine-tuning").protocols[0]
    chosen = FineTuning().select(learner, stream, protocol, Trials())
    assert chosen == {"step_size": 0.01, "decay": 1e-3}  # of equals, the first
    assert stream.asked == [(start, 50, 1, 15) for start in (0, 50)]
    assert len(tried) == 2 * 42
    assert {len(lrs) for lrs in tried} == {15}
    assert tried[1][2] == pytest.approx(0.5 / 1.2)


def test_a_shortened_schedule_selects_from_less_and_on_fewer_episodes():
    setting = get_setting(NETWORKS[0])
    on = {n: FineTuning().on(setting.schedule(n, "fine-tuning")) for n in (100, 30_000, 40_000)}
    assert {n: method.validation_tasks for n, method in on.items()} == {
        **{100: 5, 30_000: 100, 40_000: 100}
    }
    assert {n: len(method.step_sizes) * len(method.decays) for n, method in on.items()} == {
        **{100: 8, 30_000: 42, 40_000: 42}
    }
    assert isinstance(setting.schedule(100, "fine-tuning"), Schedule)
