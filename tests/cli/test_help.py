"""What `--help` shows of every command's options."""

import typing
from dataclasses import fields

import pytest
from tyro.conf import Positional

from suite.cli import COMMANDS
from suite.names import named

(POSITIONAL,) = Positional[str].__metadata__


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_what_a_user_writes(suite, command):
    code, out, _ = suite(f"{command} --help")
    assert code == 0
    assert "None}" not in out
    assert "default: None" not in out
    assert "(default: )" not in out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_every_option(suite, command):
    kind, _ = COMMANDS[command]
    out = suite(f"{command} --help")[1]
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        called = "set" if field.name == "changes" else field.name.replace("_", "-")
        positional = POSITIONAL in getattr(hints[field.name], "__metadata__", ())
        assert positional or f"--{called}" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_what_does_a_command_takes_its_options(command):
    kind, path = COMMANDS[command]
    (hint, returned) = typing.get_type_hints(named(path)).values()
    assert issubclass(kind, hint)
    assert returned is int


def test_every_command_has_options_of_its_own():
    assert len({kind for kind, _ in COMMANDS.values()}) == len(COMMANDS)
