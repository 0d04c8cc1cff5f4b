"""Fine-tuning a trained classifier to tasks, as Ravi and Larochelle code it.

Theirs is model/baselines/pre-trained-SGD.lua: batch normalisation is in training mode while tuning,
where its running averages move on from those of the classifier, and scores by them afterwards.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.frozen import INPUTS_AT_ONCE, classifier_of, in_parts
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.inner.losses import task_losses
from suite.models import Params, per_task


def tuned(learner: Learner, batch: TaskBatch, head: Params, lrs: Sequence[float]) -> Params:
    """Each task's weights after a full-batch step on its support set with each of `lrs`.

    They start from the learner's, with `head` (no task axis) for a last layer. No gradient goes
    back through the steps.
    """
    network, tasks = classifier_of(learner), batch.support_x.shape[0]
    body = {name: value for name, value in learner.params.items() if name not in head}
    first = {name: value.expand(tasks, *value.shape) for name, value in head.items()}
    fast = {n: value.detach() for n, value in (per_task(body, tasks) | first).items()}
    k_shot = batch.support_x.shape[1] // learner.config.n_way
    for lr in lrs:
        with torch.enable_grad():
            fast |= {name: fast[name].requires_grad_() for name in network.adapted}
            outputs, averages = network.train(fast, batch.support_x)
            losses = task_losses(learner.config, k_shot, outputs, batch.support_y)
            gradients = torch.autograd.grad(losses.sum(), [fast[n] for n in network.adapted])
        steps = zip(network.adapted, gradients, strict=True)
        fast = averages | {name: fast[name].detach() - lr * step for name, step in steps}
    return fast


def tuned_outputs(learner: Learner, batch: TaskBatch, head: Params, lrs: Sequence[float]) -> Tensor:
    """The outputs for the query sets, (task, query, output), of the tuned networks."""
    at_once = max(1, INPUTS_AT_ONCE // batch.support_x[0].numel())
    tasks = batch.support_x.shape[0]
    outputs = []
    for start in range(0, tasks, at_once):
        learner.pause()
        part = batch.part(1, start, min(start + at_once, tasks))
        fast = tuned(learner, part, head, lrs)
        outputs.append(in_parts(learner.network.forward, fast, part.query_x))
    return torch.cat(outputs)
