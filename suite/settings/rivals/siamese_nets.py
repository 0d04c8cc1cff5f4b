"""Siamese nets on Omniglot: Vinyals et al.'s, tuned to each episode, of which nothing is said."""

from suite.settings.rivals.vinyals import applies, printed, vinyals_recipe
from suite.settings.schema import Config, PaperNumber, Recipe

_TABLE_1 = {(5, 1): 0.973, (5, 5): 0.984, (20, 1): 0.882, (20, 5): 0.970}
_BATCH = "this suite: 4 images of each of 16 classes, which make 1 and 3 of a task"
_SOURCES = dict.fromkeys(
    ("network", "hidden", "batch_norm", "meta_lr"),
    "this suite, as for matching networks; Vinyals et al. say nothing of it",
) | {
    "n_way": _BATCH,
    "k_shot": _BATCH,
    "n_query": _BATCH,
    "loss_scale": "this suite: the mean over pairs",
    "tasks_per_batch": f"{_BATCH}; all pairs of a batch are of one task",
    "iterations": "this suite: more than for matching networks, since one net serves all settings",
    "protocol": "this suite: 600 tasks, 5 queries a class, 5 gradient steps",
}


def recipe(config: Config) -> Recipe | None:
    """One model for all ways and shots, then steps on all pairs of each support set."""
    if not applies(config):
        return None
    return vinyals_recipe(
        config, iterations=50_000, short_iterations=2_000, steps=5, sources=_SOURCES
    )


def paper(config: Config) -> tuple[PaperNumber, ...]:
    """Table 1 has no interval for them."""
    note = ", which prints 88.1 for 20-way 1-shot" if config.n_way == 20 else ""
    return printed("siamese-nets", config, _TABLE_1, note)
