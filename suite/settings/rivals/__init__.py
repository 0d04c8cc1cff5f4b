"""The systems that the paper's tables compare MAML with: how each is trained and scored, and its
printed numbers, one file a system.

A system may have a recipe of its own in a setting, and printed numbers there. Facts about their
papers that were not at hand carry "from memory" in their source.
"""

from typing import Protocol as Interface

from suite.settings.footnotes import FOOTNOTES
from suite.settings.rivals import (
    context_vector,
    mann,
    matching_networks,
    matching_ravi,
    memory_module,
    meta_learner_lstm,
    neural_statistician,
    siamese_nets,
)
from suite.settings.rivals.multi_task import MULTI_TASK
from suite.settings.schema import Config, PaperNumber, Recipe


class Rival(Interface):
    """A module of this package."""

    def recipe(self, config: Config) -> Recipe | None:
        """How it is trained and scored in the setting that has `config`, if it is there."""
        ...

    def paper(self, config: Config) -> tuple[PaperNumber, ...]:
        """Its printed numbers in that setting."""
        ...


RIVALS: dict[str, Rival] = {
    "mann": mann,
    "siamese-nets": siamese_nets,
    "matching-networks": matching_networks,
    "matching-networks-ravi": matching_ravi,
    "neural-statistician": neural_statistician,
    "memory-module": memory_module,
    "meta-learner-lstm": meta_learner_lstm,
    "context-vector": context_vector,
    **{each.method: each for each in MULTI_TASK},
}
"""Method to its module, in the order of the paper's table."""


def rival_recipes(config: Config) -> dict[str, Recipe]:
    """The recipes of the systems that run in the setting that has `config`."""
    found = {name: rival.recipe(config) for name, rival in RIVALS.items()}
    return {name: recipe for name, recipe in found.items() if recipe is not None}


def rivals_of(config: Config) -> tuple[str, ...]:
    """The systems with a recipe or a printed number there: they have a row in its table."""
    return tuple(
        name for name, rival in RIVALS.items() if rival.recipe(config) or rival.paper(config)
    )


def rival_numbers(config: Config) -> tuple[PaperNumber, ...]:
    """Their printed numbers there."""
    return tuple(number for rival in RIVALS.values() for number in rival.paper(config))


def rival_footnotes(config: Config) -> tuple[str, ...]:
    """The keys of the footnotes that are about them alone, there."""
    here, rivals = set(rivals_of(config)), set(RIVALS)
    return tuple(
        key
        for key, note in FOOTNOTES.items()
        if here.intersection(note.methods) and rivals.issuperset(note.methods)
    )
