"""The machines that a sweep is to run on, by its options."""

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from suite.cli.commands import Sweep
from suite.cli.limits import Limits
from suite.errors import UsageError
from suite.launch.cluster.variables import set_variables
from suite.launch.machines import Here, Machines
from suite.registry import Registry


def require_sense(options: Sweep) -> None:
    """Raise `UsageError` for options that do not go together, and where there is no Ray."""
    if options.ray is None:
        given = {"allow-versions": options.allow_versions, "gpu-share": options.gpu_share}
        for name, value in given.items():
            if value:
                raise UsageError(f"--{name} is for the machines of a cluster: name it with --ray")
        return
    if options.dry_run:
        raise UsageError("--dry-run asks no cluster: leave --ray out")
    share = options.gpu_share
    if share is not None and not 0.0 < share <= 1.0:
        raise UsageError(f"--gpu-share {share}: name the share of a GPU that a run takes, as 0.25")
    if importlib.util.find_spec("ray") is None:
        raise UsageError("--ray needs Ray; install it with: pip install '.[cluster]'")


@contextmanager
def machines_of(
    options: Sweep,
    registry: Registry,
    fingerprints: Mapping[str, str],
    timeout: float | None,
    limits: Limits,
) -> Iterator[Machines]:
    """This machine, or within those of the cluster that is asked for."""
    if options.ray is None:
        passed = ["--results", str(options.results)]
        passed += [] if options.data is None else ["--data", str(options.data)]
        yield Here(options=passed, at_most=options.jobs, timeout=timeout)
        return
    set_variables()
    # Not above, since Ray takes a second to be imported, and may not be installed.
    from suite.launch.cluster.machines import Asked, cluster

    asked = Asked(
        address=options.ray,
        allow_versions=options.allow_versions,
        gpu_share=options.gpu_share,
        at_most=options.jobs,
        timeout=timeout,
    )
    # Ray has taken over SIGTERM, when it was imported and when it starts.
    limits.listen()
    with cluster(asked, registry, fingerprints, options.data, limits) as found:
        yield found
