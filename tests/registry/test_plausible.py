"""A record whose key and summary are right is refused where its protocol cannot have given it."""

import json
import math

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.errors import RegistryError
from suite.registry import Record, run_key
from suite.registry.plausible import implausible
from suite.registry.store import decode, encode
from suite.registry.summary import _median, summarise

FUZZ = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
GOOD = ((0.2, 0.2), (None, 0.4), (0.6, 0.8))
WRONG = {
    "one task": ({"rows": ((0.2,), (0.4,), (0.6,))}, "outcomes a step, its protocol"),
    "too many tasks": ({"rows": ((0.2,) * 3,) * 3}, "outcomes a step, its protocol"),
    "too few steps": ({"rows": GOOD[:2]}, "has 2 rows, its protocol has 3"),
    "too many steps": ({"rows": (*GOOD, (0.1, 0.1))}, "has 4 rows, its protocol has 3"),
    "137 %": ({"rows": (*GOOD[:2], (1.37, 0.8))}, "not from 0 to 1"),
    "below nothing": ({"rows": (*GOOD[:2], (-0.1, 0.8))}, "not from 0 to 1"),
    "another metric": ({"metric": "mse"}, "its metrics are mse, not accuracy alone"),
    "an unknown metric": ({"metric": "f1"}, "its metrics are f1, not accuracy alone"),
    "two metrics": ({"more": "mse"}, "its metrics are accuracy, mse"),
    "a step beyond": ({"protocol": {"report_step": 3}}, "report_step 3 is beyond its 2 steps"),
    "attempt before": ({"attempt": -1}, "attempt -1"),
    "attempt beyond": ({"attempt": 10**9}, "attempt 1000000000"),
    "seed before": ({"seed": -1}, "seed -1"),
    "seed beyond": ({"seed": 2**63}, "seed 9223372036854775808"),
    "curve backwards": ({"curve": (50, 40)}, "curve goes from iteration 50 to 40"),
    "curve twice": ({"curve": (50, 50)}, "curve goes from iteration 50 to 50"),
    "curve beyond": ({"curve": (50, 101)}, "curve goes to iteration 101, its schedule to 100"),
    "curve from zero": ({"curve": (0,)}, "curve goes from iteration 0 to 0"),
    "time": ({"timing": {"train_seconds": -1.0}}, "timing.train_seconds is negative"),
    "memory": ({"timing": {"peak_memory_bytes": 10**30}}, "timing has a number that is too large"),
    "threads": ({"provenance": {"threads": 0}}, "threads is less than 1"),
    "changed options": (
        {"provenance": {"changed_options": ["none"]}},
        "provenance.changed_options has a name that is none of its options",
    ),
    "options": ({"options": {"a": 10**30}}, "options has a number that is too large"),
    "a folder": ({"method": "../maml"}, "method is not a name"),
    "a line": ({"setting": "a\nb"}, "setting is not a name"),
    "a link": ({"method": "javascript:alert(1)"}, "method is not a name"),
}


def _spoiled(
    record: Record, *, rows=GOOD, metric="accuracy", more=None, curve=None, **changes
) -> bytes:
    """`record` with `changes`, its key and summary made anew, as JSON, unchecked."""
    parts = {}
    for name, value in changes.items():
        whole = getattr(record, name)
        is_part = isinstance(value, dict) and name != "options"
        parts[name] = msgspec.structs.replace(whole, **value) if is_part else value
    if curve is not None:
        parts["curve"] = tuple(
            msgspec.structs.replace(record.curve[0], iteration=at) for at in curve
        )
    changed = msgspec.structs.replace(record, **parts)
    names = [metric, *([more] if more else [])]
    changed = msgspec.structs.replace(
        changed,
        per_task=dict.fromkeys(names, rows),
        metrics={name: summarise(rows, changed.protocol.report_step) for name in names},
    )
    return msgspec.json.encode(msgspec.structs.replace(changed, key=run_key(changed)))


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_what_its_protocol_cannot_have_given_is_refused_by_name(make_record, changes, message):
    data = _spoiled(make_record(), **changes)
    with pytest.raises(RegistryError) as caught:
        decode(data, "some.json")
    told = str(caught.value)
    assert told.startswith("some.json: ")
    assert message in told
    assert told.isprintable()
    with pytest.raises(RegistryError):
        encode(msgspec.json.decode(data, type=Record))


def test_the_unspoiled_is_taken(make_record):
    assert decode(_spoiled(make_record()), "some.json").per_task == {"accuracy": GOOD}


def test_options_without_end_are_refused(make_record):
    fields = json.loads(encode(make_record()))
    nested = json.loads("[" * 900 + "]" * 900)
    for options in ({"a": nested}, {"a": {"b": nested}}):
        with pytest.raises(RegistryError, match="nested more than"):
            decode(json.dumps({**fields, "options": options}).encode(), "some.json")


def _numbers_of(record: Record):
    """Part and name of every number in the parts that are of numbers."""
    for part in ("config", "schedule", "protocol", "timing"):
        for name, value in msgspec.structs.asdict(getattr(record, part)).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield part, name, type(value)


def test_no_number_of_any_part_may_be_too_large(make_record):
    record = make_record()
    places = list(_numbers_of(record))
    assert len(places) > 20
    for part, name, kind in places:
        spoiled = msgspec.structs.replace(getattr(record, part), **{name: kind(2**53 + 2)})
        told = implausible(msgspec.structs.replace(record, **{part: spoiled}))
        assert (told is None) == (kind is float), (part, name)
        for value in (-kind(10**40), math.inf, math.nan, 10**400):
            spoiled = msgspec.structs.replace(getattr(record, part), **{name: value})
            assert implausible(msgspec.structs.replace(record, **{part: spoiled})), (part, name)


@pytest.mark.parametrize("value", [2**53 + 1, -(2**60), 1e39 * 2, math.inf, math.nan, 10**400])
def test_no_number_hides_in_what_is_nested(make_record, value):
    for options in ({"a": [1, {"b": [value]}]}, {"a": True, "b": "", "c": (None, value)}):
        told = implausible(make_record(options=options))
        assert told == "options has a number that is too large"
    assert implausible(make_record(selected={"a": 1.0, "b": float("inf")}))


def test_many_large_numbers_are_no_too_large_one(make_record):
    options = {"a": [2**53] * 9, "b": [-1e38, 1e38, True, "text", None]}
    assert implausible(make_record(options=options)) is None


@FUZZ
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=9))
def test_the_median_is_that_of_numpy(row):
    with np.errstate(over="ignore", invalid="ignore"):
        assert _median(np.array(row)) == np.median(row) or math.isnan(np.median(row))


@FUZZ
@given(
    rows=st.lists(
        st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=3),
        max_size=4,
    ),
    steps=st.integers(0, 3),
    tasks=st.integers(1, 3),
    report_step=st.integers(0, 4),
)
def test_outcomes_are_taken_exactly_where_they_fit(make_record, rows, steps, tasks, report_step):
    rows = tuple(map(tuple, rows))
    protocol = {"steps": steps, "tasks": tasks, "report_step": report_step}
    fits = (
        report_step <= steps
        and len(rows) == steps + 1
        and all(len(row) == tasks for row in rows)
        and all(value is None or 0 <= value <= 1 for row in rows for value in row)
    )
    try:
        data = _spoiled(make_record(), rows=rows, protocol=protocol)
    except ValueError:
        assert not fits
        return
    try:
        decode(data, "some.json")
    except RegistryError:
        assert not fits
    else:
        assert fits
