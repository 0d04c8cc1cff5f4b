"""The classifier of the baselines as plain `torch.nn` modules; weights named as in the suite."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from suite.settings import Config
from suite.settings.datasets import IMAGE_SHAPE

PARTS = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}


class PlainClassifier(nn.Module):
    """Torch's own batch normalisation, one network and one task at a time."""

    def __init__(self, config: Config, outputs: int) -> None:
        super().__init__()
        self.config, self.convolutional = config, config.network.startswith("conv")
        channels, height, width = IMAGE_SHAPE[config.dataset]
        stride = 2 if config.network == "conv-stride" else 1
        inputs = channels if self.convolutional else channels * height * width
        self.linears, self.norms = nn.ModuleList(), nn.ModuleList()
        for units in config.hidden:
            self.linears.append(
                nn.Conv2d(inputs, units, 3, stride=stride, padding=1, bias=False)
                if self.convolutional
                else nn.Linear(inputs, units, bias=False)
            )
            norm = nn.BatchNorm2d if self.convolutional else nn.BatchNorm1d
            self.norms.append(norm(units, eps=1e-3))
            inputs = units
        pooled = config.network == "conv-pool"
        size = inputs * (height // 16) * (width // 16) if pooled else inputs
        self.head = nn.Linear(size, outputs)

    def features(self, x: Tensor) -> Tensor:
        if not self.convolutional:
            x = x.flatten(1)
        for linear, norm in zip(self.linears, self.norms, strict=True):
            x = F.relu(norm(linear(x)))
            if self.config.network == "conv-pool":
                x = F.max_pool2d(x, 2)
        return x.mean((2, 3)) if self.config.network == "conv-stride" else x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits

    def tensors(self) -> dict[str, Tensor]:
        """Weights and running averages by the suite's names."""
        layer = "conv" if self.convolutional else "layer"
        found: dict[str, Tensor] = {
            "head.weight": self.head.weight,
            "head.bias": self.head.bias,
        }
        for number, (linear, norm) in enumerate(zip(self.linears, self.norms, strict=True)):
            found[f"{layer}{number}.weight"] = linear.get_parameter("weight")
            for name, part in PARTS.items():
                found[f"{layer}{number}.{name}"] = getattr(norm, part)
        return found


def plain(config: Config, params: dict[str, Tensor]) -> PlainClassifier:
    """In float64, with these weights, which have no task axis."""
    network = PlainClassifier(config, params["head.bias"].shape[0]).double()
    with torch.no_grad():
        for name, value in network.tensors().items():
            value.copy_(params[name])
    return network
