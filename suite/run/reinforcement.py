"""Reinforcement learning: how its runs are trained and scored."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor
from torch.nn import functional as F

from baselines.policy_method import PolicyMethod
from suite.envs import Environment, make_environment
from suite.envs.environment import Array
from suite.errors import UsageError
from suite.models import Params
from suite.models.network import per_task
from suite.outer.snapshot import Snapshot
from suite.outer.state import TrainingState, stack
from suite.registry.schema import DataFacts
from suite.rl.adapt import adapted
from suite.rl.policy import ACTIVATIONS, Activation
from suite.rl.sampling import Trajectories, sample
from suite.rl.trpo import Meta, Region, trpo_step
from suite.rng import numpy_generator
from suite.run.domain import Scored
from suite.run.evaluate import Watch
from suite.run.partial import Kept
from suite.run.request import Request
from suite.run.train import Diverged, Hooks, repeat
from suite.settings import Config, Protocol

# Raised when an environment's code changes what it does.
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class World:
    """An environment and how policies act in it."""

    environment: Environment
    discount: float
    informed: bool
    """Whether a policy is told the goal."""
    activation: Activation = F.relu
    """The activation of the policies' hidden units."""
    later_step_share: float = 1.0
    """See `Config.later_step_share`."""
    adapted: tuple[str, ...] | None = None
    """The names of the weights that an inner step changes; None is all."""

    def sample(
        self, params: Params, goals: Array, slots: int, rng: np.random.Generator
    ) -> Trajectories:
        """See `suite.rl.sampling.sample`."""
        return sample(
            self.environment,
            params,
            goals,
            slots,
            self.discount,
            rng,
            self.informed,
            self.activation,
        )


def world_of(config: Config, *, informed: bool, adapted: tuple[str, ...] | None = None) -> World:
    """The environment that `config` names, on as many threads as torch has."""
    environment = make_environment(config.dataset, threads=torch.get_num_threads())
    return World(
        environment=environment,
        discount=config.discount or 1.0,
        informed=informed,
        activation=ACTIVATIONS[config.activation],
        later_step_share=config.later_step_share or 1.0,
        adapted=adapted,
    )


class Reinforcement:
    """A `suite.run.domain.Domain`; seeds are trained one by one."""

    def __init__(self, request: Request, method: PolicyMethod) -> None:
        config = request.config
        self._request, self._method = request, method
        self.network = method.network(config, 0)
        self._world = world_of(config, informed=method.informed, adapted=self.network.adapted)

    def facts(self, index: int) -> DataFacts:
        name = self._request.config.dataset
        definition = f"environment {name}, version {_VERSION}"
        return DataFacts(
            name=name,
            fingerprint=hashlib.sha256(definition.encode()).hexdigest(),
            split=None,
            warnings=(),
        )

    def state(self, snapshots: Sequence[Snapshot]) -> TrainingState:
        if len(snapshots) > 1:
            raise UsageError("policies are trained one seed at a time: leave --seeds-together out")
        return stack(snapshots, self._request.config, self._request.device)

    def train(self, indices: Sequence[int], state: TrainingState, hooks: Hooks) -> None:
        request = self._request
        if state.iteration >= request.schedule.iterations:
            return
        seed = request.seeds[indices[0]]
        iterate = PolicyIteration(self._world, self._method, request.config, seed, state)
        repeat(iterate, iterate.validate, request.schedule, state, hooks, higher_is_better=True)

    def score(self, index: int, params: Params, protocol: Protocol, watch: Watch) -> Scored:
        seed, config = self._request.seeds[index], self._request.config
        goals = self._world.environment.test_goals()
        if protocol.tasks > len(goals):
            raise UsageError(f"there are {len(goals)} test goals, not {protocol.tasks}")
        selected = self._selected(seed, params, protocol, watch)
        adapts = not self._method.informed
        with watch.keeping(lambda: Kept(selected=selected)):
            scores = returns_of(
                policies_by_step(
                    self._world,
                    params,
                    goals[: protocol.tasks],
                    (seed, "test"),
                    protocol if adapts else replace(protocol, steps=0),
                    selected.get("step_size", config.inner_lr),
                    watch,
                )
            )
        rows = scores if adapts else scores.expand(protocol.steps + 1, -1)
        return Scored(scores=rows, selected=selected)

    def _selected(
        self, seed: int, params: Params, protocol: Protocol, watch: Watch
    ) -> dict[str, float]:
        """The step size with the greatest mean return after the steps, on fresh goals.

        It is empty where the method has no step sizes to choose from. The step sizes that were
        tried before a stop are not tried again.
        """
        kept = watch.partial.kept() if watch.partial else Kept()
        if kept.selected is not None or not self._method.step_sizes:
            return kept.selected or {}
        rng = numpy_generator(seed, "validation goals", 0)
        goals = self._world.environment.goals(self._method.validation_tasks, rng)

        def value(lr: float) -> float:
            stream = (seed, "validation")
            steps = policies_by_step(self._world, params, goals, stream, protocol, lr, watch)
            return float(returns_of(steps)[1:].mean().nan_to_num(nan=-torch.inf))

        trials = list(kept.trials)
        with watch.keeping(lambda: Kept(trials=trials)):
            for lr in self._method.step_sizes[len(trials) :]:
                trials.append(torch.tensor([value(lr)], dtype=torch.float64))
        values = [float(trial) for trial in trials]
        return {"step_size": self._method.step_sizes[values.index(max(values))]}


def policies_by_step(
    world: World,
    params: Params,
    goals: Array,
    stream: tuple[int, str],
    protocol: Protocol,
    step_size: float,
    watch: Watch | None = None,
) -> Iterator[tuple[Params, Trajectories]]:
    """Yield the policies, (task, ...), after 0 to `protocol.steps` steps, with what they did.

    They begin with the weights `params`, (1, ...), and adapt to `goals`. Each step learns from what
    the policy before it did, as in the authors' test scripts. The first step has the size
    `step_size`, and the others have `world.later_step_share` of it. Raises `Stopped` between steps
    where `watch` says so; what was sampled is then lost.
    """
    policies = per_task({name: value.detach() for name, value in params.items()}, len(goals))
    for step in range(protocol.steps + 1):
        if watch:
            watch.pause()
        batch = world.sample(policies, goals, protocol.k_shot, numpy_generator(*stream, step))
        yield policies, batch
        if step < protocol.steps:
            lr = step_size if step == 0 else world.later_step_share * step_size
            policies = adapted(policies, batch, lr, "none", world.activation, world.adapted)


def returns_of(steps: Iterable[tuple[Params, Trajectories]]) -> Tensor:
    """The mean returns of `policies_by_step`, (step, task) in float64.

    A return is NaN where the policy's actions are no longer finite.
    """
    return torch.stack([batch.returns for _, batch in steps])


class PolicyIteration:
    """Takes one iteration at every call: it samples, adapts, samples again, and steps by TRPO.

    Where the method takes no inner step in training, the trajectories of all goals are one batch of
    one policy, and the step is plain TRPO.
    """

    engine = "eager"

    def __init__(
        self, world: World, method: PolicyMethod, config: Config, seed: int, state: TrainingState
    ) -> None:
        self._world, self._order, self._config = world, method.order, config
        self._seed, self._state = seed, state
        if config.trust_region is None:
            raise UsageError("trust_region: TRPO needs one")
        self._region = Region(
            divergence=config.trust_region,
            fisher_tasks=config.fisher_tasks,
            fisher_every=config.fisher_every,
        )
        self._last = (0.0, 0.0)
        self._after = 0.0

    def __call__(self) -> None:
        state = self._state
        params = {name: value.detach() for name, value in state.params.items()}
        meta = self._sampled(params)
        if not meta.outer.returns.isfinite().all():
            raise Diverged(f"actions are not finite at iteration {state.iteration}", (0,))
        update = trpo_step(meta, self._region)
        with torch.no_grad():
            for name, value in state.params.items():
                value.copy_(update.params[name])
        self._after = fmean(meta.outer.returns.tolist())
        self._last = fmean(meta.inner.returns.tolist()), update.divergence
        state.histories[0].environment_steps += meta.steps
        state.sums += torch.tensor([[-update.gain], [self._after]]).to(state.sums)
        state.iteration += 1

    def validate(self) -> list[float]:
        """The return after adaptation on the last meta-batch, whose goals were new to it."""
        self._state.histories[0].policies.append(self._last)
        return [self._after]

    def _sampled(self, params: Params) -> Meta:
        world, config = self._world, self._config
        rng = numpy_generator(self._seed, "train", self._state.iteration)
        goals = world.environment.goals(config.tasks_per_batch, rng)
        if self._order is None:
            slots = np.repeat(goals, config.k_shot, axis=0)
            batch = world.sample(params, slots[None], len(slots), rng)
            return Meta(params, batch, per_task(params, 1), batch, 0.0, "second")
        inner = world.sample(params, goals, config.k_shot, rng)
        old = Meta.adapt(params, inner, config.inner_lr, "none", world.adapted)
        outer = world.sample(old, goals, config.n_query, rng)
        return Meta(params, inner, old, outer, config.inner_lr, self._order, world.adapted)
