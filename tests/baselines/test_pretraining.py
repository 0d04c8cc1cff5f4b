"""Float64: the pretraining, several seeds side by side, is Torch's own loop for each of them."""

import msgspec
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines.linear_head import LinearHead
from suite.data.labelled import LabelledStream
from suite.inner.learner import Learner
from suite.outer.engine import Engine
from suite.outer.snapshot import initial as initial_of
from suite.outer.state import stack, unstack
from suite.run.train import Hooks, train
from suite.settings import Schedule
from suite.settings.datasets import IMAGE_SHAPE
from tests.baselines.cases import CLASSES, NETWORKS, config_for, learner_for
from tests.baselines.plain_classifier import plain
from tests.in_double import InDouble

SEEDS = (0, 3)
SIZE = 9


def stream_for(config):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (CLASSES, 6, *IMAGE_SHAPE[config.dataset]), dtype=np.uint8)
    return InDouble(
        LabelledStream(
            keys=(5, 6),
            images=torch.from_numpy(images),
            classes=torch.arange(CLASSES).expand(2, -1),
            size=SIZE,
            rotations=config.rotations,
        )
    )


@pytest.mark.parametrize("setting", NETWORKS)
def test_it_equals_a_loop_of_torch(setting, monkeypatch):
    config = msgspec.structs.replace(config_for(setting), meta_lr=0.01)
    learner, stream, iterations = learner_for(config, seeds=2), stream_for(config), 6
    start = [{n: v[place].clone() for n, v in learner.params.items()} for place in range(2)]
    state = stack([initial_of(params) for params in start], config, torch.device("cpu"))
    method = LinearHead()
    # Its own test; here the validation tasks are mini-batches.
    monkeypatch.setattr(LinearHead, "validate", lambda _, __, batch: torch.eye(7)[batch.query_y])
    learner = Learner(config=config, network=learner.network, params=state.params)
    schedule = Schedule(name="shortened", iterations=iterations, validate_every=iterations)
    train(method, learner, schedule, (stream, stream), state, Hooks(), Engine(kind="eager"))
    for place, snapshot in enumerate(unstack(state)):
        network = plain(config, start[place]).train()
        optimizer = torch.optim.Adam(network.parameters(), lr=config.meta_lr)
        losses = []
        for iteration in range(iterations):
            batch = stream.batch(iteration, 1, 1, 1)
            optimizer.zero_grad()
            loss = F.cross_entropy(network(batch.support_x[place]), batch.support_y[place])
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        for name, expected in network.tensors().items():
            assert torch.allclose(snapshot.params[name], expected, rtol=1e-7, atol=1e-9), name
        ((at, loss, _, _),) = snapshot.history.curve
        assert (at, loss) == (iterations, pytest.approx(np.mean(losses)))
        # Adam keeps nothing of the averages, which follow the batches and no gradient.
        assert not snapshot.second_moments[learner.network.averages[0]].any()
