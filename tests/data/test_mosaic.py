"""Tasks of images as a picture."""

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from suite.data.images import load_image_data
from suite.data.mosaic import write_tasks
from suite.errors import UsageError
from suite.settings import get_setting

SETTING = get_setting("glyphs-5way-1shot")


@pytest.fixture
def grids(monkeypatch):
    """Torchvision's layout of pictures, also beside a torch that the rest of it does not fit."""
    try:
        importlib.import_module("torchvision.utils")
    except (ImportError, RuntimeError):
        found = importlib.util.find_spec("torchvision")
        assert found is not None
        assert found.submodule_search_locations
        file = Path(found.submodule_search_locations[0]) / "utils.py"
        spec = importlib.util.spec_from_file_location("torchvision.utils", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
        monkeypatch.setitem(sys.modules, "torchvision.utils", module)


@pytest.fixture(scope="module")
def glyphs():
    return load_image_data("glyphs", root=None)


def test_four_tasks_of_five_classes_stand_in_rows(glyphs, grids, tmp_path):
    path = tmp_path / "tasks.png"
    write_tasks(SETTING, glyphs, path)
    pixels = np.asarray(Image.open(path).convert("L"), dtype=float) / 255
    rows, side = 4 * 6 - 1, 28 + 2
    assert pixels.shape == (rows * side + 2, 2 * (side + 2) + 12)
    middles = [pixels[2 + row * side : row * side + side, 2:side] for row in range(rows)]
    # Between two tasks a row is even; every other one shows a drawing.
    assert [float(np.ptp(each)) == 0.0 for each in middles] == [row % 6 == 5 for row in range(rows)]


def test_without_torchvision_one_line_says_so(glyphs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.utils", None)
    with pytest.raises(UsageError, match=r"torchvision.*suite doctor"):
        write_tasks(SETTING, glyphs, tmp_path / "tasks.png")
