"""What a method heeds, found out: a changed field changes a record where it says so, else not."""

import dataclasses
import functools
import itertools

import msgspec
import numpy as np
import pytest
import torch

from baselines import method_of, neural_statistician
from baselines.fine_tuning import FineTuning
from baselines.memory_module import MemoryModule
from baselines.multi_task import MultiTask
from baselines.neural_statistician import NeuralStatistician
from baselines.policies import PretrainedPolicy
from suite.data.images import ImageData
from suite.registry import Record, Registry
from suite.run.execute import execute
from suite.run.request import Request
from suite.settings import METHODS, Config, get_setting
from suite.settings.fields import rules

ITERATIONS = 2
CHOICE = {"step_sizes": (0.1, 0.01), "validation_tasks": 4}
QUICK = {**CHOICE, "decays": (0.0,), "updates": 2}
NARROW = NeuralStatistician(sets=4, filters=(2, 3, 4), units=6, context=5, latent=3)
SLIM = {"filters": (16, 16, 32, 32), "keep": 1.0, "pixels": "ink"}

SMALL = {
    "sinusoid": {"hidden": (6,), "tasks_per_batch": 3},
    "glyphs-5way-1shot": {"hidden": (4, 4), "tasks_per_batch": 3},
    "point-navigation": {"hidden": (6,), "tasks_per_batch": 3, "k_shot": 2, "n_query": 2},
}
LABELLED = {"images_per_batch": 8}
# First-order MAML goes through the same code as MAML.
CASES = [
    (setting, method)
    for setting in SMALL
    for method in get_setting(setting).methods
    if method != "fomaml"
]

# Of each, the first that is another value.
OTHER = {
    "network": ("mlp-bn",),
    "hidden": ((5,),),
    "weight_init": ("torch7", "truncated-normal-0.01"),
    "head_init": ("torch7", "xavier-uniform"),
    "adapt_beta": (True,),
    "n_way": (4,),
    "k_shot": (3, 4),
    "n_query": (3, 4),
    "rotations": (False, True),
    "loss_scale": ("mean", "sum-over-k"),
    "inner_lr": (0.03,),
    "inner_steps": (2,),
    "meta_lr": (0.02,),
    "tasks_per_batch": (2,),
    "meta_grad_clip": (1e-4,),
    "precision": ("bfloat16",),
    "images_per_batch": (5,),
    "discount": (0.5,),
    "trust_region": (0.05,),
    "fisher_tasks": (1,),
    "fisher_every": (7,),
    "later_step_share": (0.1,),
    "activation": ("relu", "tanh"),
    "split": ("vinyals",),
    "rotated_classes": (True, False),
}


def fields(setting_id: str, method: str) -> list[str]:
    """Those of which a run on a CPU can tell whether they are heeded."""
    setting = get_setting(setting_id)
    found = [name for name, rule in rules(setting).items() if rule]
    if setting.problem == "policies":
        # The one other precision is of GPUs, and no training can have other units than ReLU.
        found.remove("precision")
        if METHODS[method].trains:
            found.remove("activation")
    if (
        setting.recipe(method).config.images_per_batch is None
        and setting.problem == "classification"
    ):
        # It would train a classifier of what is none.
        found.remove("images_per_batch")
    if setting.recipe(method).config.rotated_classes:
        # Together they are refused.
        found.remove("rotations")
    return found


@pytest.fixture(scope="module")
def drawings() -> ImageData:
    """Every class has its own noise, in the shape of Omniglot."""
    rng = np.random.default_rng(0)
    of_class = rng.integers(0, 200, (1623, 1, 1, 28, 28), dtype=np.uint8)
    return ImageData(
        name="glyphs",
        images=of_class + rng.integers(0, 56, (1623, 20, 1, 28, 28), dtype=np.uint8),
        classes=tuple(f"class{number:04}" for number in range(1623)),
        fingerprint="0",
        warnings=(),
    )


@pytest.fixture(scope="module")
def recorded(drawings, tmp_path_factory):
    """A function of setting, method and configuration: what the record of a very short run has."""
    numbers = itertools.count()

    @functools.cache
    def run(setting_id: str, method: str, config: Config):
        setting = get_setting(setting_id)
        first = setting.recipe(method).protocols[0]
        steps = min(2, first.steps)
        shots = {"k_shot": 3, "n_query": 3} if setting.problem == "policies" else {}
        folder = tmp_path_factory.mktemp(f"run{next(numbers)}")
        request = Request(
            setting=setting,
            method=method,
            seeds=(0,),
            config=config,
            schedule=setting.schedule(ITERATIONS if METHODS[method].trains else 0, method),
            protocols=(
                msgspec.structs.replace(
                    first, tasks=5, steps=steps, report_step=min(first.report_step, steps), **shots
                ),
            ),
            device=torch.device("cpu"),
            recorded=True,
            checkpoints=folder / "checkpoints",
        )
        images = drawings if setting.problem == "classification" else None
        outcome = execute(request, Registry(folder / "results"), images)
        assert outcome.failures == []
        return numbers_of(outcome.written[-1][1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FineTuning, "on", lambda self, _: dataclasses.replace(self, **QUICK))
        patch.setattr(neural_statistician, "NeuralStatistician", lambda: NARROW)
        patch.setattr(MemoryModule, "on", lambda self, _: dataclasses.replace(self, **SLIM))
        patch.setattr(PretrainedPolicy, "on", lambda self, _: dataclasses.replace(self, **CHOICE))
        patch.setattr(MultiTask, "on", lambda self, _: dataclasses.replace(self, updates=3))
        yield run


def numbers_of(record: Record):
    weights = record.provenance.weights_sha256, record.provenance.best_weights_sha256
    return record.per_task, record.selected, record.curve, weights


@pytest.mark.parametrize(
    ("setting_id", "method", "field"),
    [(*case, field) for case in CASES for field in fields(*case)],
)
def test_a_field_changes_the_record_if_it_is_heeded(recorded, setting_id, method, field):
    setting = get_setting(setting_id)
    own = setting.recipe(method).config
    small = SMALL[setting_id] | (LABELLED if own.images_per_batch else {})
    before = msgspec.structs.replace(own, **small)
    other = next(value for value in OTHER[field] if value != getattr(before, field))
    after = msgspec.structs.replace(before, **{field: other})
    same = recorded(setting_id, method, before) == recorded(setting_id, method, after)
    assert same == (field in method_of(setting, method).unheeded)
