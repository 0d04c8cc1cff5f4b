"""Training batches drawn ahead are those drawn one by one."""

import pytest
import torch

from suite.data.sinusoid import SinusoidStream
from suite.data.tasks import Batches

STREAM = SinusoidStream(keys=(5,), device=torch.device("cpu"))


def batches(ahead: int, repeats: int = 1) -> Batches:
    return Batches(STREAM, tasks=3, k_shot=4, n_query=2, ahead=ahead, repeats=repeats)


@pytest.mark.parametrize("ahead", [2, 7])
def test_ahead_changes_nothing(ahead):
    one_by_one, drawn_ahead = batches(1), batches(ahead)
    # Not in order: a resumed training starts in the middle of a block.
    for iteration in (0, 1, 6, 7, 8, 5, 20):
        ours, expected = drawn_ahead(iteration), one_by_one(iteration)
        for field in ("support_x", "support_y", "query_x", "query_y", "told"):
            assert torch.equal(getattr(ours, field), getattr(expected, field))
        assert ours.support_x.shape == (3, 4, 1)
        assert ours.query_x.shape == (3, 2, 1)


@pytest.mark.parametrize("ahead", [1, 2])
def test_a_batch_can_be_given_to_several_iterations(ahead):
    each, repeated = batches(1), batches(ahead, repeats=3)
    for iteration in (0, 1, 2, 3, 5, 6, 20):
        expected = each(iteration // 3).support_x
        assert torch.equal(repeated(iteration).support_x, expected)
        assert torch.equal(repeated.at(torch.tensor(iteration)).support_x, expected)
