"""The optimizers are torch's, and import no compiler."""

import pytest
import torch

from suite import optimizers


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Adam", {"fused": True}),
        ("SGD", {"momentum": 0.9}),
        ("RMSprop", {"alpha": 0.95, "momentum": 0.9}),
    ],
)
def test_they_step_as_torch_s_do(name, options):
    random = torch.Generator().manual_seed(0)
    start = torch.randn(5, 3, generator=random)
    gradients = torch.randn(4, 5, 3, generator=random)

    def steps(kind):
        weights = start.clone().requires_grad_()
        optimizer = kind([weights], lr=0.1, **options)
        for gradient in gradients:
            weights.grad = gradient.clone()
            optimizer.step()
        return weights, optimizer

    ours, own = steps(getattr(optimizers, name))
    theirs, other = steps(getattr(torch.optim, name))
    assert isinstance(own, getattr(torch.optim, name))
    assert torch.equal(ours, theirs)
    assert not torch.equal(ours, start)
    assert ours.requires_grad
    ((kept, also),) = zip(own.state.values(), other.state.values(), strict=True)
    assert kept.keys() == also.keys()
    assert all(torch.equal(kept[key], also[key]) for key in kept)
