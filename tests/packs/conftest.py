"""What the tests of packs share."""

from pathlib import Path

import pytest

from suite.files import cache_dir


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    """Where trainings are saved in a cache of its own."""
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    return cache_dir() / "runs"
