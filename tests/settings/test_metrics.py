"""Metrics: which way is better, to how many digits, and what a margin is."""

import re
from pathlib import Path

import pytest

import suite
from suite.settings import METRICS, SETTINGS
from suite.settings.metrics import ACCURACY, MSE, RETURN

MINIIMAGENET = SETTINGS["miniimagenet-5way-1shot"].metric


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda each: each.id)
def test_a_setting_is_scored_by_the_metric_of_its_problem(setting) -> None:
    assert setting.metric.name == METRICS[setting.config.problem].name


def test_less_is_better_of_errors_alone() -> None:
    assert [metric.gain(0.5) for metric in (ACCURACY, MSE, RETURN)] == [0.5, -0.5, 0.5]


def test_a_margin_is_a_share_of_an_error_and_an_amount_of_all_else() -> None:
    found = [metric.margin(0.25, 2.0) for metric in (ACCURACY, MSE, RETURN)]
    assert found == [0.25, 0.5, 0.25]


@pytest.mark.parametrize(
    ("metric", "value", "width", "shown"),
    [
        (ACCURACY, 0.98765, 0.00432, "98.8 ± 0.4"),
        (MINIIMAGENET, 0.48701, 0.0184, "48.70 ± 1.84"),
        (MSE, 0.34123, 0.0821, "0.341 ± 0.082"),
        (MSE, 0.0, None, "0.00 ± –"),
        (MSE, 3.2e-9, 1e-9, "0.000000 ± 0.000000"),
        (RETURN, -40.41, 0.62, "-40.4 ± 0.6"),
        (RETURN, -123456.0, 1.0, "-1.23e+05 ± 1.0"),
    ],
)
def test_numbers_have_the_digits_and_the_unit_of_tables(metric, value, width, shown) -> None:
    assert metric.interval(value, width) == shown


def test_a_difference_of_nothing_has_a_plus() -> None:
    assert ACCURACY.number(-0.0001, 1, sign="+") == "+0.0"
    assert ACCURACY.number(-0.01, 1, sign="+") == "-1.0"


def test_no_code_asks_for_a_metric_or_a_loss_by_name() -> None:
    asked = re.compile(r"""(metric|\.loss)(\.name)?\s*(==|!=|in)\s*[("']""")
    root = Path(suite.__file__).parents[1]
    sources = [*root.glob("suite/**/*.py"), *root.glob("baselines/*.py")]
    assert sources
    assert [path for path in sources if asked.search(path.read_text(encoding="utf-8"))] == []
