"""Splits are partitions that a seed fixes; the cache gives back what was built, or builds again."""

import errno
import logging
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.data.cache import Decoded, Source, cached, data_dir, made
from suite.data.images import ImageData, load_image_data, seeded_split
from suite.errors import DataError
from suite.files import cache_dir


def _data(n_classes: int, prefix: str = "class") -> ImageData:
    return ImageData(
        name="test",
        images=np.zeros((n_classes, 1, 1, 2, 2), dtype=np.uint8),
        classes=tuple(f"{prefix}{index:04}" for index in range(n_classes)),
        fingerprint="",
        warnings=(),
    )


class Builder:
    """Builds a small data set and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Decoded:
        self.calls += 1
        images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 1, 2, 2)
        names = ("x", "y", "z")
        return Decoded(
            images=images,
            classes=("a", "b"),
            files=(names, names),
            warnings=lambda lines: (f"told once of {len(lines)}",),
        )


counts = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))


@given(counts, st.integers(0, 2**32))
def test_a_split_is_a_partition_of_the_sizes_asked_for(
    sizes: tuple[int, int, int], seed: int
) -> None:
    split = seeded_split(_data(sum(sizes)), counts=sizes, seed=seed)
    parts = (split.train, split.validation, split.test)
    assert tuple(map(len, parts)) == sizes
    assert sorted(np.concatenate(parts).tolist()) == list(range(sum(sizes)))
    assert all(part.dtype == np.int64 for part in parts)
    assert split.seed == seed


def test_the_split_of_a_seed_stays() -> None:
    data = _data(10)
    split = seeded_split(data, counts=(6, 1, 3), seed=1)
    assert split.test.tolist() == [3, 6, 9]
    assert split.sha256 == seeded_split(data, counts=(6, 1, 3), seed=1).sha256
    assert split.sha256 == "5d71eff9c5b41c99e31cf75554cdb26b5608c6eaf3df6b7cb1cf95957c9c8292"


def test_the_hash_of_a_split_sees_seed_sizes_and_names() -> None:
    hashes = {
        seeded_split(_data(10), counts=(6, 1, 3), seed=1).sha256,
        seeded_split(_data(10), counts=(6, 1, 3), seed=2).sha256,
        seeded_split(_data(10), counts=(6, 3, 1), seed=1).sha256,
        seeded_split(_data(10, "other"), counts=(6, 1, 3), seed=1).sha256,
    }
    assert len(hashes) == 4


@pytest.mark.parametrize("sizes", [(6, 1, 2), (6, 1, 4), (12, -1, -1)])
def test_counts_that_do_not_add_up_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(DataError, match=r"cannot split test: .* 10 there"):
        seeded_split(_data(10), counts=sizes, seed=0)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(DataError, match="omniglot, miniimagenet, glyphs"):
        load_image_data("omniglott", root=None)


def test_the_second_load_is_mapped_from_the_cache() -> None:
    build = Builder()
    first = cached("reuse", source=made("1"), build=build)
    second = cached("reuse", source=made("1"), build=build)
    assert build.calls == 1
    assert isinstance(second.images, np.memmap)
    assert second.images.mode == "c"  # Copy-on-write: nothing reaches the file.
    assert second.classes == ("a", "b")
    assert second.warnings == ("told once of 6",)
    assert second.fingerprint == first.fingerprint
    np.testing.assert_array_equal(second.images, np.stack(list(build().images)))
    (path,) = data_dir().glob("reuse-*.manifest.txt")
    manifest = path.read_text().splitlines()
    assert len(manifest) == 6
    assert manifest[0].startswith("a/x ")


def test_another_id_is_built_again() -> None:
    build = Builder()
    cached("ids", source=made("1"), build=build)
    cached("ids", source=made("2"), build=build)
    assert build.calls == 2


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _flip_last_bit(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def _not_an_object(path: Path) -> None:
    path.write_bytes(b"[1]")


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".npy", _truncate),
        (".npy", _empty),
        (".npy", _flip_last_bit),
        (".npy", Path.unlink),
        (".json", _truncate),
        (".json", _empty),
        (".json", _not_an_object),
    ],
)
def test_a_damaged_entry_is_built_again(
    suffix: str, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(damage)
    build = Builder()
    stem = f"damage{suffix[1:]}{damage.__name__}".replace("_", "")
    first = cached(stem, source=made(stem), build=build)
    expected = np.array(first.images)
    (path,) = data_dir().glob(f"{stem}-*{suffix}")
    damage(path)
    with caplog.at_level(logging.WARNING):
        second = cached(stem, source=made(stem), build=build)
    assert build.calls == 2
    assert [record.message.count("is damaged") for record in caplog.records] == [1]
    np.testing.assert_array_equal(second.images, expected)


def test_any_flipped_bit_in_the_header_is_built_again() -> None:
    build = Builder()
    cached("header", source=made("1"), build=build)
    (path,) = data_dir().glob("header-*.npy")
    good = path.read_bytes()
    for place in range(0, 128 * 8, 5):
        data = bytearray(good)
        data[place // 8] ^= 1 << place % 8
        path.write_bytes(data)
        cached("header", source=made("1"), build=build)
        assert path.read_bytes() == good
    assert build.calls == 1 + len(range(0, 128 * 8, 5))


def _source(stamp: str, content: str, hashed: list[str]) -> Source:
    return Source(stamp=stamp, content=lambda: (hashed.append(stamp), content)[1], settings="")


def test_a_fresh_copy_is_hashed_and_not_decoded_again() -> None:
    build, hashed = Builder(), list[str]()
    for stamp in ("here", "here", "there", "there", "here"):
        cached("copies", source=_source(stamp, "the same", hashed), build=build)
    assert build.calls == 1
    assert hashed == ["here", "there"]
    assert len(list(data_dir().glob("copies-*.npy"))) == 1
    cached("copies", source=_source("elsewhere", "others", hashed), build=build)
    assert build.calls == 2


def test_a_build_that_fails_leaves_nothing_behind() -> None:
    def fail() -> Decoded:
        raise DataError("no such file")

    with pytest.raises(DataError, match="no such file"):
        cached("fail", source=made("1"), build=fail)
    build = Builder()
    cached("fail", source=made("1"), build=build)
    assert build.calls == 1


class FullDisk(Builder):
    """The disk is full when the second class is to be written."""

    def __call__(self) -> Decoded:
        decoded = super().__call__()

        def rows() -> Iterator[npt.NDArray[np.uint8]]:
            first, _ = decoded.images
            yield first
            raise OSError(errno.ENOSPC, "No space left on device")

        return replace(decoded, images=rows())


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing_behind() -> None:
    with pytest.raises(DataError, match=r"No space left on device\): .* SUITE_CACHE") as caught:
        cached("full", source=made("1"), build=FullDisk())
    assert "\n" not in str(caught.value)
    directory = cache_dir() / "data"
    assert [path.name for path in directory.iterdir() if "full" in path.name] == ["full.lock"]
    build = Builder()
    cached("full", source=made("1"), build=build)
    assert build.calls == 1


def test_what_a_killed_process_left_is_removed() -> None:
    cached("killed", source=made("1"), build=Builder())
    (array,) = data_dir().glob("killed-*.npy")
    array.unlink()
    torn = array.with_name(f".{array.name}.123-abcd.tmp")
    torn.write_bytes(b"half")
    cached("killed", source=made("1"), build=Builder())
    assert not torn.exists()


def test_of_several_at_once_one_builds() -> None:
    build = Builder()
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(cached, "race", source=made("1"), build=build) for _ in range(8)]
        prints = {job.result().fingerprint for job in jobs}
    assert build.calls == 1
    assert len(prints) == 1


def test_nothing_heavy_is_imported_with_the_data_layer() -> None:
    code = (
        "import sys; import suite.data.cache, suite.data.omniglot, suite.data.glyphs; "
        "print([name for name in ('torchvision', 'torch', 'matplotlib') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
