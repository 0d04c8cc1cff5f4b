"""The paper's networks, task-batched: every weight carries a leading task axis."""

from suite.models.classifier import Classifier, classifier_network
from suite.models.conv import conv_network
from suite.models.mlp import mlp_network
from suite.models.network import Network, Params, per_task
from suite.settings import Config

__all__ = [
    "Classifier",
    "Network",
    "Params",
    "build_network",
    "classifier_network",
    "mlp_network",
    "per_task",
]


def build_network(config: Config) -> Network:
    """The network that `config.network` names."""
    if config.network in ("conv-stride", "conv-pool"):
        return conv_network(config)
    return mlp_network(config)
