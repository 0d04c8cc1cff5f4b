"""References survive the disk, and nothing else passes for them."""

import pytest

from suite.errors import RegistryError
from suite.registry.references import Reference, References, read_references, write_references

ONE = References(
    gate=(
        Reference(
            cell="0123456789ab",
            minus=None,
            setting="sinusoid",
            method="maml",
            protocol="5-shot",
            iterations=800,
            changes=("inner_steps=5",),
            data="sinusoid",
            device="cpu",
            commit="abc",
            metric="mse",
            means={0: 1.5, 1: 2.5},
            margin=0.3,
        ),
    ),
    verdicts={"sinusoid maml 5-shot step 1": "reproduced"},
)


def test_round_trip(tmp_path):
    path = tmp_path / "references.json"
    write_references(ONE, path)
    assert read_references(path) == ONE
    assert path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace('"schema": 1', '"schema": 2'), "schema 2"),
        (lambda text: text.replace('"margin"', '"margins"'), "margins"),
        (lambda text: text[: len(text) // 2], "not the references"),
        (lambda text: "", "not the references"),
    ],
)
def test_anything_else_is_refused_by_name(change, message, tmp_path):
    path = tmp_path / "references.json"
    write_references(ONE, path)
    path.write_text(change(path.read_text()))
    with pytest.raises(RegistryError, match=message) as told:
        read_references(path)
    assert str(path) in str(told.value)


def test_none_at_all_names_the_command(tmp_path):
    with pytest.raises(RegistryError, match="suite check --update"):
        read_references(tmp_path / "references.json")
