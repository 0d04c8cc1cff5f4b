"""A memory of rows that is written where it was read last or is least used: Santoro et al. 2016.

Every head reads by the cosine of its key to each row, and writes a vector to the rows that it read
one step before and to the least used ones, in shares of its own. The gradient of a step is written
out: autograd's own takes twice the time, most of it for sums of large gradients.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_EMPTY = 1e-6
"""What the rows of a fresh memory hold; of zeros there would be no cosine."""
_EPS = 1e-8


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a memory is used, where ports of the paper differ."""

    usage_decay: float
    """What is left of a row's usage one step later."""
    addressed: Literal["before-write", "after-write"]
    """Which memory keys are compared with; what is read is always of the one after."""
    least_used: Literal["all", "one-each"]
    """Whether each head writes to as many least used rows as there are heads, or to one of them."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The memories of several tasks at one step."""

    rows: Tensor  # (task, row, width)
    reads: Tensor  # (task, head, row): how much each head read of each row
    usage: Tensor  # (task, row), without gradient


def fresh(like: Tensor, tasks: int, heads: int, rows: int, width: int) -> Memory:
    """What an episode begins with, of the type and on the device of `like`: row 0 was just read."""
    first = like.new_zeros(rows)
    first[:1] = 1.0
    return Memory(
        rows=like.new_full((tasks, rows, width), _EMPTY),
        reads=first.expand(tasks, heads, rows),
        usage=first.expand(tasks, rows),
    )


def used(
    memory: Memory, keys: Tensor, added: Tensor, shares: Tensor, rule: Rule
) -> tuple[Tensor, Memory]:
    """Write `added` and read by `keys`, both (task, head, width); the reading and the memory then.

    `shares`, (task, head, 1), are what goes to what was read one step before. The reading
    is (task, head, width). Which rows are least used has no gradient.
    """
    heads, (tasks, rows) = keys.shape[1], memory.usage.shape
    least = memory.usage.topk(heads, largest=False).indices  # (task, head), the least of all first
    places = least[:, None] if rule.least_used == "all" else least[..., None]
    free = keys.new_zeros(tasks, places.shape[1], rows).scatter_(2, places, 1.0)
    kept = keys.new_ones(tasks, rows, 1).scatter_(1, least[:, :1, None], 0.0)
    before = rule.addressed == "before-write"
    reading, after, reads, touched = _Step.apply(  # type: ignore[no-untyped-call]
        memory.rows, memory.reads, keys, added, shares, free.expand(-1, heads, -1), kept, before
    )
    usage = torch.add(touched, memory.usage, alpha=rule.usage_decay)
    return reading, Memory(rows=after, reads=reads, usage=usage)


class _Step(torch.autograd.Function):
    """Rows, reads, keys, added, shares, free rows, kept rows: reading, rows, reads, usage."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, ...]:
        rows, reads, keys, added, shares, free, kept, before = given
        writes = torch.lerp(free, reads, shares)
        after = torch.baddbmm(rows * kept, writes.mT, added)
        compared = rows if before else after
        sides = _lengths(keys)[..., None], _lengths(compared)[:, None]
        lengths = sides[0] * sides[1] + _EPS
        cosines = (keys @ compared.mT) / lengths
        looked = torch.softmax(cosines, dim=-1)
        ctx.before = before
        ctx.save_for_backward(
            *(
                rows,
                reads,
                keys,
                added,
                shares,
                free,
                kept,
                writes,
                after,
                cosines,
                looked,
                lengths,
            ),
            *sides,
        )
        touched = (looked + writes).sum(1)
        ctx.mark_non_differentiable(touched)
        return looked @ after, after, looked, touched

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (rows, reads, keys, added, shares, free, kept, writes, after, *found) = ctx.saved_tensors
        cosines, looked, lengths, of_keys, of_rows = found
        compared = rows if ctx.before else after
        of_reading = grads[0].contiguous()
        of_after = torch.baddbmm(grads[1], looked.mT, of_reading)
        of_looked = torch.baddbmm(grads[2], of_reading, after.mT)
        of_cosines = looked * (of_looked - (looked * of_looked).sum(-1, keepdim=True))
        of_products = of_cosines / lengths
        of_lengths = -of_products * cosines
        along_keys = (of_lengths * of_rows).sum(-1, keepdim=True) / of_keys
        along_rows = (of_lengths * of_keys).sum(1, keepdim=True) / of_rows
        to_keys = torch.baddbmm(keys * along_keys, of_products, compared)
        to_compared = torch.baddbmm(compared * along_rows.mT, of_products.mT, keys)
        if not ctx.before:
            of_after = of_after + to_compared
        of_writes = added @ of_after.mT
        to_rows = of_after * kept
        return (
            to_rows + to_compared if ctx.before else to_rows,
            of_writes * shares,
            to_keys,
            writes @ of_after,
            (of_writes * (reads - free)).sum(-1, keepdim=True),
            *(None, None, None),
        )


def _lengths(vectors: Tensor) -> Tensor:
    """(task, vector, width) to (task, vector); above 0, since they are divided by."""
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=-1)
    return lengths.clamp_min(torch.finfo(vectors.dtype).tiny)
