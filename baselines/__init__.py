"""The methods, one file each. To add one, write its file and its line in `METHODS`."""

from baselines.fomaml import Fomaml
from baselines.maml import Maml
from baselines.method import Method
from baselines.oracle import Oracle
from baselines.pretraining import Pretraining
from baselines.random_init import RandomInit

__all__ = ["METHODS", "Method"]

METHODS: dict[str, type[Method]] = {
    "maml": Maml,
    "fomaml": Fomaml,
    "pretraining": Pretraining,
    "random-init": RandomInit,
    "oracle": Oracle,
}
