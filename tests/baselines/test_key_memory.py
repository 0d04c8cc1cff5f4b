"""The memory of keys: against loops over queries and slots, and what it keeps count of."""

import pytest
import torch
from torch.nn import functional as F

from baselines.key_memory import UNUSED, KeyMemory, cleared, empty, margin_loss, taught

MEMORIES, QUERIES, FEATURES, LABELS = 2, 3, 4, 6


def lengths_one(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(*shape, FEATURES, generator=generator, dtype=torch.double)
    return F.normalize(drawn, dim=-1)


def filled(slots: int, rounds: int, seed: int = 0) -> KeyMemory:
    """A memory that was shown `rounds` times one image of each of three classes."""
    memory = empty(lengths_one(1), MEMORIES, slots, LABELS)
    still = torch.zeros(MEMORIES, slots, dtype=torch.double)
    for number in range(rounds):
        queries = lengths_one(MEMORIES, QUERIES, seed=100 * seed + number)
        labels = (torch.arange(QUERIES) + QUERIES * (number % 2)).expand(MEMORIES, -1).double()
        _, memory = taught(memory, queries, labels, still)
    return memory


def still(memory: KeyMemory) -> torch.Tensor:
    return torch.zeros_like(memory.ages)


def loss_of_one(keys, values, last, query, label, *, among, margin):
    """As the released code has it, for one query: similarities times hints, and the greatest."""
    similar = [float(query @ key) for key in keys]
    near = sorted(range(len(keys)), key=lambda slot: -similar[slot])[:among]
    pool = [*near, int(last[int(label)])]
    right = max(similar[slot] * float(values[slot] == label) for slot in pool)
    wrong = max(similar[slot] * float(values[slot] != label) for slot in pool)
    return max(wrong - right + margin, 0.0) - margin


@pytest.mark.parametrize("among", [1, 3, 9])
@pytest.mark.parametrize("rounds", [0, 1, 2, 7])
def test_the_loss_is_that_of_each_query_alone(rounds, among):
    memory = filled(9, rounds)
    queries = lengths_one(MEMORIES, QUERIES, seed=50)
    labels = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 2.0]], dtype=torch.double)
    found = margin_loss(memory, queries, labels, among=among, margin=0.3)
    for place in range(MEMORIES):
        parts = memory.keys[place], memory.labels[place], memory.recent[place]
        for query, label, loss in zip(queries[place], labels[place], found[place], strict=True):
            expected = loss_of_one(*parts, query, label, among=among, margin=0.3)
            assert float(loss) == pytest.approx(expected, abs=1e-12)


def test_what_was_written_last_is_looked_at_wherever_it_is():
    """Training sees a right answer even where all near slots are wrong."""
    memory = filled(40, 8)
    queries = lengths_one(MEMORIES, QUERIES, seed=7)
    labels = torch.arange(QUERIES).expand(MEMORIES, -1).double()
    losses = margin_loss(memory, queries, labels, among=1, margin=2.0)
    lost = KeyMemory(**(vars(memory) | {"recent": torch.full_like(memory.recent, 39.0)}))
    assert not lost.labels[:, 39].any()
    assert not lost.keys[:, 39].any()
    assert (margin_loss(lost, queries, labels, among=1, margin=2.0) != losses).any()


def test_no_gradient_reaches_a_key():
    memory = filled(9, 4)
    memory.keys.requires_grad_()
    queries = lengths_one(MEMORIES, QUERIES, seed=3).requires_grad_()
    labels = torch.arange(QUERIES).expand(MEMORIES, -1).double()
    loss = margin_loss(memory, queries, labels, among=9, margin=2.0).sum()
    keys, found = torch.autograd.grad(loss, (memory.keys, queries), allow_unused=True)
    assert keys is None
    assert found.any()
    answers, after = taught(memory, queries, labels, still(memory))
    assert not answers.requires_grad
    assert not any(value.requires_grad for value in vars(after).values())


def test_the_gradient_is_that_of_finite_differences():
    memory = filled(9, 4)
    labels = torch.arange(QUERIES).expand(MEMORIES, -1).double()
    queries = lengths_one(MEMORIES, QUERIES, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda each: margin_loss(memory, each, labels, among=9, margin=2.0), queries
    )


def one(keys, labels, ages, recent=(0.0, 0.0, 0.0)) -> KeyMemory:
    """One memory of features in the plane."""
    return KeyMemory(
        keys=torch.tensor([keys]),
        labels=torch.tensor([labels]),
        ages=torch.tensor([ages]),
        recent=torch.tensor([recent]),
    )


EAST, NORTH = (1.0, 0.0), (0.0, 1.0)
BETWEEN = (0.8, 0.6)


def test_a_right_answer_moves_its_key_and_a_wrong_one_takes_the_oldest_slot():
    memory = one([EAST, NORTH, (0.0, -1.0)], [1.0, 2.0, 1.0], [5.0, 3.0, 4.0])
    query = torch.tensor([[BETWEEN]])
    none = torch.zeros(1, 3)
    answers, after = taught(memory, query, torch.tensor([[1.0]]), none)
    assert answers.tolist() == [[1.0]]
    middle = torch.tensor([1.8, 0.6]) / (1.8**2 + 0.6**2) ** 0.5
    torch.testing.assert_close(after.keys[0, 0], middle)
    assert torch.equal(after.keys[0, 1:], memory.keys[0, 1:])
    assert torch.equal(after.labels, memory.labels)
    assert after.ages.tolist() == [[0.0, 4.0, 5.0]]
    assert after.recent.tolist() == [[0.0, 0.0, 0.0]]

    answers, after = taught(memory, query, torch.tensor([[2.0]]), none)
    assert answers.tolist() == [[1.0]]
    assert torch.equal(after.keys[0, 0], query[0, 0])
    assert after.labels.tolist() == [[2.0, 2.0, 1.0]]
    assert after.ages.tolist() == [[0.0, 4.0, 5.0]]
    noise = torch.tensor([[0.0, 0.0, 1.5]])
    _, after = taught(memory, query, torch.tensor([[2.0]]), noise)
    assert after.ages.tolist() == [[6.0, 4.0, 0.0]]
    assert after.recent.tolist() == [[0.0, 0.0, 2.0]]


def test_two_queries_never_take_the_same_slot():
    """The oldest slot is right for one query, while another one is wrong."""
    memory = one([EAST, NORTH], [1.0, 2.0], [9.0, 1.0])
    queries = torch.tensor([[EAST, BETWEEN]])
    answers, after = taught(memory, queries, torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2))
    assert answers.tolist() == [[1.0, 1.0]]
    assert after.labels.tolist() == [[1.0, 0.0]]
    torch.testing.assert_close(after.keys, torch.tensor([[EAST, BETWEEN]]))
    assert after.ages.tolist() == [[0.0, 0.0]]


def test_every_memory_counts_keys_and_ages():
    memory = filled(9, 0)
    for number in range(12):
        labels = (torch.arange(QUERIES) + QUERIES * (number % 2)).expand(MEMORIES, -1).double()
        queries = lengths_one(MEMORIES, QUERIES, seed=number)
        counts = [(memory.labels == label).sum(1) for label in range(LABELS)]
        answers, after = taught(memory, queries, labels, still(memory))
        written = after.ages == 0.0
        assert written.sum(1).tolist() == [QUERIES] * MEMORIES
        assert torch.equal(after.ages[~written], memory.ages[~written] + 1.0)
        assert torch.equal(after.keys[~written], memory.keys[~written])
        assert torch.allclose(after.keys[written].norm(dim=-1), torch.ones(()).double())
        for place in range(MEMORIES):
            all_right = bool((answers[place] == labels[place]).all())
            now = [int((after.labels[place] == label).sum()) for label in range(LABELS)]
            before = [int(count[place]) for count in counts]
            assert sum(now) == 9
            if all_right:
                assert now == before
            for query in range(QUERIES):
                label = int(labels[place, query])
                slot = int(after.recent[place, label])
                assert after.labels[place, slot] == label
                assert after.ages[place, slot] == 0.0
        memory = after
    assert (memory.ages < UNUSED).all()


def test_empty_slots_answer_zero_and_go_first():
    memory = empty(lengths_one(1), MEMORIES, 50, LABELS)
    queries = lengths_one(MEMORIES, QUERIES)
    labels = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.double).expand(MEMORIES, -1)
    generator = torch.Generator().manual_seed(5)

    def noise():
        drawn = torch.rand(MEMORIES, 50, generator=generator, dtype=torch.double)
        return 8.0 * (2.0 * drawn - 1.0)

    answers, memory = taught(memory, queries, labels, noise())
    assert not answers.any()
    for number in range(1, 16):
        _, memory = taught(memory, -queries, labels + number % 2, noise())
        assert ((memory.keys**2).sum(-1) > 0.5).sum() <= MEMORIES * QUERIES * (number + 1)
        assert (memory.ages[memory.keys.any(-1)] < UNUSED).all()
        assert (memory.ages[~memory.keys.any(-1)] > UNUSED).all()


def test_more_empty_slots_than_are_looked_at_change_nothing():
    few, many = filled(30, 6), filled(300, 6)
    queries = lengths_one(MEMORIES, QUERIES, seed=77)
    labels = torch.arange(QUERIES).expand(MEMORIES, -1).double()
    losses = [margin_loss(each, queries, labels, among=12, margin=0.1) for each in (few, many)]
    assert torch.equal(*losses)
    answers = [taught(each, queries, labels, still(each))[0] for each in (few, many)]
    assert torch.equal(*answers)


def test_clearing_empties_the_memories_that_are_meant():
    memory = filled(9, 5)
    after = cleared(memory, torch.tensor([True, False]))
    blank = empty(memory.keys, MEMORIES, 9, LABELS)
    for name, value in vars(after).items():
        assert torch.equal(value[0], getattr(blank, name)[0])
        assert torch.equal(value[1], getattr(memory, name)[1])
        assert (getattr(memory, name)[0] != getattr(blank, name)[0]).any()
