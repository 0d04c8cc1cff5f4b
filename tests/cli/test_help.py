"""What `--help` shows of every command's options."""

import re
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
    assert not re.search(r"--[a-z-]+ (STR|FLOAT)\b", out)


def test_help_has_one_line_for_each_command(suite):
    code, out, _ = suite("--help")
    assert code == 0
    text = " ".join(out.replace("│", " ").split())
    for kind, _ in COMMANDS.values():
        first, *further = [line.strip() for line in kind.__doc__.splitlines() if line.strip()]
        assert first in text
        assert not any(line in text for line in further)


@pytest.mark.parametrize("command", ["run", "evaluate", "verify", "benchmark"])
def test_help_shows_the_devices(suite, command):
    assert "--device {auto,cpu,cuda}" in suite(f"{command} --help")[1]


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
