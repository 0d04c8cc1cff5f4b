"""`suite evaluate`."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from rich.progress import Progress

from baselines import FewShotMethod
from suite.cli.checks import method_for, protocols_named
from suite.cli.commands import Evaluate, Verify
from suite.cli.limits import Limits, limited, limits_of
from suite.cli.options import joined
from suite.cli.progress import ScoringProgress, training_bar
from suite.cli.registries import registry_at
from suite.cli.run import load_images, print_outcome
from suite.data.images import ImageData
from suite.data.source import task_source
from suite.errors import UsageError
from suite.inner.learner import Learner
from suite.inner.trials import Trials
from suite.machine import environment
from suite.models.foreign import foreign_params
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


def evaluate_command(options: Evaluate) -> int:
    """See `Evaluate`; the exit code."""
    limits = limits_of(options.time_limit)
    if options.weights is None and options.run is not None:
        wanted = options.run
        return limited(limits, lambda: _evaluate_run(wanted, options, limits))
    if options.weights is None or options.run is not None or options.setting is None:
        raise UsageError("name a RUN, or --weights FILE and --setting SETTING")
    setting, path = get_setting(options.setting), options.weights
    return limited(limits, lambda: _evaluate_weights(setting, path, options, limits))


def prepared(
    options: Evaluate | Verify, setting: Setting, limits: Limits
) -> tuple[torch.device, ImageData | None]:
    """The device, and the images of the setting."""
    environment.prepare(options.threads)
    device = environment.choose_device(options.device)
    limits.listen()
    return device, load_images(setting.config, options.data, limits)


def hooks(limits: Limits, bar: Progress | None) -> Hooks:
    """How a scoring is stopped and shown."""
    return Hooks(stop=limits.reason, at_once=limits.at_once, scoring=ScoringProgress(bar))


def _evaluate_run(wanted: str, options: Evaluate, limits: Limits) -> int:
    names = joined(options.protocols)
    registry = registry_at(options.results, needed=False)
    record = find_record(registry, wanted)
    setting = get_setting(record.setting)
    method_for(setting, record.method)
    checkpoints = scoring_checkpoints(record, home_of(registry, wanted))
    protocols = _protocols(setting, record.method, names)
    if checkpoints is not None and not names and not any(checkpoints.glob("*/*.best.pt")):
        log.info("the best-validation weights of %s are not published: left out", record.key)
        protocols = tuple(each for each in protocols if each.checkpoint == "last")
    device, images = prepared(options, setting, limits)
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
            hooks=hooks(limits, bar),
        )
        outcome = execute(request, registry, images)
    print_outcome(outcome, registry)
    return 1 if outcome.failures else 0


def _evaluate_weights(setting: Setting, path: Path, options: Evaluate, limits: Limits) -> int:
    names, name = joined(options.protocols), options.method
    method, config = method_for(setting, name), setting.recipe(name).config
    if not isinstance(method, FewShotMethod):
        raise UsageError("weights of policies are not taken from elsewhere")
    if method.trained_by or config.images_per_batch:
        raise UsageError(f"{name} is trained as a classifier: it takes no foreign weights")
    if "best-validation" in names:
        raise UsageError("a file of weights has no best-validation weights beside its own")
    protocols = [each for each in _protocols(setting, name, names) if each.checkpoint == "last"]
    found = foreign_params(path, config, options.layout)
    device, images = prepared(options, setting, limits)
    source = task_source(config, (options.seed,), device, images)
    params = {name: value[None].to(device) for name, value in found.items()}
    with training_bar() as bar:
        for protocol in protocols:
            method.check_protocol(config, protocol)
            what = f"{path.name} [{protocol.name}]"
            watch = Watch(stop=limits.reason, progress=partial(ScoringProgress(bar), what))
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
