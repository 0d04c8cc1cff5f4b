"""`suite publish`."""

from collections.abc import Sequence
from pathlib import Path

from suite.cli.checks import method_for
from suite.cli.registries import registry_at
from suite.cli.travelling import Publish
from suite.errors import UsageError
from suite.registry import Record, Registry
from suite.registry.find import find_record, home_of
from suite.report.cells import collect
from suite.run.packs.published import NotHere, TooLarge, publish
from suite.settings import METHODS, get_setting

_SEED = 0


def publish_command(options: Publish) -> int:
    """See `Publish`; the exit code."""
    registry = registry_at(options.results)
    if options.runs:
        for each in options.runs:
            record = find_record(registry, each)
            _require_trained(record)
            home = home_of(registry, each).root
            print(_told(publish(record, home)) or f"the weights of {record.key} are published")
        return 0
    missing, too_large = 0, list[str]()
    for record in _of_the_paper(registry):
        try:
            if line := _told(publish(record, options.results)):
                print(line)
        except NotHere:
            missing += 1
        except TooLarge as error:
            too_large.append(str(error))
    for line in too_large:
        print(line)
    print(f"{missing} records of seed {_SEED} have weights that are not in the cache")
    return 0


def _require_trained(record: Record) -> None:
    method_for(get_setting(record.setting), record.method)
    if not METHODS[record.method].trains:
        raise UsageError(f"{record.key} is not trained: its weights are those of its seed")


def _of_the_paper(registry: Registry) -> list[Record]:
    """The records of the seed that count for the paper, trained and with weights that are named."""
    cells = [cell for cell in collect(registry.records()).cells if cell.category == "paper"]
    return [
        record
        for cell in cells
        for record in cell.records
        if record.seed == _SEED
        and record.method in METHODS
        and record.schedule.iterations
        and record.provenance.weights_sha256
    ]


def _told(paths: Sequence[Path]) -> str:
    return "\n".join(f"wrote {path} ({path.stat().st_size / 1e3:,.0f} kB)" for path in paths)
