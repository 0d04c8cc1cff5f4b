"""A checkpoint comes back whole or not at all, and reading one runs no code."""

import hashlib
import io
import os
import pickle

import pytest
import torch

from suite import checkpoint
from suite.checkpoint import TrainingState, weights_sha256
from suite.models import build_network
from suite.settings import get_setting
from suite.train import initial_state

CONFIG = get_setting("sinusoid").config


def fresh_state(seed: int = 0) -> TrainingState:
    return initial_state(build_network(CONFIG), CONFIG, seed, torch.device("cpu"))


def trained_state(seed: int = 1) -> TrainingState:
    """A state in which nothing stands at its initial value."""
    state = fresh_state(seed)
    for step in range(3):
        for value in state.params.values():
            value.grad = torch.full_like(value, 0.1 * (step + 1))
        state.optimizer.step()
    state.iteration = 3
    state.curve = [(1, 0.1, 0.2, 0.3), (2, 1 / 3, 2 / 3, 0.7)]
    state.sums = torch.tensor([1 / 3, 1e300], dtype=torch.float64)
    state.seconds = 12.5
    state.resumes = 1
    return state


def moments(state: TrainingState) -> list[torch.Tensor]:
    return [
        value
        for entry in state.optimizer.state_dict()["state"].values()
        for value in (entry["step"], entry["exp_avg"], entry["exp_avg_sq"])
    ]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "checkpoint.pt"


def test_a_state_comes_back_bit_for_bit(path):
    saved, state = trained_state(), fresh_state()
    checkpoint.save(path, saved)
    assert checkpoint.restore(path, state)
    assert weights_sha256(state.params) == weights_sha256(saved.params)
    assert weights_sha256(state.params) != weights_sha256(fresh_state().params)
    assert (state.iteration, state.curve, state.seconds) == (3, saved.curve, 12.5)
    assert torch.equal(state.sums, saved.sums)
    assert state.resumes == 2
    ours, theirs = moments(state), moments(saved)
    assert len(ours) == 3 * len(saved.params)
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert list(path.parent.iterdir()) == [path]


def test_where_there_is_none_training_starts_without_a_word(path, caplog):
    state = fresh_state()
    assert not checkpoint.restore(path, state)
    assert caplog.messages == []
    assert state.resumes == 0


def flipped(data: bytes, state: TrainingState) -> bytes:
    """`data` with one bit of a weight of `state` turned over."""
    weights = state.params["layer1.weight"].detach().numpy().tobytes()
    place = data.index(weights) + len(weights) // 2
    return data[:place] + bytes([data[place] ^ 64]) + data[place + 1 :]


DAMAGES = {
    "empty": lambda data, state: b"",
    "cut in half": lambda data, state: data[: len(data) // 2],
    "cut by a byte": lambda data, state: data[:-1],
    "text": lambda data, state: b"not a checkpoint",
    "one letter": lambda data, state: b"0",
    "zeros": lambda data, state: bytes(len(data)),
    "a bit of a weight": flipped,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_told_and_not_used(path, caplog, damage):
    saved, state = trained_state(), fresh_state()
    checkpoint.save(path, saved)
    path.write_bytes(damage(path.read_bytes(), saved))
    assert not checkpoint.restore(path, state)
    assert_untouched(state)
    (message,) = caplog.messages
    assert str(path) in message
    assert "starts anew" in message


def assert_untouched(state: TrainingState) -> None:
    assert weights_sha256(state.params) == weights_sha256(fresh_state().params)
    assert moments(state) == []
    assert (state.iteration, state.curve, state.resumes) == (0, [], 0)


def of_another_network(path):
    config = get_setting("omniglot-5way-1shot-mlp").config
    state = initial_state(build_network(config), config, 0, torch.device("cpu"))
    checkpoint.save(path, state)


def without_moments(path):
    """Weights that fit, but an optimizer that does not: neither may be used."""
    state = trained_state()
    state.optimizer = torch.optim.Adam([state.params["head.bias"]])
    checkpoint.save(path, state)


def of_another_format(path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_FORMAT", 999)
        checkpoint.save(path, trained_state())


@pytest.mark.parametrize("write", [of_another_network, without_moments, of_another_format])
def test_a_checkpoint_that_does_not_fit_is_told_and_not_used(path, caplog, monkeypatch, write):
    write(path, monkeypatch) if write is of_another_format else write(path)
    state = fresh_state()
    assert not checkpoint.restore(path, state)
    assert_untouched(state)
    assert "starts anew" in caplog.text


class Evil:
    """Unpickling it runs a command."""

    def __init__(self, marker):
        self.command = f"touch {marker}"

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("container", ["pickle", "torch"])
def test_reading_a_checkpoint_runs_no_code(path, caplog, tmp_path, container):
    marker = tmp_path / "executed"
    content = {"format": 1, "params": Evil(marker)}
    path.parent.mkdir()
    buffer = io.BytesIO()
    if container == "pickle":
        pickle.dump(content, buffer, protocol=2)
    else:
        torch.save(content, buffer)
    payload = buffer.getvalue()
    # Whoever writes such a file can write its digest too.
    path.write_bytes(hashlib.sha256(payload).digest() + payload)
    assert not checkpoint.restore(path, fresh_state())
    assert not marker.exists()
    assert "starts anew" in caplog.text
    # The trap does work.
    buffer.seek(0)
    torch.load(buffer, weights_only=False) if container == "torch" else pickle.load(buffer)
    assert marker.exists()


def test_a_kill_while_saving_leaves_the_old_checkpoint(path, monkeypatch):
    first = trained_state()
    checkpoint.save(path, first)

    def killed(descriptor):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.save(path, trained_state(2))
    state = fresh_state()
    assert checkpoint.restore(path, state)
    assert weights_sha256(state.params) == weights_sha256(first.params)


def test_the_hash_of_weights_tells_names_shapes_and_values_apart():
    weights = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0])}
    expected = weights_sha256(weights)
    assert weights_sha256(dict(reversed(weights.items()))) == expected
    others = [
        {"a": torch.tensor([1.0, 2.0]), "c": torch.tensor([3.0])},
        {"a": torch.tensor([[1.0, 2.0]]), "b": torch.tensor([3.0])},
        {"a": torch.tensor([1.0, 2.0], dtype=torch.float64), "b": torch.tensor([3.0])},
        {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0000002])},
    ]
    assert expected not in {weights_sha256(other) for other in others}
