"""`suite data --cache` and `--clear`: what the cache holds of data sets can be seen and removed."""

from pathlib import Path

import numpy as np
import pytest

from suite.cli.commands import Doctor
from suite.cli.data import clear_cache, list_cache
from suite.cli.doctor import doctor_command
from suite.data.cache import Decoded, cached, data_dir, made


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SUITE_DATA", raising=False)


def _build() -> Decoded:
    return Decoded(
        images=np.zeros((1, 2, 1, 2, 2), np.uint8),
        classes=("a",),
        files=(("x", "y"),),
        warnings=lambda lines: (),
    )


def _fill() -> None:
    for name in ("omniglot", "glyphs"):
        cached(name, source=made("1"), build=_build)
    for suffix in (".npy", ".json", ".manifest.txt"):
        (data_dir() / f"miniimagenet-0123456789abcdef{suffix}").write_bytes(b"{}" + bytes(10**6))
    (data_dir() / ".omniglot-0123456789abcdef.npy.1-ab.tmp").write_bytes(b"half")


def test_the_cache_is_listed_with_what_is_no_longer_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _fill()
    list_cache()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == [
        "glyphs",
        "miniimagenet",
        "omniglot",
        "omniglot",
    ]
    assert ["not used" in line for line in lines[1:3]] == [False, True]
    assert sum("not used" in line for line in lines) == 2
    assert "3.0 MB" in lines[2]
    assert str(data_dir()) in lines[5]


def test_clearing_takes_the_arrays_of_one_and_leaves_trainings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _fill()
    training = data_dir().parent / "runs" / "x.pt"
    training.parent.mkdir()
    training.touch()
    clear_cache("miniimagenet")
    assert "removed miniimagenet-0123456789abcdef, 3.0 MB" in capsys.readouterr().out
    assert {path.name.split("-")[0] for path in data_dir().glob("*.npy")} == {"omniglot", "glyphs"}
    clear_cache("all")
    assert {path.suffix for path in data_dir().iterdir()} == {".lock"}
    assert training.exists()


def test_an_empty_cache(capsys: pytest.CaptureFixture[str]) -> None:
    list_cache()
    clear_cache("all")
    assert capsys.readouterr().out.startswith("0.0 MB in ")


def test_doctor_tells_the_size(capsys: pytest.CaptureFixture[str]) -> None:
    _fill()
    doctor_command(Doctor())
    assert "data cache   3.0 MB of decoded data, entries: 4" in capsys.readouterr().out
