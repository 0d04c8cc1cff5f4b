"""The benchmark of reinforcement learning measures what it says, whoever is there to compare."""

import sys

import msgspec
import pytest

from suite.benchmark import policies
from suite.settings import get_setting


@pytest.fixture
def small(monkeypatch):
    """The settings with three goals of one trajectory each."""

    def make(name):
        setting = get_setting(name)
        few = {"tasks_per_batch": 3, "k_shot": 1, "n_query": 1, "hidden": (8,)}
        return msgspec.structs.replace(
            setting, config=msgspec.structs.replace(setting.config, **few)
        )

    monkeypatch.setattr(policies, "get_setting", make)
    monkeypatch.setattr(policies.environment, "cores", lambda: 1)


def test_the_page(small):
    text = policies.measured_policies(["point-navigation"], rounds=2, iterations=True)
    row = next(line for line in text.splitlines() if line.startswith("| point-navigation"))
    name, rate = (each.strip() for each in row.strip("|").split("|"))
    middle, least, most = (
        float(each.replace(",", "")) for each in rate.replace("to", "(").strip(")").split("(")
    )
    assert name == "point-navigation"
    assert 0.0 < least <= middle <= most
    assert "## Meta-iterations" in text
    assert "seconds, 1 core" in text


def test_gymnasium_s_bodies_are_left_out_where_they_cannot_be_made(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with policies._rivals(get_setting("ant-velocity")) as rivals:
        assert rivals == []
