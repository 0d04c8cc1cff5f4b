"""The context vector: paper, appendix C, Tables 3 to 5."""

from suite.settings.schema import Config, PaperNumber, Recipe

METHOD = "context-vector"
_TABLE_3 = {1: (0.949, 0.009), 5: (0.977, 0.003)}
"""Omniglot, 5-way, by shots."""
_RETURNS = {
    "point-navigation": ("Table 4", (-42.42, -13.90, -5.17, -3.18)),
    "cheetah-direction": ("Table 5", (-40.49, -44.08, -38.27, -42.50)),
}
"""The returns after 0 to 3 steps."""


def recipe(config: Config) -> Recipe | None:
    """None: that of MAML, which the paper has it trained by, serves it too."""
    return None


def paper(config: Config) -> tuple[PaperNumber, ...]:
    """The printed numbers of the setting that has `config`."""
    if config.dataset in _RETURNS:
        table, by_step = _RETURNS[config.dataset]
        return tuple(
            PaperNumber(
                method=METHOD,
                protocol="paper",
                step=step,
                value=value,
                ci95_tasks=None,
                source=f"paper, {table}",
            )
            for step, value in enumerate(by_step)
        )
    if config.dataset == "omniglot" and config.n_way == 5 and config.network == "conv-stride":
        value, ci95 = _TABLE_3[config.k_shot]
        return (
            PaperNumber(
                method=METHOD,
                protocol="authors",
                step=None,
                value=value,
                ci95_tasks=ci95,
                source="paper, Table 3",
            ),
        )
    return ()
