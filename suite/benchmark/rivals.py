"""Other ways to the same meta-gradient: one task at a time, `torch.func`, and published libraries.

All work on the reference network, whose batch normalisation is made of primitives, since the second
derivative of torch's own is not exact under `vmap`.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from suite.benchmark import learn2learn_rival
from suite.benchmark.jax_rival import with_jax
from suite.data.tasks import TaskBatch
from suite.inner.loop import Order
from suite.inner.losses import task_losses
from suite.inner.reference import reference_meta_gradient
from suite.models import Params
from suite.models.modules import ReferenceNetwork
from suite.settings import Config

MetaGradient = Callable[[Config, Params, TaskBatch, Order], Params]
"""The gradient of the mean query loss by weight name, of weights without any leading axis."""


@dataclass(frozen=True, kw_only=True)
class Rival:
    """Another library's way to the same meta-gradient."""

    gradient: MetaGradient
    orders: tuple[Order, ...] = ("second", "first")
    package: str | None = None
    """What has to be installed for it."""
    is_here: Callable[[], bool] = lambda: True


def per_task(config: Config, params: Params, batch: TaskBatch, order: Order) -> Params:
    """`higher` as its documentation has it, a loop over the tasks."""
    return reference_meta_gradient(config, params, batch, order=order)[1]


def with_vmap(config: Config, params: Params, batch: TaskBatch, order: Order) -> Params:
    """`torch.func`: the gradient of a `vmap` of tasks, each with gradients inside."""
    module, names, own = _module(config, params)
    frozen = {name for name in own if name.endswith("beta") and not config.adapt_beta}

    def loss(weights: Params, x: Tensor, y: Tensor) -> Tensor:
        outputs: Tensor = functional_call(module, weights, (x,))
        return task_losses(config, config.k_shot, outputs[None], y[None])[0]

    def task(
        weights: Params, support: tuple[Tensor, Tensor], query: tuple[Tensor, Tensor]
    ) -> Tensor:
        fast = {name: value for name, value in weights.items() if name not in frozen}
        rest = {name: weights[name] for name in frozen}
        for _ in range(config.inner_steps):
            gradients = grad(lambda moved: loss(moved | rest, *support))(fast)
            if order == "first":
                gradients = {name: value.detach() for name, value in gradients.items()}
            fast = {name: fast[name] - config.inner_lr * gradients[name] for name in fast}
        return loss(fast | rest, *query)

    def mean(weights: Params) -> Tensor:
        support, query = (batch.support_x, batch.support_y), (batch.query_x, batch.query_y)
        return vmap(task, in_dims=(None, 0, 0))(weights, support, query).mean()

    found = grad(mean)({name: value.detach() for name, value in own.items()})
    return {names[name]: value for name, value in found.items()}


def with_torchopt(config: Config, params: Params, batch: TaskBatch, order: Order) -> Params:
    """TorchOpt's differentiable SGD, a loop over the tasks; second order only."""
    import torchopt

    if order != "second":
        raise ValueError("torchopt.MetaSGD has no first-order mode")
    module, names, own = _module(config, params)
    inner = _Adapted(module, config)
    optimizer = torchopt.MetaSGD(inner, lr=config.inner_lr)
    start = torchopt.extract_state_dict(inner, by="reference")
    untouched = torchopt.extract_state_dict(optimizer, by="reference")
    tasks = batch.support_x.shape[0]
    total = torch.zeros((), dtype=batch.support_x.dtype, device=batch.support_x.device)
    for task in range(tasks):
        for _ in range(config.inner_steps):
            optimizer.step(inner.loss(batch.support_x[task], batch.support_y[task]))
        total = total + inner.loss(batch.query_x[task], batch.query_y[task]) / tasks
        torchopt.recover_state_dict(inner, start)
        torchopt.recover_state_dict(optimizer, untouched)
    found = torch.autograd.grad(total, list(own.values()))
    return {names[name]: value for name, value in zip(own, found, strict=True)}


def with_learn2learn(config: Config, params: Params, batch: TaskBatch, order: Order) -> Params:
    """learn2learn's `MAML`, a loop over the tasks: a clone of the network adapts to each."""
    module, names, own = _module(config, params)
    learner = learn2learn_rival.maml()(
        _Adapted(module, config), lr=config.inner_lr, first_order=order == "first"
    )
    tasks = batch.support_x.shape[0]
    total = torch.zeros((), dtype=batch.support_x.dtype, device=batch.support_x.device)
    for task in range(tasks):
        fast = learner.clone()
        for _ in range(config.inner_steps):
            fast.adapt(fast.module.loss(batch.support_x[task], batch.support_y[task]))
        total = total + fast.module.loss(batch.query_x[task], batch.query_y[task]) / tasks
    found = torch.autograd.grad(total, list(own.values()))
    return {names[name]: value for name, value in zip(own, found, strict=True)}


class _Adapted(torch.nn.Module):
    """The network as one whose parameters are those that the inner loop adapts."""

    def __init__(self, module: ReferenceNetwork, config: Config) -> None:
        super().__init__()
        if config.adapt_beta:
            raise ValueError("adapted betas are not measured here")
        self._config = config
        self.module = module
        for norm in module.norms:
            if isinstance(norm, torch.nn.Identity):
                continue
            beta = norm._parameters.pop("beta")
            norm.__dict__["beta"] = beta

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        outputs = self.module(x)
        return task_losses(self._config, self._config.k_shot, outputs[None], y[None])[0]


def _module(config: Config, params: Params) -> tuple[ReferenceNetwork, dict[str, str], Params]:
    """The reference network with these weights, its names to ours, and its parameters."""
    like = next(iter(params.values()))
    module = ReferenceNetwork(config).to(like.device, like.dtype)
    names = module.weight_names()
    own = dict[str, Tensor](module.named_parameters())
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(params[names[name]])
    return module, names, own


def _installed(package: str) -> Callable[[], bool]:
    return lambda: importlib.util.find_spec(package) is not None


RIVALS = {
    "per-task higher": Rival(gradient=per_task),
    "torch.func vmap": Rival(gradient=with_vmap),
    "torchopt": Rival(
        gradient=with_torchopt,
        orders=("second",),
        package="torchopt",
        is_here=_installed("torchopt"),
    ),
    "learn2learn": Rival(
        gradient=with_learn2learn, package="learn2learn", is_here=learn2learn_rival.is_here
    ),
    "JAX": Rival(gradient=with_jax, package="jax", is_here=_installed("jax")),
}
