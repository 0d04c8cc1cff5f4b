"""rllab's linear feature baseline: what to expect from a state at a time, fitted to the batch."""

import numpy as np

from suite.envs.environment import Array, Mask

_CLIP, _RIDGE, _TRIES = 10.0, 1e-5, 5


def baseline(observations: Array, ages: Array, there: Mask, returns: Array) -> Array:
    """Expected returns (time, task, slot), fitted by ridge regression to each task's own.

    From observations (time, task, slot, observation) and steps since the start (time, task, slot);
    where `there` is false nothing counts. Features: the observation within 10 of zero, its square,
    time over 100, its square and cube, and 1.
    """
    seen = np.clip(observations, -_CLIP, _CLIP)
    time = ages[..., None] / 100.0
    ones = np.ones_like(time)
    features = np.concatenate([seen, seen**2, time, time**2, time**3, ones], axis=-1)
    features = np.moveaxis(np.where(there[..., None], features, 0.0), 1, 0)  # (task, time, slot, f)
    rows = features.reshape(features.shape[0], -1, features.shape[-1])
    wanted = np.moveaxis(returns, 1, 0).reshape(len(rows), -1, 1)
    gram, moment = rows.mT @ rows, rows.mT @ wanted
    ridge = _RIDGE
    for _ in range(_TRIES):
        try:
            weights = np.linalg.solve(gram + ridge * np.eye(gram.shape[-1]), moment)
        except np.linalg.LinAlgError:
            weights = np.full_like(moment, np.nan)
        if np.isfinite(weights).all():
            break
        ridge *= 10.0
    values = (rows @ weights).reshape(features.shape[:3])
    return np.moveaxis(values, 0, 1)
