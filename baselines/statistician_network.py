"""The networks of a neural statistician of 28x28 drawings (Edwards and Storkey 2017).

As conormdurkan/neural-statistician has them (omniglot/omninets.py, omnimodel.py); the authors' own
code is not public. All seeds go through at once: weights and values have a leading seed axis.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from suite.models import Params
from suite.models.init import torch7
from suite.models.layers import linear

_GROUP = 3
"""Convolutions of a group. The last one halves the maps or, in the decoder, doubles them."""
_CONVOLUTIONS = 3 * _GROUP
_SMALLEST = 4
"""The side of the maps behind them: 28, 14, 7, 4."""
_RESIDUAL = 3
"""Linear layers of a residual block."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How wide the layers are."""

    filters: tuple[int, int, int]
    """The filters of each group of the encoder; the decoder has them the other way round."""
    units: int
    context: int
    latent: int

    @property
    def features(self) -> int:
        """What the encoder says of an image."""
        return self.filters[-1] * _SMALLEST**2


class Gaussian(NamedTuple):
    """Independent normal variables, (..., dimension)."""

    mean: Tensor
    log_variance: Tensor

    def drawn(self, normal: Tensor) -> Tensor:
        """Their values where those of standard normal variables are `normal`."""
        return self.mean + (0.5 * self.log_variance).exp() * normal

    def changed(self, change: Callable[[Tensor], Tensor]) -> "Gaussian":
        """`change` done to both tensors."""
        return Gaussian(change(self.mean), change(self.log_variance))


def divergence(first: Gaussian, second: Gaussian) -> Tensor:
    """KL(first || second) in nats, without the last axis."""
    squares = (first.mean - second.mean).square() + first.log_variance.exp()
    ratio = second.log_variance - first.log_variance
    return 0.5 * (ratio + squares * (-second.log_variance).exp() - 1.0).sum(-1)


class _Layer(NamedTuple):
    """The weights of a layer. What normalises each unit needs no bias before it."""

    shape: tuple[int, ...]
    biased: bool = False
    normalised: int = 0
    """Units that are normalised, each by itself; with 1, all outputs are, as if of one unit."""
    enlarging: bool = False


def _layers(sizes: Sizes) -> dict[str, _Layer]:
    filters, units, features = sizes.filters, sizes.units, sizes.features
    found = {}
    for group, (before, width) in enumerate(itertools.pairwise((1, *filters))):
        for place, inputs in enumerate((before, width, width)):
            name = f"encoder{_GROUP * group + place}"
            found[name] = _Layer((width, inputs, 3, 3), normalised=width)
    turned = (filters[-1], *reversed(filters))
    for group, (before, width) in enumerate(itertools.pairwise(turned)):
        for place, shape in enumerate(((before, 3, 3), (width, 3, 3), (width, 2, 2))):
            name, last = f"decoder{_GROUP * group + place}", place == _GROUP - 1
            found[name] = _Layer((width, *shape), normalised=width, enlarging=last)
    found["pixels"] = _Layer((1, filters[0], 1, 1), biased=True)

    found["image"] = _Layer((units, features), normalised=units)
    found["set0"] = _Layer((units, units + 1), normalised=units)
    found["set1"] = _Layer((units, units), normalised=units)
    found["context"] = _Layer((2 * sizes.context, units), biased=True, normalised=1)
    found["latent.image"] = _Layer((units, features))
    found["maps.latent"] = _Layer((units, sizes.latent))
    found["maps"] = _Layer((features, units), biased=True)
    for name in ("latent", "prior", "maps"):
        found[f"{name}.context"] = _Layer((units, sizes.context), biased=True)
    for name in ("latent", "prior"):
        found[name] = _Layer((2 * sizes.latent, units), biased=True, normalised=1)
        for place in range(_RESIDUAL):
            found[f"{name}.residual{place}"] = _Layer((units, units), normalised=units)
    return found


def averages(sizes: Sizes) -> tuple[str, ...]:
    """The names of the running averages."""
    normalised = (name for name, layer in _layers(sizes).items() if layer.normalised)
    return tuple(f"{name}.{part}" for name in normalised for part in ("mean", "variance"))


def initial(sizes: Sizes, generator: torch.Generator) -> Params:
    """Fresh weights and running averages of one network, without a seed axis.

    Weights are normal with Xavier's deviation for ReLU, but those of transposed convolutions are
    as Torch draws them.
    """
    params: Params = {}
    for name, layer in _layers(sizes).items():
        shape = layer.shape
        deviation = 2.0 / math.sqrt((shape[0] + shape[1]) * math.prod(shape[2:]))
        params[f"{name}.weight"] = (
            torch7(shape, generator)
            if layer.enlarging
            else deviation * torch.randn(shape, generator=generator)
        )
        if layer.biased:
            params[f"{name}.bias"] = torch.zeros(shape[0])
        if layer.normalised:
            for part, value in (("gamma", 1.0), ("beta", 0.0), ("mean", 0.0), ("variance", 1.0)):
                params[f"{name}.{part}"] = torch.full((layer.normalised,), value)
    return params


Convolution = Callable[..., Tensor]
"""Torch's convolution or transposed convolution."""


@dataclass
class Statistician:
    """The networks with the weights `params`, (seed, ...), in training or by running averages."""

    params: Params
    training: bool
    rounded: torch.dtype | None = None
    """What the operands of products are rounded to; None for not at all."""
    moved: Params = field(default_factory=dict)
    """In training, the running averages after what has gone through."""

    def encoded(self, images: Tensor) -> Tensor:
        """(seed, set, image, 1, 28, 28) to (seed, set, image, feature)."""
        x = _as_batch(images.flatten(1, 2))
        for place in range(_CONVOLUTIONS):
            stride = 2 if place % _GROUP == _GROUP - 1 else 1
            x = self._convolved(f"encoder{place}", x, F.conv2d, stride=stride, padding=1)
        features: Tensor = _by_seed(x, len(images)).flatten(2).unflatten(1, images.shape[1:3])
        return features

    def of_image(self, seen: Tensor) -> Tensor:
        """What the mean of a set is taken of: (seed, set, image, feature) to (..., unit)."""
        x = self._normalised("image", self._linear("image", seen.flatten(1, 2)))
        each: Tensor = F.elu(x).unflatten(1, seen.shape[1:3])
        return each

    def context(self, each: Tensor, kept: Tensor | None = None) -> Gaussian:
        """q(c given a set), (seed, set, context), where `each` is (seed, set, image, unit).

        Only the images that are `kept`, (seed, set, image), count; by default all are. Their number
        is an input too, so that one network serves sets of every size.
        """
        if kept is None:
            kept = each.new_ones(each.shape[:3])
        number = kept.to(each).sum(2, keepdim=True)
        mean = (each * kept[..., None]).sum(2) / number
        x = torch.cat((mean, number), dim=2)
        for name in ("set0", "set1"):
            x = F.elu(self._normalised(name, self._linear(name, x)))
        return self._gaussian("context", x)

    def latent(self, seen: Tensor, context: Tensor) -> Gaussian:
        """q(z given an image and c), (seed, set, image, latent).

        `seen` is (seed, set, image, feature) and `context` a value of c, (seed, set, context).
        """
        shape = seen.shape[1:3]
        x = self._linear("latent.image", seen.flatten(1, 2)).unflatten(1, shape)
        x = F.elu(x + self._linear("latent.context", context)[:, :, None])
        found = self._gaussian("latent", self._residual("latent", x.flatten(1, 2)))
        return found.changed(lambda value: value.unflatten(1, shape))

    def prior(self, context: Tensor) -> Gaussian:
        """p(z given c), (seed, set, latent), the same for each image of a set."""
        x = F.elu(self._linear("prior.context", context))
        return self._gaussian("prior", self._residual("prior", x))

    def decoded(self, latent: Tensor, context: Tensor) -> Tensor:
        """p(x given z and c): logits of ink, (seed, set, image, 1, 28, 28).

        `latent` is a value of z, (seed, set, image, latent).
        """
        seeds, *shape = latent.shape[:3]
        x = self._linear("maps.latent", latent.flatten(1, 2)).unflatten(1, shape)
        x = F.elu(x + self._linear("maps.context", context)[:, :, None])
        maps = self._linear("maps", x.flatten(1, 2))
        x = _as_batch(maps.unflatten(2, (-1, _SMALLEST, _SMALLEST)))
        for place in range(_CONVOLUTIONS):
            name = f"decoder{place}"
            if place % _GROUP == _GROUP - 1:
                x = self._convolved(name, x, F.conv_transpose2d, stride=2)
            else:
                # Without padding the last time: 16x16 to 14x14, which are doubled to 28x28.
                padding = 0 if place == _CONVOLUTIONS - 2 else 1
                x = self._convolved(name, x, F.conv2d, padding=padding)
        logits = self._product("pixels", x, F.conv2d) + self.params["pixels.bias"].view(-1, 1, 1)
        images: Tensor = _by_seed(logits, seeds).unflatten(1, shape)
        return images

    def _convolved(self, name: str, x: Tensor, function: Convolution, **options: int) -> Tensor:
        """(image, seed*channel, height, width) to the same, normalised and through an ELU."""
        return F.elu(self._by_unit(name, self._product(name, x, function, **options)), inplace=True)

    def _product(self, name: str, x: Tensor, function: Convolution, **options: int) -> Tensor:
        weight = self.params[f"{name}.weight"]
        kernels = weight.flatten(0, 1)
        if self.rounded is None:
            return function(x, kernels, groups=len(weight), **options)
        rounded = x.to(self.rounded), kernels.to(self.rounded)
        return function(*rounded, groups=len(weight), **options).to(x.dtype)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        """(seed, row, input) to (seed, row, output)."""
        bias = self.params.get(f"{name}.bias")
        return linear(x, self.params[f"{name}.weight"], bias, rounded=self.rounded)

    def _residual(self, name: str, x: Tensor) -> Tensor:
        y = x
        for place in range(_RESIDUAL):
            layer = f"{name}.residual{place}"
            y = self._normalised(layer, self._linear(layer, y))
            y = F.elu(y) if place < _RESIDUAL - 1 else y
        return F.elu(y + x)

    def _gaussian(self, name: str, x: Tensor) -> Gaussian:
        """Mean and log-variance, whose numbers are normalised all together."""
        y = self._linear(name, x)
        as_one = self._by_unit(name, y.flatten(1)[None], eps=1e-3, momentum=0.01)
        mean, log_variance = as_one.view_as(y).chunk(2, dim=-1)
        return Gaussian(mean, log_variance)

    def _normalised(self, name: str, x: Tensor) -> Tensor:
        """(seed, row, unit) to the same."""
        y = self._by_unit(name, x.transpose(0, 1).flatten(1))
        by_row: Tensor = y.unflatten(1, (len(x), -1))
        return by_row.transpose(0, 1)

    def _by_unit(self, name: str, x: Tensor, *, eps: float = 1e-5, momentum: float = 0.1) -> Tensor:
        """Batch normalisation of (row, seed*unit, ...)."""
        names = [f"{name}.{part}" for part in ("mean", "variance", "gamma", "beta")]
        mean, variance, gamma, beta = (self.params[each].flatten() for each in names)
        if not self.training:
            return F.batch_norm(x, mean, variance, gamma, beta, eps=eps)
        # The function behind `batch_norm`, which hands its statistics out.
        y, seen, inverse = torch.native_batch_norm(x, gamma, beta, None, None, True, 0.0, eps)
        count = x.numel() // len(gamma)
        unbiased = (inverse.square().reciprocal() - eps) * (count / (count - 1))
        for each, value in zip(names, (seen, unbiased), strict=False):
            before = self.params[each].detach()
            self.moved[each] = before + momentum * (value.detach().view_as(before) - before)
        return y


def _as_batch(images: Tensor) -> Tensor:
    """(seed, image, channel, height, width) to (image, seed*channel, height, width)."""
    batch = images.transpose(0, 1).flatten(1, 2)
    # Channels lie last in memory, which is much faster on a CPU.
    last = images.device.type != "cuda"
    return batch.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)


def _by_seed(batch: Tensor, seeds: int) -> Tensor:
    """(image, seed*channel, height, width) to (seed, image, channel, height, width)."""
    images: Tensor = batch.unflatten(1, (seeds, -1)).transpose(0, 1)
    return images
