"""`suite data`: which copy of a data set is here, and what the cache holds of all."""

from datetime import datetime
from pathlib import Path

from tabulate import tabulate

from suite.cli.commands import Data
from suite.cli.limits import Limits, ended_by_signals
from suite.cli.progress import over
from suite.data import stored
from suite.data.cache import data_dir
from suite.data.images import load_image_data
from suite.errors import UsageError, one_line
from suite.settings import DATA_SETS
from suite.settings.datasets import IMAGE_SHAPE

_OLD = "not used: half written, or by an older version"


def data_command(options: Data) -> int:
    """See `Data`; the exit code."""
    if (options.name is not None) + options.cache + (options.clear is not None) != 1:
        raise UsageError("name a data set, or give --cache, or --clear NAME; see suite data --help")
    if options.cache:
        list_cache()
    elif options.clear is not None:
        clear_cache(options.clear)
    elif (name := options.name) is not None:
        return ended_by_signals(lambda limits: _show(name, options.data, limits))
    return 0


def _show(name: str, root: Path | None, limits: Limits) -> int:
    """Load a data set and say which it is; the exit code."""
    with limits.at_once():
        data = load_image_data(name, root=root, progress=over)
    classes, images, *shape = data.images.shape
    print(f"{name}: {classes:,} classes of {images} images, {'x'.join(map(str, shape))}")
    if data.fixed_split is not None:
        split = data.fixed_split
        sizes = (len(split.train), len(split.validation), len(split.test))
        print("split: {} train, {} validation, {} test classes".format(*sizes))
    print(f"fingerprint {data.fingerprint}")
    entry = DATA_SETS[name]
    if entry.copies:
        print(f"copy: {entry.copies.get(data.fingerprint, 'none that is known by name')}")
    if entry.terms:
        print(f"terms: {entry.terms}")
    for warning in data.warnings:
        print(f"warning: {one_line(warning)}")
    return 0


def list_cache() -> None:
    """Print what the cache holds of data sets."""
    found = stored.entries()
    rows = [
        (entry.name, entry.stem, size(entry.size), _day(entry.used), "" if entry.current else _OLD)
        for entry in found
    ]
    if rows:
        print(tabulate(rows, ("data set", "entry", "size", "last used", ""), tablefmt="plain"))
    print(f"{size(sum(entry.size for entry in found))} in {data_dir()}")
    if rows:
        print("remove them with: suite data --clear NAME, or --clear all")


def clear_cache(name: str) -> None:
    """Remove the decoded arrays of the data set, or of `all`, and print which."""
    known = ("all", *IMAGE_SHAPE)
    if name not in known:
        raise UsageError(f"--clear {name}: name one of {', '.join(known)}")
    removed = stored.clear(name)
    for entry in removed:
        print(f"removed {entry.stem}, {size(entry.size)}")
    print(f"{size(sum(entry.size for entry in removed))} removed from {data_dir()}")


def size(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
