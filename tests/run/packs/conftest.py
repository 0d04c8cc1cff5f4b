"""What the tests of packs share."""

from pathlib import Path

import numpy as np
import pytest

from suite.data.images import ImageData
from suite.files import cache_dir


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where trainings are saved in a cache of its own."""
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    return cache_dir() / "runs"


@pytest.fixture(scope="session")
def drawings() -> ImageData:
    """As many classes as Omniglot has, of small images of noise."""
    rng = np.random.default_rng(0)
    return ImageData(
        name="omniglot",
        images=rng.integers(0, 256, (1623, 20, 1, 8, 8)).astype(np.uint8),
        classes=tuple(f"class{number:04}" for number in range(1623)),
        fingerprint="0",
        warnings=(),
    )
