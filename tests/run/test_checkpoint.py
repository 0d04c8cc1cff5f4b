"""A checkpoint comes back whole or not at all, and reading one runs no code."""

import errno
import hashlib
import io
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import CheckpointError
from suite.models import build_network
from suite.outer.snapshot import History, Snapshot, Training, weights_sha256
from suite.outer.state import stack, unstack
from suite.run import checkpoint
from suite.run.sealed import sealed, unsealed
from suite.run.train import initial_snapshot
from suite.settings import get_setting

CONFIG = get_setting("sinusoid").config


NETWORK = build_network(CONFIG)


def fresh(seed: int = 0, training: Training | None = None) -> Snapshot:
    return initial_snapshot(NETWORK, seed, training)


def trained(seed: int = 1) -> Snapshot:
    """A snapshot in which nothing stands at its initial value."""
    state = stack([fresh(seed)], CONFIG, torch.device("cpu"))
    for step in range(3):
        for value in state.params.values():
            value.grad = torch.full_like(value, 0.1 * (step + 1))
        state.optimizer.step()
    state.iteration = 3
    state.histories[0] = History(
        curve=[(1, 0.1, 0.2, 0.3), (2, 1 / 3, 2 / 3, 0.7)],
        seconds=12.5,
        resumes=1,
        commits=["abc"],
        engine="graph",
    )
    state.sums = torch.tensor([[1 / 3], [1e300]], dtype=torch.float64)
    return unstack(state)[0]


def tensors(snapshot: Snapshot) -> list[torch.Tensor]:
    groups = (snapshot.params, snapshot.first_moments, snapshot.second_moments)
    return [value for group in groups for value in group.values()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "checkpoint.pt"


def test_a_snapshot_comes_back_bit_for_bit(path):
    saved = trained()
    checkpoint.save(path, saved)
    found = checkpoint.load(path, fresh())
    assert found.iteration == 3
    assert found.history == replace(saved.history, resumes=2)
    assert torch.equal(found.sums, saved.sums)
    pairs = list(zip(tensors(found), tensors(saved), strict=True))
    assert len(pairs) == 3 * len(fresh().params)
    assert all(torch.equal(one, other) and one.any() for one, other in pairs)
    assert list(path.parent.iterdir()) == [path]


def test_stacked_and_unstacked_is_the_same():
    seeds = [trained(1), trained(2)]
    state = stack(seeds, CONFIG, torch.device("cpu"))
    assert {value.shape[0] for value in state.params.values()} == {2}
    for ours, theirs in zip(unstack(state), seeds, strict=True):
        assert torch.equal(ours.sums, theirs.sums)
        assert all(map(torch.equal, tensors(ours), tensors(theirs)))
        assert ours.history == theirs.history
    steps = {float(each["step"]) for each in state.optimizer.state.values()}
    assert steps == {3.0}


def test_the_last_but_one_is_kept(path):
    checkpoint.save(path, trained(1))
    checkpoint.save(path, trained(2))
    found = [checkpoint.load(each, fresh()) for each in (checkpoint.previous(path), path)]
    expected = [weights_sha256(trained(seed).params) for seed in (1, 2)]
    assert [weights_sha256(each.params) for each in found] == expected


def test_where_there_is_none_nothing_is_said(path, caplog):
    assert checkpoint.load(path, fresh()) is None
    assert caplog.messages == []


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_checkpoint_that_is_no_regular_file_is_told_and_not_used(path, caplog, make):
    path.parent.mkdir(exist_ok=True)
    make(path)
    assert checkpoint.load(path, fresh()) is None
    assert "it is not a file" in caplog.text


def flipped(data: bytes, snapshot: Snapshot) -> bytes:
    """`data` with one bit of a weight of `snapshot` turned over."""
    weights = snapshot.params["layer1.weight"].detach().numpy().tobytes()
    place = data.index(weights) + len(weights) // 2
    return data[:place] + bytes([data[place] ^ 64]) + data[place + 1 :]


DAMAGES = {
    "empty": lambda data, snapshot: b"",
    "cut in half": lambda data, snapshot: data[: len(data) // 2],
    "cut by a byte": lambda data, snapshot: data[:-1],
    "text": lambda data, snapshot: b"not a checkpoint",
    "one letter": lambda data, snapshot: b"0",
    "zeros": lambda data, snapshot: bytes(len(data)),
    "a bit of a weight": flipped,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_told_and_not_used(path, caplog, damage):
    saved = trained()
    checkpoint.save(path, saved)
    path.write_bytes(damage(path.read_bytes(), saved))
    assert checkpoint.load(path, fresh()) is None
    (message,) = caplog.messages
    assert str(path) in message
    assert "cannot be used" in message


def of_another_network(path):
    config = get_setting("omniglot-5way-1shot-mlp").config
    checkpoint.save(path, initial_snapshot(build_network(config), 0))


def without_moments(path):
    """Weights that fit, but moments that do not: neither may be used."""
    moments = {"head.bias": torch.zeros(1)}
    checkpoint.save(path, replace(trained(), second_moments=moments))


def in_double_precision(path):
    params = {name: value.double() for name, value in trained().params.items()}
    checkpoint.save(path, replace(trained(), params=params))


@pytest.mark.parametrize("write", [of_another_network, without_moments, in_double_precision])
def test_a_checkpoint_that_does_not_fit_is_told_and_not_used(path, caplog, write):
    write(path)
    assert checkpoint.load(path, fresh()) is None
    assert "other weights" in caplog.text


def test_a_checkpoint_of_another_format_is_told_and_not_used(path, caplog, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_FORMAT", 999)
        checkpoint.save(path, trained())
    assert checkpoint.load(path, fresh()) is None
    assert "format 999" in caplog.text


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
    assert checkpoint.load(path, fresh()) is None
    assert not marker.exists()
    assert "cannot be used" in caplog.text
    # The trap does work.
    buffer.seek(0)
    torch.load(buffer, weights_only=False) if container == "torch" else pickle.load(buffer)
    assert marker.exists()


@pytest.mark.parametrize(("at_sync", "place"), [(1, Path), (2, checkpoint.previous)])
def test_a_kill_while_saving_leaves_the_last_checkpoint(path, monkeypatch, at_sync, place):
    """Before it is moved aside, and after that."""
    first = trained()
    checkpoint.save(path, first)
    syncs = iter(range(1, 9))

    def killed(descriptor):
        if next(syncs) == at_sync:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.save(path, trained(2))
    assert [each.exists() for each in (path, checkpoint.previous(path))].count(True) == 1
    found = checkpoint.load(place(path), fresh())
    assert weights_sha256(found.params) == weights_sha256(first.params)


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


@pytest.mark.parametrize("call", ["fsync", "write_bytes"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_last_checkpoint_and_is_named(path, monkeypatch, call, number):
    for seed in (1, 2):
        checkpoint.save(path, trained(seed))

    def full(*_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os if call == "fsync" else Path, call, full)
        for save in (checkpoint.save, checkpoint.save_best):
            with pytest.raises(CheckpointError, match=os.strerror(number)) as caught:
                save(path, trained(3))
            assert str(path.parent) in str(caught.value)
            assert "the disk at /" in str(caught.value)
            assert "\n" not in str(caught.value)
    hashes = {weights_sha256(trained(seed).params) for seed in (1, 2)}
    found = [checkpoint.load(each, fresh()) for each in (checkpoint.previous(path), path)]
    left = [each for each in found if each is not None]
    assert weights_sha256(left[-1].params) == weights_sha256(trained(2).params)
    assert {weights_sha256(each.params) for each in left} == hashes
    assert not list(path.parent.glob(".*"))


@given(st.data())
def test_a_checkpoint_that_was_tampered_with_is_never_taken_for_another(tmp_path_factory, data):
    """Bytes turned over, cut off, added or put elsewhere: it is told and not used."""
    path = tmp_path_factory.mktemp("run") / "checkpoint.pt"
    saved = trained()
    checkpoint.save(path, saved)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(("flip", "cut", "add", "swap")))
    if kind == "flip":
        content[place] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del content[place:]
    elif kind == "add":
        content[place:place] = data.draw(st.binary(min_size=1, max_size=9))
    else:
        content = content[place:] + content[:place]
    if bytes(content) != path.read_bytes():
        path.write_bytes(content)
        assert checkpoint.load(path, fresh()) is None


RESEALED = {
    "flip": lambda payload, place: payload[:place] + b"\xff" + payload[place + 1 :],
    "cut": lambda payload, place: payload[:place],
    "zeros": lambda payload, place: payload[:place] + bytes(len(payload) - place),
}


@given(place=st.integers(0, 20_000), edit=st.sampled_from(sorted(RESEALED)))
def test_what_somebody_else_sealed_is_whole_or_refused(tmp_path_factory, place, edit):
    """Whoever edits a checkpoint can write its digest too: no other error, and no odd shape."""
    path = tmp_path_factory.mktemp("run") / "checkpoint.pt"
    checkpoint.save(path, trained())
    payload = path.read_bytes()[hashlib.sha256().digest_size :]
    edited = RESEALED[edit](payload, place % len(payload))
    path.write_bytes(hashlib.sha256(edited).digest() + edited)
    found = checkpoint.load(path, fresh())
    if found is not None:
        assert found.iteration >= 0
        assert found.sums.shape == (2,)
        assert [value.shape for value in tensors(found)] == [
            value.shape for value in tensors(trained())
        ]


OWN = Training(name="run", title="sinusoid maml seed 0, 20 iterations", iterations=20)
OTHER = Training(name="0123456789ab", title="sinusoid fomaml seed 1, 20 iterations", iterations=20)


def owned(training: Training = OWN, **changes) -> Snapshot:
    """A snapshot of `training`, with changes of its own fields or of its history's."""
    snapshot = trained()
    history = {name: changes.pop(name) for name in tuple(changes) if hasattr(History(), name)}
    return replace(
        snapshot, history=replace(snapshot.history, training=training, **history), **changes
    )


@pytest.mark.parametrize("of", [Path, checkpoint.previous, checkpoint.best])
def test_the_checkpoint_of_another_training_is_refused_by_name(path, of):
    checkpoint.save(of(path), owned(OTHER))
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(of(path), fresh(training=OWN))
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(of(path)), *(f"{each.title} ({each.name})" for each in (OTHER, OWN))):
        assert part in message
    assert "move it to a folder named 0123456789ab, or delete it" in message
    assert checkpoint.load(of(path), fresh(training=OTHER)) is not None


def test_whose_an_odd_checkpoint_is_is_told_in_one_line(path, caplog):
    checkpoint.save(path, owned(replace(OTHER, title="two\nlines\x1b[31m")))
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(path, fresh(training=OWN))
    assert str(caught.value).isprintable()
    checkpoint.save(path, owned(replace(OTHER, title=["no text"])))
    assert checkpoint.load(path, fresh(training=OWN)) is None
    assert "does not say whose it is" in caplog.text


def nameless(path: Path) -> None:
    """Write a checkpoint of the format before this one."""
    checkpoint.save(path, owned())
    content = unsealed(path.read_bytes())
    del content["training"]
    path.write_bytes(sealed(content | {"format": 3}))


def test_an_older_checkpoint_is_taken_where_its_folder_says_whose_it_is(path, caplog):
    nameless(path)
    found = checkpoint.load(path, fresh(training=OWN))
    assert found.history == replace(owned().history, resumes=2)
    checkpoint.save(path, found)
    assert unsealed(path.read_bytes())["training"]["name"] == "run"
    assert caplog.messages == []


def test_an_older_checkpoint_in_another_folder_is_not_used(path, caplog):
    nameless(path)
    assert checkpoint.load(path, fresh(training=OTHER)) is None
    assert "format 3" in caplog.text


def with_one(group: str, value: float) -> dict[str, object]:
    """One number of one tensor."""
    tensors = {name: each.clone() for name, each in getattr(trained(), group).items()}
    tensors["head.bias"][0] = value
    return {group: tensors}


POINT = (3, 0.1, 0.2, 0.3)
UNREASONABLE = {
    "beyond the schedule": {"iteration": 10**9},
    "one beyond the schedule": {"iteration": 21},
    "before the start": {"iteration": -1},
    "a truth value": {"iteration": True},
    "negative seconds": {"seconds": -1.0},
    "endless seconds": {"seconds": float("inf")},
    "no seconds": {"seconds": float("nan")},
    "negative joules": {"joules": -0.5},
    "no joules": {"joules": float("nan")},
    "negative resumes": {"resumes": -1},
    "negative steps": {"environment_steps": -10},
    "a curve backwards": {"curve": [(2, 0.1, 0.2, 0.3), (1, 0.1, 0.2, 0.3)]},
    "a point twice": {"curve": [POINT, POINT]},
    "a point before the start": {"curve": [(0, 0.1, 0.2, 0.3)]},
    "a point to come": {"curve": [POINT, (4, 0.1, 0.2, 0.3)]},
    "policies without a curve": {"policies": [(1.0, 2.0)]},
    "a weight that is not finite": with_one("params", float("nan")),
    "a moment that is not finite": with_one("first_moments", float("inf")),
    "a square that is no number": with_one("second_moments", float("nan")),
    "a negative square": with_one("second_moments", -1e-9),
}


@pytest.mark.parametrize("changes", UNREASONABLE.values(), ids=UNREASONABLE)
def test_a_checkpoint_that_no_training_can_have_come_to_is_told_and_not_used(path, caplog, changes):
    checkpoint.save(path, owned(**changes))
    assert checkpoint.load(path, fresh(training=OWN)) is None
    (message,) = caplog.messages
    assert f"the checkpoint {path} cannot be used" in message


REASONABLE = {
    "the end": {"iteration": 20},
    "no curve": {"curve": []},
    "a training that is about to diverge": {"curve": [(3, float("inf"), float("nan"), 0.1)]},
    "joules not known": {"joules": None},
    "a great gradient's square": with_one("second_moments", float("inf")),
}


@pytest.mark.parametrize("changes", REASONABLE.values(), ids=REASONABLE)
def test_what_a_training_can_come_to_is_used(path, changes):
    checkpoint.save(path, owned(**changes))
    assert checkpoint.load(path, fresh(training=OWN)) is not None


def test_what_is_no_file_is_told_and_not_opened(path, caplog):
    path.parent.mkdir()
    os.mkfifo(path)
    checkpoint.previous(path).symlink_to("/dev/zero")
    checkpoint.best(path).mkdir()
    for each in (path, checkpoint.previous(path), checkpoint.best(path)):
        assert checkpoint.load(each, fresh()) is None
        assert f"{each} cannot be used (it is not a file)" in caplog.messages[-1]


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
def test_a_disk_that_cannot_be_read_does_not_cost_the_training(path, monkeypatch, number):
    checkpoint.save(path, owned())

    def unreadable(*_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", unreadable)
        with pytest.raises(CheckpointError, match=os.strerror(number)):
            checkpoint.load(path, fresh(training=OWN))
    assert checkpoint.load(path, fresh(training=OWN)) is not None
