"""The memory module of Kaiser et al. 2017, as its authors released it.

The code is tensorflow/models, research/learning_to_remember_rare_events, at its default options
but for those of its README.
"""

from msgspec.structs import replace

from suite.settings.protocols import BY_PRESENTATION
from suite.settings.schema import Config, PaperNumber, Protocol, Recipe

_SHOTS = 5
_EPISODES = 4_000
_PAPER = {(5, 1): 0.984, (5, 5): 0.996, (20, 1): 0.950, (20, 5): 0.986}

_SOURCES = {
    "network": "released model.py; 256 features: tensorflow/models, issue 2477",
    "hidden": "the method's own",
    "weight_init": "released model.py and memory.py: truncated normal, 0.1, of queries 0.01",
    "head_init": "no last layer",
    "batch_norm": "released model.py: none",
    "k_shot": "released README: 30 images an episode, 6 of each of 5 classes; this suite: as many "
    "of each of 20, so that the one after five others is there",
    "n_query": "the last image of a class counts as its query",
    "rotations": "as classes",
    "rotated_classes": "released data_utils.py, of training classes",
    "split": "Vinyals et al.'s, whose set-up the paper has, from memory (released: by alphabets)",
    "loss": "released memory.py: a margin between the nearest wrong and the nearest right key",
    "loss_scale": "released memory.py: the mean over the images that are shown together",
    "inner_lr": "no inner step",
    "inner_steps": "no inner step",
    "meta_lr": "released model.py, with an eps of 1e-4",
    "tasks_per_batch": "released train.py: 16 episodes share a memory",
    "meta_grad_clip": "released model.py: the whole norm instead, 5",
    "iterations": "released README, in 5-way: 4,000 batches of episodes; an iteration is one image "
    "of each; this suite has as many in 20-way",
    "protocol": "released train.py: the presentation after k others of a class; 600 episodes here",
}


def recipe(config: Config) -> Recipe | None:
    """One training serves both shots of a way."""
    if config.network != "conv-stride" or config.dataset not in ("omniglot", "glyphs"):
        return None
    glyphs = config.dataset == "glyphs"
    return Recipe(
        config=replace(
            config,
            network="own",
            hidden=(),
            weight_init="own",
            head_init="own",
            batch_norm="none",
            k_shot=_SHOTS,
            n_query=1,
            rotations=False,
            rotated_classes=True,
            split="own" if glyphs else "vinyals",
            loss_scale="mean",
            inner_steps=0,
            meta_lr=0.0001,
            tasks_per_batch=16,
        ),
        iterations=_EPISODES * config.n_way * (_SHOTS + 1),
        short_iterations=200 if glyphs else 3_000,
        protocols=(
            Protocol(
                name=BY_PRESENTATION,
                k_shot=_SHOTS,
                n_query=1,
                tasks=600,
                steps=_SHOTS,
                report_step=config.k_shot,
                batch_norm="none",
                checkpoint="last",
                version=1,
            ),
        ),
        sources=_SOURCES,
    )


def paper(config: Config) -> tuple[PaperNumber, ...]:
    """Those with convolutions."""
    if config.dataset != "omniglot" or config.network != "conv-stride":
        return ()
    return (
        PaperNumber(
            method="memory-module",
            protocol=BY_PRESENTATION,
            step=None,
            value=_PAPER[config.n_way, config.k_shot],
            ci95_tasks=None,
            source="paper, Table 1 (copied from Kaiser et al. 2017)",
        ),
    )
