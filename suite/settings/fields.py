"""What each field of a configuration, a schedule and a protocol can be, and where it counts."""

from dataclasses import dataclass
from typing import Final

from suite.settings.datasets import DATA_SETS
from suite.settings.metrics import Problem
from suite.settings.rules import FLAG, HIDDEN, NULL, Rule, choice, number, whole
from suite.settings.schema import Setting

_COUNT, _STEPS, _ITERATIONS, _TASKS, _GOALS = 10_000, 100, 100_000_000, 1_000_000, 40
_WEIGHTS = choice("xavier-uniform", "truncated-normal-0.01", "torch7")
_HEAD = choice("xavier-uniform", "truncated-normal-0.01", "normal-1", "torch7")
_ROUNDED = choice("float32", "tf32", "bfloat16")
_SPLITS = choice("own", "vinyals")
_NETWORKS = choice("conv-stride", "conv-pool", "mlp-bn")
_STATISTICS = choice("batch-statistics", "support-statistics", "one-query")
_WHICH = choice("last", "best-validation")
_MANY, _POSITIVE, _CLIP = whole(1, _COUNT), number(), number().or_null()

_PROBLEMS: Final[dict[Problem, int]] = {"regression": 0, "classification": 1, "policies": 2}
"""The columns of the table."""

FIELDS: Final[dict[str, tuple[Rule | None, Rule | None, Rule | None]]] = {
    "dataset": (None, None, None),
    "network": (None, _NETWORKS, None),
    "hidden": (HIDDEN, HIDDEN, HIDDEN),
    "weight_init": (_WEIGHTS, _WEIGHTS, None),
    "head_init": (_HEAD, _HEAD, None),
    "batch_norm": (None, None, None),
    "adapt_beta": (None, FLAG, None),
    "n_way": (None, whole(2, _COUNT), None),
    "k_shot": (_MANY, _MANY, _MANY),
    "n_query": (_MANY, _MANY, _MANY),
    "rotations": (None, FLAG, None),
    "loss": (None, None, None),
    "loss_scale": (None, choice("sum-over-k", "mean"), None),
    "inner_lr": (_POSITIVE, _POSITIVE, _POSITIVE),
    "inner_steps": (whole(0, _STEPS), whole(0, _STEPS), None),
    "meta_lr": (_POSITIVE, _POSITIVE, None),
    "tasks_per_batch": (_MANY, _MANY, _MANY),
    "meta_grad_clip": (_CLIP, _CLIP, None),
    "precision": (_ROUNDED, _ROUNDED, choice("float32", "tf32")),
    "images_per_batch": (None, whole(2, _COUNT), None),
    "discount": (None, None, number(most=1)),
    "trust_region": (None, None, _POSITIVE),
    "fisher_tasks": (None, None, _MANY.or_null()),
    "fisher_every": (None, None, _MANY),
    "later_step_share": (None, None, _POSITIVE),
    "activation": (None, None, choice("relu", "tanh")),
    "split": (None, _SPLITS, None),
    "rotated_classes": (None, FLAG, None),
}
"""By field, for regression, classification and policies; None where nothing but a setting's own
value can stand."""

SCHEDULE: Final = {"iterations": whole(0, _ITERATIONS), "validate_every": whole(1, _ITERATIONS)}

PROTOCOL: Final[dict[str, tuple[Rule, Rule, Rule]]] = {
    "k_shot": (_MANY, _MANY, _MANY),
    "n_query": (_MANY, _MANY, _MANY),
    "tasks": (whole(1, _TASKS), whole(1, _TASKS), whole(1, _GOALS)),
    "steps": (whole(0, _STEPS), whole(0, _STEPS), whole(0, _STEPS)),
    "report_step": (whole(0, _STEPS), whole(0, _STEPS), whole(0, _STEPS)),
    "batch_norm": (choice("none"), _STATISTICS, choice("none")),
    "checkpoint": (_WHICH, _WHICH, _WHICH),
    "n_way": (NULL, whole(2, _COUNT).or_null(), NULL),
}
"""Likewise; a protocol has a name and a version beside that."""


@dataclass(frozen=True, kw_only=True)
class Images:
    """What a data set has room for."""

    classes: int
    """How many the smallest of its three parts has."""
    of_class: int
    labelled: int
    """How many images a mini-batch is drawn from: 5 of each training class."""
    halvings: int
    """How often its images can be halved."""


def images_of(setting: Setting) -> Images | None:
    """What the data set of `setting` has room for; None where it has no images."""
    entry = DATA_SETS[setting.config.dataset]
    if entry.classes is None or entry.shape is None:
        return None
    return Images(
        classes=min(entry.classes),
        of_class=entry.images_of_class,
        labelled=5 * entry.classes[0],
        halvings=min(entry.shape[1:]).bit_length() - 1,
    )


def rules(setting: Setting) -> dict[str, Rule | None]:
    """The column of the table for `setting`, in the bounds of its data."""
    found = {name: row[_PROBLEMS[setting.problem]] for name, row in FIELDS.items()}
    if images := images_of(setting):
        found["n_way"] = whole(2, images.classes)
        found["k_shot"] = found["n_query"] = whole(1, images.of_class - 1)
        found["images_per_batch"] = whole(2, images.labelled)
        if not DATA_SETS[setting.config.dataset].splits:
            found["split"] = None
    return found


def protocol_rules(setting: Setting, method: str) -> dict[str, Rule]:
    """What each field of a protocol can be for `method` in `setting`.

    A network without batch statistics is scored as in its own protocols.
    """
    found = {name: row[_PROBLEMS[setting.problem]] for name, row in PROTOCOL.items()}
    if images := images_of(setting):
        found["k_shot"] = found["n_query"] = whole(1, images.of_class - 1)
    recipe = setting.recipe(method)
    if recipe.config.batch_norm != "batch-statistics":
        own = dict.fromkeys(each.batch_norm for each in recipe.protocols)
        found["batch_norm"] = choice(*own)
    return found
