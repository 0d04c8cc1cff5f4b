"""The tables file as text: its head, a section for each data set, where the runs come from."""

from collections.abc import Iterable, Sequence

from suite.escape import markdown, marked
from suite.registry import Record
from suite.report.cells import Contents, collect
from suite.report.origins import NO_RECORDS, origins, sentence
from suite.report.tables import text
from suite.report.tables.paired import render_paired
from suite.report.tables.protocols import render_protocols
from suite.report.tables.sections import render_section
from suite.report.tables.status import status_table
from suite.report.tables.table1 import render_table1
from suite.report.verdicts import judged, render_summary
from suite.settings.datasets import titles

_HEAD = """\
# Tables

Generated from the records below `results/` by `suite tables` (or `nox -s tables`). Do not edit.

How to read a cell:

- Accuracies are in percent; regression is scored by the mean squared error, reinforcement
  learning by the mean return: the sum of the rewards of a trajectory, not discounted.
- **paper**: the number as printed. Its ± is over the test tasks of one trained model.
- **ours**: the mean over seeds of each run's mean over its test tasks. Its ± is the half-width of
  the 95 % Student t interval over training seeds; `± –` stands where there is one seed only.
- **± over tasks**: the half-width of the paper's kind of interval, 1.96 sd / √tasks, for one
  trained model; the median of the runs' own. It is what to hold against the paper's ±, and it is
  not part of the ± over seeds.
- **ours - paper**: in percentage points, in mean squared error, or in return.
- **diverged**: test tasks whose outcome is not finite. The mean is then undefined. The median over
  tasks (of which the median over seeds is shown) stands beside it, and also where the mean is more
  than ten times as large, since a few tasks carry it then.
- **records**: one link for each seed, to everything that is known of that run and the command that
  made it.

A row of a paper's table holds only runs with the paper's number of iterations and the setting's
own configuration and protocol. Runs of another length or configuration stand apart, and runs that
differ in anything but the seed are never averaged."""


def render_tables(
    records: Iterable[Record] | Contents, *, results_link: str, figures: Sequence[str] = ()
) -> str:
    """The tables as Markdown.

    `results_link` leads from the file that the text is for to the registry's root. `figures` are
    the links of images to show, relative to the same file. The text depends on nothing else.
    """
    contents = collect(records)
    rows = judged(contents.cells)
    summary, *details = render_summary(rows)
    blocks = [_HEAD, summary, status_table(rows), *details, *render_table1(contents.cells)]
    for title, datasets in titles().items():
        blocks += render_section(title, datasets, contents, results_link)
    blocks += render_paired(contents.cells)
    blocks += render_protocols(contents.cells, results_link)
    if figures:
        images = [f"![{name.rpartition('/')[2].partition('.')[0]}]({name})" for name in figures]
        blocks += ["## Figures", *images]
    blocks += ["## Where the runs come from", *_provenance(contents, results_link)]
    return "\n\n".join(blocks) + "\n"


def _provenance(contents: Contents, results_link: str) -> list[str]:
    records = contents.records
    if not records:
        return [NO_RECORDS]
    blocks = [
        markdown(sentence(records)),
        *(
            text.table(list(each.headers), [[*map(marked, row)] for row in each.rows])
            for each in origins(records)
        ),
    ]
    if contents.unknown:
        links = ", ".join(
            text.link(record, f"{record.setting} seed {record.seed}", results_link)
            for record in contents.unknown
        )
        blocks.append(f"Not shown, since this suite does not have their setting: {links}")
    return blocks
