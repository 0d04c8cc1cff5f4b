"""A score that is not whole yet, beside the checkpoint of its training: a stop does not lose it."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from suite import environment
from suite.files import atomic_write, read_regular
from suite.sealed import Unusable, sealed, unsealed

log = logging.getLogger(__name__)

_MOST_BYTES = 2**28


@dataclass(frozen=True, kw_only=True)
class PartialScore:
    """The file of one run's score. It is of use to the same code and the same weights alone."""

    path: Path
    key: str
    """The key of the run."""
    weights_sha256: str

    def save(self, selected: dict[str, float], scores: list[Tensor]) -> None:
        """Keep what was selected, and the scores (step, task) of the first tasks, float64."""
        content = {"selected": selected, "scores": scores, **self._whose()}
        atomic_write(self.path, sealed(content))

    def scores(self) -> list[Tensor]:
        """What was kept of the scores; nothing where there is none of use."""
        found = self._read()
        return [] if found is None else list(found["scores"])

    def selected(self) -> dict[str, float] | None:
        """What was selected before; None where nothing of use was kept."""
        found = self._read()
        return None if found is None else dict(found["selected"])

    def _whose(self) -> dict[str, str]:
        code = environment.code_version()
        return {"key": self.key, "weights": self.weights_sha256, "code": code}

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
    scores, selected = found.get("scores"), found.get("selected")
    return (
        isinstance(scores, list)
        and all(isinstance(each, Tensor) and each.ndim == 2 for each in scores)
        and all(each.dtype == torch.float64 for each in scores)
        and isinstance(selected, dict)
        and all(isinstance(value, float) for value in selected.values())
    )
