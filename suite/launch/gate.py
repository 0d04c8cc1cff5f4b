"""The runs of the accuracy gate: small, deterministic, minutes on two cores.

None is a reproduction. Each is long enough to learn and small enough for CI, and all of them
together notice a method that is broken: `tests/launch/trials.py` has ten ways to break one.
"""

from suite.launch.plans import Job

SEEDS = tuple(range(10))

_FILTERS = "hidden=[16,16,16,16]"
_SMALL = (_FILTERS, "tasks_per_batch=8")
# Several large inner steps: here the second order matters after few iterations.
_SINUSOID = ("inner_lr=0.02", "inner_steps=5", "k_shot=5", "n_query=5")

GATE = (
    *(
        Job(setting=setting, method="maml", seeds=SEEDS, iterations=200, changes=_SMALL)
        for setting in ("omniglot-5way-1shot", "glyphs-5way-1shot")
    ),
    *(
        Job(
            setting="sinusoid",
            method=method,
            seeds=SEEDS,
            iterations=800,
            changes=_SINUSOID,
            protocols=("5-shot",),
        )
        for method in ("maml", "fomaml")
    ),
)
"""The longest first, so that two processes end together."""
