"""The runs of the accuracy gate: small, deterministic, minutes on two cores.

None is a reproduction. Each is long enough to learn and small enough for CI, and all of them
together notice a method that is broken: `tests/launch/test_gate.py` breaks it and looks.
"""

from suite.launch.plans import Job

REFERENCE_SEEDS = tuple(range(10))
SEEDS = REFERENCE_SEEDS[:5]

_SMALL = ("hidden=[16,16,16,16]", "tasks_per_batch=8")
# Several large inner steps: here the second order matters after few iterations.
_SINUSOID = ("inner_lr=0.02", "inner_steps=5", "k_shot=5", "n_query=5")

DIFFERENCES = (("maml", "fomaml"),)
"""Methods of one cell each whose difference is watched too. Without the second order there is none,
and seeds, which have their tasks in common, cancel in it."""
MARGINS = {"accuracy": 0.03, "mse": 0.3}
"""By metric, the greatest move of a mean over seeds that does not matter; half of it for a
difference."""


def gate_jobs(seeds: tuple[int, ...] = SEEDS) -> list[Job]:
    """The runs, the longest last."""
    sinusoid = [
        Job(
            setting="sinusoid",
            method=method,
            seeds=seeds,
            iterations=800,
            changes=_SINUSOID,
            protocols=("5-shot",),
        )
        for method in ("maml", "fomaml")
    ]
    images = [
        Job(setting=setting, method="maml", seeds=seeds, iterations=200, changes=_SMALL)
        for setting in ("glyphs-5way-1shot", "omniglot-5way-1shot")
    ]
    return [*sinusoid, *images]
