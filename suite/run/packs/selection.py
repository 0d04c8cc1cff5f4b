"""Which trainings of the cache a user means."""

from collections.abc import Sequence

from suite.errors import UsageError, one_line
from suite.outer.snapshot import Training
from suite.registry import Registry
from suite.registry.find import find_record
from suite.run.resume import trained_as


def selected(wanted: Sequence[str], trainings: Sequence[Training], registry: Registry) -> set[str]:
    """The names of those of `trainings` that a user means by `wanted`, or all where that is empty.

    A training is meant by a record, as in `find_record`; by setting/method/seed, which needs no
    record; or by the beginning of its own name. Raises `UsageError` where a word means no training,
    or is the beginning of several names.
    """
    if not wanted:
        return {training.name for training in trainings}
    return {name for each in wanted for name in _names(each, trainings, registry)}


def _names(wanted: str, trainings: Sequence[Training], registry: Registry) -> set[str]:
    parts = wanted.split("/")
    if len(parts) == 3 and not wanted.endswith(".json"):
        words = "{} {} seed {},".format(*parts)
        if named := {each.name for each in trainings if each.title.startswith(words)}:
            return named
    begun = {each.name for each in trainings if wanted and each.name.startswith(wanted)}
    if len(begun) == 1 or wanted in begun:
        return {wanted} if wanted in begun else begun
    if len(begun) > 1:
        raise UsageError(f"'{wanted}' may be any of: {', '.join(sorted(begun)[:6])}; give more")
    try:
        name = trained_as(find_record(registry, wanted)).name
    except UsageError as error:
        raise UsageError(one_line(f"no training in the cache is '{wanted}', and {error}")) from None
    if name not in {each.name for each in trainings}:
        raise UsageError(one_line(f"the training of '{wanted}', {name}, is not in the cache"))
    return {name}
