"""What `--help` shows of every command's options."""

import pytest

from suite.cli import _COMMANDS


@pytest.mark.parametrize("command", _COMMANDS)
def test_help_shows_what_a_user_writes(suite, command):
    code, out, _ = suite(f"{command} --help")
    assert code == 0
    assert "None}" not in out
    assert "default: None" not in out
    assert "(default: )" not in out
