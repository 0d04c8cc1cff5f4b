"""Siamese nets on the protocol of matching networks.

The number that the paper prints is Vinyals et al.'s. What is known of it is that a convolutional
Siamese net was trained to tell same from different, tuned to each episode, and tested by nearest
neighbour on its last features. All else is this suite's choice: the embedding of their matching
networks, a weighted L1 distance (Koch 2015), training on every pair of a batch's images, and a
class's score, which is the mean probability of its pairs with the query. With one image a class,
that is the nearest neighbour by that distance.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import msgspec
import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.features import features_of_both, followed
from baselines.few_shot import FewShotMethod
from baselines.frozen import embedding_of, frozen_features, in_parts
from baselines.options import CandidatesFromZero, Count
from baselines.unheeded import WITH_EMBEDDING
from suite.data.tasks import TaskBatch, TaskStream
from suite.inner.learner import Learner
from suite.inner.trials import Trials
from suite.models import Network, Params, embedding_network, feature_count, per_task
from suite.models.init import torch7
from suite.settings import Config, Protocol, QueryNorm, Schedule

_CLASSES, _IMAGES = 16, 4
"""The classes of a training batch, and the images of each."""


def pair_logits(weights: Params, one: Tensor, other: Tensor) -> Tensor:
    """The log-odds that two images are of one class, (task, n, m).

    The images are given by their features, `one`, (task, n, feature), and `other`, (task, m,
    feature). `weights` are those of each task.
    """
    apart = (one[:, :, None] - other[:, None]).abs()
    distances: Tensor = torch.einsum("tijf,tf->tij", apart, weights["pair.weight"])
    return distances + weights["pair.bias"][:, :, None]


def pair_losses(logits: Tensor, labels: Tensor, *, with_itself: bool) -> Tensor:
    """The cross-entropy of all pairs of each task, (task,); `logits` are (task, n, n).

    The mean over pairs of one class counts as much as that over pairs of two. `with_itself`, an
    image and itself are a pair too: where each class has one image, no other pair is of one class.
    """
    same = labels[:, :, None] == labels[:, None]
    itself = torch.eye(labels.shape[1], dtype=torch.bool, device=labels.device)
    of_one = same if with_itself else same & ~itself
    return 0.5 * (_mean(F.softplus(-logits), of_one) + _mean(F.softplus(logits), ~same))


def class_scores(logits: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The logarithm of the mean probability over a class's images, (task, query, class), float64.

    `logits` are (task, query, item) and `labels` (task, item). In logarithms and in float64 there
    is no tie where all probabilities are next to 0 or 1.
    """
    member = F.one_hot(labels, classes).mT.bool()  # (task, class, item)
    each = F.logsigmoid(logits.double())[:, :, None].masked_fill(~member[:, None], -torch.inf)
    return each.logsumexp(-1) - member.sum(-1)[:, None].log()


def _mean(values: Tensor, of: Tensor) -> Tensor:
    return (values * of).sum((1, 2)) / of.sum((1, 2))


@dataclass(frozen=True, kw_only=True)
class SiameseNets(FewShotMethod):
    """A query's class is the one whose support images make the most probable pairs with it."""

    name: ClassVar[str] = "siamese-nets"
    query_norms: ClassVar[frozenset[QueryNorm]] = frozenset(("running-averages",))
    any_way: ClassVar[bool] = True
    unheeded: ClassVar[frozenset[str]] = WITH_EMBEDDING | {
        *("k_shot", "n_query", "tasks_per_batch", "loss_scale")
    }
    sources: ClassVar[Mapping[str, str]] = {
        "step_sizes": "this suite: powers of ten, and 0 for nets that are not tuned; Vinyals et "
        "al. do not say",
        "validation_tasks": "this suite, as many as for fine-tuning",
    }
    step_sizes: CandidatesFromZero = (0.0, 0.01, 0.1, 1.0)
    """Step sizes of tuning to an episode, of which the best on validation tasks is taken. With 0
    nothing is tuned."""
    validation_tasks: Count = 100

    def on(self, schedule: Schedule) -> Self:
        """Fewer validation tasks where training is shortened."""
        return replace(self, validation_tasks=10) if schedule.name == "shortened" else self

    def network(self, config: Config, classes: int) -> Network:
        embedding, features = embedding_network(config), feature_count(config)

        def initial(generator: torch.Generator) -> Params:
            pair = torch7((1, features), generator)[0]
            own = {"pair.weight": pair, "pair.bias": torch.zeros(1)}
            return embedding.initial(generator) | own

        adapted = (*embedding.adapted, "pair.weight", "pair.bias")
        return replace(embedding, initial=initial, adapted=adapted)

    def shared_config(self, config: Config) -> Config | None:
        """One model serves all ways and shots; its curve is over tasks like its training batch."""
        shape = {"n_way": _CLASSES, "k_shot": 1, "n_query": _IMAGES - 1}
        return msgspec.structs.replace(config, tasks_per_batch=1, inner_lr=1.0, **shape)

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        support, query, moved = features_of_both(learner, batch)
        features = torch.cat((support, query), dim=1)
        labels = torch.cat((batch.support_y, batch.query_y), dim=1)
        logits = pair_logits(_pair_weights(learner, len(features)), features, features)
        losses = pair_losses(logits, labels, with_itself=False)
        items = support.shape[1]
        outputs = class_scores(logits[:, items:, :items], batch.support_y, learner.config.n_way)
        return followed(losses, learner, moved), outputs

    def validate(self, learner: Learner, batch: TaskBatch) -> Tensor:
        support, query = (frozen_features(learner, x) for x in (batch.support_x, batch.query_x))
        logits = pair_logits(_pair_weights(learner, len(support)), query, support)
        return class_scores(logits, batch.support_y, learner.config.n_way)

    def selection(self, protocol: Protocol) -> Hashable:
        return protocol.n_way, protocol.k_shot, protocol.steps

    def select(
        self, learner: Learner, validation: TaskStream, protocol: Protocol, trials: Trials
    ) -> dict[str, float]:
        """The step size of the greatest accuracy after the protocol's steps; of equals, the first.

        There is one choice for each number of classes and images: in a 1-shot support set no two
        images are of one class, so that tuning there is another thing.
        """
        return trials.best(
            learner,
            validation,
            [{"step_size": size} for size in self.step_sizes],
            lambda candidate, batch: _last(self.by_step(learner, batch, protocol.steps, candidate)),
            tasks=self.validation_tasks,
            k_shot=protocol.k_shot,
            n_query=protocol.n_query,
        )

    def by_step(
        self, learner: Learner, batch: TaskBatch, steps: int, selected: dict[str, float]
    ) -> Iterator[Tensor]:
        """Yield the outputs after 0 to `steps` full-batch gradient steps on each support set.

        The steps are of all weights, and by all pairs of support images. Images are normalised by
        the running averages, which stay as they are.
        """
        network, size = embedding_of(learner), selected["step_size"]
        fast = {n: v.detach() for n, v in per_task(learner.params, len(batch.support_x)).items()}
        for step in range(steps + 1):
            if step and size:
                learner.pause()
                fast |= _step(network, fast, batch, size)
            if step == 0 or size:
                support = in_parts(network.features, fast, batch.support_x)
                query = in_parts(network.features, fast, batch.query_x)
                logits = pair_logits(fast, query, support)
                outputs = class_scores(logits, batch.support_y, learner.config.n_way)
            yield outputs


def _step(network: Network, fast: Params, batch: TaskBatch, size: float) -> Params:
    """The adapted weights of each task after one step of that size."""
    with torch.enable_grad():
        before = {name: fast[name].requires_grad_() for name in network.adapted}
        features = network.features(fast | before, batch.support_x)
        logits = pair_logits(before, features, features)
        losses = pair_losses(logits, batch.support_y, with_itself=True)
        gradients = torch.autograd.grad(losses.sum(), list(before.values()))
    pairs = zip(before.items(), gradients, strict=True)
    return {name: value.detach() - size * gradient for (name, value), gradient in pairs}


def _pair_weights(learner: Learner, tasks: int) -> Params:
    names = ("pair.weight", "pair.bias")
    return per_task({name: learner.params[name] for name in names}, tasks)


def _last(outputs: Iterator[Tensor]) -> Tensor:
    *_, last = outputs
    return last
