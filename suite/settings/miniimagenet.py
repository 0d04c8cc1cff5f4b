"""mini-ImageNet: paper, section 5.2, Table 1 and appendix A.1."""

import dataclasses

from suite.settings.metrics import ACCURACY
from suite.settings.recipes import PROTOCOL_NAME, image_recipes
from suite.settings.rivals import rival_footnotes, rival_numbers, rival_recipes, rivals_of
from suite.settings.schema import NO_POLICIES, Config, PaperNumber, Protocol, Setting

_SOURCES = {
    "dataset": "paper 5.2; Ravi and Larochelle's csv files",
    "network": "paper 5.2; authors' maml.py",
    "hidden": "paper 5.2",
    "weight_init": "authors' maml.py",
    "head_init": "authors' maml.py",
    "batch_norm": "authors' utils.py: batch statistics always, no gamma",
    "adapt_beta": "authors' utils.py: beta is not among the adapted weights",
    "n_way": "paper, Table 1",
    "k_shot": "paper, Table 1",
    "n_query": "paper A.1; authors' main.py",
    "rotations": "authors' data_generator.py: Omniglot only",
    "loss": "paper, equation 3",
    "loss_scale": "authors' utils.py, xent",
    "inner_lr": "paper A.1; authors' main.py usage",
    "inner_steps": "paper A.1",
    "meta_lr": "authors' main.py, meta_lr",
    "tasks_per_batch": "paper A.1: 4 (1-shot) and 2 (5-shot)",
    "meta_grad_clip": "authors' maml.py",
    "precision": "authors' code: float32",
    "images_per_batch": "not for meta-learning",
    **NO_POLICIES,
    "split": "paper 5.2; Ravi and Larochelle's csv files",
    "rotated_classes": "Omniglot only",
    "iterations": "paper A.1",
    "protocol": "authors' main.py: 600 tasks, K queries a class; 10 steps: paper A.1",
}

_TABLE_1 = {
    1: {
        "maml": (0.4870, 0.0184),
        "fomaml": (0.4807, 0.0175),
        "fine-tuning": (0.2886, 0.0054),
        "nearest-neighbour": (0.4108, 0.0070),
    },
    5: {
        "maml": (0.6311, 0.0092),
        "fomaml": (0.6315, 0.0091),
        "fine-tuning": (0.4979, 0.0079),
        "nearest-neighbour": (0.5104, 0.0065),
    },
}

_METHODS = ("maml", "fomaml", "fine-tuning", "nearest-neighbour", "pretraining")
_COPIED = ("fine-tuning", "nearest-neighbour")
"""Rows that the paper took from Ravi and Larochelle, 15 queries a class."""


def _config(k_shot: int) -> Config:
    return Config(
        dataset="miniimagenet",
        network="conv-pool",
        hidden=(32, 32, 32, 32),
        weight_init="xavier-uniform",
        head_init="xavier-uniform",
        batch_norm="batch-statistics",
        adapt_beta=False,
        n_way=5,
        k_shot=k_shot,
        n_query=15,
        rotations=False,
        loss="cross-entropy",
        loss_scale="sum-over-k",
        inner_lr=0.01,
        inner_steps=5,
        meta_lr=0.001,
        tasks_per_batch=4 if k_shot == 1 else 2,
        meta_grad_clip=10.0,
        precision="float32",
    )


def _setting(k_shot: int) -> Setting:
    config = _config(k_shot)
    return Setting(
        id=f"miniimagenet-5way-{k_shot}shot",
        title=f"mini-ImageNet, 5-way {k_shot}-shot",
        metric=dataclasses.replace(ACCURACY, decimals=2, paper_decimals=2),
        config=config,
        iterations=60_000,
        short_iterations=100,
        short_tasks=50,
        validate_every=500,
        protocols=(
            Protocol(
                name="authors",
                k_shot=k_shot,
                n_query=k_shot,
                tasks=600,
                steps=10,
                report_step=10,
                batch_norm="batch-statistics",
                checkpoint="last",
                version=1,
            ),
        ),
        methods=_METHODS + rivals_of(config),
        paper=tuple(
            PaperNumber(
                method=method,
                protocol=PROTOCOL_NAME if method in _COPIED else "authors",
                step=None,
                value=value,
                ci95_tasks=interval,
                source="paper, Table 1",
            )
            for method, (value, interval) in _TABLE_1[k_shot].items()
        )
        + rival_numbers(config),
        margin=0.03 if k_shot == 1 else 0.02,
        footnotes=(
            "loss-scale",
            "batch-norm",
            "k-queries",
            "fresh-tasks",
            "mini-split",
            "mini-clip",
            "baselines",
            "fine-tuning",
            "nearest-neighbour",
            "linear-head",
            *rival_footnotes(config),
        )
        + (("mini-batch",) if k_shot == 5 else ()),
        sources=_SOURCES,
        recipes=image_recipes(
            config,
            queries={PROTOCOL_NAME: 15},
            hidden=(64, 64, 64, 64),
            short_iterations=150,
        )
        | rival_recipes(config),
    )


MINIIMAGENET = (_setting(1), _setting(5))
