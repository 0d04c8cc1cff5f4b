"""The methods by name: which class is each, for which kind of problem.

To add a method, write its class in a file below `baselines/` and one entry here. Classes
stand here by their dotted names, so that whoever only wants to know which methods there are, as a
report does, need not import torch.
"""

from dataclasses import dataclass

from suite.settings.metrics import Problem


@dataclass(frozen=True, kw_only=True)
class MethodEntry:
    """A method. Its classes are dotted names; None where it does not apply to the problem."""

    label: str | None = None
    """What figures call it; None for its name."""
    colours: tuple[str, str] | None = None
    """The colour of its lines on light and on dark ground; None for a spare one."""
    regression: str | None = None
    classification: str | None = None
    policies: str | None = None
    trains: bool = True
    """Whether there is a training phase; without one the initial weights are scored."""
    compared: bool = True
    """Whether the report holds it to others task by task. A bound, as an oracle, is no rival."""

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
        label="MAML",
        colours=("#0072b2", "#58aee6"),
        regression="baselines.maml.Maml",
        classification="baselines.maml.Maml",
        policies="baselines.policies.MamlPolicy",
    ),
    "fomaml": MethodEntry(
        label="MAML, first order",
        colours=("#c75000", "#f2914e"),
        regression="baselines.fomaml.Fomaml",
        classification="baselines.fomaml.Fomaml",
        policies="baselines.policies.FomamlPolicy",
    ),
    "context-vector": MethodEntry(
        label="context vector",
        colours=("#7a4a2b", "#cfa07c"),
        regression="baselines.context_vector.ContextVector",
        classification="baselines.context_vector.ContextVector",
        policies="baselines.policies.ContextPolicy",
    ),
    "multi-task": MethodEntry(regression="baselines.multi_task.MultiTask"),
    "multi-task-l2": MethodEntry(
        label="multi-task, weight decay",
        regression="baselines.multi_task.MultiTaskDecay",
    ),
    "multi-task-mean": MethodEntry(
        label="multi-task, towards the mean",
        regression="baselines.multi_task.MultiTaskMean",
    ),
    "fine-tuning": MethodEntry(
        colours=("#6d4bb8", "#b49af2"),
        classification="baselines.fine_tuning.FineTuning",
    ),
    "nearest-neighbour": MethodEntry(
        colours=("#946100", "#ddae45"),
        classification="baselines.nearest_neighbour.NearestNeighbour",
    ),
    "pretraining": MethodEntry(
        colours=("#007a58", "#45c29b"),
        regression="baselines.pretraining.Pretraining",
        classification="baselines.linear_head.LinearHead",
        policies="baselines.policies.PretrainedPolicy",
    ),
    "random-init": MethodEntry(
        label="random initialization",
        colours=("#6b6b6b", "#a5a5a5"),
        regression="baselines.random_init.RandomInit",
        classification="baselines.random_init.RandomInit",
        policies="baselines.policies.RandomPolicy",
        trains=False,
        compared=False,
    ),
    "oracle": MethodEntry(
        colours=("#b0508a", "#e08fc0"),
        regression="baselines.oracle.Oracle",
        policies="baselines.policies.InformedPolicy",
        compared=False,
    ),
    "siamese-nets": MethodEntry(
        label="Siamese nets",
        classification="baselines.siamese_nets.SiameseNets",
    ),
    "matching-networks": MethodEntry(
        label="matching networks",
        classification="baselines.matching_networks.MatchingNetworks",
    ),
    "matching-networks-ravi": MethodEntry(
        label="matching networks, Ravi and Larochelle",
        classification="baselines.matching_ravi.RaviMatching",
    ),
    "neural-statistician": MethodEntry(
        label="neural statistician",
        classification="baselines.neural_statistician.NeuralStatistician",
    ),
    "meta-learner-lstm": MethodEntry(
        label="meta-learner LSTM",
        classification="baselines.meta_learner_lstm.MetaLearnerLSTM",
    ),
    "mann": MethodEntry(
        label="MANN, no conv",
        classification="baselines.mann.Mann",
    ),
    "memory-module": MethodEntry(
        label="memory module",
        classification="baselines.memory_module.MemoryModule",
    ),
}
