"""Options that take a list: where one is given again, its values are added to those before."""

import typing

import pytest
from tyro.conf import Positional, UseAppendAction

from suite.cli import COMMANDS
from suite.cli.options import joined

(APPENDS,) = UseAppendAction[tuple[int, ...]].__metadata__
(POSITIONAL,) = Positional[str].__metadata__
LISTS = [
    pytest.param(hint, id=f"{command} {name}")
    for command, (kind, _) in COMMANDS.items()
    for name, hint in typing.get_type_hints(kind, include_extras=True).items()
    if "tuple[" in str(hint) and POSITIONAL not in hint.__metadata__
]


@pytest.mark.parametrize("hint", LISTS)
def test_no_value_of_a_repeated_option_is_dropped(hint):
    assert APPENDS in hint.__metadata__


def test_values_are_joined_in_order():
    assert joined(()) == ()
    assert joined(((3,), (), (1, 2))) == (3, 1, 2)


def test_repeated_seeds_and_protocols_are_all_run(suite, tmp_path):
    small = "--iterations 2 --threads 1 --device cpu --engine eager"
    lists = "--seeds 3 --seeds 4 --protocols 5-shot --protocols 10-shot"
    code, _, _ = suite(f"run sinusoid maml {small} {lists}")
    assert code == 0
    names = sorted(path.name[:6] for path in (tmp_path / "results").glob("*/*/*.json"))
    assert names == ["seed-3", "seed-3", "seed-4", "seed-4"]


def test_a_seeds_option_without_seeds_is_refused(suite):
    code, _, err = suite("run sinusoid maml --seeds")
    assert code == 2
    assert err == "suite: --seeds: name seeds from 0 on\n"
