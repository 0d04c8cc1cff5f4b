"""Where git cannot tell which code runs, the reason is told, and nothing fails of it."""

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

import suite
from suite.cli.commands import Doctor
from suite.cli.doctor import doctor_command
from suite.errors import RegistryError
from suite.machine import environment
from suite.machine.git import GitError, git
from suite.registry.history import altered
from suite.registry.schema import Provenance

OLD = b"""{"started":"a","finished":"b","command":"c","git_commit":null,"git_dirty":null,
"versions":{},"device":"cpu","host":"h","threads":1,"weights_sha256":null}"""

ASKED_ANEW = environment.git_state.__wrapped__

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An empty git checkout that this code seems to be in."""
    subprocess.run(["git", "-C", str(tmp_path), "init", "--quiet"], check=True)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    pretend(monkeypatch, tmp_path)
    return tmp_path


def pretend(monkeypatch, folder):
    """Let the code seem to be in `folder`."""
    (folder / "suite").mkdir()
    monkeypatch.setattr(suite, "__file__", str(folder / "suite" / "__init__.py"))
    monkeypatch.setattr(environment, "git_state", ASKED_ANEW)


@needs_git
def test_in_a_checkout_the_commit_is_known():
    root = Path(suite.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        pytest.skip("the code is in no checkout")
    assert ASKED_ANEW().commit == git(root, "rev-parse", "HEAD")


@needs_git
def test_another_owner_is_told_with_the_command_that_mends_it(checkout, monkeypatch, capsys):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    mend = f"git config --global --add safe.directory {checkout}"
    state = environment.git_state()
    assert (state.commit, state.dirty) == (None, None)
    assert state.unknown.startswith("dubious ownership")
    assert state.unknown.endswith(mend)
    doctor_command(Doctor())
    assert mend in capsys.readouterr().out
    with pytest.raises(RegistryError, match="dubious ownership"):
        altered(checkout)


@needs_git
def test_a_checkout_without_a_commit(checkout):
    assert environment.git_state().unknown.startswith("git: fatal: ")


@needs_git
def test_a_wheel_outside_of_a_checkout_and_within_that_of_another(checkout, monkeypatch, tmp_path):
    assert "not a git checkout" not in environment.git_state().unknown
    (tmp_path / "site-packages").mkdir()
    pretend(monkeypatch, tmp_path / "site-packages")
    assert environment.git_state() == (None, None, "not a git checkout")
    shutil.rmtree(checkout / ".git")
    assert environment.git_state() == (None, None, "not a git checkout")


def test_no_git(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git is not installed"):
        git(tmp_path, "status")
    pretend(monkeypatch, tmp_path)
    assert environment.git_state() == (None, None, "git is not installed")
    assert environment.code_version() == "unknown"


def test_old_records_keep_their_bytes():
    old = msgspec.json.decode(OLD, type=Provenance)
    assert b"git_unknown" not in msgspec.json.encode(old)
    new = msgspec.structs.replace(old, git_unknown="git is not installed")
    assert msgspec.json.decode(msgspec.json.encode(new), type=Provenance) == new
