"""Names that others give to our weights: the unmistakable is stripped, the rest hinted at."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from suite.errors import one_line

_COUNTERS = ".num_batches_tracked"
_AVERAGES = (".running_mean", ".running_var")
_SPELLED = re.compile(r"(\d+)[_.]beta")


def authors_spelling(name: str) -> str:
    """A name of maml.py without what TensorFlow, or a file that may hold no slash, made of it."""
    plain = name.removeprefix("model/").removesuffix(":0")
    return _SPELLED.sub(r"\1/beta", plain) if _SPELLED.fullmatch(plain) else plain


def plain_names(
    found: Mapping[str, Any], ours: Collection[str]
) -> tuple[dict[str, Any], list[str]]:
    """`found` without counters and a prefix that all names have, and a line for what was stripped.

    Data-parallel models have the prefix `module.`, compiled ones `_orig_mod.`; any other is
    stripped where all that is left are names of ours.
    """
    remarks: list[str] = []
    kept = {name: value for name, value in found.items() if not name.endswith(_COUNTERS)}
    if len(kept) < len(found):
        remarks.append(f"{len(found) - len(kept)} counts of batches left out, they are no weights")
    prefix = _prefix(kept, ours)
    if prefix:
        kept = {name.removeprefix(prefix): value for name, value in kept.items()}
        remarks.append(f"the names are taken without their prefix {one_line(prefix)}")
    spelled = [name for name in kept if _SPELLED.fullmatch(name)]
    if spelled:
        remarks.append(f"{', '.join(spelled)} taken for maml.py's N/beta")
    return kept, remarks


def _prefix(names: Collection[str], ours: Collection[str]) -> str:
    prefix = ""
    while True:
        rest = {name.removeprefix(prefix) for name in names}
        heads = {name.partition(".")[0] for name in rest}
        if len(heads) != 1 or not all("." in name for name in rest) or rest <= set(ours):
            break
        prefix += f"{heads.pop()}."
    rest = {name.removeprefix(prefix) for name in names}
    known = all(part in ("module", "_orig_mod") for part in prefix.split(".")[:-1])
    return prefix if known or rest <= set(ours) else ""


def hints_of(found: Collection[str]) -> list[str]:
    """What may help where names do not fit."""
    hints = []
    if any(name.endswith(_AVERAGES) for name in found):
        hints.append(
            "running averages of batch normalisation are not used here, where a task's own "
            "statistics are: leave them out if the model was trained so"
        )
    if found and not any(re.match(r"(conv|layer|head|w|b)\d*", name) for name in found):
        hints.append("rename to conv0.weight, ..., head.bias, or to maml.py's conv1, ..., b5")
    return hints
