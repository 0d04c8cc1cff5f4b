"""The environment variables that Ray reads when it is imported."""

import os

_OURS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Else the runs of a cluster of this machine have the least of a busy one.
    "RAY_worker_niceness": "0",
}


def set_variables() -> None:
    """Set those that the user has not set; to be called before Ray is imported."""
    for name, value in _OURS.items():
        os.environ.setdefault(name, value)
