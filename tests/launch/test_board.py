"""Files that say how far a sweep is."""

import shutil

import pytest

from suite.launch.board import (
    VARIABLE,
    Board,
    Entry,
    Progress,
    board_folder,
    boards,
    progress_of,
    progress_path,
    save,
    tell,
)
from suite.launch.folders import own_folder, remove_left

PROGRESS = Progress(doing="training", done=20, total=100, rate=4.0, note="4.0 it/s")


def board(*entries: Entry, at_once: int = 2) -> Board:
    return Board(plan="rl", host="h", pid=1, began=0.0, at_once=at_once, entries=list(entries))


def entry(state="waiting", estimate=100.0, began=None) -> Entry:
    return Entry(
        setting="ant-velocity",
        method="maml",
        seeds=(0,),
        estimate=estimate,
        state=state,
        began=began,
    )


def test_a_process_tells_the_sweep_that_started_it(tmp_path, monkeypatch):
    tell(PROGRESS)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv(VARIABLE, str(progress_path(tmp_path, 3)))
    tell(PROGRESS)
    assert progress_of(tmp_path, 3) == PROGRESS
    assert progress_of(tmp_path, 4) is None
    assert PROGRESS.seconds_left == 20.0
    progress_path(tmp_path, 4).write_bytes(b'{"done":')
    assert progress_of(tmp_path, 4) is None
    # A disk that fails ends no training.
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere" / "3.json"))
    tell(PROGRESS)


def test_a_board_is_there_for_as_long_as_its_sweep(tmp_path):
    with board_folder(tmp_path) as folder:
        save(folder, board(entry()))
        ((where, found, alive),) = boards(tmp_path)
        assert (where, found, alive) == (folder, board(entry()), True)
        with board_folder(tmp_path) as other:
            save(other, board())
            assert len(list(boards(tmp_path))) == 2
    assert list(boards(tmp_path)) == []


def test_the_board_of_a_killed_sweep_is_told_and_removed_by_the_next(tmp_path):
    with board_folder(tmp_path) as folder:
        save(folder, board(entry()))
        shutil.copytree(folder, folder.with_name("killed"))
    ((_, found, alive),) = boards(tmp_path)
    assert (found.plan, alive) == ("rl", False)
    with board_folder(tmp_path):
        assert not folder.with_name("killed").exists()


def test_a_folder_that_was_removed_in_part_is_removed_by_the_next(tmp_path, monkeypatch):
    home = tmp_path / "home"

    def killed(*_, **__):
        raise KeyboardInterrupt

    held = own_folder(home)
    own = held.__enter__()
    (own / "results").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            held.__exit__(None, None, None)
    assert (own / "results").exists()
    remove_left(home)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("entries", "at_once", "left"),
    [
        ((entry(), entry(), entry(), entry()), 2, 200.0),
        ((entry(), entry(estimate=500.0)), 2, 500.0),
        ((entry("running", began=960.0), entry("done")), 2, 60.0),
        ((entry("running", began=0.0),), 2, 0.0),
        ((entry(estimate=None), entry()), 1, 100.0),
        ((entry("done"), entry("failed"), entry(estimate=None)), 1, None),
    ],
)
def test_the_time_that_is_left_by_the_estimates(entries, at_once, left):
    assert board(*entries, at_once=at_once).seconds_left(1000.0) == left
