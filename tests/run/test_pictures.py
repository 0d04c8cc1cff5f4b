"""Pictures of policies: what is on them, and what is said where they cannot be drawn."""

import shlex
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from baselines import method_of
from suite.cli import main
from suite.errors import UsageError
from suite.registry import Registry
from suite.run.execute import execute
from suite.run.pictures import draw_policy
from suite.run.request import Request
from suite.settings import get_setting

RESULTS = Path(__file__).parents[2] / "results"
REGISTRY = Registry("none")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def record(tmp_path):
    """A function of setting and method: the record of a very small run, its weights cached."""

    def make(setting_id, method):
        setting = get_setting(setting_id)
        small = {"tasks_per_batch": 2, "k_shot": 1, "n_query": 1, "hidden": (8,)}
        for name in method_of(setting, method).unheeded:
            small.pop(name, None)
        (protocol,) = setting.recipe(method).protocols
        request = Request(
            setting=setting,
            method=method,
            seeds=(0,),
            config=msgspec.structs.replace(setting.recipe(method).config, **small),
            schedule=setting.schedule(0 if method == "random-init" else 1, method),
            protocols=(msgspec.structs.replace(protocol, tasks=2, k_shot=2, n_query=2),),
            device=torch.device("cpu"),
        )
        ((_, written),) = execute(request, Registry(tmp_path / "results"), None).written
        return written

    return make


@pytest.mark.parametrize(("method", "panels"), [("maml", 3), ("pretraining", 3), ("oracle", 1)])
def test_paths_lead_from_the_origin(record, method, panels):
    figure = draw_policy(record("point-navigation", method), REGISTRY)
    assert len(figure.axes) == panels
    goals = get_setting("point-navigation")
    assert goals.title in figure.get_suptitle()
    for axes in figure.axes:
        paths, stars = axes.lines[::2], axes.lines[1::2]
        assert len(paths) == len(stars) == 8
        for path in paths:
            points = path.get_xydata()
            np.testing.assert_array_equal(points[0], [0.0, 0.0])
            assert np.abs(np.diff(points, axis=0)).max() <= 0.1 + 1e-12


class Renderer:
    """Stands in for MuJoCo's, which needs OpenGL."""

    def __init__(self, model, height, width):
        self.shape = height, width, 3

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def update_scene(self, data, camera):
        assert np.isfinite(data.qpos).all()

    def render(self):
        return np.zeros(self.shape, dtype=np.uint8)


def test_a_strip_has_a_row_for_each_goal_and_step(record, monkeypatch):
    monkeypatch.setattr("mujoco.Renderer", Renderer)
    figure = draw_policy(record("cheetah-direction", "random-init"), REGISTRY)
    assert len(figure.axes) == 4 * 8
    rows = [axes.get_ylabel() for axes in figure.axes[::8]]
    assert rows == [
        f"goal {goal}1\n{step}" for goal in "-+" for step in ("before any step", "after 1 step")
    ]
    times = [axes.get_xlabel().partition(",")[0] for axes in figure.axes[:8]]
    assert (times[0], times[-1]) == ("0 s", "2 s")


def test_without_opengl_the_message_says_what_to_install(record, monkeypatch):
    def broken(*_):
        raise ImportError("no OpenGL backend")

    monkeypatch.setattr("mujoco.Renderer", broken)
    with pytest.raises(UsageError, match=r"no OpenGL .* install -e '\.\[rl\]'"):
        draw_policy(record("ant-direction", "random-init"), REGISTRY)


def test_weights_that_are_not_there_can_be_trained_again(record, monkeypatch, tmp_path):
    found = record("point-navigation", "maml")
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "elsewhere"))
    with pytest.raises(UsageError, match="are not in") as caught:
        draw_policy(found, REGISTRY)
    monkeypatch.chdir(tmp_path)
    _, _, command = str(caught.value).partition("train them here with: ")
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    assert len(draw_policy(found, REGISTRY).axes) == 3
    other = msgspec.structs.replace(found.provenance, weights_sha256="0" * 64)
    with pytest.raises(UsageError, match="are not those of record"):
        draw_policy(msgspec.structs.replace(found, provenance=other), REGISTRY)


def test_the_command(record, monkeypatch, capsys, tmp_path):
    record("point-navigation", "random-init")
    results, target = str(tmp_path / "results"), tmp_path / "paths.png"

    def picture(run, path, registry):
        arguments = ["suite", "picture", run, str(path), "--results", registry]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, capsys.readouterr().err

    assert picture("point-navigation/random-init/0", target, results)[0] == 0
    assert target.read_bytes().startswith(b"\x89PNG")
    code, told = picture("point-navigation/random-init/0", tmp_path / "paths.gif", results)
    assert (code, ".png, .svg, .pdf" in told) == (2, True)
    code, told = picture("6b66530e2f23", target, str(RESULTS))
    assert (code, "has no policies to draw" in told) == (2, True)
