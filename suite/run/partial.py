"""An unfinished score, kept beside its training's checkpoint, so that a stop does not lose it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from torch import Tensor

from suite.files import atomic_write, read_regular
from suite.machine import environment
from suite.run.sealed import Unusable, sealed, unsealed

log = logging.getLogger(__name__)

_MOST_BYTES = 2**28


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The parts of a score that a stop does not lose."""

    selected: dict[str, float] | None = None
    """The values that the method selected; None where the selection is not finished."""
    trials: Sequence[Tensor] = ()
    """The trials of a selection under way; see `suite.inner.trials`."""
    scores: Sequence[Tensor] = ()
    """Scores (step, task) of the first tasks, float64."""


@dataclass(frozen=True, kw_only=True)
class PartialScore:
    """The file of one run's unfinished score.

    Only the same code, with the same weights and on the same kind of device, can use it.
    """

    path: Path
    key: str
    """The key of the run."""
    weights_sha256: str
    device: str
    """Its kind, such as `cuda`; the parts in which tasks are scored depend on it."""

    def save(self, kept: Kept) -> None:
        """Write `kept` in place of what is there."""
        content = {each.name: getattr(kept, each.name) for each in fields(kept)}
        tensors = {name: list(content[name]) for name in ("trials", "scores")}
        atomic_write(self.path, sealed(content | tensors | self._whose()))

    def kept(self) -> Kept:
        """What was kept; nothing where the file is missing or of no use."""
        found = self._read()
        return Kept() if found is None else Kept(**{f.name: found[f.name] for f in fields(Kept)})

    def _whose(self) -> dict[str, str]:
        code = environment.code_version()
        who = {"key": self.key, "weights": self.weights_sha256, "device": self.device}
        return who | {"code": code}

    def _read(self) -> dict[str, Any] | None:
        try:
            found = unsealed(read_regular(self.path, _MOST_BYTES))
        except FileNotFoundError:
            return None
        except (OSError, Unusable) as error:
            log.warning("the partial score %s cannot be used (%s)", self.path, error)
            return None
        whose = self._whose()
        if {name: found.get(name) for name in whose} != whose or not _is_score(found):
            log.warning("the partial score %s is of other code or weights: begun anew", self.path)
            return None
        return found


def _is_score(found: dict[str, Any]) -> bool:
    selected = found.get("selected")
    return (
        _are_tensors(found.get("scores"), 2)
        and _are_tensors(found.get("trials"), 1)
        and (selected is None or isinstance(selected, dict))
        and all(isinstance(value, float) for value in (selected or {}).values())
    )


def _are_tensors(found: object, axes: int) -> bool:
    return isinstance(found, list) and all(
        isinstance(each, Tensor) and each.ndim == axes and each.is_floating_point()
        for each in found
    )
