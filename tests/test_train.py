"""The training loop: resumed equals undisturbed, and what it refuses to go on with."""

from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
import torch

from baselines import METHODS
from suite import checkpoint
from suite.checkpoint import TrainingState, weights_sha256
from suite.data.images import ImageData
from suite.data.source import TaskSource, task_source
from suite.inner.learner import Learner
from suite.settings import Config, Schedule, get_setting
from suite.train import Diverged, Hooks, Stopped, initial_state, train

CPU = torch.device("cpu")
replace = msgspec.structs.replace
SINUSOID = replace(get_setting("sinusoid").config, tasks_per_batch=5)
GLYPHS = replace(
    get_setting("glyphs-5way-1shot").config, tasks_per_batch=2, hidden=(4, 4, 4, 4), inner_steps=2
)
CONFIGS = {"sinusoid": SINUSOID, "glyphs": GLYPHS}


@pytest.fixture(scope="module")
def glyph_data() -> ImageData:
    rng = np.random.default_rng(0)
    return ImageData(
        name="glyphs",
        images=rng.integers(0, 256, (1623, 4, 1, 8, 8), dtype=np.uint8),
        classes=tuple(f"class{number:04}" for number in range(1623)),
        fingerprint="0",
        warnings=(),
    )


@dataclass
class Training:
    """One training that can be run in pieces."""

    config: Config
    source: TaskSource
    schedule: Schedule
    method: str = "maml"
    seed: int = 0

    def start(self) -> TrainingState:
        network = METHODS[self.method]().network(self.config)
        return initial_state(network, self.config, self.seed, CPU)

    def run(self, state: TrainingState, **hooks) -> TrainingState:
        method = METHODS[self.method]()
        network = method.network(self.config)
        schedule = self.schedule
        learner = Learner(config=self.config, network=network, params=state.params)
        train(method, learner, schedule, self.source, state, Hooks(**hooks))
        return state


def training(kind: str, glyph_data, *, iterations=11, every=3, seed=0, **options) -> Training:
    config = replace(CONFIGS[kind], **options)
    source = task_source(config, seed, CPU, None if kind == "sinusoid" else glyph_data)
    schedule = Schedule(name="shortened", iterations=iterations, validate_every=every)
    return Training(config=config, source=source, schedule=schedule, seed=seed)


def stop_after(count: int):
    """A stop hook that gives its reason once `count` iterations are done."""
    calls = iter([None] * (count - 1))
    return lambda: next(calls, "enough")


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("method", ["maml", "fomaml"])
def test_stopped_and_resumed_equals_undisturbed(kind, method, glyph_data, tmp_path):
    run = training(kind, glyph_data)
    run.method = method
    undisturbed = run.run(run.start())
    path = tmp_path / "checkpoint.pt"
    for part in (2, 3, 2):  # never at a point of the curve alone
        state = run.start()
        checkpoint.restore(path, state)
        with pytest.raises(Stopped, match="enough"):
            run.run(state, checkpoint=path, stop=stop_after(part))
    state = run.start()
    assert checkpoint.restore(path, state)
    assert (state.iteration, state.resumes) == (7, 3)
    run.run(state, checkpoint=path)
    assert weights_sha256(state.params) == weights_sha256(undisturbed.params)
    assert weights_sha256(state.params) != weights_sha256(run.start().params)
    assert state.curve == undisturbed.curve
    assert [point[0] for point in state.curve] == [3, 6, 9]
    assert torch.equal(state.sums, undisturbed.sums)


def test_the_end_is_a_checkpoint_too(glyph_data, tmp_path):
    run = training("sinusoid", glyph_data)
    path = tmp_path / "checkpoint.pt"
    finished = run.run(run.start(), checkpoint=path, checkpoint_seconds=3600.0)
    state = run.start()
    assert checkpoint.restore(path, state)
    assert state.iteration == run.schedule.iterations
    run.run(state)  # nothing is left to do
    assert weights_sha256(state.params) == weights_sha256(finished.params)


def test_checkpoints_are_written_at_the_interval_only(glyph_data, tmp_path, monkeypatch):
    run = training("sinusoid", glyph_data)
    saved = []
    monkeypatch.setattr(checkpoint, "save", lambda path, state: saved.append(state.iteration))
    run.run(run.start(), checkpoint=tmp_path / "x", checkpoint_seconds=3600.0)
    assert saved == [11]
    saved.clear()
    run.run(run.start(), checkpoint=tmp_path / "x", checkpoint_seconds=0.0)
    assert saved == list(range(1, 12))


def test_a_stop_at_the_very_end_is_no_stop(glyph_data):
    run = training("sinusoid", glyph_data, iterations=4)
    state = run.run(run.start(), stop=stop_after(4))
    assert state.iteration == 4


def test_progress_is_told_every_iteration(glyph_data):
    run = training("sinusoid", glyph_data, iterations=4)
    seen = []
    run.run(run.start(), progress=lambda state: seen.append(state.iteration))
    assert seen == [1, 2, 3, 4]


def test_a_curve_point_is_the_mean_since_the_last(glyph_data):
    each = training("sinusoid", glyph_data, iterations=6, every=1)
    pairs = training("sinusoid", glyph_data, iterations=6, every=2)
    single = each.run(each.start()).curve
    double = pairs.run(pairs.start()).curve
    assert [point[0] for point in double] == [2, 4, 6]
    for number, (_, loss, metric, validation) in enumerate(double):
        two = single[2 * number : 2 * number + 2]
        assert loss == pytest.approx(sum(point[1] for point in two) / 2)
        assert metric == pytest.approx(sum(point[2] for point in two) / 2)
        assert np.isfinite(validation)


def test_training_lowers_the_loss(glyph_data):
    run = training("sinusoid", glyph_data, iterations=600, every=100, meta_lr=0.01)
    run.method = "oracle"
    curve = run.run(run.start()).curve
    assert curve[-1][1] < 0.5 * curve[0][1]
    assert curve[-1][3] < 0.5 * curve[0][3]


def test_seeds_train_other_weights(glyph_data):
    weights = set()
    for seed in (0, 0, 1):
        run = training("sinusoid", glyph_data, iterations=2, seed=seed)
        weights.add(weights_sha256(run.run(run.start()).params))
    assert len(weights) == 2


def test_divergence_is_told_and_not_checkpointed(glyph_data, tmp_path):
    run = training("sinusoid", glyph_data, inner_lr=1e30, every=2)
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Diverged, match="not finite at iteration"):
        run.run(run.start(), checkpoint=path, checkpoint_seconds=0.0)
    state = run.start()
    if checkpoint.restore(path, state):
        assert all(value.isfinite().all() for value in state.params.values())


def test_the_clip_is_for_each_element_of_the_meta_gradient(glyph_data):
    def gradient(clip: float | None) -> torch.Tensor:
        run = training("glyphs", glyph_data, iterations=1, meta_grad_clip=clip)
        state = run.run(run.start())
        return torch.cat([value.grad.flatten() for value in state.params.values()])

    free = gradient(None)
    bound = float(free.abs().median())
    clipped = gradient(bound)
    assert torch.equal(clipped, free.clamp(-bound, bound))
    assert 0.3 < float((clipped != free).float().mean()) < 0.7
