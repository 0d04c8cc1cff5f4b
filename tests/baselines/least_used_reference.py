"""MANN as the paper writes it: one task, step by step, head by head and row by row."""

import functools
from collections.abc import Iterable

import torch
from torch import Tensor

from baselines.least_used import Rule
from baselines.mann import Mann


def step_of_one(
    rows: Tensor,
    reads: Tensor,
    usage: Tensor,
    keys: Tensor,
    added: Tensor,
    shares: Tensor,
    rule: Rule,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One step of one memory: its rows, reads and usage afterwards, and what each head reads."""
    heads, count = reads.shape
    order = sorted(range(count), key=lambda row: float(usage[row]))
    writes = []
    for head in range(heads):
        chosen = order[:heads] if rule.least_used == "all" else order[head : head + 1]
        free = [float(row in chosen) for row in range(count)]
        share = shares[head]
        writes.append([share * reads[head, row] + (1 - share) * free[row] for row in range(count)])
    after = []
    for row in range(count):
        value = torch.zeros_like(rows[row]) if row == order[0] else rows[row]
        for head in range(heads):
            value = value + writes[head][row] * added[head]
        after.append(value)
    compared = rows if rule.addressed == "before-write" else torch.stack(after)
    looked = [
        torch.stack([key @ row / (key.norm() * row.norm() + 1e-8) for row in compared]).softmax(0)
        for key in keys
    ]
    readings = [total(looks[row] * after[row] for row in range(count)) for looks in looked]
    touched = [
        total(looks[row].detach() for looks in looked)
        + total(torch.as_tensor(write[row]).detach() for write in writes)
        for row in range(count)
    ]
    usage = rule.usage_decay * usage + torch.stack(touched)
    return torch.stack(after), torch.stack(looked), usage, torch.stack(readings)


def total(terms: Iterable[Tensor]) -> Tensor:
    return functools.reduce(Tensor.add, terms)


class Loop:
    """MANN on one episode, with the weights of one seed."""

    def __init__(self, method: Mann, weights: dict[str, Tensor]) -> None:
        self.method, self.weights = method, weights

    def outputs(self, inputs: Tensor) -> Tensor:
        """(step, input) to (step, way)."""
        method, weights = self.method, self.weights
        units, heads, width = method.units, method.heads, method.width
        rule = Rule(
            usage_decay=method.usage_decay,
            addressed=method.addressed,
            least_used=method.least_used,
        )
        rows = inputs.new_full((method.rows, width), 1e-6)
        usage = inputs.new_zeros(method.rows)
        usage[0] = 1.0
        reads = usage.expand(heads, -1)
        hidden, cell = inputs.new_zeros(2, units)
        reading, outputs = inputs.new_zeros(heads * width), []
        for step in inputs:
            gates = (
                weights["gates.input"] @ step
                + weights["gates.recurrent"] @ torch.cat((hidden, reading))
                + weights["gates.bias"]
            )
            let_in, kept, let_out, proposed = gates.split(units)
            cell = kept.sigmoid() * cell + let_in.sigmoid() * proposed.tanh()
            hidden = let_out.sigmoid() * cell.tanh()
            given = weights["heads.weight"] @ hidden + weights["heads.bias"]
            keys = given[: heads * width].tanh().view(heads, width)
            written = given[heads * width : -heads].tanh().view(-1, width)
            shares = given[-heads:].sigmoid()
            added = keys if method.write == "key" else written
            rows, reads, usage, found = step_of_one(rows, reads, usage, keys, added, shares, rule)
            reading = found.flatten()
            outputs.append(
                weights["head.weight"] @ torch.cat((hidden, reading)) + weights["head.bias"]
            )
        return torch.stack(outputs)
