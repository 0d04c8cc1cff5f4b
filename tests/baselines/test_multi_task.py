"""The multi-task baselines: regressors by torch's own Adam, their average, and the runs of them."""

import dataclasses

import pytest
import torch
from msgspec.structs import replace
from torch.nn import functional as F

from baselines.multi_task import COUNT, MultiTask, MultiTaskDecay, MultiTaskMean
from suite.data.source import task_source
from suite.errors import Stopped
from suite.inner.learner import Learner
from suite.models import build_network
from suite.outer.engine import Engine, Iteration
from suite.outer.gradient import meta_gradient
from suite.outer.state import stack, unstack
from suite.registry import Registry
from suite.run.execute import execute
from suite.run.request import Request
from suite.run.train import Hooks, initial_snapshot
from suite.settings import get_setting

CPU = torch.device("cpu")
SETTING = get_setting("sinusoid")
CLASSES = {each.name: each for each in (MultiTask, MultiTaskDecay, MultiTaskMean)}
UPDATES, STRENGTH = 20, 0.03
SMALL = {"hidden": (6, 5), "k_shot": 12, "n_query": 4, "meta_lr": 0.01}


def method_for(name, updates=UPDATES):
    strength = {} if name == "multi-task" else {"strength": STRENGTH}
    return CLASSES[name](updates=updates, **strength)


def config_for(name, *, tasks, **changes):
    return replace(SETTING.recipe(name).config, tasks_per_batch=tasks, **SMALL | changes)


class InDouble:
    """A stream of tasks in float64."""

    def __init__(self, stream):
        self._stream, self.keys = stream, stream.keys

    def batch(self, *asked):
        drawn = self._stream.batch(*asked)
        return drawn.changed(lambda value: value.double() if value.is_floating_point() else value)


def batches_of(config, seeds=(0,)):
    return InDouble(task_source(config, seeds, CPU, None).streams("train"))


def learner_for(method, config, *, seeds=1):
    empty = method.network(config, 0).initial(torch.Generator())
    params = {
        n: v.double().expand(seeds, *v.shape).clone().requires_grad_() for n, v in empty.items()
    }
    return Learner(config=config, network=method.network(config, 0), params=params)


def regressor(config, batch, task, name, average):
    """One by itself, as torch trains it: weight decay as a squared norm in the loss."""
    drawn = build_network(config).initial(torch.Generator().manual_seed(int(batch.keys[task])))
    weights = {n: v.double().requires_grad_() for n, v in drawn.items()}
    optimizer = torch.optim.Adam(weights.values(), lr=config.meta_lr)
    for _ in range(UPDATES):
        x = batch.support_x[task]
        for layer in range(2):
            x = F.relu(x @ weights[f"layer{layer}.weight"].T + weights[f"layer{layer}.bias"])
        outputs = x @ weights["head.weight"].T + weights["head.bias"]
        loss = (outputs - batch.support_y[task]).square().mean()
        centre = {"multi-task-l2": 0.0, "multi-task-mean": average}.get(name)
        if centre is not None:
            away = [v - (centre[n] if centre else 0.0) for n, v in weights.items()]
            loss = loss + 0.5 * STRENGTH * sum(each.square().sum() for each in away)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {n: v.detach() for n, v in weights.items()}


@pytest.mark.parametrize("name", CLASSES)
def test_the_average_is_that_of_regressors_trained_one_after_another(name):
    """In order, one an iteration, where each looks at those before it; else four in two."""
    tasks = 1 if name == "multi-task-mean" else 2
    config, method = config_for(name, tasks=tasks), method_for(name)
    learner, stream, iterations = learner_for(method, config), batches_of(config), 4 // tasks
    for iteration in range(iterations):
        batch = stream.batch(iteration * tasks, tasks, config.k_shot, config.n_query)
        found = meta_gradient(method.objective, learner, batch)
        moved = {n: (v - found.gradients[n]).detach() for n, v in learner.params.items()}
        learner = dataclasses.replace(
            learner, params={n: v.requires_grad_() for n, v in moved.items()}
        )
    every = stream.batch(0, 4, config.k_shot, config.n_query)
    trained = []
    for task in range(4):
        average = {n: sum(each[n] for each in trained) / len(trained) for n in (trained or [{}])[0]}
        trained.append(regressor(config, every, task, name, average or None))
    assert learner.params.pop(COUNT).tolist() == [[4.0]]
    for key, value in learner.params.items():
        wanted = sum(each[key] for each in trained) / 4
        torch.testing.assert_close(value[0], wanted, rtol=1e-6, atol=1e-8)


def test_the_first_regressor_is_free():
    method = MultiTaskMean(strength=0.5)
    before = {COUNT: torch.tensor([[0.0], [3.0]]), "head.bias": torch.ones(2, 1)}
    centre, strength = method.pull(before)
    assert strength.tolist() == [[0.0], [0.5]]
    assert centre["head.bias"] is before["head.bias"]


def test_chunks_of_a_batch_move_the_average_as_the_whole():
    config, method = config_for("multi-task", tasks=3), method_for("multi-task")
    learner = learner_for(method, config, seeds=2)
    with torch.no_grad():
        learner.params[COUNT] += 5.0
    batch = batches_of(config, (0, 1)).batch(0, 3, config.k_shot, config.n_query)
    whole = meta_gradient(method.objective, learner, batch)
    parts = meta_gradient(method.objective, learner, batch, tasks_per_chunk=2)
    for name, value in whole.gradients.items():
        torch.testing.assert_close(parts.gradients[name], value)
    assert whole.gradients[COUNT].tolist() == [[-3.0], [-3.0]]


def test_the_curve_has_the_regressors_errors():
    """The loss on the points that they were trained on, the outputs for others of their task."""
    config = config_for("multi-task", tasks=4, hidden=(20, 20))
    method = method_for("multi-task", updates=800)
    learner = learner_for(method, config)
    batch = batches_of(config).batch(0, 4, 100, 50)
    losses, outputs = (each.detach() for each in method.objective(learner, batch))
    errors = (outputs - batch.query_y).square().mean((1, 2))
    power = batch.query_y.square().mean((1, 2))
    assert float((losses / power).median()) < 0.05
    assert float((errors / power).median()) < 0.05
    assert not torch.equal(losses, errors)
    assert method.validate(learner, batch).abs().max() == 0.0  # nothing has joined the average


@pytest.mark.parametrize("name", CLASSES)
def test_a_seed_in_company_is_the_seed_alone(name):
    config, method = config_for(name, tasks=2), method_for(name)

    def trained(seeds):
        stream = batches_of(config, seeds)

        def batches(iteration):
            return stream.batch(2 * iteration, 2, config.k_shot, config.n_query)

        network = method.network(config, 0)
        snapshots = [initial_snapshot(network, seed) for seed in seeds]
        doubled = [
            dataclasses.replace(
                each,
                **{
                    group: {n: v.double() for n, v in getattr(each, group).items()}
                    for group in ("params", "first_moments", "second_moments")
                },
            )
            for each in snapshots
        ]
        state = stack(doubled, config, CPU, method.optimizer)
        learner = Learner(config=config, network=network, params=state.params)
        engine = Engine(kind="eager")
        iterate = Iteration(engine, method.objective, learner, batches, state, 3, name)
        for _ in range(3):
            iterate()
        return [snapshot.params for snapshot in unstack(state)]

    (alone,) = trained((7,))
    company = trained((2, 7, 5))
    for key, value in alone.items():
        torch.testing.assert_close(company[1][key], value, rtol=1e-9, atol=1e-12)
        assert key == COUNT or not torch.allclose(company[0][key], value)
    assert alone[COUNT].tolist() == [6.0]


def request(name, folder, *, hooks=None, iterations=3):
    return Request(
        setting=SETTING,
        method=name,
        seeds=(0,),
        config=config_for(name, tasks=1),
        schedule=SETTING.schedule(iterations, name),
        protocols=(replace(SETTING.recipe(name).protocols[0], tasks=20),),
        device=CPU,
        options={"updates": UPDATES, "step_sizes": [0.001, 0.01], "validation_tasks": 10},
        hooks=hooks or Hooks(),
        checkpoints=folder / "checkpoints",
    )


@pytest.mark.parametrize("name", CLASSES)
def test_a_stopped_training_goes_on_exactly(name, tmp_path):
    ((_, whole),) = execute(request(name, tmp_path / "a"), Registry(tmp_path / "a"), None).written
    calls = iter([None, "enough"])
    stopping = request(name, tmp_path / "b", hooks=Hooks(stop=lambda: next(calls)))
    with pytest.raises(Stopped):
        execute(stopping, Registry(tmp_path / "b"), None)
    ((_, again),) = execute(request(name, tmp_path / "b"), Registry(tmp_path / "b"), None).written
    assert again.timing.resumes == 1
    assert again.provenance.weights_sha256 == whole.provenance.weights_sha256
    assert (again.curve, again.per_task) == (whole.curve, whole.per_task)
    assert [point.iteration for point in whole.curve] == [1, 2, 3]
    assert whole.selected.keys() == {"step_size"}
