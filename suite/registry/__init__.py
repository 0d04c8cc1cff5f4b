"""The schema of a record, its key, and the store."""

from suite.registry.frame import frame
from suite.registry.key import run_key, training_key
from suite.registry.schema import Record, json_schema
from suite.registry.store import Registry

__all__ = ["Record", "Registry", "frame", "json_schema", "run_key", "training_key"]
