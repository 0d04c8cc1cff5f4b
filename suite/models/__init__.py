"""The paper's networks, task-batched: every weight carries a leading task axis."""

from suite.models.block import Way
from suite.models.classifier import Classifier, classifier_network
from suite.models.conv import conv_network
from suite.models.layers import Statistics, normalise, normalise_by_first
from suite.models.mlp import mlp_network
from suite.models.network import Network, Params, per_task
from suite.settings import Config

__all__ = [
    "Classifier",
    "Network",
    "Params",
    "Statistics",
    "Way",
    "build_network",
    "classifier_network",
    "mlp_network",
    "normalise_by_first",
    "per_task",
]


def build_network(
    config: Config, statistics: Statistics = normalise, way: Way | None = None
) -> Network:
    """The network that `config.network` names; `statistics` normalise where it does at all.

    Convolutional networks go `way`; by default the usual one, see `suite.models.conv`.
    """
    if config.network in ("conv-stride", "conv-pool"):
        return conv_network(config, statistics, way)
    return mlp_network(config, statistics=statistics)
