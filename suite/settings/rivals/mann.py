"""MANN, no conv: Santoro et al. 2016, by the ports of others, since no code of theirs is known."""

from msgspec.structs import replace

from suite.settings.protocols import BY_PRESENTATION
from suite.settings.schema import Config, PaperNumber, Protocol, Recipe

_PRESENTATIONS = 10
_PAPER = {1: 0.828, 5: 0.949}

_SOURCES = {
    "network": "this suite: baselines/mann.py; sizes as in the ports and, from memory, the paper",
    "hidden": "the method's own",
    "weight_init": "snowkylin/ntm: uniform within 0.1; the LSTM's as TensorFlow has it",
    "head_init": "snowkylin/ntm: uniform within 0.1",
    "batch_norm": "no batch normalisation",
    "k_shot": "tristandeleu/ntm-one-shot: 10 images of each class, 50 in all, in random order",
    "n_query": "the last of the 10 images of a class counts as its query",
    "rotations": "as classes",
    "rotated_classes": "the paper, from memory: turned by 90 degrees they are new classes",
    "split": "Vinyals et al. 2016, 1,200 characters and 423; the paper's own are not known",
    "loss_scale": "the mean cross-entropy over all 50 images",
    "inner_lr": "no inner step",
    "inner_steps": "no inner step",
    "meta_lr": "both ports: Adam, 1e-3 (the paper, from memory: RMSProp, 1e-4)",
    "tasks_per_batch": "both ports",
    "meta_grad_clip": "not in the ports",
    "iterations": "the paper, from memory: 100,000 episodes; the ports: batches of 16 of them",
    "protocol": "this suite: 600 episodes, scored at the 2nd and the 5th presentation of a class",
}


def _is_here(config: Config) -> bool:
    """Whether it is a setting without convolutions, or glyphs."""
    return config.dataset == "glyphs" or (
        config.dataset == "omniglot" and config.network == "mlp-bn"
    )


def recipe(config: Config) -> Recipe | None:
    """One training serves both shots."""
    if not _is_here(config):
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
            k_shot=_PRESENTATIONS - 1,
            n_query=1,
            rotations=False,
            rotated_classes=True,
            split="own" if glyphs else "vinyals",
            loss_scale="mean",
            inner_steps=0,
            meta_lr=0.001,
            tasks_per_batch=16,
        ),
        iterations=100_000,
        short_iterations=200 if glyphs else 3_000,
        protocols=(
            Protocol(
                name=BY_PRESENTATION,
                k_shot=_PRESENTATIONS - 1,
                n_query=1,
                tasks=600,
                steps=_PRESENTATIONS - 1,
                report_step=1 if config.k_shot == 1 else 4,
                batch_norm="none",
                checkpoint="last",
                version=1,
            ),
        ),
        sources=_SOURCES,
    )


def paper(config: Config) -> tuple[PaperNumber, ...]:
    """The 2nd and the 5th presentation, which the paper's table calls 1-shot and 5-shot."""
    if config.dataset != "omniglot" or not _is_here(config):
        return ()
    return (
        PaperNumber(
            method="mann",
            protocol=BY_PRESENTATION,
            step=None,
            value=_PAPER[config.k_shot],
            ci95_tasks=None,
            source="paper, Table 1 (copied from Santoro et al. 2016)",
        ),
    )
