"""References survive the disk, and nothing else passes for them."""

import json
import math
import re
from pathlib import Path

import pytest
from msgspec import structs

from suite.errors import RegistryError
from suite.registry.references import Reference, References, read_references, write_references

ONE = References(
    gate=(
        Reference(
            cell="0123456789ab",
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
            spread=0.3,
            spread_runs=4,
            origin="two orders of sums",
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
        (lambda text: text.replace('"schema": 3', '"schema": 4'), "schema 4; this suite has 3"),
        (lambda text: text.replace('"schema": 3', '"schema": 4, "more": 1'), "schema 4"),
        (lambda text: text.replace('"spread"', '"spreads"'), "spreads"),
        (lambda text: text.replace('"sha256"', '"sha255"'), "not the references"),
        (lambda text: re.sub(r'"sha256": "\w+"', '"sha256": null', text), "not the references"),
        (lambda text: re.sub(r'"sha256": "\w+"', '"sha256": "é"', text), "edited by hand"),
        (lambda text: re.sub(r',\s*"sha256": "\w+"', "", text), "sha256"),
        (lambda text: text[: len(text) // 2], "not the references"),
        (lambda text: f"<<<<<<< HEAD\n{text}", "not the references"),
        (lambda text: f"\ufeff{text}", "not the references"),
        (lambda text: text.replace("sinusoid maml", "\x1b[1m"), "not the references"),
        (lambda text: "", "it is empty"),
        (lambda text: "[]", "not the references"),
    ],
)
def test_anything_else_is_refused_by_name(change, message, tmp_path):
    path = tmp_path / "references.json"
    write_references(ONE, path)
    path.write_text(change(path.read_text()), encoding="utf-8")
    with pytest.raises(RegistryError, match=message) as told:
        read_references(path)
    assert str(told.value).startswith(f"{path}: ")
    assert str(told.value).isprintable()
    assert "no references" not in str(told.value)


def test_not_utf_8_is_refused_by_name(tmp_path):
    path = tmp_path / "references.json"
    write_references(ONE, path)
    for data in (path.read_bytes().replace(b"reproduced", b"\xe9"), b"\xff\xfe", b"\0" * 9):
        path.write_bytes(data)
        with pytest.raises(RegistryError, match="suite check --run --update") as told:
            read_references(path)
        assert str(told.value).startswith(f"{path}: ")


def leaves(value, before=()):
    """The path of every value that holds no other."""
    if isinstance(value, dict | list) and value:
        for name in value if isinstance(value, dict) else range(len(value)):
            yield from leaves(value[name], (*before, name))
    else:
        yield before


def test_whatever_value_is_edited_is_noticed(tmp_path):
    path = tmp_path / "references.json"
    write_references(ONE, path)
    text = path.read_text()
    paths = list(leaves(json.loads(text)))
    assert len(paths) == 18
    for place in paths:
        for edited in (0.25, 3, "other", None):
            content = json.loads(text)
            *parents, last = place
            part = content
            for name in parents:
                part = part[name]
            if part[last] == edited:
                continue
            part[last] = edited
            path.write_text(json.dumps(content))
            with pytest.raises(RegistryError, match=r"suite check --run --update|spread"):
                read_references(path)


def test_line_ends_and_indents_are_free(tmp_path):
    path = tmp_path / "references.json"
    write_references(ONE, path)
    for text in (path.read_text().replace("\n", "\r\n"), json.dumps(json.loads(path.read_text()))):
        path.write_bytes(text.encode())
        assert read_references(path) == ONE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"means": {}}, "fewer than 2 seeds"),
        ({"means": {0: 1.0}}, "fewer than 2 seeds"),
        ({"means": {0: 1.0, 1: math.inf}}, "a seed that diverged"),
        ({"means": {0: 1.0, 1: math.nan}}, "a seed that diverged"),
        ({"spread": 0.0}, "the spread 0"),
        ({"spread": -1.0}, "the spread -1"),
    ],
)
def test_what_nothing_can_be_held_to_is_not_written(changes, message, tmp_path):
    path = tmp_path / "references.json"
    odd = structs.replace(ONE, gate=(structs.replace(ONE.gate[0], **changes),))
    with pytest.raises(RegistryError, match=message):
        write_references(odd, path)
    assert not path.exists()


def test_the_committed_references_are_as_they_were_written():
    path = Path(__file__).parents[2] / "results" / "references.json"
    if not path.exists():
        pytest.skip("the sources come without results/")
    assert len(read_references(path).gate) > 3


def test_none_at_all_names_the_command(tmp_path):
    with pytest.raises(RegistryError, match="suite check --update"):
        read_references(tmp_path / "references.json")
