"""How paths on the command line are read: one rule for every option and argument."""

from pathlib import Path
from typing import Any

from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from suite.files import expanded

REGISTRY = ConstructorRegistry()


@REGISTRY.primitive_rule
def _path(type_info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """A `Path`, with `~` expanded: the shell leaves it alone in `--results=~/x`."""
    if type_info.type is not Path:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH",
        instance_from_str=lambda texts: expanded(texts[0]),
        is_instance=lambda value: isinstance(value, Path),
        str_from_instance=lambda value: [str(value)],
    )
