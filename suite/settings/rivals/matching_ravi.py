"""Matching networks on mini-ImageNet: Ravi and Larochelle's, with full-context embeddings.

Their code is twitter-research/meta-learning-lstm.
"""

from msgspec.structs import replace

from suite.settings.schema import Config, PaperNumber, Protocol, Recipe

_PROTOCOL = "ravi-larochelle"
_TABLE_1 = {1: (0.4356, 0.0084), 5: (0.5531, 0.0073)}
_CONFIG = "config/baselines/train-matching-net.lua"
_SOURCES = {
    "network": "model/matching-net-classifier.lua; no last layer",
    "hidden": "model/matching-net-classifier.lua",
    "weight_init": "Torch 7's own",
    "head_init": "no last layer",
    "batch_norm": "model/matching-net-classifier.lua: eps 1e-3; evaluation mode at test",
    "n_query": "model/baselines/matching-net.lua: 15 a class",
    "k_shot": "5 in training, whatever the setting: dataset/data-loader.lua, matching-net.lua",
    "loss_scale": "model/baselines/matching-net.lua: nn.CrossEntropyCriterion",
    "inner_lr": "no inner steps",
    "inner_steps": "no inner steps",
    "meta_lr": _CONFIG,
    "meta_grad_clip": "none; that of the attention LSTM is the method's",
    "tasks_per_batch": "model/baselines/matching-net.lua: one episode an iteration",
    "iterations": _CONFIG,
    "protocol": "model/baselines/matching-net.lua: 600 episodes of 15 queries a class, the last "
    "weights",
}


def recipe(config: Config) -> Recipe | None:
    """One model for 1-shot and 5-shot; the stand-in for Omniglot has it as a trial."""
    if config.dataset not in ("miniimagenet", "glyphs"):
        return None
    on_mini = config.dataset == "miniimagenet"
    return Recipe(
        config=replace(
            config,
            network="conv-pool",
            hidden=(64, 64, 64, 64),
            weight_init="torch7",
            head_init="torch7",
            batch_norm="running-averages",
            n_query=15,
            loss_scale="mean",
            inner_steps=0,
            meta_lr=0.0001,
            tasks_per_batch=1,
            meta_grad_clip=None,
        ),
        iterations=75_000,
        short_iterations=100 if on_mini else 200,
        protocols=(
            Protocol(
                name=_PROTOCOL,
                k_shot=config.k_shot,
                n_query=15,
                tasks=600,
                steps=0,
                report_step=0,
                batch_norm="running-averages",
                checkpoint="last",
                version=1,
            ),
        ),
        sources=_SOURCES,
    )


def paper(config: Config) -> tuple[PaperNumber, ...]:
    """The rows with full-context embeddings."""
    if config.dataset != "miniimagenet":
        return ()
    value, interval = _TABLE_1[config.k_shot]
    return (
        PaperNumber(
            method="matching-networks-ravi",
            protocol=_PROTOCOL,
            step=None,
            value=value,
            ci95_tasks=interval,
            source="paper, Table 1 (copied from Ravi and Larochelle 2017)",
        ),
    )
