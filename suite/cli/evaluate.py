"""`suite evaluate`."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from rich.progress import Progress

from baselines import FewShotMethod
from suite.cli.checks import method_for, protocols_named
from suite.cli.limits import Limits
from suite.cli.progress import ScoringProgress, training_bar
from suite.cli.registries import registry_at
from suite.cli.run import load_images, print_outcome
from suite.data.images import ImageData
from suite.data.source import task_source
from suite.errors import UsageError
from suite.inner.learner import Learner
from suite.inner.trials import Trials
from suite.machine import environment
from suite.models.foreign import Layout, foreign_params
from suite.registry.find import find_record, home_of
from suite.registry.summary import summarise
from suite.run import record as results
from suite.run.evaluate import Watch, evaluate
from suite.run.execute import execute
from suite.run.packs.published import scoring_checkpoints
from suite.run.request import Request
from suite.run.train import Hooks
from suite.settings import METHODS, Protocol, Setting, get_setting
from suite.settings.protocols import protocols_by_name

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The device and the data to score with."""

    data: Path | None
    device_name: str
    threads: int | None
    limits: Limits

    def prepared(self, setting: Setting) -> tuple[torch.device, ImageData | None]:
        """The device, and the images of the setting."""
        environment.prepare(self.threads)
        device = environment.choose_device(self.device_name)
        self.limits.listen()
        return device, load_images(setting.config, self.data, self.limits)

    def hooks(self, bar: Progress | None) -> Hooks:
        """How a scoring is stopped and shown."""
        limits = self.limits
        return Hooks(stop=limits.reason, at_once=limits.at_once, scoring=ScoringProgress(bar))


def evaluate_run(
    wanted: str,
    names: Sequence[str],
    registry_root: Path,
    machine: Machine,
) -> int:
    """See `suite.cli.commands.evaluate`; the exit code."""
    registry = registry_at(registry_root, needed=False)
    record = find_record(registry, wanted)
    setting = get_setting(record.setting)
    method_for(setting, record.method)
    checkpoints = scoring_checkpoints(record, home_of(registry, wanted))
    protocols = _protocols(setting, record.method, names)
    if checkpoints is not None and not names and not any(checkpoints.glob("*/*.best.pt")):
        log.info("the best-validation weights of %s are not published: left out", record.key)
        protocols = tuple(each for each in protocols if each.checkpoint == "last")
    device, images = machine.prepared(setting)
    environment.use_precision(record.config.precision, device)
    with training_bar() as bar:
        request = Request(
            setting=setting,
            method=record.method,
            seeds=(record.seed,),
            options=record.options,
            config=record.config,
            schedule=record.schedule,
            protocols=protocols,
            device=device,
            trains=False,
            recorded=True,
            scored_as=record if record.status == "completed" else None,
            checkpoints=checkpoints,
            hooks=machine.hooks(bar),
        )
        outcome = execute(request, registry, images)
    print_outcome(outcome, registry)
    return 1 if outcome.failures else 0


def evaluate_weights(
    path: Path,
    layout: Layout,
    setting_id: str,
    method_name: str,
    seed: int,
    names: Sequence[str],
    machine: Machine,
) -> int:
    """See `suite.cli.commands.evaluate`; the exit code."""
    setting = get_setting(setting_id)
    method = method_for(setting, method_name)
    config = setting.recipe(method_name).config
    if not isinstance(method, FewShotMethod):
        raise UsageError("weights of policies are not taken from elsewhere")
    if method.trained_by or config.images_per_batch:
        raise UsageError(f"{method_name} is trained as a classifier: it takes no foreign weights")
    if "best-validation" in names:
        raise UsageError("a file of weights has no best-validation weights beside its own")
    protocols = [
        each for each in _protocols(setting, method_name, names) if each.checkpoint == "last"
    ]
    found = foreign_params(path, config, layout)
    device, images = machine.prepared(setting)
    source = task_source(config, (seed,), device, images)
    params = {name: value[None].to(device) for name, value in found.items()}
    with training_bar() as bar:
        for protocol in protocols:
            method.check_protocol(config, protocol)
            what = f"{path.name} [{protocol.name}]"
            watch = Watch(stop=machine.limits.reason, progress=partial(ScoringProgress(bar), what))
            learner = Learner(
                config=protocol.at_test(config),
                network=method.network(config, source.train_classes),
                params=params,
                query_norm=protocol.batch_norm,
                pause=watch.pause,
            )
            test = source.stream("test", [0], protocol.n_way)
            validation = source.stream("validation", [0], protocol.n_way)
            selected = method.select(learner, validation, protocol, Trials(pause=watch.pause))
            scores = evaluate(method, learner, test, protocol, selected, watch)
            result = summarise(results.outcomes(scores), protocol.report_step)
            print(_line(setting, protocol, result.mean, result.ci95_tasks))
    return 0


def _line(setting: Setting, protocol: Protocol, mean: float | None, width: float | None) -> str:
    if mean is None or width is None:
        return f"{setting.id} [{protocol.name}] diverged"
    metric = setting.metric
    shown = metric.interval(mean, width) + metric.unit
    return f"{setting.id} [{protocol.name}] {metric.name} {shown}"


def _protocols(setting: Setting, method: str, names: Sequence[str]) -> tuple[Protocol, ...]:
    known = protocols_by_name(setting, method)
    chosen = names or [name for name in known if not _counts_steps(name)]
    if not names and not METHODS[method].trains:
        chosen = [name for name in chosen if known[name].checkpoint == "last"]
    return protocols_named(chosen, known, f"{setting.id} {method}")


def _counts_steps(name: str) -> bool:
    return name.endswith(("-step", "-steps"))
