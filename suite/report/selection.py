"""The runs that a figure shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from suite.registry import Record
from suite.report.cells import Cell, method_order, trains
from suite.settings import SETTINGS, Setting

SEEDS_DRAWN = 10
"""The most seeds that a figure draws one by one; means are over all seeds."""

_FIT_METHODS = ("maml", "pretraining")
_FIT_PROTOCOLS = ("5-shot", "10-shot")


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The content of one pair of axes; `warning` has a text where it shows no reproduction."""

    title: str
    warning: str
    cells: tuple[Cell, ...]

    @property
    def setting(self) -> Setting:
        """The setting that all cells share."""
        return self.cells[0].setting


def shown(cells: Sequence[Cell]) -> tuple[tuple[Cell, ...], str]:
    """Those of `cells`, of one setting, that are drawn, and a warning if they are no reproduction.

    These are the runs of the paper's schedule, or where it has none those of the longest other
    schedule. The two never stand together, and variants are not drawn.
    """
    paper = tuple(cell for cell in cells if cell.category == "paper")
    other = [cell for cell in cells if cell.category in ("shortened", "lengthened")]
    plain = [cell for cell in other if not cell.changes]
    if not plain or any(trains(cell.method) for cell in paper):
        return paper, ""
    longest = max(cell.schedule.iterations for cell in plain)
    chosen = [cell for cell in plain if cell.schedule.iterations == longest]
    return (*chosen, *paper), f"{longest:,} iterations: not a reproduction"


def protocols_of(dataset: str) -> list[str]:
    """The names of the protocols of the settings of `dataset`; those of one method are left out."""
    found = [
        protocol.name
        for setting in SETTINGS.values()
        if setting.config.dataset == dataset
        for protocol in setting.protocols
    ]
    return list(dict.fromkeys(found))


def panels_of(cells: Sequence[Cell], dataset: str, protocol: str | None = None) -> list[Panel]:
    """A panel for each setting of `dataset`: of the runs under `protocol`, by default its first."""
    panels = []
    for setting in SETTINGS.values():
        if setting.config.dataset != dataset:
            continue
        own = [cell for cell in cells if cell.setting is setting]
        if protocol is None:
            own = [cell for cell in own if cell.protocol.name == setting.protocols[0].name]
        else:
            own = [cell for cell in own if cell.protocol.name == protocol]
        chosen, warning = shown(own)
        if chosen:
            several = len(setting.protocols) > 1 and protocol is not None
            title = f"{protocol}" if several else setting.title
            panels.append(Panel(title=title, warning=warning, cells=chosen))
    return panels


def methods_of(cells: Sequence[Cell]) -> list[str]:
    """The methods of `cells`, in the order of the setting that lists the most."""
    longest: Setting = max((cell.setting for cell in cells), key=lambda each: len(each.methods))
    return method_order(longest, [cell.method for cell in cells])


def curve_of(record: Record) -> dict[int, float]:
    """The validation metric by iteration, where it is finite."""
    return {
        point.iteration: point.validation_metric
        for point in record.curve
        if point.validation_metric is not None
    }


def curve_unit(setting: Setting) -> tuple[int, str]:
    """The meta-iterations that a curve counts by, and what its axis says."""
    if setting.iterations < 10_000:
        return 1, "meta-iterations"
    return 1000, "meta-iterations, thousands"


def curves_of(cell: Cell) -> list[dict[int, float]]:
    """The curves of every run that has one."""
    return [curve for curve in map(curve_of, cell.records) if curve]


Fits = tuple[int, dict[tuple[str, str], Record]]
"""The index of a test task among a run's examples, and the runs of one seed that have it, by
protocol and method."""


def fits_of(cells: Sequence[Cell]) -> tuple[list[Fits], str]:
    """The test tasks that every panel of the paper's Figure 2 can draw, and the warning of `shown`.

    The tasks of the lowest seed stand first.
    """
    wanted = [cell for cell in cells if cell.protocol.name in _FIT_PROTOCOLS]
    chosen, warning = shown([cell for cell in wanted if cell.method in _FIT_METHODS])
    runs = {
        (cell.protocol.name, cell.method, record.seed): record
        for cell in chosen
        for record in cell.records
    }
    panels = [(protocol, method) for protocol in _FIT_PROTOCOLS for method in _FIT_METHODS]
    found: list[Fits] = []
    for seed in sorted({seed for _, _, seed in runs}):
        if all((*panel, seed) in runs for panel in panels):
            of_seed = {panel: runs[*panel, seed] for panel in panels}
            tasks = min(len(record.examples) for record in of_seed.values())
            found += [(task, of_seed) for task in range(tasks)]
    return found, warning
