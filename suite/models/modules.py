"""The same networks as plain `torch.nn` modules, one task at a time: the reference of the tests.

Nothing is shared with the task-batched networks but the names of the weights.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from suite.settings import Config
from suite.settings.datasets import IMAGE_SHAPE


class _Beta(nn.Module):
    """Batch normalisation by batch statistics with an offset and no scale."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        dims = [0, *range(2, x.ndim)]
        mean = x.mean(dims, keepdim=True)
        variance = (x - mean).square().mean(dims, keepdim=True)
        shape = (1, -1) + (1,) * (x.ndim - 2)
        return (x - mean) / torch.sqrt(variance + 1e-3) + self.beta.view(shape)


class ReferenceNetwork(nn.Module):
    """The network of `config`, its weights named as in `suite.models`.

    `smooth` puts softplus for ReLU and average for maximum pooling, so that finite differences
    mean something.
    """

    def __init__(self, config: Config, *, smooth: bool = False) -> None:
        super().__init__()
        self.config = config
        self.convolutional = config.network.startswith("conv")
        self.activation = F.softplus if smooth else F.relu
        self.pool = F.avg_pool2d if smooth else F.max_pool2d
        stride = 2 if config.network == "conv-stride" else 1
        shape = IMAGE_SHAPE.get(config.dataset, (1, 1, 1))
        width = shape[0] if self.convolutional else shape[0] * shape[1] * shape[2]
        self.linears, self.norms = nn.ModuleList(), nn.ModuleList()
        for n_out in config.hidden:
            bias = config.network == "mlp"
            self.linears.append(
                nn.Conv2d(width, n_out, 3, stride=stride, padding=1, bias=False)
                if self.convolutional
                else nn.Linear(width, n_out, bias=bias)
            )
            self.norms.append(nn.Identity() if bias else _Beta(n_out))
            width = n_out
        if config.network == "conv-pool":
            width *= (shape[1] // 2 ** len(config.hidden)) ** 2
        self.head = nn.Linear(width, config.n_way)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, *input) to (batch, output)."""
        if not self.convolutional:
            x = x.flatten(1)
        for linear, norm in zip(self.linears, self.norms, strict=True):
            x = self.activation(norm(linear(x)))
            if self.config.network == "conv-pool":
                x = self.pool(x, 2)
        if self.config.network == "conv-stride":
            x = x.mean(dim=(2, 3))
        logits: Tensor = self.head(x.flatten(1))
        return logits

    def weight_names(self) -> dict[str, str]:
        """Own parameter names to those of `suite.models`."""
        layer = "conv" if self.convolutional else "layer"
        return {
            name: name.replace("linears.", layer).replace("norms.", layer)
            for name, _ in self.named_parameters()
        }
