"""The methods, one file each. To add one, write its file and its line in `METHODS`."""

from baselines.fine_tuning import FineTuning
from baselines.fomaml import Fomaml
from baselines.linear_head import LinearHead
from baselines.maml import Maml
from baselines.method import Method
from baselines.nearest_neighbour import NearestNeighbour
from baselines.oracle import Oracle
from baselines.policies import (
    FomamlPolicy,
    InformedPolicy,
    MamlPolicy,
    PretrainedPolicy,
    RandomPolicy,
)
from baselines.policy_method import PolicyMethod
from baselines.pretraining import Pretraining
from baselines.random_init import RandomInit
from suite.settings import Setting

__all__ = ["METHODS", "Method", "method_of"]

METHODS: dict[str, type[Method]] = {
    "maml": Maml,
    "fomaml": Fomaml,
    "fine-tuning": FineTuning,
    "nearest-neighbour": NearestNeighbour,
    "pretraining": Pretraining,
    "random-init": RandomInit,
    "oracle": Oracle,
}

_ON_IMAGES: dict[str, type[Method]] = {"pretraining": LinearHead}
"""What a name means where images are classified, if that is something else."""

_ON_POLICIES: dict[str, type[PolicyMethod]] = {
    "maml": MamlPolicy,
    "fomaml": FomamlPolicy,
    "pretraining": PretrainedPolicy,
    "random-init": RandomPolicy,
    "oracle": InformedPolicy,
}
"""Likewise in reinforcement learning."""


def method_of(setting: Setting, name: str) -> Method:
    """The method of that name, one of `METHODS`, as it is in `setting`."""
    own: dict[str, dict[str, type[Method]]] = {"accuracy": _ON_IMAGES, "return": {**_ON_POLICIES}}
    return (METHODS | own.get(setting.metric, {}))[name]()
