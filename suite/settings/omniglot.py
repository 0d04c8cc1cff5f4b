"""Omniglot: paper, section 5.2, Table 1 and appendix A.1; and `glyphs`, its stand-in."""

from typing import Literal

from suite.settings.metrics import ACCURACY
from suite.settings.recipes import image_recipes
from suite.settings.rivals import rival_footnotes, rival_numbers, rival_recipes, rivals_of
from suite.settings.schema import NO_POLICIES, Config, PaperNumber, Protocol, Setting

_CONV_FOOTNOTES = (
    "loss-scale",
    "batch-norm",
    "k-queries",
    "fresh-tasks",
    "rotations",
    "omniglot-split",
    "omniglot-nearest",
    "conv-mirror",
)
_METHODS = ("maml", "fomaml", "fine-tuning", "nearest-neighbour", "pretraining")
_BASELINES = ("baselines", "baselines-omniglot", "fine-tuning", "nearest-neighbour", "linear-head")
_MLP_FOOTNOTES = tuple(note for note in _CONV_FOOTNOTES if note != "conv-mirror")

_SOURCES = {
    "dataset": "paper 5.2; authors' data_generator.py",
    "network": "paper 5.2; authors' maml.py (stride 2, then the mean of the 2x2 map)",
    "hidden": "paper 5.2; authors' maml.py",
    "weight_init": "authors' maml.py",
    "head_init": "authors' maml.py: random_normal with its default of 1",
    "batch_norm": "authors' utils.py: batch statistics always, no gamma",
    "adapt_beta": "authors' utils.py: beta is not among the adapted weights",
    "n_way": "paper, Table 1",
    "k_shot": "paper, Table 1",
    "n_query": "authors' main.py: 2K images a class, the last K are the query",
    "rotations": "authors' data_generator.py, at meta-test too",
    "loss": "paper, equation 3",
    "loss_scale": "authors' utils.py, xent",
    "inner_lr": "paper A.1; authors' main.py usage",
    "inner_steps": "paper A.1; authors' main.py usage",
    "meta_lr": "authors' main.py, meta_lr",
    "tasks_per_batch": "paper A.1; authors' main.py usage",
    "meta_grad_clip": "authors' maml.py: mini-ImageNet only",
    "precision": "authors' code: float32",
    "images_per_batch": "not for meta-learning",
    **NO_POLICIES,
    "split": "this suite: a seeded one, since the authors' cannot be recovered",
    "rotated_classes": "authors' data_generator.py: a class is turned for each task",
    "iterations": "paper A.1",
    "protocol": "authors' main.py: 600 tasks, K queries a class; steps: paper A.1",
}


def _protocol(n_way: int, k_shot: int) -> Protocol:
    return Protocol(
        name="authors",
        k_shot=k_shot,
        n_query=k_shot,
        tasks=600,
        steps=10,
        report_step=3 if n_way == 5 else 5,
        batch_norm="batch-statistics",
        checkpoint="last",
        version=1,
    )


def _config(dataset: Literal["omniglot", "glyphs"], n_way: int, k_shot: int, conv: bool) -> Config:
    return Config(
        dataset=dataset,
        network="conv-stride" if conv else "mlp-bn",
        hidden=(64, 64, 64, 64) if conv else (256, 128, 64, 64),
        weight_init="xavier-uniform" if conv else "truncated-normal-0.01",
        head_init="normal-1" if conv else "truncated-normal-0.01",
        batch_norm="batch-statistics",
        adapt_beta=False,
        n_way=n_way,
        k_shot=k_shot,
        n_query=k_shot,
        rotations=True,
        loss="cross-entropy",
        loss_scale="sum-over-k",
        inner_lr=0.4 if n_way == 5 else 0.1,
        inner_steps=1 if n_way == 5 else 5,
        meta_lr=0.001,
        tasks_per_batch=32 if n_way == 5 else 16,
        meta_grad_clip=None,
        precision="float32",
    )


def _paper(method: str, value: float, ci95_tasks: float, source: str) -> PaperNumber:
    return PaperNumber(
        method=method,
        protocol="authors",
        step=None,
        value=value,
        ci95_tasks=ci95_tasks,
        source=source,
    )


def _setting(
    n_way: int,
    k_shot: int,
    maml: tuple[float, float],
    fomaml: tuple[float, float] | None = None,
    conv: bool = True,
) -> Setting:
    config = _config("omniglot", n_way, k_shot, conv)
    paper = [_paper("maml", *maml, "paper, Table 1")]
    if fomaml is not None:
        paper.append(_paper("fomaml", *fomaml, "Reptile paper, arXiv 1803.02999"))
    footnotes = _CONV_FOOTNOTES if conv else _MLP_FOOTNOTES
    if n_way == 5:
        footnotes += ("omniglot-steps",) + (("context-vector",) if conv else ())
    return Setting(
        id=f"omniglot-{n_way}way-{k_shot}shot" + ("" if conv else "-mlp"),
        title=f"Omniglot, {n_way}-way {k_shot}-shot" + ("" if conv else ", no convolutions"),
        metric=ACCURACY,
        config=config,
        iterations=60_000,
        short_iterations=3_000,
        validate_every=500,
        protocols=(_protocol(n_way, k_shot),),
        methods=_METHODS + rivals_of(config),
        paper=(*paper, *rival_numbers(config)),
        margin=0.01 if conv else 0.02,
        footnotes=(
            *footnotes,
            *(("fomaml-omniglot",) if fomaml else ()),
            *_BASELINES,
            *(note for note in rival_footnotes(config) if note not in footnotes),
        ),
        sources=_SOURCES,
        recipes=image_recipes(config, short_iterations=3_000) | rival_recipes(config),
    )


OMNIGLOT = (
    _setting(5, 1, maml=(0.987, 0.004), fomaml=(0.983, 0.005)),
    _setting(5, 5, maml=(0.999, 0.001), fomaml=(0.992, 0.002)),
    _setting(20, 1, maml=(0.958, 0.003), fomaml=(0.894, 0.005)),
    _setting(20, 5, maml=(0.989, 0.002), fomaml=(0.979, 0.001)),
    _setting(5, 1, maml=(0.897, 0.011), conv=False),
    _setting(5, 5, maml=(0.975, 0.006), conv=False),
)

_GLYPHS = _config("glyphs", 5, 1, conv=True)

GLYPHS = Setting(
    id="glyphs-5way-1shot",
    title="Glyphs (stand-in for Omniglot), 5-way 1-shot",
    metric=ACCURACY,
    config=_GLYPHS,
    iterations=60_000,
    short_iterations=200,
    validate_every=500,
    protocols=(_protocol(5, 1),),
    methods=_METHODS + rivals_of(_GLYPHS),
    paper=(),
    margin=0.02,
    footnotes=(
        *("glyphs", "loss-scale", "batch-norm", "k-queries", "rotations", "conv-mirror"),
        *_BASELINES,
        # Its classes have a split of their own.
        *(note for note in rival_footnotes(_GLYPHS) if note != "vinyals-protocol"),
    ),
    sources={**_SOURCES, "dataset": "this suite: drawn from the fonts that matplotlib ships"},
    recipes=image_recipes(_GLYPHS, short_iterations=200) | rival_recipes(_GLYPHS),
)
