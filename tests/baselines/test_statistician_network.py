"""Float64: the statistician's networks, of two seeds at once, are Torch's modules for each."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from baselines.statistician_network import (
    Gaussian,
    Sizes,
    Statistician,
    averages,
    divergence,
    initial,
)

SIZES = Sizes(filters=(2, 3, 4), units=6, context=5, latent=3)
SETS, IMAGES = 7, 4
PARTS = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}


def random_params(seed):
    """Without a seed axis; all are off their initial values, the averages too."""
    generator = torch.Generator().manual_seed(seed)
    drawn = initial(SIZES, generator)
    return {
        n: v.double() + 0.2 * torch.rand(v.shape, generator=generator) for n, v in drawn.items()
    }


class Plain(nn.Module):
    """One network of `torch.nn` modules, which go by the suite's names."""

    def __init__(self, params):
        super().__init__()
        self.layers = {}
        for name in dict.fromkeys(name.rpartition(".")[0] for name in params):
            self.layers[name] = self._layer(name, params)

    def _layer(self, name, params):
        shape, biased = params[f"{name}.weight"].shape, f"{name}.bias" in params
        number = int(name[-1]) if name[-1].isdigit() else None
        if name.startswith(("encoder", "decoder")):
            last = number % 3 == 2
            if name.startswith("decoder") and last:
                product = nn.ConvTranspose2d(shape[0], shape[1], 2, stride=2, bias=False)
            else:
                product = nn.Conv2d(
                    shape[1],
                    shape[0],
                    3,
                    stride=2 if last else 1,
                    padding=0 if name == "decoder7" else 1,
                    bias=False,
                )
            norm = nn.BatchNorm2d(shape[0])
        elif name == "pixels":
            product, norm = nn.Conv2d(shape[1], 1, 1), nn.Identity()
        else:
            product, norm = nn.Linear(shape[1], shape[0], bias=biased), nn.Identity()
            if name in ("context", "latent", "prior"):
                norm = nn.BatchNorm1d(1, eps=1e-3, momentum=0.01)
            elif f"{name}.gamma" in params:
                norm = nn.BatchNorm1d(shape[0])
        product, norm = product.double(), norm.double()
        with torch.no_grad():
            product.weight.copy_(params[f"{name}.weight"])
            if biased:
                product.bias.copy_(params[f"{name}.bias"])
            for part, own in PARTS.items():
                if f"{name}.{part}" in params:
                    getattr(norm, own).copy_(params[f"{name}.{part}"])
        return nn.ModuleList((product, norm))

    def switched(self, training):
        for layer in self.layers.values():
            layer.train(training)
        return self

    def through(self, name, x):
        product, norm = self.layers[name]
        return norm(product(x))

    def gaussian(self, name, x):
        product, norm = self.layers[name]
        y = product(x)
        return norm(y.reshape(-1, 1, y.shape[-1])).view_as(y).chunk(2, dim=-1)

    def residual(self, name, x):
        y = F.elu(self.through(f"{name}.residual0", x))
        y = F.elu(self.through(f"{name}.residual1", y))
        return F.elu(self.through(f"{name}.residual2", y) + x)

    def forward(self, images, kept, context, latent):
        """What the suite's networks say of sets (set, image, 1, 28, 28), in their order."""
        x = images.flatten(0, 1)
        for number in range(9):
            x = F.elu(self.through(f"encoder{number}", x))
        seen = x.flatten(1)
        each = F.elu(self.through("image", seen)).view(SETS, IMAGES, -1)
        counts = kept.sum(1, keepdim=True)
        mean = torch.einsum("sik,si->sk", each, kept) / counts
        x = F.elu(self.through("set0", torch.cat((mean, counts), dim=1)))
        posterior = self.gaussian("context", F.elu(self.through("set1", x)))

        def with_context(product, name):
            of_set = self.through(f"{name}.context", context)
            return F.elu(product + of_set.repeat_interleave(IMAGES, dim=0))

        x = with_context(self.through("latent.image", seen), "latent")
        of_image = self.gaussian("latent", self.residual("latent", x))
        x = F.elu(self.through("prior.context", context))
        prior = self.gaussian("prior", self.residual("prior", x))
        x = with_context(self.through("maps.latent", latent.flatten(0, 1)), "maps")
        x = self.through("maps", x).view(SETS * IMAGES, -1, 4, 4)
        for number in range(9):
            x = F.elu(self.through(f"decoder{number}", x))
        return posterior, of_image, prior, self.through("pixels", x)


def values(seeds):
    """Images, which of them count, a context and latent variables."""
    generator = torch.Generator().manual_seed(8)
    shape = (seeds, SETS, IMAGES)
    images = torch.rand((*shape, 1, 28, 28), generator=generator).double().round()
    kept = torch.rand(shape, generator=generator).double().round()
    kept[:, :, 0] = 1.0
    context = torch.randn((seeds, SETS, SIZES.context), generator=generator).double()
    latent = torch.randn((*shape, SIZES.latent), generator=generator).double()
    return images, kept, context, latent


@pytest.mark.parametrize("training", [True, False])
def test_it_is_torchs_modules(training):
    drawn = [random_params(seed) for seed in range(2)]
    networks = Statistician(
        {name: torch.stack([each[name] for each in drawn]) for name in drawn[0]}, training
    )
    images, kept, context, latent = values(2)
    seen = networks.encoded(images)
    found = (
        networks.context(networks.of_image(seen), kept),
        networks.latent(seen, context),
        networks.prior(context),
    )
    logits = networks.decoded(latent, context)
    assert logits.shape == images.shape
    for seed, params in enumerate(drawn):
        plain = Plain(params).switched(training)
        with torch.no_grad():
            *expected, pixels = plain(images[seed], kept[seed], context[seed], latent[seed])
        for ours, theirs in zip(found, expected, strict=True):
            for one, other in zip(ours, theirs, strict=True):
                torch.testing.assert_close(one[seed].flatten(0, -2), other, rtol=1e-8, atol=1e-10)
        torch.testing.assert_close(logits[seed].flatten(0, 1), pixels, rtol=1e-7, atol=1e-9)
        assert set(networks.moved) == (set(averages(SIZES)) if training else set())
        for name, value in networks.moved.items():
            layer, _, part = name.rpartition(".")
            expected = getattr(plain.layers[layer][1], PARTS[part])
            torch.testing.assert_close(value[seed], expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("training", [True, False])
def test_the_context_knows_no_order_and_nothing_of_what_is_not_kept(training):
    params = {name: value[None] for name, value in random_params(3).items()}
    images, kept, _, _ = values(1)
    networks = Statistician(params, training)
    each = networks.of_image(networks.encoded(images))
    order = torch.tensor([2, 0, 3, 1])
    one = networks.context(each, kept)
    other = networks.context(each[:, :, order], kept[:, :, order])
    torch.testing.assert_close(one, other)
    changed = torch.where(kept[..., None] > 0, each, 1e3)
    torch.testing.assert_close(one, networks.context(changed, kept))
    if not training:
        whole = networks.context(each)
        alone = networks.context(each[:, :, :2])
        torch.testing.assert_close(
            alone, networks.context(each, torch.tensor([1.0, 1.0, 0.0, 0.0]).expand_as(kept))
        )
        assert not torch.allclose(alone.mean, whole.mean, rtol=1e-3)


def test_the_number_of_images_is_told():
    params = {name: value[None] for name, value in random_params(4).items()}
    networks = Statistician(params, training=False)
    each = torch.rand(1, 1, 1, SIZES.units).double()
    one, five = networks.context(each), networks.context(each.expand(1, 1, 5, -1))
    assert not torch.allclose(one.mean, five.mean, rtol=1e-3)


def test_divergences_are_those_of_torch_never_negative_and_0_of_the_same():
    generator = torch.Generator().manual_seed(0)
    first, second = (
        Gaussian(*torch.randn((2, 40, 6), generator=generator).double()) for _ in range(2)
    )

    def told(values):
        normal = torch.distributions.Normal(values.mean, (0.5 * values.log_variance).exp())
        return torch.distributions.Independent(normal, 1)

    found = divergence(first, second)
    expected = torch.distributions.kl_divergence(told(first), told(second))
    torch.testing.assert_close(found, expected)
    assert (found > 0).all()
    assert not torch.allclose(found, divergence(second, first), rtol=0.1)
    assert divergence(first, first).abs().max() < 1e-14
    standard = first.changed(torch.zeros_like)
    assert (divergence(first, standard) > 0).all()


def test_what_is_drawn_has_the_mean_and_the_variance():
    one = Gaussian(torch.tensor([2.0, -1.0]), torch.tensor([0.0, 4.0]))
    normal = torch.randn((100_000, 2), generator=torch.Generator().manual_seed(1))
    drawn = one.drawn(normal)
    torch.testing.assert_close(drawn.mean(0), one.mean, atol=0.1, rtol=0)
    torch.testing.assert_close(drawn.var(0), one.log_variance.exp(), rtol=0.03, atol=0)
