"""Meta-learner LSTM: Ravi and Larochelle 2017.

Their code is twitter-research/meta-learning-lstm: model/lstm, config/lstm.
"""

from msgspec.structs import replace

from suite.settings.schema import Config, PaperNumber, Protocol, Recipe

NAME = "meta-learner-lstm"
_PROTOCOL = "ravi-larochelle"
_TABLE_1 = {1: (0.4344, 0.0077), 5: (0.6060, 0.0071)}
_SOURCES = {
    "network": "model/imagenet-net.lua",
    "hidden": "model/imagenet-net.lua: 32 filters",
    "weight_init": "Torch 7's own",
    "head_init": "Torch 7's own",
    "batch_norm": "model/imagenet-net.lua: eps 1e-3, gamma and beta; the averages of the support "
    "set at test: model/lstm/meta-learner-lstm.lua",
    "adapt_beta": "all weights are adapted",
    "n_query": "model/lstm/train-lstm.lua: 15 a class",
    "loss_scale": "model/imagenet-net.lua: nn.CrossEntropyCriterion",
    "inner_lr": "the gates say how far a step goes",
    "inner_steps": "config/lstm/train-imagenet-1shot.lua: 12 times 5 images; -5shot.lua: 8 times "
    "25 (the paper, from memory: 5 times)",
    "meta_lr": "config/lstm/train-imagenet-1shot.lua, -5shot.lua",
    "tasks_per_batch": "model/lstm/train-lstm.lua: one episode an iteration",
    "meta_grad_clip": "model/lstm/meta-learner-lstm.lua: by the norm of the whole, 0.25",
    "iterations": "config/lstm/train-imagenet-1shot.lua: 75,000; -5shot.lua: 50,000",
    "protocol": "model/lstm/train-lstm.lua: 600 episodes of 15 queries a class, the last weights",
}
_TRIAL = dict.fromkeys(("network", "hidden"), "this suite: the setting's own, for a trial")


def recipe(config: Config) -> Recipe | None:
    """One model a shot; the stand-in for Omniglot has it as a trial."""
    if config.dataset not in ("miniimagenet", "glyphs"):
        return None
    one_shot = config.k_shot == 1
    updates = 12 if one_shot else 8
    trial = {} if config.dataset == "miniimagenet" else _TRIAL
    return Recipe(
        config=replace(
            config,
            weight_init="torch7",
            head_init="torch7",
            batch_norm="running-averages",
            n_query=15,
            loss_scale="mean",
            inner_steps=updates,
            meta_lr=0.001,
            tasks_per_batch=1,
            meta_grad_clip=None,
        ),
        iterations=75_000 if one_shot else 50_000,
        short_iterations=100 if config.dataset == "miniimagenet" else 200,
        protocols=(
            Protocol(
                name=_PROTOCOL,
                k_shot=config.k_shot,
                n_query=15,
                tasks=600,
                steps=updates,
                report_step=updates,
                batch_norm="running-averages",
                checkpoint="last",
                version=1,
            ),
        ),
        sources=_SOURCES | trial,
    )


def paper(config: Config) -> tuple[PaperNumber, ...]:
    """The row of Table 1."""
    if config.dataset != "miniimagenet":
        return ()
    value, interval = _TABLE_1[config.k_shot]
    return (
        PaperNumber(
            method=NAME,
            protocol=_PROTOCOL,
            step=None,
            value=value,
            ci95_tasks=interval,
            source="paper, Table 1 (copied from Ravi and Larochelle 2017)",
        ),
    )
