"""Matching networks on Omniglot (Vinyals et al. 2016): cosine, no full context, no tuning."""

from suite.settings.rivals.vinyals import applies, printed, vinyals_recipe
from suite.settings.schema import Config, PaperNumber, Recipe

_TABLE_1 = {(5, 1): 0.981, (5, 5): 0.989, (20, 1): 0.938, (20, 5): 0.985}


def recipe(config: Config) -> Recipe | None:
    """One model a cell, trained on tasks of its own shape."""
    if not applies(config):
        return None
    return vinyals_recipe(config, iterations=30_000, short_iterations=2_000, steps=0, sources={})


def paper(config: Config) -> tuple[PaperNumber, ...]:
    """Table 1 has no interval for them."""
    return printed("matching-networks", config, _TABLE_1, "")
