"""The runs of the accuracy gate: small, deterministic, minutes on two cores.

None is a reproduction. Each is long enough to learn and small enough for CI, and all of them
together notice a method that is broken: `tests/launch/trials.py` has ways to break one, and
`docs/gate.md` says which of them are noticed.
"""

from suite.launch.plans import Job

_FILTERS = "hidden=[16,16,16,16]"
_SMALL = (_FILTERS, "tasks_per_batch=8")
# A short episode and a small memory: a class is recognised from its second image on after 400
# iterations.
_MEMORY = (
    *("units=64", "heads=2", "rows=16", "width=20", "side=10"),
    *("k_shot=4", "meta_lr=0.003"),
)
# Several large inner steps: here the second order matters after few iterations.
_SINUSOID = ("inner_lr=0.02", "inner_steps=5", "k_shot=5", "n_query=5")

GATE = (
    *(
        Job(setting=setting, method="maml", seeds=seeds, iterations=200, changes=_SMALL)
        for setting, seeds in (
            ("omniglot-5way-1shot", tuple(range(30))),
            ("glyphs-5way-1shot", tuple(range(14))),
        )
    ),
    Job(
        setting="glyphs-5way-1shot",
        method="matching-networks",
        seeds=tuple(range(10)),
        iterations=200,
        changes=(_FILTERS,),
    ),
    Job(
        setting="glyphs-5way-1shot",
        method="mann",
        seeds=tuple(range(10)),
        iterations=400,
        changes=_MEMORY,
    ),
    *(
        Job(
            setting="sinusoid",
            method=method,
            seeds=tuple(range(10)),
            iterations=800,
            changes=_SINUSOID,
            protocols=("5-shot",),
        )
        for method in ("maml", "fomaml")
    ),
)
"""The longest first, so that two processes end together. `docs/gate.md` has what each row notices
with so many seeds."""
