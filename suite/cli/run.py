"""`suite run`."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from baselines import FewShotMethod, Method, method_of
from baselines.options import options_of, with_options
from suite.cli.checks import at_least_one, method_for, protocols_named, seeds_from_zero
from suite.cli.commands import Run
from suite.cli.limits import Limits, limited, limits_of, seconds
from suite.cli.options import joined
from suite.cli.progress import ScoringProgress, TrainingProgress, over, training_bar
from suite.data.images import ImageData, load_image_data
from suite.errors import Stopped, UsageError, one_line
from suite.launch.grouping import seed_groups, seeds_that_fit, seeds_that_pay
from suite.launch.wanted import asked
from suite.machine import environment
from suite.outer.engine import Engine
from suite.parsing import NotJson, parsed
from suite.registry import Record, Registry
from suite.run.execute import Executed, execute
from suite.run.request import Request
from suite.run.train import Hooks
from suite.settings import Config, Setting, get_setting
from suite.settings.fitting import require_fit, require_plan, shown, unknown
from suite.settings.protocols import protocols_by_name

log = logging.getLogger(__name__)


def run_command(options: Run) -> int:
    """See `Run`; the exit code."""
    limits = limits_of(options.time_limit)
    hooks = Hooks(
        checkpoint_seconds=seconds(options.checkpoint_every),
        stop=limits.reason,
        at_once=limits.at_once,
    )
    request = replace(_asked(options), hooks=hooks)
    limits.listen()
    return limited(limits, lambda: _run(request, options, limits))


def _asked(options: Run) -> Request:
    """What is asked for, without hooks."""
    engine = Engine.named(options.engine, options.tasks_per_chunk)
    setting, name = get_setting(options.setting), options.method
    method = method_for(setting, name)
    seeds = joined(options.seeds) if options.seeds else (0,)
    if not seeds:
        raise UsageError("--seeds: name seeds from 0 on")
    seeds_from_zero(seeds)
    at_least_one("iterations", options.iterations)
    at_least_one("seeds-together", options.seeds_together)
    at_least_one("tasks-per-chunk", options.tasks_per_chunk)
    changes = [text for each in options.changes for text in each or ("",)]
    config, own = changed(setting, method, changes)
    short = options.schedule == "short"
    schedule, planned = asked(setting, name, options.iterations, short=short)
    of_plan = {protocol.name: protocol for protocol in planned}
    named = of_plan if short else protocols_by_name(setting, name)
    require_plan(setting, name, schedule)
    method = with_options(method.on(schedule), own)
    asked_for = protocols_named(joined(options.protocols), named, f"{setting.id} {name}")
    protocols = asked_for or planned
    planned_way = setting.recipe(name).config.n_way
    if isinstance(method, FewShotMethod) and method.any_way and config.n_way != planned_way:
        # Training on tasks of other ways changes nothing of the test.
        protocols = tuple(msgspec.structs.replace(each, n_way=planned_way) for each in protocols)
    environment.prepare(options.threads)
    device = environment.choose_device(options.device)
    environment.use_precision(config.precision, device)
    return Request(
        setting=setting,
        method=name,
        seeds=tuple(dict.fromkeys(seeds)),
        options=own,
        config=config,
        schedule=schedule,
        protocols=protocols,
        device=device,
        rerun=options.rerun,
        checkpoints=options.checkpoints,
        engine=engine,
    )


def _run(request: Request, options: Run, limits: Limits) -> int:
    setting, failures = request.setting, 0
    registry = Registry(options.results)
    images = load_images(request.config, options.data, limits)
    at_most = options.seeds_together or _seeds_together(request)
    for group in seed_groups(request.seeds, at_most):
        if reason := limits.reason():
            raise Stopped(reason)
        plural = "seed" if len(group) == 1 else "seeds"
        label = f"{setting.id} {request.method} {plural} {' '.join(map(str, group))}"
        length = request.schedule.iterations
        with training_bar() as bar:
            hooks = replace(
                request.hooks,
                progress=TrainingProgress(label, setting.metric, length, bar),
                scoring=ScoringProgress(bar),
            )
            outcome = execute(replace(request, seeds=group, hooks=hooks), registry, images)
        print_outcome(outcome, registry)
        failures += len(outcome.failures)
        for failure in outcome.failures:
            log.error("%s %s failed: %s", setting.id, request.method, failure)
    return 1 if failures else 0


def _seeds_together(request: Request) -> int:
    method = method_of(request.setting, request.method, request.schedule, request.options)
    config, device = request.config, request.device
    pay = seeds_that_pay(config, device) or sys.maxsize
    by_tasks = config.images_per_batch is None and pay > 1
    if device.type == "cuda" and by_tasks and isinstance(method, FewShotMethod):
        return min(pay, seeds_that_fit(method, config, device, request.engine))
    return pay


def changed(
    setting: Setting, method: Method, changes: Sequence[str]
) -> tuple[Config, dict[str, Any]]:
    """The method's configuration with FIELD=VALUE changes, and those that are of its options.

    A field that there is not, that is named twice or that no run would heed, and a value that does
    not fit the configuration, is a `UsageError`; `with_options` looks at the values of options.
    """
    own = msgspec.structs.asdict(setting.recipe(method.name).config)
    options = options_of(method)
    given: dict[str, Any] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals:
            raise UsageError(f"--set {shown(change)}: write FIELD=VALUE, as in inner_lr=0.01")
        if name not in own | options:
            why = unknown(name, setting, method.unheeded, method.name, options)
            raise UsageError(f"--set {shown(change)}: {why}")
        if name in given:
            raise UsageError(f"--set {name}: it is given twice; give it once")
        given[name] = _value(text)
    values = own | {name: value for name, value in given.items() if name in own}
    require_fit(setting, method.name, method.unheeded, values)
    others = {name: value for name, value in given.items() if name not in own}
    return msgspec.convert(values, Config), others


def _value(text: str) -> Any:
    """What was typed: a number, a name or a list of them as JSON, the list as a tuple; else text.

    What is nested stays text, since no field takes it, and it may be deeper than Python's stack.
    """
    try:
        value = parsed(text.encode("utf-8", "surrogateescape"), object)
    except NotJson:
        return text
    parts = value if isinstance(value, list) else [value]
    if any(isinstance(each, list | dict) for each in parts):
        return text
    return tuple(parts) if isinstance(value, list) else value


def load_images(config: Config, data: Path | None, limits: Limits) -> ImageData | None:
    """The images of `config`, if it has some; `Stopped` where `limits` say so meanwhile."""
    if config.problem != "classification":
        return None
    with limits.at_once():
        images = load_image_data(config.dataset, root=data, progress=over)
    for warning in images.warnings:
        log.warning("%s: %s", config.dataset, warning)
    return images


def print_outcome(outcome: Executed, registry: Registry) -> None:
    for record in outcome.standing:
        print(f"{_line(record)} (stands already: {registry.path(record)})")
    for path, record in outcome.written:
        print(f"{_line(record)} -> {path}")


def _line(record: Record) -> str:
    head = f"{record.setting} {record.method} seed {record.seed} [{one_line(record.protocol.name)}]"
    metric = get_setting(record.setting).metric
    result = record.metrics.get(metric.name)
    if result is None:
        return head
    if result.mean is None or result.ci95_tasks is None:
        tasks = f"{result.diverged} of {record.protocol.tasks} tasks"
        return f"{head} {metric.name}: {tasks} diverged"
    shown = metric.interval(result.mean, result.ci95_tasks)
    return f"{head} {metric.name} {shown}{metric.unit} over tasks"
