"""Ways to break a method, and ways to change a run that do no harm, each on one row of the gate.

`tests/launch/record_gate.py` runs them and keeps their scores, since all of them take an hour.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import baselines.few_shot
import baselines.maml
import baselines.matching_networks
import suite.data.episodes
import suite.inner.adapt
import suite.models.layers
import suite.models.normalised
import suite.run.train
from baselines.mann import Episode, Mann
from suite.cli.commands import Run
from suite.cli.run import run_command
from suite.data.episodes import EpisodeStream
from suite.data.sinusoid import SinusoidStream
from suite.data.tasks import TaskBatch
from suite.inner.loop import inner_loop
from suite.launch.gate import GATE
from suite.launch.plans import Job
from suite.models import Network, build_network
from suite.models.layers import BATCH_NORM_EPS
from suite.outer.optimizer import OuterOptimizer, adam
from suite.outer.snapshot import Snapshot, Training, initial
from suite.registry import Registry
from suite.report.cells import Cell, collect
from suite.settings import Config

GLYPHS, OMNIGLOT, SINUSOID = "glyphs-5way-1shot", "omniglot-5way-1shot", "sinusoid"
FEW = (0, 1, 2)
"""The seeds of what is noticed with so few."""

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One row of the gate, run in another way."""

    name: str
    setting: str
    method: str = "maml"
    breaks: Patch | None = None
    """What breaks the method; None for a change that does no harm."""
    changes: Patch | None = None
    """What changes the code and does no harm."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of `suite run`."""
    environment: dict[str, str] = field(default_factory=dict)
    """Variables that must stand before torch is loaded."""
    few: tuple[int, ...] = ()
    """The seeds that it is run with, if not all of the row's."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those that it is run with."""
        return self.few or job_of(self).seeds

    @property
    def title(self) -> str:
        """Its name, and on what."""
        return f"{self.name}: {self.setting} {self.method}"


def job_of(trial: Trial) -> Job:
    """The gate's run of the trial's row."""
    (job,) = (job for job in GATE if (job.setting, job.method) == (trial.setting, trial.method))
    return job


def run(trial: Trial, folder: Path, seeds: tuple[int, ...] | None = None) -> Cell:
    """Run the row as `suite check --run` does, but for what the trial changes; its cell.

    With the trial's own seeds, where no others are given.
    """
    job = job_of(trial)
    threads = torch.get_num_threads()
    asked: dict[str, Any] = {"threads": 1, "engine": "eager"} | trial.options
    with pytest.MonkeyPatch.context() as patch:
        for change in filter(None, (trial.breaks, trial.changes)):
            change(patch)
        code = run_command(
            Run(
                setting=job.setting,
                method=job.method,
                seeds=(seeds or trial.seeds,),
                iterations=job.iterations,
                changes=(job.changes,),
                protocols=(job.protocols,) if job.protocols else (),
                results=folder / "results",
                device="cpu",
                checkpoint_every="10m",
                checkpoints=folder / "checkpoints",
                **asked,
            )
        )
    torch.set_num_threads(threads)
    assert code == 0
    (cell,) = collect(Registry(folder / "results").records()).cells
    return cell


def first_order(patch: pytest.MonkeyPatch) -> None:
    """The inner gradients are constants."""
    losses = baselines.maml.query_losses

    def broken(learner: Any, batch: TaskBatch, order: str) -> tuple[Tensor, Tensor]:
        return losses(learner, batch, "first")

    patch.setattr(baselines.maml, "query_losses", broken)


def leak(patch: pytest.MonkeyPatch) -> None:
    """The support set stands in the query's place."""
    draw = SinusoidStream.batch

    def broken(*arguments: Any, **named: Any) -> TaskBatch:
        batch = draw(*arguments, **named)
        return replace(batch, query_x=batch.support_x, query_y=batch.support_y)

    patch.setattr(SinusoidStream, "batch", broken)


def wrong_statistics(patch: pytest.MonkeyPatch) -> None:
    """Images are normalised by those of another task of the meta-batch."""
    filters = 16

    def of_the_next_task(x: Tensor) -> Tensor:
        over = [0, *range(2, x.ndim)]
        variance, mean = torch.var_mean(
            x.roll(filters, dims=1), dim=over, correction=0, keepdim=True
        )
        normalised: Tensor = (x - mean) / (variance + BATCH_NORM_EPS).sqrt()
        return normalised

    def broken(config: Config) -> Network:
        network = build_network(config)
        return replace(network, forward=partial(network.forward, statistics=of_the_next_task))

    patch.setattr(baselines.few_shot, "build_network", broken)


def small_steps(patch: pytest.MonkeyPatch) -> None:
    """The inner step is a fifth as long."""

    def broken(*arguments: Any, lr: float, **named: Any) -> Any:
        return inner_loop(*arguments, lr=0.2 * lr, **named)

    patch.setattr(suite.inner.adapt, "inner_loop", broken)


def shuffled_labels(patch: pytest.MonkeyPatch) -> None:
    """Queries have the label of another class."""
    draw = EpisodeStream.batch

    def broken(*arguments: Any, **named: Any) -> TaskBatch:
        batch = draw(*arguments, **named)
        return replace(batch, query_y=(batch.query_y + 1) % 5)

    patch.setattr(EpisodeStream, "batch", broken)


def great_epsilon(patch: pytest.MonkeyPatch) -> None:
    """Batch normalisation adds 0.3 to every variance, and not 0.001."""
    for module in (suite.models.layers, suite.models.normalised):
        patch.setattr(module, "BATCH_NORM_EPS", 0.3)


def half_meta_step(patch: pytest.MonkeyPatch) -> None:
    """Adam's steps are half as long."""

    def broken(params: Any, lr: float, *, capturable: bool) -> OuterOptimizer:
        return adam(params, 0.5 * lr, capturable=capturable)

    patch.setattr(baselines.few_shot, "adam", broken)


class _Uncorrected(torch.optim.Adam):
    """Adam that takes its averages for as old as they ever become: nothing corrects their bias."""

    _OLD = 1e6

    def step(self, closure: Any = None) -> Any:
        for state in self.state.values():
            if state["step"] < self._OLD:
                state["step"] += self._OLD
        return super().step(closure)


def no_bias_correction(patch: pytest.MonkeyPatch) -> None:
    """Adam does not correct its averages, which start at zero."""

    def broken(params: Any, lr: float, *, capturable: bool) -> OuterOptimizer:
        return _Uncorrected(params, lr=lr, eps=1e-8, fused=True, capturable=capturable)

    patch.setattr(baselines.few_shot, "adam", broken)


def rotation_per_image(patch: pytest.MonkeyPatch) -> None:
    """Each image of a class is turned by its own quarter turns."""
    own = suite.data.episodes.pixels

    def broken(
        source: Tensor, classes: Tensor, images: Tensor, turns: Tensor, *, rotations: bool
    ) -> Tensor:
        # Images are drawn, so their numbers are as random as turns.
        each = [
            own(source, classes, one, (turns + one[..., 0]) % 4, rotations=rotations)
            for one in images.split(1, dim=2)
        ]
        return torch.cat(each, dim=2)

    patch.setattr(suite.data.episodes, "pixels", broken)


def shared_image(patch: pytest.MonkeyPatch) -> None:
    """The first query image is the first of the support set."""
    draw = EpisodeStream.batch

    def broken(*arguments: Any, **named: Any) -> TaskBatch:
        batch = draw(*arguments, **named)
        query_x = torch.cat((batch.support_x[:, :1], batch.query_x[:, 1:]), dim=1)
        return replace(batch, query_x=query_x)

    patch.setattr(EpisodeStream, "batch", broken)


def softmax_over_queries(patch: pytest.MonkeyPatch) -> None:
    """The probabilities of a class add up to one over the queries, not those of a query."""
    own = baselines.matching_networks.class_log_probabilities

    def broken(similarities: Tensor, labels: Tensor, classes: int) -> Tensor:
        return own(similarities, labels, classes).log_softmax(1)

    patch.setattr(baselines.matching_networks, "class_log_probabilities", broken)


def told_at_once(patch: pytest.MonkeyPatch) -> None:
    """Each image comes with its own label, not with that of the image before."""
    own = Mann.episode

    def broken(method: Mann, config: Config, batch: TaskBatch, *, distorted: bool) -> Episode:
        episode = own(method, config, batch, distorted=distorted)
        named = F.one_hot(episode.labels, config.n_way).to(episode.inputs)
        inputs = torch.cat((episode.inputs[..., : -config.n_way], named), dim=-1)
        return replace(episode, inputs=inputs)

    patch.setattr(Mann, "episode", broken)


def rounded_weights(patch: pytest.MonkeyPatch) -> None:
    """Half of the initial weights are off by the last of their digits."""

    def changed(params: dict[str, Tensor], training: Training | None = None) -> Snapshot:
        random = torch.Generator().manual_seed(0)
        off = {
            name: value * (1.0 + 2.0**-23 * torch.randint(2, value.shape, generator=random))
            for name, value in params.items()
        }
        return initial(off, training)

    patch.setattr(suite.run.train, "initial_of", changed)


BROKEN = (
    Trial(name="first order", setting=SINUSOID, breaks=first_order),
    Trial(name="the support set as query", setting=SINUSOID, breaks=leak),
    Trial(name="a fifth of the inner step", setting=SINUSOID, breaks=small_steps),
    Trial(name="half the meta step", setting=SINUSOID, breaks=half_meta_step),
    Trial(name="no bias correction", setting=SINUSOID, breaks=no_bias_correction),
    Trial(name="statistics of another task", setting=GLYPHS, breaks=wrong_statistics, few=FEW),
    Trial(name="shuffled labels", setting=GLYPHS, breaks=shuffled_labels, few=FEW),
    Trial(name="a rotation per image", setting=GLYPHS, breaks=rotation_per_image, few=FEW),
    Trial(name="a query shares one support image", setting=GLYPHS, breaks=shared_image, few=FEW),
    Trial(name="an epsilon of 0.3", setting=OMNIGLOT, breaks=great_epsilon),
    Trial(
        name="a softmax over queries",
        setting=GLYPHS,
        method="matching-networks",
        breaks=softmax_over_queries,
    ),
    Trial(name="told at once", setting=GLYPHS, method="mann", breaks=told_at_once, few=FEW),
)

_NO_VECTORS = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
}
_PLAIN: dict[str, Any] = {"name": "a processor without AVX", "environment": _NO_VECTORS}
_ROUNDED: dict[str, Any] = {"name": "initial weights off by rounding", "changes": rounded_weights}
_THREADS: dict[str, Any] = {"name": "two threads", "options": {"threads": 2}}


def _chunks(tasks: int) -> dict[str, Any]:
    return {"name": f"tasks in chunks of {tasks}", "options": {"tasks_per_chunk": tasks}}


def _way(way: str) -> dict[str, Any]:
    return {"name": f"blocks {way}", "options": {"engine": f"eager, {way}"}}


_TOGETHER: dict[str, Any] = {"name": "two seeds together", "options": {"seeds_together": 2}}

SOME = (0, 1, 2, 3, 4)
CLEAN = (
    *(
        Trial(setting=SINUSOID, method=method, **change)
        for change in (_PLAIN, _ROUNDED, _THREADS, _chunks(2), _chunks(5), _chunks(10), _TOGETHER)
        for method in ("maml", "fomaml")
    ),
    *(
        Trial(setting=setting, few=SOME, **change)
        for change in (_ROUNDED, _chunks(4), _way("grouped"))
        for setting in (GLYPHS, OMNIGLOT)
    ),
    *(
        Trial(setting=GLYPHS, method=method, few=SOME, **_ROUNDED)
        for method in ("matching-networks", "mann")
    ),
)
"""Changes that do no harm: what their scores differ by is what rounding does."""

TRIALS = (*BROKEN, *CLEAN)
