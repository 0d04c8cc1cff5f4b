"""Random numbers that are a function of (key, row, column) alone, and that look random."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from suite.rng import generator, mix, row_keys, stream_key, uniform

WORD = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15


def signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


def finalize(word: int) -> int:
    """The finalizer of splitmix64 as published, on unsigned words."""
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB & WORD
    return word ^ word >> 31


def test_mix_gives_the_published_outputs_of_splitmix64():
    states = [signed(1234567 + GAMMA * place & WORD) for place in range(1, 6)]
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert [word & WORD for word in mix(torch.tensor(states)).tolist()] == published


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_mix_equals_splitmix64_on_python_integers(words):
    expected = [signed(finalize(word & WORD)) for word in words]
    assert mix(torch.tensor(words, dtype=torch.int64)).tolist() == expected


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(0, 40), st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_numbers_do_not_depend_on_the_batch(start, rows, cut, columns):
    key = stream_key(3, "train")
    places = torch.arange(start, start + rows)
    whole = uniform(key, places, columns)
    cut = min(cut, rows)
    parts = [uniform(key, part, columns) for part in (places[:cut], places[cut:])]
    assert torch.equal(torch.cat(parts), whole)
    assert torch.equal(uniform(key, places, columns + 5)[:, :columns], whole)
    assert torch.equal(uniform(key, places.reshape(1, rows, 1), columns)[0, :, 0], whole)


@pytest.fixture(scope="module")
def numbers() -> np.ndarray:
    """(row, column): the first 40,000 rows of a stream."""
    return uniform(stream_key(0, "train"), torch.arange(40_000), 8).numpy()


def test_numbers_are_uniform(numbers):
    assert numbers.dtype == np.float64
    assert numbers.min() >= 0.0
    assert numbers.max() < 1.0
    # Five standard errors each.
    assert numbers.mean() == pytest.approx(1 / 2, abs=5 * np.sqrt(1 / 12 / numbers.size))
    assert numbers.var() == pytest.approx(1 / 12, abs=5 * np.sqrt(1 / 180 / numbers.size))


@pytest.mark.parametrize("by", ["column", "row"])
def test_every_column_and_row_is_uniform(numbers, by):
    groups = numbers.T if by == "column" else numbers[: 40_000 // 500 * 500].reshape(-1, 500 * 8)
    counts = np.stack([np.histogram(group, bins=50, range=(0, 1))[0] for group in groups])
    p_values = stats.chisquare(counts, axis=1).pvalue
    assert p_values.min() > 1e-4 / len(groups)
    # Not too even either: a lattice would pass the line above.
    assert p_values.max() < 1 - 1e-4 / len(groups)


def test_neighbours_are_not_correlated(numbers):
    next_seed = uniform(stream_key(1, "train"), torch.arange(len(numbers)), 8).numpy()
    pairs = {
        "rows": (numbers[1:], numbers[:-1]),
        "columns": (numbers[:, 1:], numbers[:, :-1]),
        "diagonals": (numbers[1:, 1:], numbers[:-1, :-1]),
        "seeds": (numbers, next_seed),
    }
    for name, (one, other) in pairs.items():
        correlation = np.corrcoef(one.ravel(), other.ravel())[0, 1]
        assert abs(correlation) < 5 / np.sqrt(one.size), name


def test_streams_and_seeds_have_no_number_in_common():
    streams = [(seed, name) for seed in (0, 1) for name in ("train", "validation", "test")]
    drawn = [
        set(uniform(stream_key(*stream), torch.arange(2_000), 5).flatten().tolist())
        for stream in streams
    ]
    for one, other in itertools.combinations(drawn, 2):
        assert not one & other


def test_keys_are_distinct_words():
    keys = {stream_key(seed, name) for seed in range(200) for name in ("train", "test", "weights")}
    assert len(keys) == 600
    assert all(-(1 << 63) <= key < 1 << 63 for key in keys)
    assert min(keys) < 0 < max(keys)


def test_a_generator_depends_on_seed_and_name_alone():
    def draw(seed: int, name: str) -> list[float]:
        return torch.rand(5, generator=generator(seed, name)).tolist()

    torch.manual_seed(1)
    first = draw(0, "initial weights")
    torch.manual_seed(2)
    assert draw(0, "initial weights") == first
    assert draw(1, "initial weights") != first
    assert draw(0, "train") != first


def test_each_row_has_a_key_of_its_own_that_depends_on_no_batch():
    keys = torch.tensor([[stream_key(0, "train")], [stream_key(1, "train")]])
    rows = torch.arange(500)
    found = row_keys(keys, rows)
    assert found.shape == (2, 500)
    assert len(set(found.flatten().tolist())) == 1000
    assert torch.equal(row_keys(keys, rows[7:9]), found[:, 7:9])
    # What is drawn with them has nothing to do with what the tasks themselves are drawn from.
    drawn, own = uniform(found[0], torch.zeros_like(rows), 20), uniform(int(keys[0]), rows, 20)
    assert not set(drawn.flatten().tolist()) & set(own.flatten().tolist())
    assert stats.kstest(drawn.flatten().numpy(), "uniform").pvalue > 1e-3
