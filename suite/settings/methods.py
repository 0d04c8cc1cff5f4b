"""The methods by name: which class is each, for which kind of problem.

To add a method, write its class in a file of its own below `baselines/` and one entry here. Classes
stand here by their dotted names, so that whoever only wants to know which methods there are, as a
report does, need not import torch.
"""

from dataclasses import dataclass

from suite.settings.metrics import Problem


@dataclass(frozen=True, kw_only=True)
class MethodEntry:
    """A method. Its classes are dotted names; None where it does not apply to the problem."""

    regression: str | None = None
    classification: str | None = None
    policies: str | None = None
    trains: bool = True
    """Whether there is a training phase; without one the initial weights are scored."""
    compared: bool = True
    """Whether the report holds MAML to it task by task. A bound, such as an oracle, is no rival."""

    def class_for(self, problem: Problem) -> str | None:
        """The dotted name of its class for that kind of problem, if it has one."""
        names = {
            "regression": self.regression,
            "classification": self.classification,
            "policies": self.policies,
        }
        return names[problem]


METHODS: dict[str, MethodEntry] = {
    "maml": MethodEntry(
        regression="baselines.maml.Maml",
        classification="baselines.maml.Maml",
        policies="baselines.policies.MamlPolicy",
    ),
    "fomaml": MethodEntry(
        regression="baselines.fomaml.Fomaml",
        classification="baselines.fomaml.Fomaml",
        policies="baselines.policies.FomamlPolicy",
    ),
    "fine-tuning": MethodEntry(classification="baselines.fine_tuning.FineTuning"),
    "nearest-neighbour": MethodEntry(
        classification="baselines.nearest_neighbour.NearestNeighbour",
    ),
    "pretraining": MethodEntry(
        regression="baselines.pretraining.Pretraining",
        classification="baselines.linear_head.LinearHead",
        policies="baselines.policies.PretrainedPolicy",
    ),
    "random-init": MethodEntry(
        regression="baselines.random_init.RandomInit",
        classification="baselines.random_init.RandomInit",
        policies="baselines.policies.RandomPolicy",
        trains=False,
        compared=False,
    ),
    "oracle": MethodEntry(
        regression="baselines.oracle.Oracle",
        policies="baselines.policies.InformedPolicy",
        compared=False,
    ),
}
