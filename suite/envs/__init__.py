"""The environments of the paper's reinforcement-learning half.

All but 2-D navigation need MuJoCo and Gymnasium's models: `pip install -e '.[rl]'`.
"""

from suite.envs.environment import Environment, Step
from suite.envs.navigation import PointNavigation
from suite.errors import UsageError

ENVIRONMENTS = (
    "point-navigation",
    "cheetah-velocity",
    "cheetah-direction",
    "ant-velocity",
    "ant-direction",
)

__all__ = ["ENVIRONMENTS", "Environment", "PointNavigation", "Step", "make_environment"]


def make_environment(name: str, *, threads: int = 1) -> Environment:
    """The environment of that name, one of `ENVIRONMENTS`; `threads` step its physics.

    A `UsageError` where there is none, or where what it needs is not installed.
    """
    if name not in ENVIRONMENTS:
        raise UsageError(f"no environment '{name}'; there are: {', '.join(ENVIRONMENTS)}")
    if name == "point-navigation":
        return PointNavigation()
    try:
        from suite.envs.bodies import ANT, CHEETAH
        from suite.envs.locomotion import Locomotion
    except ImportError as error:
        raise UsageError(
            f"{name} needs MuJoCo and Gymnasium ({error}); "
            "install them: python -m pip install -e '.[rl]'"
        ) from error
    body, task = name.split("-")
    return Locomotion(
        CHEETAH if body == "cheetah" else ANT,
        "velocity" if task == "velocity" else "direction",
        threads=threads,
    )
