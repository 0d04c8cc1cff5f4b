"""The gate lets a sound method pass, and stops one that is broken in any of five known ways."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

import baselines.few_shot
import baselines.maml
import suite.inner.adapt
from suite.cli.commands import Run
from suite.cli.run import run_command
from suite.data.episodes import EpisodeStream
from suite.data.sinusoid import SinusoidStream
from suite.launch.gate import SEEDS, gate_jobs
from suite.models import build_network
from suite.models.layers import BATCH_NORM_EPS
from suite.registry import Registry
from suite.registry.references import read_references
from suite.report.cells import collect
from suite.report.check import check_runs, exit_code

REFERENCES = Path(__file__).parents[2] / "results" / "references.json"
GLYPHS, SINUSOID = "glyphs-5way-1shot", "sinusoid"
WITHOUT = ("omniglot",)
# No seed of the references.
FRESH = tuple(range(10, 20))

pytestmark = pytest.mark.slow


def run(root: Path, setting: str, method: str = "maml", seeds: tuple[int, ...] = SEEDS) -> None:
    """The gate's own run of that setting and method, as `suite check --run` starts it."""
    (job,) = (job for job in gate_jobs(seeds) if (job.setting, job.method) == (setting, method))
    threads = torch.get_num_threads()
    code = run_command(
        Run(
            setting=setting,
            method=method,
            seeds=(seeds,),
            schedule="short" if job.short else "paper",
            iterations=job.iterations,
            changes=(job.changes,) if job.changes else (),
            protocols=(job.protocols,),
            results=root / "results",
            device="cpu",
            threads=1,
            checkpoint_every="10m",
            checkpoints=root / "checkpoints",
            engine="eager",
        )
    )
    torch.set_num_threads(threads)
    assert code == 0


def checks(root: Path) -> dict[str, str]:
    """Status by name, of what was run."""
    cells = collect(Registry(root / "results").records()).cells
    found = check_runs(read_references(REFERENCES), cells, WITHOUT)
    print("\n".join(f"{check.status}: {check.name}: {check.detail}" for check in found))
    return {check.name: check.status for check in found if check.status in ("passed", "failed")}


def test_ten_clean_seeds_pass(tmp_path):
    for setting, method in ((SINUSOID, "maml"), (SINUSOID, "fomaml"), (GLYPHS, "maml")):
        run(tmp_path, setting, method, FRESH)
    assert set(checks(tmp_path).values()) == {"passed"}
    assert len(checks(tmp_path)) == 4


def first_order(patch: pytest.MonkeyPatch) -> None:
    losses = baselines.maml.query_losses

    def broken(learner, batch, order):
        return losses(learner, batch, "first")

    patch.setattr(baselines.maml, "query_losses", broken)


def leak(patch: pytest.MonkeyPatch) -> None:
    draw = SinusoidStream.batch

    def broken(*arguments, **named):
        batch = draw(*arguments, **named)
        return type(batch)(
            support_x=batch.support_x,
            support_y=batch.support_y,
            query_x=batch.support_x,
            query_y=batch.support_y,
        )

    patch.setattr(SinusoidStream, "batch", broken)


def wrong_statistics(patch: pytest.MonkeyPatch) -> None:
    filters = 16

    def of_the_next_task(x):
        """By the mean and the variance of the images of another task of the meta-batch."""
        over = [0, *range(2, x.ndim)]
        variance, mean = torch.var_mean(
            x.roll(filters, dims=1), dim=over, correction=0, keepdim=True
        )
        return (x - mean) / (variance + BATCH_NORM_EPS).sqrt()

    def broken(config):
        network = build_network(config)
        return replace(network, forward=partial(network.forward, statistics=of_the_next_task))

    patch.setattr(baselines.few_shot, "build_network", broken)


def small_steps(patch: pytest.MonkeyPatch) -> None:
    loop = suite.inner.adapt.inner_loop

    def broken(*arguments, lr, **named):
        return loop(*arguments, lr=0.2 * lr, **named)

    patch.setattr(suite.inner.adapt, "inner_loop", broken)


def shuffled_labels(patch: pytest.MonkeyPatch) -> None:
    draw = EpisodeStream.batch

    def broken(*arguments, **named):
        batch = draw(*arguments, **named)
        return type(batch)(
            support_x=batch.support_x,
            support_y=batch.support_y,
            query_x=batch.query_x,
            query_y=(batch.query_y + 1) % 5,
        )

    patch.setattr(EpisodeStream, "batch", broken)


@pytest.mark.parametrize(
    ("break_it", "setting"),
    [
        (first_order, SINUSOID),
        (leak, SINUSOID),
        (wrong_statistics, GLYPHS),
        (small_steps, GLYPHS),
        (shuffled_labels, GLYPHS),
    ],
)
def test_a_broken_method_fails(break_it, setting, tmp_path, monkeypatch):
    if break_it is first_order:
        run(tmp_path, setting, "fomaml")
    break_it(monkeypatch)
    run(tmp_path, setting)
    assert "failed" in checks(tmp_path).values()


def test_nothing_to_look_at_is_no_pass():
    found = check_runs(read_references(REFERENCES), (), WITHOUT)
    assert exit_code(found) == 2
