"""Which runs a figure shows, whatever draws it."""

from collections.abc import Sequence
from dataclasses import dataclass

from suite.registry import Record
from suite.report.cells import Cell, method_order, trains
from suite.settings import SETTINGS, Setting

SEEDS_DRAWN = 10
"""The greatest number of single seeds that a figure of curves shows; means are over all."""

_FIT_METHODS = ("maml", "pretraining")
_FIT_PROTOCOLS = ("5-shot", "10-shot")


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes: a title, a warning where it shows no reproduction, its cells."""

    title: str
    warning: str
    cells: tuple[Cell, ...]

    @property
    def setting(self) -> Setting:
        """The setting that all cells share."""
        return self.cells[0].setting


def shown(cells: Sequence[Cell]) -> tuple[tuple[Cell, ...], str]:
    """The cells of one setting to draw, and a warning where they are no reproduction.

    Runs of the paper's schedule if there are any, else those of the longest other schedule;
    never both, and no variants.
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
    """The protocols of the settings of `dataset`, those of a single method left out."""
    found = [
        protocol.name
        for setting in SETTINGS.values()
        if setting.config.dataset == dataset
        for protocol in setting.protocols
    ]
    return list(dict.fromkeys(found))


def panels_of(cells: Sequence[Cell], dataset: str, protocol: str | None = None) -> list[Panel]:
    """A panel a setting; without a protocol, of the first one that each training was scored by."""
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
"""The place of a test task among a run's examples, and the runs of one seed that have it, by
protocol and method."""


def fits_of(cells: Sequence[Cell]) -> tuple[list[Fits], str]:
    """The test tasks of which every panel of the paper's Figure 2 has an example to draw.

    And the warning of `shown`. Those of the lowest seed stand first.
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
