"""What matching networks and Siamese nets share: Vinyals et al.'s protocol on Omniglot.

The paper was not at hand: what it says comes from third-party notes on it.
"""

from msgspec.structs import replace

from suite.settings.schema import Config, PaperNumber, Protocol, Recipe

_QUERIES = 5
"""A class, in training and at test."""

_NOTED = "Vinyals et al. 2016 (third-party notes)"
_SOURCES = {
    "network": f"{_NOTED}: four blocks of 3x3 convolution, ReLU and 2x2 max-pool",
    "hidden": f"{_NOTED}: 64 filters",
    "weight_init": "this suite: Torch 7's own, as for the other embeddings; they do not say",
    "head_init": "no last layer",
    "batch_norm": f"{_NOTED} in training; that its averages serve at test: this suite",
    "n_query": "this suite: 5 a class, as many as at test; they do not say",
    "rotations": f"{_NOTED}: turns of a character are classes",
    "rotated_classes": f"{_NOTED}: turned by multiples of 90 degrees",
    "split": "Snell et al.'s lists (jakesnell/prototypical-networks)",
    "loss_scale": f"{_NOTED}, equation 2: the mean of the query images' losses",
    "inner_lr": "no inner steps",
    "inner_steps": "no inner steps",
    "meta_lr": "this suite and the public ports; they do not say",
    "tasks_per_batch": "this suite: 4 in 5-way and 1 in 20-way, alike in images; they do not say",
    "meta_grad_clip": "this suite: none; they do not say",
    "iterations": "this suite: the public ports have 3,000 to 30,000; they do not say",
    "protocol": "this suite: 600 tasks, 5 queries a class; they do not say",
}


def applies(config: Config) -> bool:
    """Whether the setting is one of Omniglot, or its stand-in, with convolutions."""
    return config.dataset in ("omniglot", "glyphs") and config.network.startswith("conv")


def vinyals_recipe(
    config: Config, *, iterations: int, short_iterations: int, steps: int, sources: dict[str, str]
) -> Recipe:
    """The recipe of an embedding in the setting that has `config`; `sources` go before these.

    As many gradient steps at test as `steps`.
    """
    on_omniglot = config.dataset == "omniglot"
    return Recipe(
        config=replace(
            config,
            network="conv-pool",
            hidden=(64, 64, 64, 64),
            weight_init="torch7",
            head_init="torch7",
            batch_norm="running-averages",
            n_query=_QUERIES,
            rotations=False,
            rotated_classes=True,
            split="vinyals" if on_omniglot else "own",
            loss_scale="mean",
            inner_steps=0,
            meta_lr=0.001,
            tasks_per_batch=4 if config.n_way == 5 else 1,
        ),
        iterations=iterations,
        short_iterations=short_iterations if on_omniglot else 200,
        protocols=(
            Protocol(
                name="vinyals",
                k_shot=config.k_shot,
                n_query=_QUERIES,
                tasks=600,
                steps=steps,
                report_step=steps,
                batch_norm="running-averages",
                checkpoint="last",
                version=1,
            ),
        ),
        sources=_SOURCES | sources,
    )


def printed(
    method: str, config: Config, values: dict[tuple[int, int], float], note: str
) -> tuple[PaperNumber, ...]:
    """The number of Table 1 in the setting that has `config`; `values` by ways and shots."""
    value = values.get((config.n_way, config.k_shot))
    if value is None or config.dataset != "omniglot" or not applies(config):
        return ()
    source = f"paper, Table 1 (copied from Vinyals et al. 2016{note})"
    return (
        PaperNumber(
            method=method,
            protocol="vinyals",
            step=None,
            value=value,
            ci95_tasks=None,
            source=source,
        ),
    )
