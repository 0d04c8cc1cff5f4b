"""`docs/gate.md` is what its script writes, and a row whose spread is measured notices enough."""

import importlib.util
from pathlib import Path

import pytest

from suite.registry.references import read_references
from suite.stats import noticed
from tests.launch.record_gate import REFERENCES

DOCS = Path(__file__).parents[1] / "docs"
pytestmark = pytest.mark.skipif(not REFERENCES.exists(), reason="the sources come without results/")


def test_the_page_is_what_its_script_writes():
    spec = importlib.util.spec_from_file_location("describe_gate", DOCS / "describe_gate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.page() == (DOCS / "gate.md").read_text(encoding="utf-8")


def test_maml_on_the_sinusoid_is_watched_closely():
    known = read_references(REFERENCES).gate
    (row,) = (each for each in known if (each.setting, each.method) == ("sinusoid", "maml"))
    assert noticed(row.spread, seeds=len(row.means), tests=len(known)) < 0.15
