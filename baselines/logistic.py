"""Multinomial logistic regression with an L2 penalty, for many tasks at once.

Böhning (1992) bounds the Hessian of the softmax by a matrix that does not depend on the weights.
Newton's step with that bound never overshoots, so that there is no line search, and one small
factorisation a task serves all steps.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from suite.errors import SuiteError

_CHECK_EVERY = 20
_MOST_STEPS = 20_000


class NotFitted(SuiteError):
    """The steps did not reach the optimum."""


def fit_logistic(
    x: Tensor, y: Tensor, *, classes: int, l2: float, tolerance: float = 1e-9
) -> tuple[Tensor, Tensor]:
    """The weights (task, class, feature) and biases (task, class) of the optimum, in float64.

    `x` is (task, example, feature) and `y` (task, example) int64. Minimised is the sum of the
    cross-entropies plus l2 / 2 times the squared weights; biases go free. At the end no derivative
    is beyond `tolerance`; else `NotFitted` is raised.
    """
    x = x.double()
    # The optimum lies in the span of the examples, which is small.
    basis, triangle = torch.linalg.qr(x.mT)  # (task, feature, r), (task, r, example)
    inputs = F.pad(triangle.mT, (0, 1), value=1.0)  # the last column is for the bias
    penalty = torch.full((inputs.shape[-1],), l2, dtype=x.dtype, device=x.device)
    penalty[-1] = 0.0
    bound = torch.linalg.cholesky(0.5 * inputs.mT @ inputs + penalty.diag())
    targets = F.one_hot(y, classes).to(x.dtype)
    weights = x.new_zeros(x.shape[0], inputs.shape[-1], classes)
    for step in range(_MOST_STEPS):
        errors = (inputs @ weights).softmax(-1) - targets
        slope = inputs.mT @ errors + penalty[:, None] * weights
        if step % _CHECK_EVERY == 0 and float(slope.abs().max()) < tolerance:
            return (basis @ weights[:, :-1]).mT, weights[:, -1]
        weights = weights - torch.cholesky_solve(slope, bound)
    raise NotFitted(f"logistic regression has not converged after {_MOST_STEPS} steps")
