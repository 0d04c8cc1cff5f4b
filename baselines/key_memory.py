"""A memory of keys with labels, which answers with the label of the nearest: Kaiser et al. 2017.

As in the released code (tensorflow/models, research/learning_to_remember_rare_events/memory.py),
whose empty slots have a key of zeros and the label 0, and answer like any other.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

UNUSED = 2.0**20
"""The age of an empty slot. The released code has it begin at 0, and so many slots that the oldest
of them, with noise, is an empty one all the same."""


@dataclass(frozen=True, kw_only=True)
class KeyMemory:
    """One or several memories. All are floats, as weights are, among which they may lie."""

    keys: Tensor  # (memory, slot, feature), of length 1 where a slot is in use
    labels: Tensor  # (memory, slot)
    ages: Tensor  # (memory, slot): queries ago that it was written
    recent: Tensor  # (memory, label): the slot that was written for that label last


def empty(like: Tensor, memories: int, slots: int, labels: int) -> KeyMemory:
    """Memories of nothing, for queries such as `like`, (..., feature)."""
    return KeyMemory(
        keys=like.new_zeros(memories, slots, like.shape[-1]),
        labels=like.new_zeros(memories, slots),
        ages=like.new_full((memories, slots), UNUSED),
        recent=like.new_zeros(memories, labels),
    )


def cleared(memory: KeyMemory, when: Tensor) -> KeyMemory:
    """`memory`, but empty where `when`, (memory,), is true."""
    memories, slots = memory.labels.shape
    blank = empty(memory.keys, memories, slots, memory.recent.shape[1])

    def chosen(name: str) -> Tensor:
        old: Tensor = getattr(memory, name)
        return torch.where(when.view(-1, *[1] * (old.ndim - 1)), getattr(blank, name), old)

    return KeyMemory(**{each.name: chosen(each.name) for each in fields(memory)})


def margin_loss(
    memory: KeyMemory, queries: Tensor, labels: Tensor, *, among: int, margin: float
) -> Tensor:
    """By how much a wrong key is nearer than a right one, not below -`margin`: (memory, query).

    `queries` are (memory, query, feature) of length 1, `labels` (memory, query). The right key and
    the wrong one are the nearest with the query's label and the nearest with another, among the
    `among` nearest slots and the one that was written last for the query's label. A similarity that
    is not positive counts as 0, and so does that of a key that is not found. No gradient reaches a
    key.
    """
    keys = memory.keys.detach()
    with torch.no_grad():
        similar = queries @ keys.mT  # (memory, query, slot)
        last = memory.recent.gather(1, labels.long()).long()
        slots = torch.cat((similar.topk(among).indices, last[..., None]), dim=-1)
        similar = similar.gather(2, slots)
        every = memory.labels[:, None].expand(-1, queries.shape[1], -1)
        right = every.gather(2, slots) == labels[..., None]

    def best(which: Tensor) -> Tensor:
        place = torch.where(which, similar, 0.0).argmax(-1, keepdim=True)
        found = keys.gather(1, slots.gather(2, place).expand_as(queries))
        return (queries * found).sum(-1) * which.gather(2, place)[..., 0]

    return F.relu(best(~right) - best(right) + margin) - margin


def taught(
    memory: KeyMemory, queries: Tensor, labels: Tensor, noise: Tensor
) -> tuple[Tensor, KeyMemory]:
    """The answers to the queries, and the memory after it was taught their labels.

    Answers and `labels` are (memory, query). Where an answer is right, its key moves to the middle
    between itself and the query; else query and label replace the oldest slot. `noise`,
    (memory, slot), is added to ages to tell the oldest.
    """
    with torch.no_grad():
        slots = (queries @ memory.keys.mT).argmax(-1)
        answers = memory.labels.gather(1, slots)
        right = answers == labels
        # A slot that is right now is not another query's to replace.
        spared = torch.where(right, -torch.inf, torch.inf).to(memory.ages)
        ages = (memory.ages + noise).scatter_reduce(1, slots, spared, "amin")
        oldest = ages.topk(slots.shape[1]).indices
        which = (~right).cumsum(1).sub(1).clamp_min(0)  # the first wrong one takes the oldest
        places = torch.where(right, slots, oldest.gather(1, which))
        whole = places[..., None].expand_as(queries)
        between = F.normalize(memory.keys.gather(1, whole) + queries, dim=-1)
        return answers, KeyMemory(
            keys=memory.keys.scatter(1, whole, torch.where(right[..., None], between, queries)),
            labels=memory.labels.scatter(1, places, labels),
            ages=(memory.ages + 1.0).scatter(1, places, 0.0),
            recent=memory.recent.scatter(1, labels.long(), places.to(memory.recent)),
        )
