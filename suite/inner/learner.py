"""A network with its weights and its configuration: what a method works on."""

from dataclasses import dataclass

from suite.models import Network, Params
from suite.settings import Config


@dataclass(frozen=True, kw_only=True)
class Learner:
    """`params` are the meta-learned weights by name, without a task axis."""

    config: Config
    network: Network
    params: Params
