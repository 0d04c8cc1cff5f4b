"""What becomes of a policy's actions before they reach an environment."""

import numpy as np

from suite.envs.environment import Array
from suite.errors import UsageError


def clipped(action: Array) -> Array:
    """`actions` clipped to [-1, 1]; one that is not finite is a `UsageError`."""
    if not np.isfinite(action).all():
        raise UsageError("the policy gave an action that is not finite: it has diverged")
    return np.clip(action, -1.0, 1.0)
