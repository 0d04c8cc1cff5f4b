"""The paper's networks, task-batched: every weight carries a leading task axis."""

from suite.models.block import Way
from suite.models.classifier import (
    Classifier,
    Embedding,
    classifier_network,
    embedding_network,
    feature_count,
)
from suite.models.conv import conv_network, first_way
from suite.models.layers import normalise_by_first
from suite.models.mlp import mlp_network
from suite.models.network import Network, Params, per_task, without_head
from suite.settings import Config

__all__ = [
    "Classifier",
    "Embedding",
    "Network",
    "Params",
    "Way",
    "build_network",
    "classifier_network",
    "embedding_network",
    "feature_count",
    "first_way",
    "mlp_network",
    "normalise_by_first",
    "per_task",
    "without_head",
]


def build_network(config: Config, way: Way | None = None) -> Network:
    """The network that `config.network` names.

    Convolutional networks go `way`; by default the usual one, see `suite.models.conv`.
    """
    if config.network in ("conv-stride", "conv-pool"):
        return conv_network(config, way)
    return mlp_network(config)
