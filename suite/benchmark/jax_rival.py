"""JAX's way to the meta-gradient: the whole of it under `jit`, written as its users write MAML.

It has the form that is fastest on a CPU: convolutions as matrix products, pooling as a maximum, and
convolutional tasks one after another by `lax.map`. XLA's own convolution takes four times as long
there on Omniglot and ten times on mini-ImageNet, and more with a kernel for each task.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from suite.data.tasks import TaskBatch
from suite.inner.loop import Order
from suite.models import Params
from suite.settings import Config

_EPSILON = 1e-3


def with_jax(config: Config, params: Params, batch: TaskBatch, order: Order) -> Params:
    """The gradient of the mean query loss by weight name; the first call of a kind compiles.

    Tensors pass through the memory of the CPU, on a GPU too: that copy is a part of the time.
    """
    like = next(iter(params.values()))
    with _precision(double=like.dtype == torch.float64):
        gradient = _compiled(config, order, like.dtype)
        arrays = {name: _numpy(value) for name, value in params.items()}
        tasks = [batch.support_x, batch.support_y, batch.query_x, batch.query_y]
        found = gradient(arrays, *map(_numpy, tasks))
        return {name: torch.from_numpy(np.array(value)).to(like) for name, value in found.items()}


def _numpy(value: torch.Tensor) -> Any:
    array = value.detach().cpu().numpy()
    return array if value.is_floating_point() else array.astype(np.int32)


@contextlib.contextmanager
def _precision(*, double: bool) -> Iterator[None]:
    """Float64 where it is asked for, and true float32 elsewhere; as many threads as torch has."""
    if torch.get_num_threads() == 1:
        # XLA reads this once, before its first computation.
        os.environ.setdefault(
            "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
    import jax

    with jax.enable_x64(double), jax.default_matmul_precision("highest"):
        yield


@lru_cache(maxsize=8)
def _compiled(config: Config, order: Order, _dtype: torch.dtype) -> Callable[..., dict[str, Any]]:
    import jax

    def task(weights: dict[str, Any], data: tuple[Any, Any, Any, Any]) -> Any:
        support_x, support_y, query_x, query_y = data
        frozen = {
            name: value
            for name, value in weights.items()
            if name.endswith("beta") and not config.adapt_beta
        }
        fast = {name: value for name, value in weights.items() if name not in frozen}
        for _ in range(config.inner_steps):
            gradients = jax.grad(lambda w: _loss(config, w | frozen, support_x, support_y))(fast)
            if order == "first":
                gradients = jax.lax.stop_gradient(gradients)
            fast = {name: fast[name] - config.inner_lr * gradients[name] for name in fast}
        return _loss(config, fast | frozen, query_x, query_y)

    one_by_one = config.network.startswith("conv") and jax.default_backend() == "cpu"

    def mean(weights: dict[str, Any], *data: Any) -> Any:
        if one_by_one:
            return jax.lax.map(lambda one: task(weights, one), data).mean()
        return jax.vmap(lambda one: task(weights, one))(data).mean()

    compiled: Callable[..., dict[str, Any]] = jax.jit(jax.grad(mean))
    return compiled


def _loss(config: Config, weights: dict[str, Any], x: Any, y: Any) -> Any:
    """The loss of one task; see `suite.inner.losses.task_losses`."""
    import jax

    outputs = _network(config, weights, x)
    if config.problem == "regression":
        return ((outputs - y) ** 2).mean()
    chosen = jax.numpy.take_along_axis(jax.nn.log_softmax(outputs), y[:, None], axis=1)
    return -chosen.mean() if config.loss_scale == "mean" else -chosen.sum() / config.k_shot


def _network(config: Config, weights: dict[str, Any], x: Any) -> Any:
    """(example, *input) to (example, output), with the names and layouts of `suite.models`."""
    import jax

    if config.network.startswith("conv"):
        x = _features(config, weights, x)
    else:
        x = x.reshape(len(x), -1)
        for number in range(len(config.hidden)):
            x = x @ weights[f"layer{number}.weight"].T
            if config.network == "mlp":
                x = x + weights[f"layer{number}.bias"]
            else:
                x = _normalised(x, weights[f"layer{number}.beta"])
            x = jax.nn.relu(x)
    return x @ weights["head.weight"].T + weights["head.bias"]


def _features(config: Config, weights: dict[str, Any], x: Any) -> Any:
    """(example, channel, height, width) to (example, feature)."""
    import jax

    pooled = config.network == "conv-pool"
    stride = 1 if pooled else 2
    x = x.transpose(0, 2, 3, 1)
    for number in range(len(config.hidden)):
        x = _convolved(x, weights[f"conv{number}.weight"], stride)
        x = jax.nn.relu(_normalised(x, weights[f"conv{number}.beta"]))
        if pooled:
            x = _halved(x)
    return x.transpose(0, 3, 1, 2).reshape(len(x), -1) if pooled else x.mean((1, 2))


def _convolved(x: Any, kernel: Any, stride: int) -> Any:
    """3 x 3 with a border of zeros: one matrix product of what the kernel sees at each pixel."""
    import jax

    _, height, width, _ = x.shape
    padded = jax.numpy.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    seen = [
        padded[:, row : row + height : stride, column : column + width : stride]
        for row in range(3)
        for column in range(3)
    ]
    matrix = kernel.transpose(2, 3, 1, 0).reshape(-1, kernel.shape[0])
    return jax.numpy.concatenate(seen, axis=-1) @ matrix


def _halved(x: Any) -> Any:
    """The greatest of each 2 x 2 pixels; XLA's own pooling is slow to differentiate on a CPU.

    Ties share the gradient, and after ReLU only zeros tie, through which none flows.
    """
    count, height, width, channels = x.shape
    x = x[:, : height // 2 * 2, : width // 2 * 2]
    return x.reshape(count, height // 2, 2, width // 2, 2, channels).max((2, 4))


def _normalised(x: Any, beta: Any) -> Any:
    """Normalise by the statistics of the batch, with an offset and no scale; channels are last."""
    axes = tuple(range(x.ndim - 1))
    centred = x - x.mean(axes)
    variance = (centred**2).mean(axes)
    return centred / (variance + _EPSILON) ** 0.5 + beta
