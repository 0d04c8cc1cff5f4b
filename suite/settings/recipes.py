"""What the baselines of the image settings have of their own: Ravi and Larochelle, 2017.

Their code is twitter-research/meta-learning-lstm: model/baselines/pre-train.lua,
model/baselines/pre-trained-SGD.lua, model/matching-net-classifier.lua.
"""

from msgspec.structs import replace

from suite.settings.schema import Config, Protocol, Recipe

PROTOCOL_NAME = "ravi-larochelle"
ITERATIONS = 30_000
_METHODS = ("fine-tuning", "nearest-neighbour", "pretraining")
_CLASSIFIER = "Ravi and Larochelle, model/matching-net-classifier.lua"
_TRAINING = "Ravi and Larochelle, config/baselines and model/baselines/pre-train.lua"
_CURVE = "this suite: the curve of the shared pretraining is over 5-way 1-shot tasks"
_SOURCES = {
    "hidden": f"{_CLASSIFIER}: 64 filters; without convolutions the setting's own units",
    "weight_init": "Torch 7's own",
    "head_init": "Torch 7's own",
    "batch_norm": f"{_CLASSIFIER}: eps 1e-3, gamma and beta, running averages",
    "n_way": _CURVE,
    "k_shot": _CURVE,
    "n_query": f"{_CURVE} of 5 queries a class",
    "loss_scale": "the mean of the cross-entropies, as Torch's criterion has it",
    "inner_lr": "no inner steps",
    "inner_steps": "no inner steps",
    "meta_lr": _TRAINING,
    "tasks_per_batch": f"{_CURVE}, 16 at each point",
    "meta_grad_clip": f"{_TRAINING}: none",
    "images_per_batch": f"{_TRAINING}: 64 of 5 images of each class",
    "iterations": _TRAINING,
    "protocol": f"{_TRAINING}: 600 tasks; K or 15 queries a class, each normalised for itself",
}


def _protocol(name: str, k_shot: int, n_query: int) -> Protocol:
    """The 600 tasks of the other methods; only the method's own outcome is scored, as step 0."""
    return Protocol(
        name=name,
        k_shot=k_shot,
        n_query=n_query,
        tasks=600,
        steps=0,
        report_step=0,
        batch_norm="running-averages",
        checkpoint="last",
        version=1,
    )


def image_recipes(
    config: Config,
    *,
    queries: dict[str, int] | None = None,
    hidden: tuple[int, ...] | None = None,
    short_iterations: int,
) -> dict[str, Recipe]:
    """The baselines of the setting that has `config`.

    They are scored with K queries a class (`inductive`: no statistics of the query set), and under
    the further protocols that `queries` names, to query examples a class. `hidden` are filters
    other than the setting's.
    """
    shots = config.k_shot
    protocols = {"inductive": shots, **(queries or {})}
    value = Recipe(
        config=replace(
            config,
            hidden=hidden or config.hidden,
            weight_init="torch7",
            head_init="torch7",
            batch_norm="running-averages",
            loss_scale="mean",
            inner_steps=0,
            meta_lr=0.001,
            meta_grad_clip=None,
            images_per_batch=64,
        ),
        iterations=ITERATIONS,
        short_iterations=short_iterations,
        protocols=tuple(_protocol(name, shots, n_query) for name, n_query in protocols.items()),
        sources=_SOURCES,
    )
    return dict.fromkeys(_METHODS, value)
