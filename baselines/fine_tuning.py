"""Fine-tuning: Ravi and Larochelle, model/baselines/pre-trained-SGD.lua.

The pretrained network with a fresh last layer, tuned whole to the support set by a few full-batch
gradient steps, whose size and decay are chosen on validation episodes.
"""

import itertools
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from baselines.few_shot import FewShotMethod
from baselines.frozen import classifier_of
from baselines.options import Candidates, CandidatesFromZero, Count
from baselines.tuning import tuned_outputs
from baselines.unheeded import TASKS_AND_STEPS
from suite.data.tasks import TaskBatch, TaskStream
from suite.errors import UsageError
from suite.inner.learner import Learner
from suite.inner.trials import Trials
from suite.settings import DATA_SETS, Config, Protocol, QueryNorm, Schedule


@dataclass(frozen=True, kw_only=True)
class FineTuning(FewShotMethod):
    """Fine-tuning of the whole pretrained network."""

    name: ClassVar[str] = "fine-tuning"
    trained_by: ClassVar[str | None] = "pretraining"
    query_norms: ClassVar[frozenset[QueryNorm]] = frozenset(("running-averages",))
    any_way: ClassVar[bool] = True
    unheeded: ClassVar[frozenset[str]] = TASKS_AND_STEPS
    sources: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("updates", "step_sizes", "decays", "validation_tasks", "validation_queries"),
        "Ravi and Larochelle, model/baselines/pre-trained-SGD.lua; a shortened training has a "
        "grid of 8 and 5 tasks, since choosing would take longer than it",
    )
    updates: Count = 15
    """Gradient steps on a support set."""
    step_sizes: Candidates = (0.5, 0.1, 0.01, 1e-3, 1e-4, 1e-5)
    decays: CandidatesFromZero = (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 0.0)
    """Update t, from 0 on, takes step size / (1 + t * decay)."""
    validation_tasks: Count = 100
    validation_queries: Count = 15
    """Query images a class of a validation task."""

    def on(self, schedule: Schedule) -> Self:
        """A grid of 8 and fewer episodes where pretraining is shortened: choosing takes longest."""
        if schedule.name != "shortened":
            return self
        sizes, decays = (0.5, 0.1, 0.01, 1e-3), (1.0, 0.0)
        return replace(self, step_sizes=sizes, decays=decays, validation_tasks=5)

    def check_protocol(self, config: Config, protocol: Protocol) -> None:
        super().check_protocol(config, protocol)
        of_class = DATA_SETS[config.dataset].images_of_class
        if protocol.k_shot + self.validation_queries > of_class:
            raise UsageError(
                f"validation_queries={self.validation_queries}: an episode takes them and "
                f"{protocol.k_shot} to tune to from the {of_class} images of a class"
            )

    def selection(self, protocol: Protocol) -> Hashable:
        return protocol.k_shot

    def select(
        self, learner: Learner, validation: TaskStream, protocol: Protocol, trials: Trials
    ) -> dict[str, float]:
        """The step size and decay of the greatest accuracy; of equals, the first of the grid."""
        grid = itertools.product(self.step_sizes, self.decays)
        return trials.best(
            learner,
            validation,
            [{"step_size": lr, "decay": decay} for lr, decay in grid],
            lambda candidate, batch: self.outputs(learner, batch, candidate),
            tasks=self.validation_tasks,
            k_shot=protocol.k_shot,
            n_query=self.validation_queries,
        )

    def outputs(self, learner: Learner, batch: TaskBatch, selected: dict[str, float]) -> Tensor:
        step_size, decay = selected["step_size"], selected["decay"]
        lrs = [step_size / (1 + t * decay) for t in range(self.updates)]
        # One last layer for all episodes, as theirs have.
        drawn = torch.Generator().manual_seed(learner.key)
        head = classifier_of(learner).fresh_head(learner.config.n_way, drawn)
        like = learner.params["head.weight"]
        return tuned_outputs(learner, batch, {n: v.to(like) for n, v in head.items()}, lrs)
