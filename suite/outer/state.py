"""Trainings of several seeds side by side: one tensor a weight, with a leading axis of seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.models import Params
from suite.outer.optimizer import MakeOptimizer, OuterOptimizer, adam
from suite.outer.snapshot import History, Snapshot
from suite.settings import Config


@dataclass(kw_only=True)
class TrainingState:
    """Trainings under way, all at one iteration, with one optimizer that works elementwise.

    TRPO takes its steps without the optimizer, whose state then stays as it began.
    """

    params: Params  # (seed, ...)
    optimizer: OuterOptimizer
    iteration: int
    sums: Tensor
    """(2, seed): training losses and metrics since the last point of the curve, on the device."""
    histories: list[History]


def stack(
    snapshots: Sequence[Snapshot],
    config: Config,
    device: torch.device,
    make_optimizer: MakeOptimizer = adam,
) -> TrainingState:
    """The state that goes on from `snapshots`, one a seed, all at the same iteration."""
    (iteration,) = {snapshot.iteration for snapshot in snapshots}

    def stacked(group: str) -> Params:
        groups = [getattr(snapshot, group) for snapshot in snapshots]
        return {name: torch.stack([each[name] for each in groups]).to(device) for name in groups[0]}

    params = {name: value.requires_grad_() for name, value in stacked("params").items()}
    optimizer = make_optimizer(
        list(params.values()), config.meta_lr or 0.0, capturable=device.type == "cuda"
    )
    first, second = stacked("first_moments"), stacked("second_moments")
    for name, value in params.items():
        step = {"step": torch.tensor(float(iteration), device=device)}
        if isinstance(optimizer, torch.optim.SGD):
            kept = {"momentum_buffer": first[name]}
        elif isinstance(optimizer, torch.optim.RMSprop):
            kept = step | {"momentum_buffer": first[name], "square_avg": second[name]}
        else:
            kept = step | {"exp_avg": first[name], "exp_avg_sq": second[name]}
        optimizer.state[value] = kept
    return TrainingState(
        params=params,
        optimizer=optimizer,
        iteration=iteration,
        sums=torch.stack([snapshot.sums for snapshot in snapshots], dim=1).to(device),
        histories=[snapshot.history for snapshot in snapshots],
    )


def unstack(state: TrainingState) -> list[Snapshot]:
    """A snapshot of each seed, in order."""

    def moments(*names: str) -> Params:
        """What the optimizer keeps of each weight under one of `names`; zero where it does not."""

        def kept(value: Tensor) -> Tensor:
            found = state.optimizer.state[value]
            held = (found[name] for name in names if found.get(name) is not None)
            return next(held, torch.zeros_like(value))

        return {name: kept(value).detach().cpu() for name, value in state.params.items()}

    groups = {
        "params": {name: value.detach().cpu() for name, value in state.params.items()},
        "first_moments": moments("exp_avg", "momentum_buffer"),
        "second_moments": moments("exp_avg_sq", "square_avg"),
    }
    sums = state.sums.cpu()
    return [
        Snapshot(
            **{
                group: {name: value[index].clone() for name, value in values.items()}
                for group, values in groups.items()
            },
            iteration=state.iteration,
            sums=sums[:, index].clone(),
            history=history,
        )
        for index, history in enumerate(state.histories)
    ]
