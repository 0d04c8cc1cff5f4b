"""`suite check`."""

import logging
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from statistics import stdev

from suite.cli import reading
from suite.cli.limits import Limits, ended_by_signals
from suite.cli.registries import registry_at
from suite.cli.sweep import run_all
from suite.data.images import load_image_data
from suite.errors import DataError, RegistryError, UsageError
from suite.launch.gate import GATE
from suite.launch.machines import Here
from suite.launch.slots import Slot
from suite.machine import environment
from suite.registry import Record, Registry
from suite.registry.compact import compact
from suite.registry.history import altered
from suite.registry.references import Reference, References, read_references, write_references
from suite.report.cells import Cell, cell_key, collect
from suite.report.check import (
    PASSED,
    Check,
    annotations,
    as_json,
    as_table,
    check_history,
    check_runs,
    check_unfinished,
    check_verdicts,
    check_versions,
    exit_code,
    seed_scores,
)
from suite.report.verdicts import judged
from suite.run.packs.unfinished import done, packs_in

RUN_FAILED = 1
_MARKER = ".gate"

log = logging.getLogger(__name__)


def check_command(options: reading.Check) -> int:
    """See `reading.Check`; the exit code."""
    return ended_by_signals(lambda limits: _check(options, limits))


def _check(options: reading.Check, limits: Limits) -> int:
    runs, references, update = options.runs, options.references, options.update
    with limits.at_once():
        registry = registry_at(options.results)
        known = None if update else read_references(references)
        without = _absent() if options.run else []
    if options.run:
        code = _run(runs, without, limits)
        # A run that failed is missing below.
        if code not in (PASSED, RUN_FAILED):
            return code
    with limits.at_once():
        cells = collect(_of_this_commit(Registry(runs))).cells
        records = [compact(record) for record in registry.records()]
        registered = collect(records).cells
        rows = judged(registered)
        history = [] if update else _check_history(options.results)
    if known is None:
        if without:
            raise UsageError(f"references of all data sets are needed, also {', '.join(without)}")
        if not cells or (references.exists() and not registered):
            where = options.results if cells else runs
            raise UsageError(f"{where} holds no run to take references of; add --run, or name it")
        gate = _references(cells, runs, _spreads(references))
        verdicts: dict[str, str] = {row.name: row.verdict.outcome for row in rows}
        write_references(References(gate=gate, verdicts=verdicts), references)
        print(f"wrote {references}: {len(gate)} cells of the gate, {len(verdicts)} verdicts")
        return 0
    checks = [
        *check_runs(known, cells, without),
        *check_verdicts(known, rows),
        *check_versions(registered),
        *history,
        *check_unfinished(each.path.name for each in done(packs_in(options.results), records)),
    ]
    print(as_json(checks) if options.json else as_table(checks))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        print("\n".join(annotations(checks)))
    return exit_code(checks)


def _check_history(results: Path) -> list[Check]:
    """Whether all committed records are there as they were first committed; see `altered`."""
    try:
        return check_history(altered(results))
    except RegistryError as error:
        detail = f"cannot tell whether committed records were changed: {error}"
        return [Check(name="records", status="left out", detail=detail)]


def _absent() -> list[str]:
    """The data sets of the gate that are not here."""
    absent: list[str] = []
    for dataset in {job.dataset for job in GATE} - {"sinusoid"}:
        try:
            load_image_data(dataset, root=None)
        except DataError:
            absent.append(dataset)
    return absent


def _of_this_commit(registry: Registry) -> Iterator[Record]:
    """What other code scored tells nothing of this one."""
    commit = environment.git_state().commit
    for record in registry.records():
        if record.provenance.git_commit == commit:
            yield record
        else:
            log.warning("%s is of another commit: left out", registry.path(record))


def _run(runs: Path, without: Collection[str], limits: Limits) -> int:
    """Run the gate's jobs; the exit code of `suite sweep`.

    From scratch, unless the last time was stopped, with the same code and versions.
    """
    checkpoints = runs / ".checkpoints"
    under_way = f"{environment.code_version()} {environment.versions()}"
    dirty = "-dirty" in under_way or under_way.startswith("unknown")
    marker = runs / _MARKER
    if dirty or not marker.is_file() or marker.read_text("utf-8", "replace") != under_way:
        _cleared(runs)
        marker.write_text(under_way, encoding="utf-8")
    jobs = [job for job in GATE if job.dataset not in without]
    options = ["--results", str(runs), "--checkpoints", str(checkpoints)]
    options += ["--device", "cpu", "--engine", "eager"]
    machines = Here(options=options, slots=[Slot(threads=1)] * environment.cores())
    code = run_all(jobs, machines, runs, limits, "the gate")
    if code in (PASSED, RUN_FAILED):
        marker.write_text("", encoding="utf-8")
    return code


def _cleared(runs: Path) -> None:
    """Empty the folder `runs` of what an earlier `suite check` left there, or make it.

    The marker comes first and stays, so that a kill at any moment leaves a folder that is known.
    """
    marker = runs / _MARKER
    if runs.exists() and not marker.exists() and not (runs.is_dir() and not any(runs.iterdir())):
        raise UsageError(f"{runs} was not made by suite check: name another folder for --runs")
    try:
        runs.mkdir(parents=True, exist_ok=True)
        marker.touch()
        for path in runs.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path != marker:
                path.unlink()
    except OSError as error:
        raise UsageError(f"--runs {runs} cannot be emptied: {error}") from error


def _spreads(references: Path) -> dict[str, Reference]:
    """The references that stand, if they can be read, by cell: their spreads are kept."""
    if not references.exists():
        return {}
    try:
        known = read_references(references)
    except RegistryError as error:
        log.warning("no spreads are kept: %s", error)
        return {}
    return {each.cell: each for each in known.gate}


def _references(
    cells: Iterable[Cell], runs: Path, spreads: Mapping[str, Reference]
) -> tuple[Reference, ...]:
    """One for each job of the gate; a `UsageError` where `cells` are not all of their runs."""
    found = {(cell.setting.id, cell.method): cell for cell in cells}
    jobs = {(job.setting, job.method): job for job in GATE}
    if foreign := found.keys() - jobs.keys():
        other = " ".join(min(foreign))
        raise UsageError(f"{runs} holds runs that are not the gate's, of {other}: name another")
    for name, job in jobs.items():
        seeds = seed_scores(found.get(name))
        if absent := [seed for seed in job.seeds if seed not in seeds]:
            lacking = f"{' '.join(name)} seeds {' '.join(map(str, absent))}"
            raise UsageError(f"{runs} lacks {lacking}; add --run, or see why they failed")
    return tuple(_reference(found[name], spreads) for name in jobs)


def _reference(cell: Cell, spreads: Mapping[str, Reference]) -> Reference:
    first, scores = cell.records[0], seed_scores(cell)
    key = cell_key(first)
    measured = spreads.get(key)
    return Reference(
        cell=key,
        setting=cell.setting.id,
        method=cell.method,
        protocol=cell.protocol.name,
        iterations=cell.schedule.iterations,
        changes=cell.changes,
        data=f"{first.data.name} {first.data.fingerprint}",
        device=first.provenance.device,
        commit=first.provenance.git_commit or "unknown",
        metric=cell.setting.metric.name,
        means=scores,
        # Seeds differ by more than rounding does: an unmeasured row notices less, errs no more.
        spread=measured.spread if measured else stdev(scores.values()),
        spread_runs=measured.spread_runs if measured else 0,
        origin=measured.origin if measured else "not measured: how far seeds differ",
    )
