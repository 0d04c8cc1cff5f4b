"""`suite run`."""

import logging
import sys
from pathlib import Path
from typing import Any

import msgspec
import torch

from baselines import FewShotMethod, Method
from baselines.options import options_of, with_options
from suite.cli.checks import at_least_one, method_for, protocols_named, seeds_from_zero
from suite.cli.limits import Limits, seconds, stopped
from suite.cli.progress import ScoringProgress, TrainingProgress, over, training_bar
from suite.data.images import ImageData, load_image_data
from suite.errors import Stopped, UsageError, one_line
from suite.launch.grouping import seed_groups, seeds_that_fit, seeds_that_pay
from suite.machine import environment
from suite.outer.engine import Engine
from suite.parsing import NotJson, parsed
from suite.registry import Record, Registry
from suite.run.execute import Outcome, execute
from suite.run.request import Request
from suite.run.train import Hooks
from suite.settings import METHODS, Config, Setting, get_setting
from suite.settings.fitting import require_fit, require_plan, shown, unknown

log = logging.getLogger(__name__)


def run_command(
    *,
    setting_id: str,
    method: str,
    seeds: tuple[int, ...],
    short: bool,
    iterations: int | None,
    changes: tuple[str, ...],
    protocol_names: tuple[str, ...],
    data: Path | None,
    results: Path,
    device_name: str,
    threads: int | None,
    time_limit: str | None,
    checkpoint_every: str,
    checkpoints: Path | None,
    rerun: bool,
    engine_name: str,
    seeds_together: int | None,
    tasks_per_chunk: int | None,
) -> int:
    """See `suite.cli.commands.run`; the exit code."""
    engine = Engine.named(engine_name, tasks_per_chunk)
    limits = Limits(None if time_limit is None else seconds(time_limit))
    checkpoint_seconds = seconds(checkpoint_every)
    setting = get_setting(setting_id)
    how = method_for(setting, method)
    if not seeds:
        raise UsageError("--seeds: name seeds from 0 on")
    seeds_from_zero(seeds)
    at_least_one("iterations", iterations)
    at_least_one("seeds-together", seeds_together)
    at_least_one("tasks-per-chunk", tasks_per_chunk)
    config, options = changed(setting, how, changes)
    if short:
        planned, known = setting.short(method)
        iterations = iterations or planned
    else:
        known = setting.recipe(method).protocols
    named = {protocol.name: protocol for protocol in known}
    schedule = setting.schedule(iterations if METHODS[method].trains else 0, method)
    require_plan(setting, method, schedule)
    how = with_options(how.on(schedule), options)
    protocols = protocols_named(protocol_names, named, f"{setting.id} {method}") or known
    planned_way = setting.recipe(method).config.n_way
    if isinstance(how, FewShotMethod) and how.any_way and config.n_way != planned_way:
        # Training on tasks of other ways changes nothing of the test.
        protocols = tuple(msgspec.structs.replace(each, n_way=planned_way) for each in protocols)
    environment.prepare(threads)
    device = environment.choose_device(device_name)
    environment.use_precision(config.precision, device)
    registry = Registry(results)
    limits.listen()
    try:
        images = load_images(config, data, limits)
    except Stopped:
        return stopped(limits)
    seeds = tuple(dict.fromkeys(seeds))
    at_most = seeds_together or _seeds_together(how, config, device, engine)
    failures = 0
    for group in seed_groups(seeds, at_most):
        if limits.reason():
            return stopped(limits)
        with training_bar() as bar:
            plural = "seed" if len(group) == 1 else "seeds"
            label = f"{setting.id} {method} {plural} {' '.join(map(str, group))}"
            request = Request(
                setting=setting,
                method=method,
                seeds=group,
                options=options,
                config=config,
                schedule=schedule,
                protocols=protocols,
                device=device,
                rerun=rerun,
                checkpoints=checkpoints,
                engine=engine,
                hooks=Hooks(
                    checkpoint_seconds=checkpoint_seconds,
                    stop=limits.reason,
                    at_once=limits.at_once,
                    progress=TrainingProgress(label, setting.metric, schedule.iterations, bar),
                    scoring=ScoringProgress(bar),
                ),
            )
            try:
                outcome = execute(request, registry, images)
            except Stopped:
                return stopped(limits)
        print_outcome(outcome, registry)
        failures += len(outcome.failures)
        for failure in outcome.failures:
            log.error("%s %s failed: %s", setting.id, method, failure)
    return 1 if failures else 0


def _seeds_together(method: Method, config: Config, device: torch.device, engine: Engine) -> int:
    pay = seeds_that_pay(config, device) or sys.maxsize
    by_tasks = config.images_per_batch is None and pay > 1
    if device.type == "cuda" and by_tasks and isinstance(method, FewShotMethod):
        return min(pay, seeds_that_fit(method, config, device, engine))
    return pay


def changed(
    setting: Setting, method: Method, changes: tuple[str, ...]
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


def print_outcome(outcome: Outcome, registry: Registry) -> None:
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
