"""A pack is taken whole or refused in one line, and reading one runs no code."""

import hashlib
import io
import json
import os
import pickle
import zipfile

import pytest
import torch

from suite.errors import UsageError
from suite.run.packs import archive
from suite.run.packs.archive import opened_pack, write_pack
from suite.run.packs.trainings import saved_in, unpacked
from suite.run.sealed import sealed, unsealed
from tests.run.packs.made_trainings import NAME, save, snapshot, training


@pytest.fixture
def pack(runs, tmp_path):
    """A pack of one training."""
    save(runs, snapshot(20))
    path = tmp_path / "a.pack"
    write(path, saved_in(runs))
    return path


def write(path, trainings):
    write_pack(path, ((each.entry, each.files) for each in trainings))


def read(path):
    with opened_pack(path) as pack:
        return [unpacked(pack, entry) for entry in pack.entries]


def members(path):
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def rewrite(path, files, compression=zipfile.ZIP_STORED):
    """A zip of `files`, pairs of name and bytes, whatever they are."""
    with zipfile.ZipFile(path, "w", compression) as opened:
        for name, data in files:
            opened.writestr(name, data)


def replaced(path, data):
    """Let the last checkpoint be `data`, and the manifest agree with it."""
    files = members(path)
    manifest = json.loads(files.pop("manifest.json"))
    (entry,) = manifest["trainings"]
    for name in entry["members"]:
        files[f"{NAME}/{name}"] = data
        told = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        entry["members"][name] = told
    rewrite(path, [*files.items(), ("manifest.json", json.dumps(manifest))])


def test_what_was_packed_comes_back_byte_for_byte(pack, runs):
    (found,) = read(pack)
    assert found.files["checkpoint.pt"] == (runs / NAME / "checkpoint.pt").read_bytes()
    assert found.files["checkpoint.best.pt"] == (runs / NAME / "checkpoint.best.pt").read_bytes()
    assert found.training == training()
    assert (found.snapshot.iteration, found.finished) == (20, False)


def test_equal_trainings_give_equal_bytes(pack, runs, tmp_path):
    write(tmp_path / "b.pack", saved_in(runs))
    assert (tmp_path / "b.pack").read_bytes() == pack.read_bytes()


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", f"{NAME}/evil.pt", "manifest.json"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_the_manifest_does_not_name_is_refused(pack, name):
    rewrite(pack, [*members(pack).items(), (name, b"x")])
    with pytest.raises(UsageError, match="is no sound pack"):
        read(pack)


def edited(pack, change):
    files = members(pack)
    manifest = json.loads(files.pop("manifest.json"))
    change(manifest)
    rewrite(pack, [*files.items(), ("manifest.json", json.dumps(manifest))])


CHANGES = {
    "format": lambda manifest: manifest.update(format=2),
    "unknown field": lambda manifest: manifest.update(more=1),
    "title": lambda manifest: manifest["trainings"][0].update(title="sinusoid fomaml seed 0"),
    "iteration": lambda manifest: manifest["trainings"][0].update(iteration=99),
    "name": lambda manifest: manifest["trainings"][0].update(training="../../../evil"),
    "another's name": lambda manifest: manifest["trainings"][0].update(training="f" * 12),
    "twice": lambda manifest: manifest["trainings"].append(manifest["trainings"][0]),
    "no last": lambda manifest: manifest["trainings"][0]["members"].pop("checkpoint.pt"),
    "not there": lambda manifest: manifest["trainings"].clear(),
    "sha256": lambda manifest: member(manifest).update(sha256="0" * 64),
    "size": lambda manifest: member(manifest).update(bytes=1),
}


def member(manifest):
    return manifest["trainings"][0]["members"]["checkpoint.pt"]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_manifest_that_is_not_so_is_refused(pack, change):
    edited(pack, change)
    with pytest.raises(UsageError, match="is no sound pack"):
        read(pack)


def test_a_compressed_pack_is_refused(pack):
    rewrite(pack, members(pack).items(), zipfile.ZIP_DEFLATED)
    with pytest.raises(UsageError, match="is compressed"):
        read(pack)


def test_a_long_list_of_members_is_refused_before_it_is_read(pack, monkeypatch):
    read(pack)
    monkeypatch.setattr(archive, "_MOST_DIRECTORY_BYTES", 100)
    with pytest.raises(UsageError, match="too many members"):
        read(pack)


def test_a_second_list_of_members_for_large_files_is_refused(pack):
    data = pack.read_bytes()
    pack.write_bytes(data[:-22] + b"PK\6\7" + bytes(16) + data[-22:])
    with pytest.raises(UsageError, match="does not end as a pack does"):
        read(pack)


def test_a_pack_that_would_be_too_large_is_not_written(pack, runs, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 30_000)
    with pytest.raises(UsageError, match="name the runs to pack"):
        write(pack.with_name("b.pack"), saved_in(runs))
    assert not pack.with_name("b.pack").exists()


@pytest.mark.parametrize("size", [0, 10, 1000, -30])
def test_a_torn_pack_is_refused(pack, size):
    pack.write_bytes(pack.read_bytes()[:size])
    with pytest.raises(UsageError, match="is no sound pack"):
        read(pack)


def test_every_flipped_byte_of_a_checkpoint_is_noticed(pack):
    data = bytearray(pack.read_bytes())
    for place in range(100, len(data) // 2, 5003):
        data[place] ^= 1
        pack.write_bytes(data)
        with pytest.raises(UsageError, match="is no sound pack"):
            read(pack)
        data[place] ^= 1
    pack.write_bytes(data)
    assert read(pack)


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo.pack")
    for name, reason in {"fifo.pack": "not a regular file", ".": "directory"}.items():
        with pytest.raises(UsageError, match=f"(?i){reason}"):
            read(tmp_path / name)
    with pytest.raises(UsageError, match="there is no file"):
        read(tmp_path / "none.pack")


class Evil:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.mkdir, (self.marker,))


def test_no_code_is_run(pack, tmp_path):
    marker = str(tmp_path / "marker")
    content = unsealed((members(pack))[f"{NAME}/checkpoint.pt"])
    replaced(pack, sealed(content | {"params": Evil(marker)}))
    with pytest.raises(UsageError, match="would run code"):
        read(pack)
    payload = pickle.dumps(Evil(marker))
    replaced(pack, hashlib.sha256(payload).digest() + payload)
    with pytest.raises(UsageError, match="would run code"):
        read(pack)
    assert not os.path.exists(marker)  # noqa: PTH110


def test_a_checkpoint_that_unpacks_to_much_is_refused(pack):
    content = unsealed(members(pack)[f"{NAME}/checkpoint.pt"])
    stored = io.BytesIO(sealed(content | {"sums": torch.zeros(10**6)})[32:])
    packed = io.BytesIO()
    with zipfile.ZipFile(stored) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    payload = packed.getvalue()
    replaced(pack, hashlib.sha256(payload).digest() + payload)
    with pytest.raises(UsageError, match="torch does not compress"):
        read(pack)


def everywhere(tensors):
    return dict.fromkeys(("params", "first_moments", "second_moments"), tensors)


ODD = {
    "another's": {"training": {"name": "f" * 12, "title": "sinusoid maml seed 1, 9 iterations"}},
    "nobody's": {"format": 3},
    "beyond its end": {"iteration": 101},
    "a curve out of order": {"curve": [(20, 0.5, 0.5, 0.5), (10, 0.5, 0.5, 0.5)]},
    "no weights": everywhere({}),
    "much out of one value": everywhere({"w": torch.zeros(1).expand(10**14)}),
    "sparse": everywhere({"w": torch.eye(2).to_sparse()}),
    "not finite": {"params": {"w": torch.tensor([torch.nan])}},
    "no Adam": {"first_moments": {}},
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_a_checkpoint_that_cannot_be_is_refused(pack, change):
    content = unsealed(members(pack)[f"{NAME}/checkpoint.pt"])
    replaced(pack, sealed(content | change))
    with pytest.raises(UsageError, match="is no sound pack"):
        read(pack)
