"""Neural statistician: Edwards and Storkey 2017, on Omniglot.

A variational autoencoder of sets of images. Each image has a latent variable, and each set has one
for all its images, its context, whose posterior a network finds from the set. It is trained
without labels, on sets whose images are of one class. At test the support images of a class are a
set, and so is each query alone. A query gets the class whose posterior is the nearest to its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import msgspec
import torch
from msgspec import Meta
from torch import Tensor
from torch.nn import functional as F

from baselines.few_shot import FewShotMethod
from baselines.following import follow
from baselines.options import Count, Share
from baselines.statistician_network import (
    Gaussian,
    Sizes,
    Statistician,
    averages,
    divergence,
    initial,
)
from baselines.unheeded import TASKS_AND_STEPS
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.models import Network, Params
from suite.models.layers import Statistics, normalise, operand_dtype
from suite.rng import uniform
from suite.settings import Config, QueryNorm

_FLIPS: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda images: images.mT,
    lambda images: images.flip(-1),
    lambda images: images.flip(-2),
)
"""Done or not, they make all eight ways to turn and reflect an image."""
_IMAGES_AT_ONCE = 500
"""Images of a seed that pass the encoder together at test; fixed, as `suite.inner.parts` has it."""
_PORT = "conormdurkan/neural-statistician"


@dataclass(frozen=True, kw_only=True)
class NeuralStatistician(FewShotMethod):
    """One model for tasks of every way and shot of its data."""

    name: ClassVar[str] = "neural-statistician"
    query_norms: ClassVar[frozenset[QueryNorm]] = frozenset(("running-averages",))
    any_way: ClassVar[bool] = True
    unheeded: ClassVar[frozenset[str]] = TASKS_AND_STEPS | {
        *("network", "hidden", "weight_init", "head_init", "loss_scale", "images_per_batch")
    }
    training_options: ClassVar[frozenset[str]] = frozenset(
        {"sets", "images", "keep", "dilate", "epoch", "filters", "units", "context", "latent"}
    )
    sources: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("sets", "images", "context", "latent"), f"{_PORT}: omniglot/omnirun.py"),
        **dict.fromkeys(("filters", "units"), f"{_PORT}: omniglot/omninets.py"),
        "keep": f"{_PORT}, in code that it does not use; ashysheya/neural-stat has 0.8",
        "dilate": f"Edwards and Storkey 2017, as quoted in issue 2 of {_PORT}",
        "epoch": f"{_PORT}: the weight is halved each epoch, here of 300 iterations",
        "direction": "ashysheya/neural-stat; the paper leaves it open",
    }
    sets: Count = 32
    """Sets of an iteration."""
    images: Annotated[int, Meta(ge=2)] = 5
    """Images of a set."""
    keep: Share = 0.5
    """In training the posterior of the context sees the first image of a set, and each other one
    with this probability."""
    dilate: Share = 0.5
    """The probability with which the strokes of an image are made thicker in training."""
    epoch: Count = 300
    """Iterations after which the extra weight of the reconstruction is halved; 1 at first."""
    filters: tuple[Count, Count, Count] = (64, 128, 256)
    """Filters of the three groups of convolutions."""
    units: Count = 256
    """Units of the linear layers."""
    context: Count = 512
    """Numbers in the context of a set."""
    latent: Count = 16
    """Numbers in the latent variable of an image."""
    direction: Literal["class-query", "query-class"] = "class-query"
    """Whose posterior is the first in KL(first || second), by which classes are told apart."""

    def network(self, config: Config, classes: int) -> Network:
        sizes = Sizes(
            filters=self.filters, units=self.units, context=self.context, latent=self.latent
        )

        def start(generator: torch.Generator) -> Params:
            return initial(sizes, generator) | {"iteration": torch.zeros(1)}

        def features(
            params: Params, images: Tensor, /, *, statistics: Statistics = normalise
        ) -> Tensor:
            rounded = operand_dtype(config)
            return Statistician(params, training=False, rounded=rounded).encoded(images)

        return Network(
            initial=start,
            forward=features,
            features=features,
            adapted=(),
            averages=(*averages(sizes), "iteration"),
        )

    def shared_config(self, config: Config) -> Config | None:
        """The settings of a data set share a training, whose one task has the sets for classes.

        Its curve is on validation tasks of as many ways and shots, with one query a class.
        """
        return msgspec.structs.replace(
            config,
            n_way=self.sets,
            k_shot=self.images,
            n_query=1,
            inner_lr=1.0,
            inner_steps=0,
            tasks_per_batch=1,
        )

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        """The weighted bound on each seed's sets, which is the loss of each of its tasks.

        For the training curve, the last image of each set is a query, and the rest of the set is
        the support of its class.
        """
        params, way = learner.params, learner.config.n_way
        numbers = self._numbers(batch, learner.seeds, way)
        x = self._augmented(_in_sets(batch.support_x, learner.seeds, way), numbers)
        networks = Statistician(params, training=True, rounded=operand_dtype(learner.config))
        seen = networks.encoded(x)
        each = networks.of_image(seen)
        first = torch.arange(x.shape[2], device=x.device) == 0
        posterior = networks.context(each, first | (numbers.keeping < self.keep))
        missed, divergences = _bound(networks, x, seen, posterior, numbers)
        done = params["iteration"].detach()
        weight = 1.0 + 0.5 ** (done[:, 0] / self.epoch).floor()
        losses = weight * missed + divergences / weight
        losses = losses + follow(params, networks.moved | {"iteration": done + 1.0})
        with torch.no_grad():
            aside = replace(networks, moved={})
            classes, queries = aside.context(each[:, :, :-1]), aside.context(each[:, :, -1:])
        tasks = len(batch.support_x) // learner.seeds
        outputs = self._of_the_curve()._nearness(classes, queries, tasks)
        return losses.repeat_interleave(tasks), outputs

    def validate(self, learner: Learner, batch: TaskBatch) -> Tensor:
        return self._of_the_curve().outputs(learner, batch, {})

    def _of_the_curve(self) -> Self:
        """The method that draws the curve, since both directions share a training and its best."""
        return replace(self, direction="class-query")

    def outputs(self, learner: Learner, batch: TaskBatch, selected: dict[str, float]) -> Tensor:
        seeds, way = learner.seeds, learner.config.n_way
        tasks = len(batch.support_x) // seeds
        at_once = max(1, _IMAGES_AT_ONCE // max(batch.support_y.shape[1], batch.query_y.shape[1]))
        networks = Statistician(
            learner.params, training=False, rounded=operand_dtype(learner.config)
        )
        found = []
        for start in range(0, tasks, at_once):
            learner.pause()
            part = batch.part(seeds, start, min(start + at_once, tasks))
            with torch.no_grad():
                classes, queries = (
                    networks.context(networks.of_image(networks.encoded(sets)))
                    for sets in (
                        _in_sets(part.support_x.round(), seeds, way),
                        _in_sets(part.query_x.round(), seeds, part.query_y.shape[1]),
                    )
                )
            near = self._nearness(classes, queries, len(part.support_x) // seeds)
            found.append(near.unflatten(0, (seeds, -1)))
        outputs: Tensor = torch.cat(found, dim=1).flatten(0, 1)
        return outputs

    def _nearness(self, classes: Gaussian, queries: Gaussian, tasks: int) -> Tensor:
        """(task, query, class), of posteriors (seed, task*set, context), `tasks` a seed."""

        def by_task(value: Tensor) -> Tensor:
            of_task: Tensor = value.unflatten(1, (tasks, -1)).flatten(0, 1)
            return of_task

        of_class = classes.changed(lambda value: by_task(value)[:, None])
        of_query = queries.changed(lambda value: by_task(value)[:, :, None])
        if self.direction == "class-query":
            return -divergence(of_class, of_query)
        return -divergence(of_query, of_class)

    def _numbers(self, batch: TaskBatch, seeds: int, way: int) -> "Numbers":
        """What is drawn for each set, from the key of its task."""
        assert batch.keys is not None
        images, pixels = batch.support_x.shape[1] // way, batch.support_x[0, 0].numel()
        of_set, of_image = (3, self.context), (1, 1, pixels, self.latent)
        places = torch.arange(way, device=batch.keys.device)
        columns = sum(of_set) + images * sum(of_image)
        unit = uniform(batch.keys.view(seeds, -1, 1), places, columns).flatten(1, 2)
        turning, context, rest = unit.split((*of_set, images * sum(of_image)), dim=2)
        dilating, keeping, ink, latent = rest.unflatten(2, (images, -1)).split(of_image, dim=3)
        return Numbers(
            turning=turning,
            dilating=dilating[..., 0],
            keeping=keeping[..., 0],
            ink=ink,
            context=_normal(context).to(batch.support_x),
            latent=_normal(latent).to(batch.support_x),
        )

    def _augmented(self, x: Tensor, numbers: "Numbers") -> Tensor:
        """Each set turned and reflected, some images made thicker, and pixels drawn: 0 or 1."""
        for number, flip in zip(numbers.turning.unbind(2), _FLIPS, strict=True):
            x = torch.where((number < 0.5)[..., None, None, None, None], flip(x), x)
        thick = (numbers.dilating < self.dilate)[..., None, None, None]
        x = torch.where(thick, _dilated(x), x)
        return (numbers.ink.view_as(x) < x).to(x)


class Numbers(NamedTuple):
    """What is drawn for the sets of an iteration; uniform in [0, 1) but where it says normal."""

    turning: Tensor  # (seed, set, 3)
    dilating: Tensor  # (seed, set, image)
    keeping: Tensor  # (seed, set, image)
    ink: Tensor  # (seed, set, image, pixel)
    context: Tensor  # (seed, set, context), normal
    latent: Tensor  # (seed, set, image, latent), normal


def _normal(unit: Tensor) -> Tensor:
    normal: Tensor = torch.special.ndtri(unit.clamp(min=2.0**-54))
    return normal


def _dilated(x: Tensor) -> Tensor:
    """The greatest of each pixel and its four neighbours, of images (..., 1, 28, 28)."""
    images = x.flatten(0, -4)
    upright: Tensor = F.max_pool2d(images, (3, 1), stride=1, padding=(1, 0))
    across: Tensor = F.max_pool2d(images, (1, 3), stride=1, padding=(0, 1))
    return torch.maximum(upright, across).view_as(x)


def _in_sets(x: Tensor, seeds: int, sets: int) -> Tensor:
    """(seed*task, set*image, ...) to (seed, task*set, image, ...)."""
    images: Tensor = x.unflatten(0, (seeds, -1)).unflatten(2, (sets, -1)).flatten(1, 2)
    return images


def _bound(
    networks: Statistician, x: Tensor, seen: Tensor, posterior: Gaussian, numbers: Numbers
) -> tuple[Tensor, Tensor]:
    """What reconstruction misses and the divergences from the priors, in nats an image, (seed,).

    `x` is (seed, set, image, 1, 28, 28), `seen` its features and `posterior` that of the contexts.
    """
    context = posterior.drawn(numbers.context)
    latent = networks.latent(seen, context)
    logits = networks.decoded(latent.drawn(numbers.latent), context)
    missed = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    of_context = divergence(posterior, posterior.changed(torch.zeros_like))
    prior = networks.prior(context).changed(lambda value: value[:, :, None])
    divergences = of_context.sum(1) + divergence(latent, prior).sum((1, 2))
    images = x.shape[1] * x.shape[2]
    return missed.flatten(1).sum(1) / images, divergences / images
