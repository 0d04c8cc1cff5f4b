"""Asking git, and why it does not answer."""

import os
import subprocess
from pathlib import Path

from suite.errors import one_line

NO_CHECKOUT = "not a git checkout"


class GitError(Exception):
    """Git gave no answer; the message is the reason, in one line."""


def git(folder: Path, *arguments: str, stdin: str = "") -> str:
    """What `git ARGUMENTS` prints in `folder`; a `GitError` where it fails or is not there."""
    command = ["git", "-C", str(folder), "-c", "core.quotePath=false", *arguments]
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            check=True,
            encoding="utf-8",
            errors="surrogateescape",
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise GitError("git is not installed") from None
    except subprocess.CalledProcessError as error:
        raise GitError(_reason(error.stderr)) from None
    except OSError as error:
        raise GitError(f"git: {error.strerror}") from None
    return done.stdout.strip()


def _reason(stderr: str) -> str:
    """The reason in what git printed, with the command that mends it where there is one."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    if "detected dubious ownership" in stderr:
        mend = next((line for line in lines if line.startswith("git config")), "")
        return one_line(f"dubious ownership: another user owns the checkout; trust it with: {mend}")
    if "not a git repository" in stderr:
        return NO_CHECKOUT
    fatal = next((line for line in lines if line.startswith("fatal:")), "")
    last = lines[-1] if lines else "it failed without a word"
    return one_line(f"git: {fatal or last}")
