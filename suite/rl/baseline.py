"""rllab's linear feature baseline: what to expect from a state at a time, fitted to the batch."""

import numpy as np
import torch
from torch import Tensor

from suite.envs.environment import Array, Mask

_CLIP, _RIDGE, _TRIES = 10.0, 1e-5, 5


def baseline(observations: Array, ages: Array, there: Mask, returns: Array) -> Array:
    """Expected returns (time, task, slot), fitted by ridge regression to each task's own.

    From observations (time, task, slot, observation) and steps since the start (time, task, slot).
    Where `there` is false nothing counts, and 0 is expected. Features: the observation within 10 of
    zero, its square, time over 100, its square and cube, and 1.
    """
    values = np.zeros_like(returns)
    # Task by task: what one needs stays in the cache.
    for task in range(returns.shape[1]):
        here = there[:, task]
        rows = torch.from_numpy(_features(observations[:, task][here], ages[:, task][here]))
        values[:, task][here] = (rows @ _fitted(rows, returns[:, task][here])).numpy()
    return values


def _features(observations: Array, ages: Array) -> Array:
    """(sample, feature) from (sample, observation) and (sample,)."""
    seen = np.clip(observations, -_CLIP, _CLIP)
    time = ages[:, None] / 100.0
    return np.concatenate([seen, seen**2, time, time**2, time**3, np.ones_like(time)], axis=1)


def _fitted(rows: Tensor, wanted: Array) -> Tensor:
    """The weights (feature,) of ridge regression; the ridge grows where they are not finite.

    Not by numpy, whose BLAS takes all cores, however many processes share them.
    """
    gram, moment = rows.T @ rows, rows.T @ torch.from_numpy(wanted)
    for power in range(_TRIES):
        ridge = _RIDGE * 10**power * torch.eye(len(gram), dtype=gram.dtype)
        weights, failed = torch.linalg.solve_ex(gram + ridge, moment)
        if not failed and weights.isfinite().all():
            found: Tensor = weights
            return found
    return torch.full_like(moment, torch.nan)
