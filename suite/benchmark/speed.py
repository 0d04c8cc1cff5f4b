"""Timing in turns: what else the machine does hits all variants alike. Read the ratios."""

import functools
import logging
import statistics
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
import torch

from baselines.fomaml import Fomaml
from baselines.maml import Maml
from suite.benchmark.bounds import bounded
from suite.benchmark.floor import Rates, Work, counted, seconds
from suite.benchmark.rivals import RIVALS
from suite.data.synthetic import random_batch
from suite.errors import one_line
from suite.inner.learner import initial_learner
from suite.inner.loop import Order
from suite.machine.environment import free_memory_bytes
from suite.machine.failures import is_memory
from suite.models import Network, Way, build_network, first_way
from suite.outer.choice import candidates
from suite.outer.compiled import NotCompiled, compile_gradient
from suite.outer.engine import Engine
from suite.outer.gradient import Gradient, meta_gradient
from suite.outer.graph import Replayed
from suite.settings import SETTINGS, Config

log = logging.getLogger(__name__)

Call = Callable[[], object]

REFERENCE = "per-task higher"
TOGETHER = 5
OURS_TOGETHER = f"{TOGETHER} seeds"
"""The names of variants that compute for so many seeds end with it."""
_LEAST_ROUNDS = 3
_METHOD = {"second": Maml, "first": Fomaml}


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Seconds a meta-gradient of one seed, by variant; rounds in order."""

    setting: str
    order: Order
    rounds: dict[str, list[float]]
    floor: float

    def median(self, variant: str) -> float:
        """The median over the rounds, in seconds."""
        return statistics.median(self.rounds[variant])

    def ratio(self, variant: str) -> tuple[float, float, float]:
        """How many times as fast as the reference: median, least and greatest over the rounds."""
        pairs = zip(self.rounds[REFERENCE], self.rounds[variant], strict=True)
        ratios = [slow / fast for slow, fast in pairs]
        return statistics.median(ratios), min(ratios), max(ratios)


def ours(
    config: Config, device: torch.device, order: Order, seeds: int = 1, way: Way | None = None
) -> Call:
    """One eager meta-gradient of all tasks of all seeds, its blocks that way or the usual one."""
    learner = initial_learner(config, build_network(config, way=way), device, seeds)
    batch = random_batch(config, device, seeds)
    objective = _METHOD[order]().objective
    return partial(meta_gradient, objective, learner, batch)


def rivals(order: Order) -> list[str]:
    """The names of `RIVALS` that can be had here."""
    return [name for name, rival in RIVALS.items() if order in rival.orders and rival.is_here()]


def variants(
    config: Config,
    device: torch.device,
    order: Order,
    *,
    compiled: bool,
    without: Collection[str] = (),
) -> dict[str, Call]:
    """The ways to one meta-gradient of one seed that can be had here, `without` some rivals."""
    network = build_network(config)
    learner = initial_learner(config, network, device)
    batch = random_batch(config, device)
    own = {name: value[0].detach() for name, value in learner.params.items()}
    found: dict[str, Call] = {}
    for name in rivals(order):
        if name not in without:
            found[name] = partial(RIVALS[name].gradient, config, own, batch, order)
    eager: Gradient = partial(meta_gradient, _METHOD[order]().objective)
    own_ways: dict[str, Call] = {
        f"ours, {Engine(kind='eager', way=way).name}": ours(config, device, order, way=way)
        for way in ways(config, network, device)
    }
    if compiled:
        try:
            fused = compile_gradient(eager, learner, batch)
            own_ways["ours, compiled"] = partial(fused, learner, batch)
        except NotCompiled as error:
            log.warning("not compiled: %s", error)
    for name, call in own_ways.items():
        found[name] = call
        if device.type == "cuda":
            found[f"{name}, graph"] = Replayed(call, device)
    return found | _together(config, network, device, order)


def ways(config: Config, network: Network, device: torch.device) -> list[Way | None]:
    """The ways that a training would choose from; one None where there is no choice."""
    if not network.ways:
        return [None]
    return candidates(network, device, first_way(config, device))  # type: ignore[return-value]


def _together(
    config: Config, network: Network, device: torch.device, order: Order
) -> dict[str, Call]:
    """The meta-gradients of several seeds: on a GPU by all ways, if memory is likely to hold it."""
    if not fits(config, device, TOGETHER):
        return {}
    known = ways(config, network, device)
    if device.type != "cuda" or known == [None] or not fits(config, device, TOGETHER * len(known)):
        known = [None]
    found: dict[str, Call] = {}
    for way in known:
        call = ours(config, device, order, TOGETHER, way)
        name = f"ours, {way}, {OURS_TOGETHER}" if way else f"ours, {OURS_TOGETHER}"
        found[name] = Replayed(call, device) if device.type == "cuda" else call
    return found


@functools.cache
def counted_work(config: Config, order: Order) -> Work:
    """The work of one meta-gradient, its convolutions as such, whatever carries them out."""
    return counted(ours(config, torch.device("cpu"), order))


def fits(config: Config, device: torch.device, seeds: int) -> bool:
    """Whether memory is likely to hold the meta-gradients of so many seeds.

    What autograd keeps was an operand or a result, so the counted traffic is about a bound.
    """
    return seeds * counted_work(config, "second").traffic < free_memory_bytes(device)


def timing(
    setting: str,
    device: torch.device,
    order: Order,
    rates: Rates,
    *,
    budget: float,
    compiled: bool,
    without: Collection[str] = (),
) -> Timed:
    """Time the variants in turns: as many rounds as about `budget` seconds hold, three at least."""
    config = SETTINGS[setting].config
    work = variants(config, device, order, compiled=compiled, without=without)
    least = rates.floor(counted_work(config, order))
    rounds = interleaved(work, device, budget)
    for name in rounds:
        if name.endswith(OURS_TOGETHER):
            rounds[name] = [each / TOGETHER for each in rounds[name]]
    return Timed(setting=setting, order=order, rounds=rounds, floor=least)


def interleaved(
    work: dict[str, Call], device: torch.device, budget: float
) -> dict[str, list[float]]:
    """Seconds of each, in turns, after a round that does not count.

    What memory does not hold in that round is left out, and logged; so is what fails in another
    way, unless it is ours: half an hour of measuring does not end with another library.
    """
    # A graph is captured at its fourth call.
    warm = 5 if device.type == "cuda" else 1
    fitting, first = {}, 0.0
    for name, each in work.items():
        try:
            with bounded(device):
                first += sum(seconds(each, device) for _ in range(warm)) / warm
        except Exception as error:
            if is_memory(error):
                log.warning("%s is not timed: memory does not hold it", name)
            elif name in RIVALS and name != REFERENCE:
                reason = one_line(f"{type(error).__name__}: {error}")
                log.warning("%s is not timed: it failed: %s", name, reason)
            else:
                raise
        else:
            fitting[name] = each
    count = max(_LEAST_ROUNDS, min(50, int(budget / first)))
    rounds: dict[str, list[float]] = {name: [] for name in fitting}
    for _ in range(count):
        for name, each in fitting.items():
            rounds[name].append(seconds(each, device))
    return rounds


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How the eager meta-gradient of one setting grows with one quantity."""

    setting: str
    quantity: str
    values: Sequence[int]
    medians: list[float]


def growth(device: torch.device, budget: float) -> Iterator[Growth]:
    """How time grows: with the number of seeds for several settings, with more for one."""
    for setting in ("sinusoid", "omniglot-5way-1shot", "miniimagenet-5way-1shot"):
        yield _grown(setting, "seeds", (1, 2, 5, 10), device, budget)
    for quantity, values in (
        ("tasks", (4, 8, 16, 32, 64)),
        ("inner steps", (1, 2, 5, 10)),
        ("image side", (28, 42, 56, 84)),
    ):
        yield _grown("omniglot-5way-1shot", quantity, values, device, budget)


def _grown(
    setting: str, quantity: str, values: Sequence[int], device: torch.device, budget: float
) -> Growth:
    config = SETTINGS[setting].config
    if quantity == "seeds":
        values = [value for value in values if value == 1 or fits(config, device, value)]
    work: dict[str, Call] = {}
    for value in values:
        if quantity == "image side":
            work[str(value)] = _of_side(config, value, device)
        elif quantity == "seeds":
            work[str(value)] = ours(config, device, "second", value)
        else:
            field = {"tasks": "tasks_per_batch", "inner steps": "inner_steps"}[quantity]
            changed = msgspec.structs.replace(config, **{field: value})
            work[str(value)] = ours(changed, device, "second")
    rounds = interleaved(work, device, budget)
    medians = [statistics.median(rounds[str(value)]) for value in values]
    return Growth(setting=setting, quantity=quantity, values=values, medians=medians)


def _of_side(config: Config, side: int, device: torch.device) -> Call:
    learner = initial_learner(config, build_network(config), device)
    batch = random_batch(config, device, side=side)
    return partial(meta_gradient, Maml().objective, learner, batch)
