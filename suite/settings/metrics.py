"""What a score is: which way is better, what it can be, and how it is written and drawn."""

import math
from dataclasses import dataclass
from typing import Literal

Problem = Literal["regression", "classification", "policies"]

# All is computed in single precision, which has numbers from 1.4e-45 to 3.4e38.
SMALLEST, LARGEST = 1e-46, 1e39


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric. Its scores are in the unit of the records, where accuracies are fractions."""

    name: str
    """Its name in records."""
    axis_label: str
    higher_is_better: bool
    scale: float = 1.0
    """A score in the unit of records times this is in that of tables and figures."""
    unit: str = ""
    """What stands behind a number in a sentence."""
    decimals: int | None
    """Decimals of our numbers; None for three significant digits."""
    paper_decimals: int
    relative_margin: bool = False
    """Whether a setting's margin is a share of the printed number, or an amount of its own."""
    by_step: bool = True
    """Whether the paper prints a number for each of several gradient steps."""
    log_axis: bool = False
    axis_limit: float = math.inf
    """The greatest value that an axis shows, in the unit of figures."""
    low: float
    high: float
    """The range of a finite outcome that is not zero: `low` to `high`."""

    def gain(self, difference: float) -> float:
        """How much better a score is that is greater by `difference`."""
        return difference if self.higher_is_better else -difference

    def margin(self, setting_margin: float, printed: float) -> float:
        """The greatest difference from `printed` that does not matter."""
        return setting_margin * printed if self.relative_margin else setting_margin

    def digits(self, value: float) -> int:
        """Decimals to write `value` with."""
        if self.decimals is not None:
            return self.decimals
        return 2 if value == 0.0 else min(6, max(0, 2 - math.floor(math.log10(abs(value)))))

    @property
    def difference_digits(self) -> int:
        """Decimals to write a difference from the paper with."""
        return self.paper_decimals if self.decimals is None else self.decimals

    def number(self, value: float, decimals: int | None = None, sign: str = "") -> str:
        """`value` as text in the unit of tables, without the unit.

        `sign` is that of a format specification.
        """
        scaled = self.scale * value
        if abs(scaled) >= 1e4:
            return f"{scaled:{sign}.2e}"
        text = f"{scaled:{sign}.{self.digits(value) if decimals is None else decimals}f}"
        return text.replace("-", "+") if sign and float(text) == 0.0 else text

    def interval(self, value: float, width: float | None, decimals: int | None = None) -> str:
        """`value ± width`, both to the digits of `value`; a dash where there is no interval."""
        decimals = self.digits(value) if decimals is None else decimals
        shown = "–" if width is None else self.number(width, decimals)
        return f"{self.number(value, decimals)} ± {shown}"


ACCURACY = Metric(
    name="accuracy",
    axis_label="accuracy, %",
    higher_is_better=True,
    scale=100.0,
    unit=" %",
    decimals=1,
    paper_decimals=1,
    by_step=False,
    axis_limit=101.0,
    low=0.0,
    high=1.0,
)
MSE = Metric(
    name="mse",
    axis_label="mean squared error",
    higher_is_better=False,
    decimals=None,
    paper_decimals=2,
    relative_margin=True,
    log_axis=True,
    low=SMALLEST,
    high=LARGEST,
)
RETURN = Metric(
    name="return",
    axis_label="mean return",
    higher_is_better=True,
    decimals=1,
    paper_decimals=2,
    low=-LARGEST,
    high=LARGEST,
)

METRICS: dict[Problem, Metric] = {"regression": MSE, "classification": ACCURACY, "policies": RETURN}
"""By problem, what a model is scored by; a setting may write it to other digits."""
