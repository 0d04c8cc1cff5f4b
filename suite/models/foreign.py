"""Weights that somebody else trained, as ours: from `.npz`, `.safetensors` or a torch state dict.

A file uses our names, or those of the MAML authors' maml.py, which count from 1 to the number of
hidden layers D, with or without TensorFlow's prefix `model/` and suffix `:0`:

    ours            theirs, convolutions    theirs, linear layers
    conv0.weight    conv1
    layer0.weight                           w1, or Variable
    conv0.bias      b1, or Variable
    layer0.bias                             b1, or Variable_1
    conv0.beta      0/beta
    conv1.beta      1/beta
    layer0.beta                             0/beta
    layer1.beta                             2/beta; or 1/beta, and the others go on from there
    head.weight     w{D+1}                  w{D+1}, or Variable_{2D}
    head.bias       b{D+1}                  b{D+1}, or Variable_{2D+1}

maml.py gives some weights no name: TensorFlow's checkpoints call them Variable, Variable_1, ... in
the order of their creation. Its linear layers name their betas 0, 2, 3, ...
"""

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from suite.errors import UsageError
from suite.models import Params, build_network
from suite.models.foreign_files import read_weights
from suite.models.foreign_names import authors_spelling, hints_of, plain_names
from suite.settings import Config
from suite.settings.datasets import IMAGE_SHAPE

log = logging.getLogger(__name__)

Layout = Literal["auto", "torch", "tensorflow"]

_LISTED_NAMES = 5


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """Our names of a network's weights, with their shapes."""

    required: dict[str, tuple[int, ...]]
    cancelled: dict[str, tuple[int, ...]]
    """Biases before batch normalisation."""


def foreign_params(path: Path | str, config: Config, layout: Layout = "auto") -> Params:
    """The weights in `path` for the network of `config`: float32, CPU, no task or seed axis.

    In the layout `torch` kernels are OIHW, linear weights (out, in), and maps are flattened as
    channel, height, width; in `tensorflow` they are HWIO, (in, out) and height, width, channel.
    `auto` is `tensorflow` for the authors' names and `torch` for ours. TensorFlow's strided
    convolutions pad the other end of an even map than ours, so `tensorflow` turns the kernels of a
    `conv-stride` by 180 degrees: for an image so turned, ours then gives what theirs gave for the
    image.

    A bias before batch normalisation cancels and is left out. No code in the file is run. Raises
    `UsageError` where the file cannot be read, lacks a weight or holds an unknown one, or one that
    has another shape, is not of floats or not finite.
    """
    path = Path(path)
    wanted = _wanted(config)
    found, remarks = plain_names(read_weights(path), [*wanted.required, *wanted.cancelled])
    for line in remarks:
        log.info("%s: %s", path, line)
    names, by_authors = _our_names(path, found, config, wanted)
    if layout == "auto":
        layout = "tensorflow" if by_authors else "torch"
    params: Params = {}
    for theirs, name in names.items():
        shape = (wanted.required | wanted.cancelled)[name]
        if layout == "tensorflow":
            shape = (*shape[2:], *shape[1::-1])
        try:
            value = _floats(found[theirs], shape)
        except ValueError as error:
            raise UsageError(
                f"{path}: {theirs} {error} (layout {layout}, {config.network})"
            ) from None
        params[name] = _from_tensorflow(name, value, config) if layout == "tensorflow" else value
    dropped = [theirs for theirs, name in names.items() if name in wanted.cancelled]
    if dropped:
        log.info("%s: %s left out, batch normalisation cancels them", path, ", ".join(dropped))
    return {name: params[name].contiguous() for name in wanted.required}


def _wanted(config: Config) -> _Wanted:
    drawn = build_network(config).initial(torch.Generator())
    required = {name: tuple(value.shape) for name, value in drawn.items()}
    betas = {name: shape for name, shape in required.items() if name.endswith(".beta")}
    cancelled = {name.replace(".beta", ".bias"): shape for name, shape in betas.items()}
    return _Wanted(required=required, cancelled=cancelled)


def _our_names(
    path: Path, found: Collection[str], config: Config, wanted: _Wanted
) -> tuple[dict[str, str], bool]:
    """Our names by the file's, each weight once, and whether the file has the authors' names."""
    ours = [*wanted.required, *wanted.cancelled]
    plain = {name: authors_spelling(name) for name in found}
    table = {
        theirs: name
        for theirs, name in _authors_names(config, plain.values()).items()
        if name in ours
    }
    by_ours = {name: name for name in found if name in ours}
    by_table = {name: table[plain[name]] for name in found if plain[name] in table}
    authors = len(by_table) > len(by_ours)
    names = by_table if authors else by_ours

    spelling = {name: theirs for theirs, name in reversed(table.items())} if authors else {}
    missing = [spelling.get(name, name) for name in wanted.required if name not in names.values()]
    _check_names(f"{path} does not fit the network {config.network}", found, names, missing)
    return names, authors


def _check_names(
    complaint: str, found: Collection[str], names: dict[str, str], missing: Collection[str]
) -> None:
    unknown = [repr(name) for name in found if name not in names]
    times = Counter(names.values())
    repeated = [theirs for theirs, name in names.items() if times[name] > 1]
    reasons = []
    if unknown:
        more = len(unknown) - _LISTED_NAMES
        listed = ", ".join(unknown[:_LISTED_NAMES]) + (f" and {more} more" if more > 0 else "")
        reasons.append(f"it has the unknown names {listed}")
    if missing:
        reasons.append(f"it lacks {', '.join(missing)}")
    if repeated:
        reasons.append(f"it has a weight more than once: {', '.join(repeated)}")
    if reasons:
        hints = hints_of(found)
        raise UsageError(f"{complaint}: {'; '.join(reasons)}{''.join(f'; {h}' for h in hints)}")


def _authors_names(config: Config, found: Collection[str]) -> dict[str, str]:
    """Ours by the names of maml.py; where a weight of ours has two, the plainer is the first."""
    depth, convolutional = len(config.hidden), config.network.startswith("conv")
    ours, theirs = ("conv", "conv") if convolutional else ("layer", "w")
    without_1 = not convolutional and "1/beta" not in found
    table = {}
    for n in range(depth):
        scope = n + 1 if without_1 and n > 0 else n
        table[f"{theirs}{n + 1}"] = f"{ours}{n}.weight"
        table[f"b{n + 1}"] = f"{ours}{n}.bias"
        table[f"{scope}/beta"] = f"{ours}{n}.beta"
    table |= {f"w{depth + 1}": "head.weight", f"b{depth + 1}": "head.bias"}
    biases = [f"{ours}{n}.bias" for n in range(depth)]
    trained = [name for name in table.values() if not name.endswith(".beta")]
    unnamed = biases if convolutional else trained
    return table | {f"Variable_{n}" if n else "Variable": name for n, name in enumerate(unnamed)}


def _floats(value: object, shape: tuple[int, ...]) -> Tensor:
    """A copy of `value` in single precision; a `ValueError` says what is wrong with it."""
    if not isinstance(value, np.ndarray | Tensor):
        raise ValueError(f"is no array but of type {type(value).__name__}")
    if isinstance(value, Tensor) and (value.layout != torch.strided or value.is_meta):
        raise ValueError("is no dense tensor")
    if tuple(value.shape) != shape:
        raise ValueError(f"has the shape {tuple(value.shape)} where {shape} is wanted")
    floating = value.is_floating_point() if isinstance(value, Tensor) else value.dtype.kind == "f"
    if not floating:
        raise ValueError(f"is of {value.dtype} and not of floats")
    if isinstance(value, np.ndarray):
        with np.errstate(over="ignore"):
            value = torch.from_numpy(value.astype(np.float32))
    copy = value.detach().to(torch.float32, copy=True)
    if not copy.isfinite().all():
        raise ValueError("is not finite everywhere in single precision")
    return copy


def _from_tensorflow(name: str, value: Tensor, config: Config) -> Tensor:
    """A weight of TensorFlow's layout in torch's."""
    if value.ndim == 4:
        kernel = value.permute(3, 2, 0, 1)
        return kernel.flip(2, 3) if config.network == "conv-stride" else kernel
    if value.ndim == 2:
        channels = value.shape[0]
        if name == "head.weight":
            channels = config.hidden[-1]
        elif name == "layer0.weight" and config.dataset in IMAGE_SHAPE:
            channels = IMAGE_SHAPE[config.dataset][0]
        # (position*channel, out) to (out, channel*position)
        columns: Tensor = value.unflatten(0, (-1, channels)).permute(2, 1, 0).flatten(1)
        return columns
    return value
