"""Every setting of the paper, as data.

To add a setting, write one `Setting` value and put it into `SETTINGS`.
"""

from suite.errors import UsageError
from suite.settings.datasets import DATA_SETS, ENVIRONMENTS, DataSet
from suite.settings.methods import METHODS, MethodEntry
from suite.settings.metrics import METRICS, Metric, Problem
from suite.settings.miniimagenet import MINIIMAGENET
from suite.settings.omniglot import GLYPHS, OMNIGLOT
from suite.settings.reinforcement import REINFORCEMENT
from suite.settings.schema import (
    Config,
    PaperNumber,
    Protocol,
    QueryNorm,
    Schedule,
    Setting,
)
from suite.settings.sinusoid import SINUSOID

__all__ = [
    "DATA_SETS",
    "ENVIRONMENTS",
    "METHODS",
    "METRICS",
    "SETTINGS",
    "Config",
    "DataSet",
    "MethodEntry",
    "Metric",
    "PaperNumber",
    "Problem",
    "Protocol",
    "QueryNorm",
    "Schedule",
    "Setting",
    "get_setting",
]

SETTINGS: dict[str, Setting] = {
    setting.id: setting for setting in (SINUSOID, *OMNIGLOT, *MINIIMAGENET, *REINFORCEMENT, GLYPHS)
}


def get_setting(setting_id: str) -> Setting:
    """The setting of that id; a `UsageError` names the known ones."""
    try:
        return SETTINGS[setting_id]
    except KeyError:
        known = ", ".join(SETTINGS)
        raise UsageError(f"no setting '{setting_id}'; there are: {known}") from None
