"""MAML as `higher` documents it: one task at a time. Slow; the tests hold everything else to it."""

import torch
from torch import Tensor

from suite.data.tasks import TaskBatch
from suite.inner.loop import Order, higher
from suite.inner.losses import task_losses
from suite.models import Params
from suite.models.modules import ReferenceNetwork
from suite.settings import Config


def reference_meta_gradient(
    config: Config, params: Params, batch: TaskBatch, *, order: Order, smooth: bool = False
) -> tuple[Tensor, Params]:
    """The meta-loss of `batch`, and its gradient by weight name; `params` have no task axis."""
    dtype = next(iter(params.values())).dtype
    module = ReferenceNetwork(config, smooth=smooth).to(batch.support_x.device, dtype)
    names = module.weight_names()
    own = dict(module.named_parameters())
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(params[names[name]])
    adapted = [p for name, p in own.items() if config.adapt_beta or not name.endswith("beta")]
    optimizer = torch.optim.SGD(adapted, lr=config.inner_lr)

    tasks = batch.support_x.shape[0]
    total = torch.zeros((), dtype=dtype, device=batch.support_x.device)
    for task in range(tasks):
        total = total + _task_loss(config, module, optimizer, batch, task, order) / tasks
    gradients = torch.autograd.grad(total, list(own.values()))
    return total.detach(), dict(zip(names.values(), gradients, strict=True))


def _task_loss(
    config: Config,
    module: ReferenceNetwork,
    optimizer: torch.optim.Optimizer,
    batch: TaskBatch,
    task: int,
    order: Order,
) -> Tensor:
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return task_losses(config, config.k_shot, outputs[None], targets[None])[0]

    with higher.innerloop_ctx(module, optimizer, copy_initial_weights=False) as (fast, diffopt):
        for _ in range(config.inner_steps):
            diffopt.step(
                loss(fast(batch.support_x[task]), batch.support_y[task]),
                grad_callback=(lambda grads: [g.detach() for g in grads])
                if order == "first"
                else None,
            )
        return loss(fast(batch.query_x[task]), batch.query_y[task])
