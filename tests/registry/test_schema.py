"""The key of a record: what it depends on, what it does not, and that it can outlive new fields."""

import msgspec
import pytest

from suite.registry import Record, json_schema, run_key, training_key
from suite.registry.key import canonical
from suite.registry.schema import CurvePoint, DataFacts
from suite.settings import Config, get_setting

replace = msgspec.structs.replace


def other_values(record: Record) -> dict[str, object]:
    """For each part of a run's identity, another value."""
    data, split = record.data, record.data.split
    return {
        "setting": "omniglot-5way-1shot",
        "method": "fomaml",
        "options": {**record.options, "flag": False},
        "seed": 4,
        "config": replace(record.config, inner_lr=0.41),
        "schedule": replace(record.schedule, iterations=101),
        "protocol": replace(record.protocol, version=2),
        "fingerprint": replace(data, fingerprint="00" * 32),
        "split": replace(data, split=replace(split, sha256="00" * 32)),
    }


PARTS = ("setting", "method", "options", "seed", "config", "schedule", "protocol")


@pytest.mark.parametrize("part", [*PARTS, "fingerprint", "split"])
def test_the_key_depends_on_every_part_of_the_identity(make_record, part):
    record = make_record()
    field = part if part in PARTS else "data"
    other = make_record(**{field: other_values(record)[part]})
    assert run_key(other) != run_key(record)
    assert (training_key(other) == training_key(record)) == (part == "protocol")


def test_the_key_depends_on_every_field_of_the_configuration(make_record):
    record = make_record()
    keys = {run_key(record)}
    for name in Config.__struct_fields__:
        config = replace(record.config, **{name: "changed"})
        keys.add(run_key(make_record(config=config)))
    assert len(keys) == 1 + len(Config.__struct_fields__)


def test_the_key_ignores_what_was_measured_and_where(make_record):
    record = make_record()
    data = record.data
    other = make_record(
        timing=replace(record.timing, train_seconds=9.0, resumes=2),
        provenance=replace(record.provenance, host="elsewhere", git_commit="0" * 40),
        curve=(CurvePoint(iteration=1, train_loss=0.0, train_metric=0.0, validation_metric=0.0),),
        attempt=7,
        selected={},
        per_task={},
        metrics={},
        data=DataFacts(name="x", fingerprint=data.fingerprint, split=data.split, warnings=()),
    )
    assert run_key(other) == run_key(record)
    assert training_key(other) == training_key(record)


def test_a_key_does_not_change_from_one_version_to_the_next(make_record):
    """A change here makes every committed record one that "was edited by hand"."""
    record = make_record(protocol=get_setting("glyphs-5way-1shot").protocols[0])
    assert run_key(record) == "829b614e1cf7"
    assert training_key(record) == "bee3666d3d6e"


def test_the_order_of_options_does_not_matter(make_record):
    record = make_record()
    backwards = dict(reversed(record.options.items()))
    assert list(backwards) != list(record.options)
    assert run_key(make_record(options=backwards)) == run_key(record)


def test_a_field_that_is_added_later_does_not_change_the_keys_that_stand():
    class Later(Config, frozen=True, kw_only=True):
        augmentation: str = "none"

    config = get_setting("sinusoid").config
    later = Later(**msgspec.structs.asdict(config))
    assert canonical(later) == canonical(config)
    assert canonical(replace(later, augmentation="flip")) != canonical(config)


def test_the_json_schema_describes_every_field():
    schema = json_schema()
    definitions = schema["$defs"]
    record = definitions["Record"]
    assert set(record["properties"]) == set(Record.__struct_fields__)
    assert set(record["required"]) == set(Record.__struct_fields__)
    assert record["additionalProperties"] is False
    assert set(definitions["Config"]["properties"]) == set(Config.__struct_fields__)
    assert definitions["Record"]["properties"]["status"]["enum"] == ["completed", "failed"]


def test_a_record_has_the_names_that_other_tools_rely_on():
    promised = (
        "schema key status setting method seed config schedule protocol "
        "metrics per_task curve timing provenance"
    )
    assert set(promised.split()) <= set(Record.__struct_fields__)
