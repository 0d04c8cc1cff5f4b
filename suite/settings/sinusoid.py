"""Sinusoid regression: paper, section 5.1 and appendices B and C."""

from suite.settings.metrics import MSE
from suite.settings.rivals import rival_numbers, rival_recipes, rivals_of
from suite.settings.schema import NO_IMAGES, NO_POLICIES, Config, PaperNumber, Protocol, Setting

_SHOTS = (5, 10, 20)
_TABLE_2 = {
    "maml": ((1, 0.67), (5, 0.38), (10, 0.35)),
    "pretraining": ((1, 2.41), (5, 2.23), (10, 2.19)),
}

_CONFIG = Config(
    dataset="sinusoid",
    network="mlp",
    hidden=(40, 40),
    weight_init="truncated-normal-0.01",
    head_init="truncated-normal-0.01",
    batch_norm="none",
    adapt_beta=False,
    n_way=1,
    k_shot=10,
    n_query=10,
    rotations=False,
    loss="mse",
    loss_scale="mean",
    inner_lr=0.001,
    inner_steps=1,
    meta_lr=0.001,
    tasks_per_batch=25,
    meta_grad_clip=None,
    precision="float32",
)

SINUSOID = Setting(
    id="sinusoid",
    title="Sinusoid regression",
    metric=MSE,
    config=_CONFIG,
    iterations=70_000,
    short_iterations=5_000,
    validate_every=1_000,
    protocols=tuple(
        Protocol(
            name=f"{shots}-shot",
            k_shot=shots,
            n_query=shots,
            tasks=600,
            steps=10,
            report_step=10,
            batch_norm="none",
            checkpoint="last",
            version=1,
        )
        for shots in _SHOTS
    ),
    methods=("maml", "fomaml", "pretraining", "random-init", "oracle", *rivals_of(_CONFIG)),
    paper=tuple(
        PaperNumber(
            method=method,
            protocol="5-shot",
            step=step,
            value=value,
            ci95_tasks=None,
            source="paper, Table 2",
        )
        for method, row in _TABLE_2.items()
        for step, value in row
    )
    + rival_numbers(_CONFIG),
    recipes=rival_recipes(_CONFIG),
    margin=0.25,
    footnotes=("sinusoid-lr", "sinusoid-pretraining", "sinusoid-oracle", "multi-task"),
    sources={
        "dataset": "paper 5.1; authors' data_generator.py",
        "network": "paper 5.1",
        "hidden": "paper 5.1",
        "weight_init": "authors' maml.py",
        "head_init": "authors' maml.py",
        "batch_norm": "authors' main.py, --norm=None",
        "adapt_beta": "no batch normalisation here",
        "n_way": "regression",
        "k_shot": "paper 5.1",
        "n_query": "authors' data_generator.py: 2K points a task, the last K are the query",
        "rotations": "no images here",
        "loss": "paper 5.1",
        "loss_scale": "authors' utils.py",
        "inner_lr": "authors' main.py default 0.001; the paper prints 0.01",
        "inner_steps": "paper 5.1",
        "meta_lr": "authors' main.py, meta_lr",
        "tasks_per_batch": "authors' main.py",
        "meta_grad_clip": "authors' maml.py: mini-ImageNet only",
        "precision": "authors' code: float32",
        "images_per_batch": "no images here",
        **NO_POLICIES,
        **NO_IMAGES,
        "iterations": "authors' main.py usage",
        "protocol": "paper 5.1 and appendix B: the 10-shot model on K = 5, 10, 20; up to 10 steps",
    },
)
