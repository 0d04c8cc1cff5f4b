"""What a trained policy does, as pictures: paths in the plane, or a strip of frames of a body."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from baselines import method_of
from baselines.policy_method import PolicyMethod
from suite.envs import Environment, PointNavigation
from suite.envs.environment import Array
from suite.errors import UsageError
from suite.models import Network, Params
from suite.registry import Record, Registry
from suite.rl.sampling import act
from suite.rng import numpy_generator
from suite.run import checkpoint
from suite.run.packs.published import scoring_checkpoints
from suite.run.reinforcement import World, policies_by_step, world_of
from suite.run.resume import checkpoint_of, training_of
from suite.run.train import initial_snapshot
from suite.run.weights import how_to_train, require_recorded
from suite.settings import get_setting

_PATHS = 8
# The trajectories of a goal; the one with the median return is shown.
_DRAWN = 9
_FRAMES, _SIZE = 8, (240, 180)
_SHOWN_STEPS = {True: (0, 1, 3), False: (0, 1)}


def draw_policy(record: Record, registry: Registry) -> Figure:
    """The policy of `record` on test goals, before and after adaptation, as a figure.

    Its weights come from the cache, or from those that are published in the registry. Raises
    `UsageError` where both lack them, or where there is no OpenGL to draw a body with.
    """
    setting = get_setting(record.setting)
    method = method_of(setting, record.method, record.schedule, record.options)
    if not isinstance(method, PolicyMethod):
        raise UsageError(f"{setting.id} has no policies to draw; its figures: suite report")
    network = method.network(record.config, 0)
    world = world_of(record.config, informed=method.informed, adapted=network.adapted)
    weights = _weights(record, network, registry)
    goals = _goals(world.environment)
    policies = list(
        islice(
            policies_by_step(
                world,
                {name: value[None] for name, value in weights.items()},
                goals,
                (record.seed, "test"),
                record.protocol,
                record.selected.get("step_size", record.config.inner_lr),
            ),
            1 if method.informed else None,
        )
    )
    title = f"{setting.title}, {record.method}, seed {record.seed}"
    drawn = isinstance(world.environment, PointNavigation)
    steps = [step for step in _SHOWN_STEPS[drawn] if step < len(policies)]
    traces = {step: _trace(world, policies[step][0], goals, record.seed) for step in steps}
    return _paths(title, goals, traces) if drawn else _strips(title, world, goals, traces)


def _weights(record: Record, network: Network, registry: Registry) -> Params:
    training, kind = training_of(record), record.protocol.checkpoint
    start = initial_snapshot(network, record.seed, training)
    if record.schedule.iterations == 0:
        return start.params
    last = checkpoint_of(training.name, scoring_checkpoints(record, registry))
    path = last if kind == "last" else checkpoint.best(last)
    found = checkpoint.load(path, start)
    if found is None:
        raise UsageError(
            f"the weights of {record.key} are not in {path.parent}; train them here with: "
            f"{how_to_train(record)}"
        )
    command = "suite picture {key} picture.png"
    require_recorded(record, kind, {kind: found.params}, command)
    return found.params


def _goals(environment: Environment) -> Array:
    """The goals to show: the first test goals, or for a body the least and the greatest."""
    goals = environment.test_goals()
    if isinstance(environment, PointNavigation):
        return goals[:_PATHS]
    return goals[[int(goals.argmin()), int(goals.argmax())]]


def _trace(world: World, params: Params, goals: Array, seed: int) -> list[Array]:
    """For each goal the trajectory of median return up to its end, as states (time, state)."""
    environment, rng = world.environment, numpy_generator(seed, "picture", 0)
    wanted = np.repeat(goals, _DRAWN, axis=0)
    state = environment.initial(len(wanted), rng)
    going = np.ones(len(wanted), dtype=np.bool_)
    totals = np.zeros(len(wanted))
    traces = [[each] for each in state]
    for _ in range(environment.horizon):
        seen = environment.observe(state)
        inputs = np.concatenate([seen, wanted], axis=1) if world.informed else seen
        noise = rng.standard_normal((len(wanted), environment.action_size))
        step = environment.step(state, act(params, inputs, noise, world.activation), wanted)
        state = step.state
        totals += np.where(going, step.reward, 0.0)
        for index in np.flatnonzero(going):
            traces[index].append(state[index])
        going &= ~step.done
    middle = totals.reshape(len(goals), _DRAWN).argsort(axis=1)[:, _DRAWN // 2]
    return [np.stack(traces[goal * _DRAWN + each]) for goal, each in enumerate(middle)]


def _paths(title: str, goals: Array, traces: dict[int, list[Array]]) -> Figure:
    figure = Figure(figsize=(3.0 * len(traces), 3.3), layout="constrained")
    figure.suptitle(f"{title}: the path of median return to each goal", x=0.01, ha="left")
    panels = figure.subplots(1, len(traces), squeeze=False)[0]
    for axes, (step, found) in zip(panels, traces.items(), strict=True):
        for index, path in enumerate(found):
            axes.plot(*path.T, color=f"C{index}", linewidth=1.2)
            axes.plot(*goals[index], color=f"C{index}", marker="*", markersize=11)
        axes.set_title(_named(step))
        axes.set_aspect("equal")
        axes.set_xlim(-0.75, 0.75)
        axes.set_ylim(-0.75, 0.75)
        axes.set_xticks((-0.5, 0.0, 0.5))
        axes.set_yticks((-0.5, 0.0, 0.5))
    star = Line2D([], [], color="black", marker="*", linestyle="none", label="goal")
    figure.legend(handles=[star], loc="outside lower center")
    return figure


def _strips(title: str, world: World, goals: Array, traces: dict[int, list[Array]]) -> Figure:
    """A row of frames for each goal and step, with time and position of the body below each."""
    rows = [
        (f"goal {goal[0]:+.2g}\n{_named(step)}", found[index])
        for index, goal in enumerate(goals)
        for step, found in traces.items()
    ]
    figure = Figure(figsize=(1.55 * _FRAMES + 1.2, 1.45 * len(rows) + 0.3), layout="constrained")
    figure.suptitle(f"{title}: the trajectory of median return, at equal times", x=0.01, ha="left")
    panels = figure.subplots(len(rows), _FRAMES, squeeze=False)
    dt = world.environment.model.opt.timestep  # type: ignore[attr-defined]
    for row, (name, states) in zip(panels, rows, strict=True):
        times = np.linspace(0, len(states) - 1, _FRAMES).round().astype(int)
        images = _frames(world.environment, states[times])
        for axes, time, image in zip(row, times, images, strict=True):
            axes.imshow(image)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_xlabel(f"{time * dt:.2g} s, {states[time][-6]:+.2f} m", fontsize=7)
        row[0].set_ylabel(name, fontsize=8)
    return figure


def _named(step: int) -> str:
    return ("before any step", "after 1 step")[step] if step < 2 else f"after {step} steps"


def _frames(environment: Any, states: Sequence[Array]) -> Iterator[Any]:
    """Images of `states`, (height, width, 3), from a camera beside the body."""
    import mujoco

    model = environment.model
    try:
        renderer = mujoco.Renderer(model, _SIZE[1], _SIZE[0])
    except Exception as error:
        # Whatever a missing or headless OpenGL raises: it differs by platform.
        raise UsageError(
            f"there is no OpenGL to draw bodies with ({str(error).splitlines()[0]}); install "
            "pip install -e '.[rl]' and the system's libegl1, or run where there is a display"
        ) from error
    data = mujoco.MjData(model)
    camera = mujoco.MjvCamera()
    camera.distance, camera.elevation, camera.azimuth = 2.8, -15.0, 90.0
    with renderer:
        for state in states:
            data.qpos[:] = state[1 : 1 + model.nq]
            mujoco.mj_forward(model, data)
            camera.lookat[:] = data.subtree_com[0]
            renderer.update_scene(data, camera)
            yield renderer.render()
