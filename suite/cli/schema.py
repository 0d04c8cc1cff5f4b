"""`suite schema`."""

import json

from suite.cli.reading import Schema
from suite.registry.schema import json_schema


def schema_command(_: Schema) -> int:
    """See `Schema`; the exit code."""
    print(json.dumps(json_schema(), indent=2, sort_keys=True))
    return 0
