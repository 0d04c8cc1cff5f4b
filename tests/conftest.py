"""Fixtures shared by all tests: a cache of their own, and the real Omniglot where there is one."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

UNPACK = Path(__file__).parents[2] / "shared" / "data" / "unpack.sh"


# The tests are many and small: they run two at a time, and each is faster on one thread.
torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def suite_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the tests out of the user's cache."""
    directory = tmp_path_factory.mktemp("suite-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUITE_CACHE", str(directory))
        yield directory


@pytest.fixture(scope="session")
def omniglot_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that holds `omniglot/`: SUITE_DATA, else unpacked from ../shared/data."""
    configured = os.environ.get("SUITE_DATA")
    if configured:
        root = Path(configured)
        if not any((root / part).exists() for part in ("omniglot", "images_background")):
            pytest.skip(f"SUITE_DATA={root} holds no Omniglot")
        return root
    if not UNPACK.exists():
        pytest.skip(f"no Omniglot: SUITE_DATA is not set and {UNPACK} does not exist")
    root = tmp_path_factory.mktemp("data")
    subprocess.run(["bash", str(UNPACK), str(root), "omniglot"], check=True)
    return root
