"""The tables file as text: its head, a section for each data set, where the runs come from."""

from collections.abc import Iterable, Sequence

from suite.registry import Record
from suite.report import text
from suite.report.cells import Contents, collect, train_hours
from suite.report.paired import render_paired
from suite.report.protocols import render_protocols
from suite.report.sections import render_section
from suite.report.verdicts import judged, render_summary

_HEAD = """\
# Tables

Generated from the records below `results/` by `suite tables` (or `nox -s tables`). Do not edit.

How to read a cell:

- Accuracies are in percent; regression is scored by the mean squared error.
- **paper**: the number as printed. Its ± is over the test tasks of one trained model.
- **ours**: the mean over seeds of each run's mean over its test tasks. Its ± is the half-width of
  the 95 % Student t interval over training seeds; `± –` stands where there is one seed only.
- **± over tasks**: the half-width of the paper's kind of interval, 1.96 sd / √tasks, for one
  trained model; the median of the runs' own. It is what to hold against the paper's ±, and it is
  not part of the ± over seeds.
- **ours - paper**: in percentage points, or in mean squared error.
- **diverged**: test tasks whose outcome is not finite. The mean is then undefined. The median over
  tasks (of which the median over seeds is shown) stands beside it, and also where the mean is more
  than ten times as large, since a few tasks carry it then.
- **records**: one link for each seed, to everything that is known of that run and the command that
  made it.

A row of a paper's table holds only runs with the paper's number of iterations and the setting's
own configuration and protocol. Runs of another length or configuration stand apart, and runs that
differ in anything but the seed are never averaged."""

_SECTIONS = (
    ("Sinusoid regression", "sinusoid"),
    ("Omniglot", "omniglot"),
    ("mini-ImageNet", "miniimagenet"),
    ("Glyphs, a stand-in", "glyphs"),
)


def render_tables(
    records: Iterable[Record], *, results_link: str, figures: Sequence[str] = ()
) -> str:
    """The tables as Markdown.

    `results_link` leads from the file that the text is for to the registry's root. `figures` are
    the links of images to show, relative to the same file. The text depends on nothing else.
    """
    contents = collect(records)
    blocks = [_HEAD, *render_summary(judged(contents.cells))]
    for title, dataset in _SECTIONS:
        blocks += render_section(title, dataset, contents, results_link)
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
        return ["There are no records yet."]
    failed = sum(record.status == "failed" for record in records)
    days = sorted(record.provenance.started[:10] for record in records)
    blocks = [
        f"{len(records)} records ({failed} of them failed), started between {days[0]} and "
        f"{days[-1]}, {train_hours(records):.1f} hours of training and scoring in all.",
        _grouped("commit", records, [_commit(record) for record in records]),
        _grouped("device", records, [record.provenance.device for record in records]),
        _versions(records),
    ]
    if contents.unknown:
        links = ", ".join(
            text.link(record, f"{record.setting} seed {record.seed}", results_link)
            for record in contents.unknown
        )
        blocks.append(f"Not shown, since this suite does not have their setting: {links}")
    return blocks


def _commit(record: Record) -> str:
    commit = record.provenance.git_commit
    if commit is None:
        return "unknown"
    return f"`{commit[:12]}`" + (" with local changes" if record.provenance.git_dirty else "")


def _grouped(header: str, records: Sequence[Record], names: Sequence[str]) -> str:
    groups: dict[str, list[Record]] = {}
    for name, record in zip(names, records, strict=True):
        groups.setdefault(name, []).append(record)
    rows = [
        [name, str(len(groups[name])), f"{train_hours(groups[name]):.1f}"]
        for name in sorted(groups)
    ]
    return text.table([header, "records", "hours"], rows)


def _versions(records: Sequence[Record]) -> str:
    found: dict[str, set[str]] = {}
    for record in records:
        for name, version in record.provenance.versions.items():
            found.setdefault(name, set()).add(version)
    rows = [[name, ", ".join(sorted(found[name]))] for name in sorted(found)]
    return text.table(["software", "versions"], rows)
