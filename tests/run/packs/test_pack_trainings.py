"""What is taken into a cache, what is left as it is there, and whose it may be."""

from dataclasses import replace

import pytest
from filelock import FileLock

from suite.errors import CheckpointError, UsageError
from suite.registry import Registry
from suite.run import checkpoint
from suite.run.packs import trainings
from suite.run.packs.selection import selected
from suite.run.packs.trainings import described, locked, saved_in, slug, take
from suite.run.resume import Run, resumed
from suite.run.sealed import sealed, unsealed
from suite.run.train import initial_snapshot
from tests.run.packs.made_trainings import NAME, NETWORK, save, snapshot, training


def packed(tmp_path, iteration, whose=None, seed=0):
    """A training as it comes from a cache."""
    root = tmp_path / f"from-{iteration}-{seed}"
    save(root, snapshot(iteration, whose, seed))
    (found,) = saved_in(root)
    return found


def loaded(folder):
    return checkpoint.load(folder / "checkpoint.pt", initial_snapshot(NETWORK, 0, training()))


@pytest.mark.parametrize(("there", "new"), [(10, 20), (None, 20)])
def test_what_is_further_is_taken(runs, tmp_path, there, new):
    if there:
        save(runs, snapshot(there))
    assert take(packed(tmp_path, new), runs / NAME) == "taken"
    assert loaded(runs / NAME).iteration == new
    best = checkpoint.best(runs / NAME / "checkpoint.pt")
    assert checkpoint.load(best, initial_snapshot(NETWORK, 0, training())).iteration == new


@pytest.mark.parametrize(("there", "said"), [(20, "as far"), (30, "further")])
def test_what_is_not_further_changes_no_byte(runs, tmp_path, there, said):
    folder = save(runs, snapshot(there))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert take(packed(tmp_path, 20), folder) == said
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_training_that_lost_its_last_checkpoint_counts_by_the_one_before(runs, tmp_path):
    folder = save(runs, snapshot(30))
    (folder / "checkpoint.pt").rename(checkpoint.previous(folder / "checkpoint.pt"))
    assert take(packed(tmp_path, 20), folder) == "further"


def test_a_damaged_training_is_replaced(runs, tmp_path):
    folder = save(runs, snapshot(30))
    (folder / "checkpoint.pt").write_bytes(b"x" * 100)
    assert take(packed(tmp_path, 20), folder) == "taken"
    assert loaded(folder).iteration == 20


def test_anothers_checkpoint_in_the_folder_is_left_alone(runs, tmp_path):
    folder = save(runs, snapshot(10, training("f" * 12)))
    folder = folder.rename(runs / NAME)
    with pytest.raises(CheckpointError, match="another training"):
        take(packed(tmp_path, 20), folder)
    assert list(saved_in(runs)) == []


def test_a_training_under_way_is_not_touched(runs):
    folder = save(runs, snapshot(10))
    with (
        FileLock(folder / ".lock"),
        pytest.raises(UsageError, match="another process here"),
        locked(folder, training()),
    ):
        pytest.fail("there is no lock")


def test_a_group_of_seeds_that_came_apart_does_not_begin_anew(runs, tmp_path):
    both = []
    for seed, iteration in enumerate((20, 30)):
        whose = training(f"{seed}" * 12, seed)
        take(packed(tmp_path, iteration, whose, seed), runs / whose.name)
        run = Run(
            index=seed,
            seed=seed,
            identities=[],
            standing=[],
            rerun=0,
            training=whose,
            checkpoints=None,
        )
        both.append(run)
    found = [[each.iteration for each in snapshots] for _, snapshots in resumed(NETWORK, both)]
    assert found == [[20], [30]]


def test_what_is_saved_while_it_is_read_does_not_leave_an_old_best(runs, monkeypatch):
    folder = save(runs, snapshot(10))
    plain = trainings._bytes

    def read(path):
        found = plain(path)
        if path.name == "checkpoint.pt":
            save(runs, snapshot(20))
        return found

    monkeypatch.setattr(trainings, "_bytes", read)
    (found,) = saved_in(runs)
    best = checkpoint.decoded(found.files["checkpoint.best.pt"], folder.name)
    assert best.iteration >= max(point[0] for point in found.snapshot.history.curve)


def test_one_saved_before_lengths_were_says_its_length_in_words(runs):
    path = save(runs, snapshot(20)) / "checkpoint.pt"
    content = unsealed(path.read_bytes())
    del content["training"]["iterations"]
    content["training"]["title"] = "sinusoid maml seed 0, 70,000 iterations, run again (1)"
    path.write_bytes(sealed(content))
    (found,) = saved_in(runs)
    assert found.training.iterations == 70_000
    assert not found.finished


def test_one_that_does_not_say_whose_it_is_is_not_packed(runs, caplog):
    path = save(runs, snapshot(20)) / "checkpoint.pt"
    content = unsealed(path.read_bytes())
    del content["training"]
    path.write_bytes(sealed(content | {"format": 3}))
    assert list(saved_in(runs)) == []
    assert "does not say whose it is" in caplog.text


def test_names_say_what_is_in_it(runs):
    save(runs, snapshot(20))
    (found,) = saved_in(runs)
    assert slug(found.training) == f"sinusoid-maml-seed-0-{NAME}"
    assert described(found.entry) == f"sinusoid maml seed 0, 100 iterations ({NAME}), at 20"


def test_which_trainings_are_meant(runs, tmp_path):
    registry = Registry(tmp_path / "results")
    names = ["0" * 12, "01" * 6, "f" * 12]
    found = [training(name, seed) for seed, name in enumerate(names)]
    assert selected([], found, registry) == set(names)
    assert selected(["f", "sinusoid/maml/0"], found, registry) == {names[0], names[2]}
    assert selected([names[1]], found, registry) == {names[1]}
    with pytest.raises(UsageError, match=f"may be any of: {names[0]}, {names[1]}; give more"):
        selected(["0"], found, registry)
    for wanted in ("", "sinusoid/maml/3", "sinusoid/maml", "e"):
        with pytest.raises(UsageError, match=f"no training in the cache is '{wanted}', and no rec"):
            selected([wanted], found, registry)


def test_a_longer_training_of_a_seed_is_meant_by_it_too(runs, tmp_path):
    one = [training("0" * 12)]
    with pytest.raises(UsageError, match="no training in the cache"):
        selected([""], one, Registry(tmp_path))
    both = [*one, replace(training("f" * 12), title="sinusoid maml seed 0, 9 it")]
    assert len(selected(["sinusoid/maml/0"], both, Registry(tmp_path))) == 2
