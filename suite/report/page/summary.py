"""The head of the page: how many published numbers are reproduced, and which."""

from collections import Counter
from collections.abc import Sequence

from suite.report.page.forest import row_id, verdict_class
from suite.report.page.markup import element, escape
from suite.report.verdicts import Judged, steps_shown
from suite.stats.verdicts import Outcome

_OUTCOMES: tuple[Outcome, ...] = (
    *("reproduced", "consistent", "differs", "not enough seeds", "not run"),
)


def summary(rows: Sequence[Judged]) -> str:
    """A count for each outcome, and a square for each number that leads to its row."""
    counts = Counter(row.verdict.outcome for row in rows)
    tiles = [
        element(
            "li",
            element("b", str(counts[outcome])) + element("span", escape(outcome)),
            class_=verdict_class(outcome),
        )
        for outcome in _OUTCOMES
    ]
    run = len(rows) - counts["not run"]
    sentence = (
        f"The paper publishes {len(rows)} numbers that this suite has a setting for. "
        f"{run} of them have runs at the paper's schedule."
    )
    squares = "".join(_square(row) for row in sorted(rows, key=_rank))
    return "\n".join(
        (
            element("p", escape(sentence), class_="sentence"),
            element("ul", "".join(tiles), class_="tiles"),
            element("ol", squares, class_="squares", aria_label="verdict of each number"),
        )
    )


def _rank(row: Judged) -> int:
    return _OUTCOMES.index(row.verdict.outcome)


def _square(row: Judged) -> str:
    parts = (row.setting.title, row.printed.method, *steps_shown(row))
    text = f"{', '.join(parts)}: {row.words}"
    seen = element("span", escape(text), class_="unseen")
    link = element("a", seen, href=f"#{row_id(row)}", title=text)
    return element("li", link, class_=verdict_class(row.verdict.outcome))
