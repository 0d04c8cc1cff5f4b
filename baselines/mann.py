"""A memory-augmented neural network, without convolutions: Santoro et al. 2016.

An LSTM reads an episode image by image, each with the label of the image before it, and says the
class of each at once. What is to be remembered goes to a memory that lasts for the episode
(`baselines.least_used`); nothing is trained at test. No code of the authors is known. Where the
two ports differ (tristandeleu/ntm-one-shot and snowkylin/ntm), an option says what is done.

Here `heads` read and write the memory. The `head` among the weights is the last layer.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.distortion import shrunk
from baselines.least_used import Rule, fresh, used
from baselines.options import Count, Share
from baselines.presentations import ONE_SHOT, ByPresentation, by_class, drawn_by, for_queries
from baselines.unheeded import WITH_OWN_NETWORK
from suite.data.tasks import TaskBatch
from suite.errors import UsageError
from suite.inner.learner import Learner
from suite.models import Network, Params
from suite.models.init import xavier_uniform
from suite.models.layers import Statistics, linear, normalise
from suite.optimizers import RMSprop
from suite.outer.optimizer import OuterOptimizer, adam
from suite.rng import uniform
from suite.settings import Config

_TURN = math.pi / 16.0
"""The greatest turn of an image, in radians."""
_SHIFT = 10.0 / 105.0
"""The greatest shift, as a share of the width: 10 of 105 pixels."""
_ORDER, _DISTORTION = 0, 1
"""Rows of what is drawn for a task; see `suite.rng`."""


@dataclass(frozen=True, kw_only=True)
class Episode:
    """Images in the order in which they are shown, and the labels that the network sees."""

    inputs: Tensor  # (task, step, pixel+way): an image, and the label before it as one of n
    labels: Tensor  # (task, step) int64
    places: Tensor  # (presentation, task, way): the step at which each class is shown


@dataclass(frozen=True, kw_only=True)
class Mann(ByPresentation):
    """An LSTM with a memory that is written where it is least used."""

    name: ClassVar[str] = "mann"
    unheeded: ClassVar[frozenset[str]] = WITH_OWN_NETWORK
    training_options: ClassVar[frozenset[str]] = frozenset(
        {"units", "heads", "rows", "width", "side"}
        | {"write", "addressed", "least_used", "usage_decay", "optimiser"}
        | {"distorted_at_test"}  # the curve, and so the best weights, are by it
    )
    sources: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("units", "heads", "rows", "width"), "both ports; likewise the paper, from memory"
        ),
        "side": "the paper, from memory; snowkylin/ntm",
        "write": "the paper, as snowkylin/ntm's README tells; both ports write a vector of its own",
        "addressed": "snowkylin/ntm; tristandeleu/ntm-one-shot compares after the write",
        "least_used": "snowkylin/ntm; tristandeleu/ntm-one-shot gives each head a row of its own",
        "usage_decay": "both ports",
        "optimiser": "both ports; the paper, from memory: RMSProp, at a meta_lr of 1e-4",
        "distorted_at_test": "this suite: distortions are there to train on more images; "
        "snowkylin/ntm has them at test too",
    }
    units: Count = 200
    """Units of the LSTM."""
    heads: Count = 4
    """Heads, each of which writes once a step and then reads once; `rows` at most."""
    rows: Count = 128
    """Rows of the memory."""
    width: Count = 40
    """Numbers in a row of the memory."""
    side: Count = 20
    """The images are shrunk to so many pixels each way."""
    write: Literal["key", "separate"] = "key"
    """What a head writes: the key by which it reads, or a vector of its own."""
    addressed: Literal["before-write", "after-write"] = "before-write"
    """Which memory the keys are compared with; what is read is always of the one after."""
    least_used: Literal["all", "one-each"] = "all"
    """Where heads write to what is least used: all to as many rows as there are heads, or each to
    one of these."""
    usage_decay: Share = 0.95
    """The share of a row's usage that is left one step later."""
    optimiser: Literal["adam", "rmsprop"] = "adam"
    """Which optimiser takes the outer steps."""
    distorted_at_test: bool = False
    """Whether test images too are turned a little and shifted."""

    def __post_init__(self) -> None:
        """Raise `UsageError` where there are fewer rows than heads write to."""
        if self.heads > self.rows:
            raise UsageError(f"heads={self.heads}: each writes to a row, and rows={self.rows}")

    def shared_config(self, config: Config) -> Config | None:
        """One training and one evaluation serve both shots."""
        return config

    def optimizer(self, params: Sequence[Tensor], lr: float, *, capturable: bool) -> OuterOptimizer:
        if self.optimiser == "adam":
            return adam(params, lr, capturable=capturable)
        return RMSprop(params, lr, alpha=0.95, momentum=0.9, capturable=capturable)

    def network(self, config: Config, classes: int) -> Network:
        inputs, seen = self.side**2 + config.n_way, self.units + self.heads * self.width
        parameters = self.heads * (self.width * (1 if self.write == "key" else 2) + 1)

        def initial(generator: torch.Generator) -> Params:
            def drawn(*shape: int) -> Tensor:
                return torch.rand(shape, generator=generator) * 0.2 - 0.1

            gates = xavier_uniform((4 * self.units, inputs + seen), generator)
            remembering = torch.zeros(4, self.units)
            remembering[1] = 1.0  # the forget gate's
            return {
                "gates.input": gates[:, :inputs].contiguous(),
                "gates.recurrent": gates[:, inputs:].contiguous(),
                "gates.bias": remembering.flatten(),
                "heads.weight": drawn(parameters, self.units),
                "heads.bias": drawn(parameters),
                "head.weight": drawn(config.n_way, seen),
                "head.bias": drawn(config.n_way),
            }

        def features(
            params: Params, inputs: Tensor, /, *, statistics: Statistics = normalise
        ) -> Tensor:
            return self._seen(params, inputs)

        def forward(
            params: Params, inputs: Tensor, /, *, statistics: Statistics = normalise
        ) -> Tensor:
            return linear(self._seen(params, inputs), params["head.weight"], params["head.bias"])

        return Network(initial=initial, forward=forward, features=features, adapted=())

    def _seen(self, params: Params, inputs: Tensor) -> Tensor:
        """What the last layer sees of episodes: (seed, step*task, f), step by step.

        `inputs` are (seed, step, task, input), each seed's for its own weights.
        """
        seeds, _, tasks, _ = inputs.shape
        rule = Rule(
            usage_decay=self.usage_decay, addressed=self.addressed, least_used=self.least_used
        )
        weights = (params[name].mT for name in ("gates.input", "gates.recurrent", "heads.weight"))
        of_input, of_seen, of_heads = weights
        # What the inputs add to the gates, for all steps at once.
        driven = torch.baddbmm(params["gates.bias"][:, None], inputs.flatten(1, 2), of_input)
        memory = fresh(inputs, seeds * tasks, self.heads, self.rows, self.width)
        cell = inputs.new_zeros(seeds, tasks, self.units)
        seen = inputs.new_zeros(seeds, tasks, self.units + self.heads * self.width)
        every = []
        for drive in driven.unflatten(1, (-1, tasks)).unbind(1):
            gates = torch.baddbmm(drive, seen, of_seen)
            opened, proposed = gates.split((3 * self.units, self.units), dim=-1)
            let_in, kept, let_out = opened.sigmoid().chunk(3, dim=-1)
            cell = torch.addcmul(kept * cell, let_in, proposed.tanh())
            hidden = let_out * cell.tanh()
            parameters = torch.baddbmm(params["heads.bias"][:, None], hidden, of_heads)
            reading, memory = used(memory, *self._of_heads(parameters.flatten(0, 1)), rule)
            seen = torch.cat((hidden, reading.reshape(seeds, tasks, -1)), dim=-1)
            every.append(seen)
        return torch.stack(every, dim=1).flatten(1, 2)

    def _of_heads(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What heads do, by the last axis of `parameters`, (task, parameter).

        Their keys and what they write, (task, head, width), and the share of it that goes to what
        was read one step before, (task, head, 1).
        """
        vectors, shares = parameters.split((parameters.shape[1] - self.heads, self.heads), dim=1)
        vectors = vectors.tanh().unflatten(1, (-1, self.width))
        keys, added = vectors[:, : self.heads], vectors[:, -self.heads :]
        return keys, added, shares.sigmoid()[..., None]

    def episode(self, config: Config, batch: TaskBatch, *, distorted: bool) -> Episode:
        """The images of each task in random order; all that is drawn is of `batch.keys`."""
        images = by_class(config, batch).flatten(1, 2)  # (task, way*image, 1, height, width)
        tasks, steps = images.shape[:2]
        n_way, keys = config.n_way, drawn_by(batch)

        def drawn(row: int, columns: int) -> Tensor:
            return uniform(keys, torch.full_like(keys, row), columns)

        order = drawn(_ORDER, steps).argsort(dim=1)
        labels = order // (steps // n_way)
        images = images[torch.arange(tasks, device=images.device)[:, None], order].flatten(0, 1)
        moves = (2.0 * drawn(_DISTORTION, 3 * steps) - 1.0).view(-1, 3) * float(distorted)
        small = shrunk(images, self.side, _TURN * moves[:, 0], _SHIFT * moves[:, 1:])
        named = F.one_hot(labels, n_way).to(small)
        before = F.pad(named[:, :-1], (0, 0, 1, 0))
        inputs = torch.cat((small.view(tasks, steps, -1), before), dim=-1)
        places = labels.argsort(dim=1, stable=True).unflatten(1, (n_way, -1))
        return Episode(inputs=inputs, labels=labels, places=places.movedim(2, 0))

    def said(self, learner: Learner, episode: Episode) -> Tensor:
        """The outputs at every step, (task, step, way)."""
        by_seed = episode.inputs.unflatten(0, (learner.seeds, -1)).transpose(1, 2)
        outputs = learner.network.forward(learner.params, by_seed)
        steps = episode.labels.shape[1]
        by_task: Tensor = outputs.unflatten(1, (steps, -1)).transpose(1, 2).flatten(0, 1)
        return by_task

    def objective(self, learner: Learner, batch: TaskBatch) -> tuple[Tensor, Tensor]:
        """The mean cross-entropy over all steps, and the outputs after one image of each class."""
        episode = self.episode(learner.config, batch, distorted=True)
        outputs = self.said(learner, episode)
        each = F.cross_entropy(outputs.flatten(0, 1), episode.labels.flatten(), reduction="none")
        one_shot = at(outputs, episode.places[ONE_SHOT])
        return each.view_as(episode.labels).mean(1), for_queries(one_shot, learner.config)

    def answers(self, learner: Learner, batch: TaskBatch) -> Tensor:
        episode = self.episode(learner.config, batch, distorted=self.distorted_at_test)
        outputs = self.said(learner, episode)
        return torch.stack([at(outputs, places) for places in episode.places])


def at(outputs: Tensor, places: Tensor) -> Tensor:
    """The outputs at `places`, (task, way), of all, (task, step, output): (task, way, output)."""
    return outputs.gather(1, places[..., None].expand(-1, -1, outputs.shape[2]))
