"""Fixtures shared by all tests: a cache of their own, and the real data where it is."""

import os
import shutil
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from suite.escape import utf8

UNPACK = Path(__file__).parents[2] / "shared" / "data" / "unpack.sh"


# The same examples at every run; for others, --hypothesis-profile=default --hypothesis-seed=random.
settings.register_profile("ci", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("ci")

# The tests are many and small: they run two at a time, and each is faster on one thread.
torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def suite_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the tests out of the user's cache."""
    directory = tmp_path_factory.mktemp("suite-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUITE_CACHE", str(directory))
        yield directory


def _real(name: str, folders: tuple[str, ...], temporary: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory that holds a real data set: SUITE_DATA, else unpacked from ../shared/data."""
    configured = os.environ.get("SUITE_DATA")
    if configured:
        root = Path(configured)
        if not any((root / folder).exists() for folder in folders):
            pytest.skip(f"SUITE_DATA={root} holds no {name}")
        yield root
        return
    if not UNPACK.exists():
        pytest.skip(f"no {name}: SUITE_DATA is not set and {UNPACK} does not exist")
    root = temporary.mktemp("data")
    subprocess.run(["bash", str(UNPACK), str(root), name], check=True)
    yield root
    shutil.rmtree(root)


@pytest.fixture(scope="session")
def omniglot_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory that holds `omniglot/`."""
    yield from _real("omniglot", ("omniglot", "images_background"), tmp_path_factory)


@pytest.fixture(scope="session")
def miniimagenet_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory that holds `mini-imagenet/`."""
    yield from _real("mini-imagenet", ("mini-imagenet",), tmp_path_factory)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let tests of paths that are not UTF-8 run in parallel: reports are sent as UTF-8."""
    report = yield
    report.sections = [(name, utf8(text)) for name, text in report.sections]
    return report
