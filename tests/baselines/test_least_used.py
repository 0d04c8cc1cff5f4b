"""The memory of MANN against the same, written out row by row and head by head."""

import pytest
import torch

from baselines.least_used import Memory, Rule, fresh, used
from tests.baselines.least_used_reference import step_of_one

TASKS, HEADS, ROWS, WIDTH = 3, 2, 6, 4
RULES = [
    Rule(usage_decay=0.9, addressed=addressed, least_used=least_used)
    for addressed in ("before-write", "after-write")
    for least_used in ("all", "one-each")
]


def draws(steps: int):
    generator = torch.Generator().manual_seed(1)

    def drawn(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.double)

    vectors = [(drawn(TASKS, HEADS, WIDTH), drawn(TASKS, HEADS, WIDTH)) for _ in range(steps)]
    return [(*pair, drawn(TASKS, HEADS, 1).sigmoid()) for pair in vectors]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_it_is_the_papers_memory_row_by_row(rule):
    memory = fresh(torch.zeros(1, dtype=torch.double), TASKS, HEADS, ROWS, WIDTH)
    # Equal usages would leave open which row is least used.
    usage = memory.usage + torch.linspace(0.0, 0.1, ROWS, dtype=torch.double)
    memory = Memory(rows=memory.rows, reads=memory.reads, usage=usage)
    plain = [(memory.rows[task], memory.reads[task], usage[task]) for task in range(TASKS)]
    for keys, added, shares in draws(5):
        readings, memory = used(memory, keys, added, shares, rule)
        for task in range(TASKS):
            given = keys[task], added[task], shares[task, :, 0]
            *plain[task], expected = step_of_one(*plain[task], *given, rule)
            torch.testing.assert_close(readings[task], expected, rtol=1e-6, atol=1e-9)
            found = memory.rows[task], memory.reads[task], memory.usage[task]
            for value, other in zip(found, plain[task], strict=True):
                torch.testing.assert_close(value, other, rtol=1e-6, atol=1e-9)


def test_the_least_used_row_is_wiped_and_written():
    rule = RULES[0]
    (keys, added, _), *_ = draws(1)
    memory = fresh(keys, TASKS, HEADS, ROWS, WIDTH)
    usage = torch.tensor([3.0, 2.0, 0.5, 4.0, 1.0, 5.0], dtype=torch.double).expand(TASKS, -1)
    full = Memory(rows=memory.rows + 7.0, reads=memory.reads, usage=usage)
    closed = torch.zeros(TASKS, HEADS, 1, dtype=torch.double)  # nothing goes to what was read
    _, after = used(full, keys, added, closed, rule)
    changed = (after.rows != full.rows).any(-1)
    assert changed.tolist() == [[False, False, True, False, True, False]] * TASKS
    torch.testing.assert_close(after.rows[:, 2], added.sum(1))
    torch.testing.assert_close(after.rows[:, 4], full.rows[:, 4] + added.sum(1))
    _, one = used(full, keys, added, closed, RULES[1])
    torch.testing.assert_close(one.rows[:, 2], added[:, 0])
    torch.testing.assert_close(one.rows[:, 4], full.rows[:, 4] + added[:, 1])


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_gradients_are_those_of_finite_differences(rule):
    steps = draws(4)
    flat = [value.requires_grad_() for step in steps for value in step]

    def read(*values):
        memory, seen = fresh(values[0], TASKS, HEADS, ROWS, WIDTH), []
        for place in range(0, len(values), 3):
            readings, memory = used(memory, *values[place : place + 3], rule)
            seen.append(readings)
        assert not memory.usage.requires_grad
        return torch.stack(seen[1:])

    assert torch.autograd.gradcheck(read, flat, eps=1e-7, atol=1e-4)
