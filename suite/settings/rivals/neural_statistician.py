"""Neural statistician: Edwards and Storkey 2017, on Omniglot.

No code of theirs is known, and the paper was not at hand: values come from two ports, of which
conormdurkan/neural-statistician is the one whose training is followed, and ashysheya/neural-stat
the only one that prints accuracies.
"""

from msgspec.structs import replace

from suite.settings.schema import Config, PaperNumber, Protocol, Recipe

NAME = "neural-statistician"
_PROTOCOL = "all-other-images"
_IMAGES = 20
_TABLE_1 = {(5, 1): 0.981, (5, 5): 0.995, (20, 1): 0.932, (20, 5): 0.981}
_PORT = "conormdurkan/neural-statistician"
_SCORED = "ashysheya/neural-stat"
_SOURCES = {
    "network": f"{_PORT}: omniglot/omninets.py; sizes stand in the method's options",
    "hidden": "the method's own",
    "weight_init": f"{_PORT}: omniglot/omnimodel.py",
    "head_init": "no last layer",
    "batch_norm": f"{_PORT}: Torch's defaults, and eps 1e-3 where a layer is normalised as one",
    "n_way": f"{_PORT}: omniglot/omnirun.py, 32 sets at once; one model serves all settings",
    "k_shot": f"{_PORT}: omniglot/omnirun.py, sets of 5 images",
    "n_query": "no queries in training; one image a set for the training curve",
    "rotations": "not at test; sets of training are turned and reflected by the method",
    "split": "this suite: a seeded one of 1,100, 100 and 423; the ports have 1,200 for training",
    "loss_scale": "the method's own loss, in nats an image",
    "inner_lr": "no inner steps",
    "inner_steps": "no inner steps",
    "meta_lr": f"{_PORT}: omniglot/omnirun.py ({_SCORED}: 0.0001)",
    "tasks_per_batch": "32 sets are one task",
    "meta_grad_clip": f"{_PORT} and {_SCORED}",
    "iterations": f"{_PORT}: 300 epochs, here of 300 iterations",
    "protocol": f"{_SCORED}: 100 episodes, all other images of a class as queries",
}


def recipe(config: Config) -> Recipe | None:
    """One training serves all settings of its data."""
    if config.dataset not in ("omniglot", "glyphs") or not config.network.startswith("conv"):
        return None
    return Recipe(
        config=replace(
            config,
            network="own",
            hidden=(),
            weight_init="own",
            head_init="own",
            batch_norm="running-averages",
            n_query=1,
            rotations=False,
            loss_scale="mean",
            inner_steps=0,
            meta_lr=0.001,
            tasks_per_batch=1,
            meta_grad_clip=0.5,
        ),
        iterations=90_000,
        short_iterations=200,
        protocols=(
            Protocol(
                name=_PROTOCOL,
                k_shot=config.k_shot,
                n_query=_IMAGES - config.k_shot,
                tasks=100,
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
    """The row of Table 1, in the settings with convolutions."""
    if config.dataset != "omniglot" or recipe(config) is None:
        return ()
    return (
        PaperNumber(
            method=NAME,
            protocol=_PROTOCOL,
            step=None,
            value=_TABLE_1[config.n_way, config.k_shot],
            ci95_tasks=None,
            source="paper, Table 1 (copied from Edwards and Storkey 2017)",
        ),
    )
