"""The methods, one class each; `suite.settings.methods` lists them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from baselines.few_shot import FewShotMethod
from baselines.gradient import GradientMethod
from baselines.method import Method
from baselines.options import with_options
from suite.errors import UsageError
from suite.names import named
from suite.settings import METHODS, Schedule, Setting

__all__ = ["FewShotMethod", "GradientMethod", "Method", "method_of", "trainer_of"]

_NONE: Mapping[str, Any] = MappingProxyType({})


def method_of(
    setting: Setting,
    name: str,
    schedule: Schedule | None = None,
    options: Mapping[str, Any] = _NONE,
) -> Method:
    """The method of that name as it is for the problem of `setting`.

    As it is on `schedule` where one is given, but for `options`, which are taken as they are.
    Raises `UsageError` where there is none of that name, or none for that problem, or where
    `options` are not its own.
    """
    if name not in METHODS:
        raise UsageError(f"no method '{name}'; there are: {', '.join(METHODS)}")
    path = METHODS[name].class_for(setting.problem)
    if path is None:
        fitting = [each for each, entry in METHODS.items() if entry.class_for(setting.problem)]
        raise UsageError(
            f"{name} does not run on {setting.id}; for {setting.problem} there are: "
            f"{', '.join(fitting)}"
        )
    found = named(path)()
    assert isinstance(found, Method)
    return with_options(found if schedule is None else found.on(schedule), options)


def trainer_of(setting: Setting, method: Method, schedule: Schedule) -> Method:
    """The method whose training `method` is scored by: itself, or another with options of its own.

    `method` is as it is on `schedule`, and so is what is returned.
    """
    if method.trained_by is None:
        return method
    return method_of(setting, method.trained_by, schedule)
