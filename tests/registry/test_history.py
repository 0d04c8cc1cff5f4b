"""A committed record is never changed or deleted; newer results have keys of their own."""

import subprocess
from pathlib import Path

import pytest

from suite.errors import RegistryError
from suite.registry.history import altered

ROOT = Path(__file__).parents[2]
RECORD = "sinusoid/maml/seed-0-aaaaaaaaaaaa.json"
OTHER = "sinusoid/maml/seed-1-bbbbbbbbbbbb.json"


def git(folder, *arguments):
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    command = ["git", "-C", str(folder), *who, *arguments]
    subprocess.run(command, check=True, capture_output=True)


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "x")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def results(tmp_path):
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    results = tmp_path / "results"
    write(results / RECORD, "one\n")
    write(results / OTHER, "two\n")
    write(results / "references.json", "{}\n")
    commit(tmp_path)
    return results


def test_every_record_of_this_project_is_as_it_was_first_committed():
    try:
        found = altered(ROOT / "results")
    except RegistryError as error:
        pytest.skip(f"git cannot tell here: {error}")
    assert found == {}


def test_new_records_and_other_files_may_come_and_change(results):
    write(results / "sinusoid/maml/seed-2-cccccccccccc.json", "three\n")
    write(results / "references.json", "{1}\n")
    assert altered(results) == {}
    commit(results)
    assert altered(results) == {}


@pytest.mark.parametrize("committed", [False, True])
def test_a_change_and_a_deletion_are_seen_before_and_after_their_commit(results, committed):
    write(results / RECORD, "something else\n")
    (results / OTHER).unlink()
    if committed:
        commit(results)
    assert altered(results) == {RECORD: "changed", OTHER: "deleted"}


def test_what_is_brought_back_is_well_and_what_was_swapped_since_is_not(results):
    (results / RECORD).unlink()
    commit(results)
    write(results / RECORD, "another\n")
    commit(results)
    assert altered(results) == {RECORD: "changed"}
    write(results / RECORD, "one\n")
    assert altered(results) == {}


def test_a_record_that_was_changed_on_a_merged_branch_is_seen(results):
    git(results, "checkout", "--quiet", "-b", "branch")
    write(results / "sinusoid/maml/seed-2-cccccccccccc.json", "three\n")
    write(results / RECORD, "worse\n")
    commit(results)
    git(results, "checkout", "--quiet", "main")
    write(results.parent / "README", "text\n")
    commit(results)
    git(results, "merge", "--quiet", "--no-edit", "branch")
    assert altered(results) == {RECORD: "changed"}


def test_where_git_cannot_tell_it_is_said(results, tmp_path, tmp_path_factory):
    with pytest.raises(RegistryError, match="not a git checkout"):
        altered(tmp_path_factory.mktemp("elsewhere"))
    commit(tmp_path)
    shallow = tmp_path_factory.mktemp("shallow") / "clone"
    git(tmp_path, "clone", "--quiet", "--depth", "1", tmp_path.as_uri(), str(shallow))
    with pytest.raises(RegistryError, match="fetch --unshallow"):
        altered(shallow / "results")
