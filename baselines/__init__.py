"""The methods, one file each; `suite.settings.methods` lists them."""

from baselines.few_shot import FewShotMethod
from baselines.gradient import GradientMethod
from baselines.method import Method
from suite.errors import UsageError
from suite.names import named
from suite.settings import METHODS, Setting

__all__ = ["FewShotMethod", "GradientMethod", "Method", "method_of", "trainer_of"]


def method_of(setting: Setting, name: str) -> Method:
    """The method of that name as it is for the problem of `setting`.

    Raises `UsageError` where there is none of that name, or none for that problem.
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
    return found


def trainer_of(setting: Setting, name: str) -> Method:
    """The method whose training the method of that name is scored by: itself, or another."""
    method = method_of(setting, name)
    return method if method.trained_by is None else method_of(setting, method.trained_by)
