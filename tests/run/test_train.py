"""The training loop: resumed equals undisturbed, and what it refuses to go on with."""

from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
import torch

from baselines import method_of
from suite.data.images import ImageData
from suite.data.source import TaskSource, task_source
from suite.errors import Stopped
from suite.inner.learner import Learner
from suite.models import Network
from suite.outer.engine import Engine
from suite.outer.snapshot import Snapshot, weights_sha256
from suite.outer.state import TrainingState, stack, unstack
from suite.run import checkpoint
from suite.run.train import Diverged, Hooks, initial_snapshot, train
from suite.settings import Config, Schedule, get_setting

CPU = torch.device("cpu")
EAGER = Engine(kind="eager")
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
    """One training, of one or several seeds, that can be run in pieces."""

    config: Config
    source: TaskSource
    schedule: Schedule
    seeds: tuple[int, ...]
    method: str = "maml"

    @property
    def network(self) -> Network:
        return method_of(get_setting("sinusoid"), self.method).network(self.config, 0)

    def fresh(self) -> list[Snapshot]:
        return [initial_snapshot(self.network, seed) for seed in self.seeds]

    def start(self) -> TrainingState:
        return stack(self.fresh(), self.config, CPU)

    def saved(self, paths) -> TrainingState:
        """From checkpoints, all of which must be readable."""
        pairs = zip(paths, self.fresh(), strict=True)
        return stack([checkpoint.load(path, like) for path, like in pairs], self.config, CPU)

    def run(self, state: TrainingState, engine=EAGER, **hooks) -> TrainingState:
        learner = Learner(config=self.config, network=self.network, params=state.params)
        streams = (self.source.streams("train"), self.source.streams("validation"))
        method = method_of(get_setting("sinusoid"), self.method)
        train(method, learner, self.schedule, streams, state, Hooks(**hooks), engine)
        return state


def training(kind: str, glyph_data, *, iterations=11, every=3, seeds=(0,), **options) -> Training:
    config = replace(CONFIGS[kind], **options)
    source = task_source(config, seeds, CPU, None if kind == "sinusoid" else glyph_data)
    schedule = Schedule(name="shortened", iterations=iterations, validate_every=every)
    return Training(config=config, source=source, schedule=schedule, seeds=seeds)


def weights(state: TrainingState) -> list[str]:
    return [weights_sha256(snapshot.params) for snapshot in unstack(state)]


def stop_after(count: int):
    """A stop hook that gives its reason once `count` iterations are done."""
    calls = iter([None] * (count - 1))
    return lambda: next(calls, "enough")


@pytest.mark.parametrize("seeds", [(0,), (3, 1)])
@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("method", ["maml", "fomaml"])
def test_stopped_and_resumed_equals_undisturbed(kind, method, seeds, glyph_data, tmp_path):
    run = training(kind, glyph_data, seeds=seeds)
    run.method = method
    undisturbed = run.run(run.start())
    paths = tuple(tmp_path / f"{seed}.pt" for seed in seeds)
    state = run.start()
    for part in (2, 3, 2):  # never at a point of the curve alone
        with pytest.raises(Stopped, match="enough"):
            run.run(state, checkpoints=paths, stop=stop_after(part))
        state = run.saved(paths)
    assert state.iteration == 7
    assert [history.resumes for history in state.histories] == [3] * len(seeds)
    run.run(state, checkpoints=paths)
    assert weights(state) == weights(undisturbed)
    assert weights(state) != weights(run.start())
    for ours, theirs in zip(state.histories, undisturbed.histories, strict=True):
        assert ours.curve == theirs.curve
        assert [point[0] for point in ours.curve] == [3, 6, 9]
    assert torch.equal(state.sums, undisturbed.sums)


def test_the_end_is_a_checkpoint_too(glyph_data, tmp_path):
    run = training("sinusoid", glyph_data)
    path = tmp_path / "checkpoint.pt"
    finished = run.run(run.start(), checkpoints=(path,), checkpoint_seconds=3600.0)
    state = run.saved([path])
    assert state.iteration == run.schedule.iterations
    run.run(state)  # nothing is left to do
    assert weights(state) == weights(finished)


def test_checkpoints_are_written_at_the_interval_only(glyph_data, tmp_path, monkeypatch):
    run = training("sinusoid", glyph_data)
    saved = []
    monkeypatch.setattr(checkpoint, "save", lambda path, snapshot: saved.append(snapshot.iteration))
    run.run(run.start(), checkpoints=(tmp_path / "x",), checkpoint_seconds=3600.0)
    assert saved == [11]
    saved.clear()
    run.run(run.start(), checkpoints=(tmp_path / "x",), checkpoint_seconds=0.0)
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
    single = each.run(each.start()).histories[0].curve
    double = pairs.run(pairs.start()).histories[0].curve
    assert [point[0] for point in double] == [2, 4, 6]
    for number, (_, loss, metric, validation) in enumerate(double):
        two = single[2 * number : 2 * number + 2]
        assert loss == pytest.approx(sum(point[1] for point in two) / 2)
        assert metric == pytest.approx(sum(point[2] for point in two) / 2)
        assert np.isfinite(validation)


def test_training_lowers_the_loss(glyph_data):
    run = training("sinusoid", glyph_data, iterations=600, every=100, meta_lr=0.01)
    run.method = "oracle"
    curve = run.run(run.start()).histories[0].curve
    assert curve[-1][1] < 0.5 * curve[0][1]
    assert curve[-1][3] < 0.5 * curve[0][3]


def test_seeds_train_other_weights(glyph_data):
    found = set()
    for seed in (0, 0, 1):
        run = training("sinusoid", glyph_data, iterations=2, seeds=(seed,))
        found.update(weights(run.run(run.start())))
    assert len(found) == 2


def test_divergence_is_told_and_not_checkpointed(glyph_data, tmp_path):
    run = training("sinusoid", glyph_data, inner_lr=1e30, every=2)
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Diverged, match="not finite at iteration"):
        run.run(run.start(), checkpoints=(path,), checkpoint_seconds=0.0)
    if saved := checkpoint.load(path, run.fresh()[0]):
        assert all(value.isfinite().all() for value in saved.params.values())


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


def in_double(state: TrainingState) -> TrainingState:
    """The same training in float64."""
    moments = state.optimizer.state
    for value in state.params.values():
        value.data = value.data.double()
        for name in ("exp_avg", "exp_avg_sq"):
            moments[value][name] = moments[value][name].double()
    return state


class InDouble:
    """A source whose tasks are in float64."""

    def __init__(self, source: TaskSource) -> None:
        self._source = source

    def streams(self, name):
        return DoubleStream(self._source.streams(name))


@dataclass
class DoubleStream:
    stream: object

    @property
    def keys(self):
        return self.stream.keys

    def batch(self, *arguments):
        drawn = self.stream.batch(*arguments)
        return drawn.changed(lambda value: value.double() if value.is_floating_point() else value)


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        *(("sinusoid", method) for method in ("maml", "fomaml", "pretraining", "oracle")),
        *(("glyphs", method) for method in ("maml", "fomaml")),
    ],
)
def test_a_seed_in_company_equals_the_same_seed_alone(kind, method, glyph_data):
    seeds = (0, 5, 2)

    def trained(group: tuple[int, ...]) -> list[Snapshot]:
        run = training(kind, glyph_data, iterations=20, every=10, seeds=group)
        run.method, run.source = method, InDouble(run.source)
        return unstack(run.run(in_double(run.start())))

    for seed, together in zip(seeds, trained(seeds), strict=True):
        (alone,) = trained((seed,))
        for name, value in alone.params.items():
            assert value.dtype == torch.double
            assert torch.allclose(together.params[name], value, rtol=1e-9, atol=1e-9)
        assert np.allclose(together.history.curve, alone.history.curve, rtol=1e-9)


def test_a_seed_that_diverges_leaves_the_others_alone(glyph_data):
    run = training("sinusoid", glyph_data, iterations=6, every=6, seeds=(0, 1, 2))
    state = run.start()
    with torch.no_grad():
        state.params["head.bias"][1] = torch.nan
    with pytest.raises(Diverged) as caught:
        run.run(state)
    assert caught.value.indices == (1,)
    others = training("sinusoid", glyph_data, iterations=6, every=6, seeds=(0, 2))
    expected = unstack(others.run(others.start()))
    for ours, theirs in zip((unstack(state)[0], unstack(state)[2]), expected, strict=True):
        for name, value in theirs.params.items():
            assert torch.allclose(ours.params[name], value, rtol=1e-4, atol=1e-6)
