"""Whatever is typed: a clear line and exit code 2, or what was asked for; never a traceback."""

import sys

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from baselines import method_of
from suite.cli import main
from suite.cli.run import changed
from suite.errors import UsageError
from suite.settings import SETTINGS

FUZZ = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FIELDS = st.sampled_from(list(SETTINGS["sinusoid"].config.__struct_fields__))
VALUES = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=8),
    st.sampled_from(["null", "true", "[]", "[40,40]", "[0]", '"mlp"', "{}", "1e999", "-1", "[1,"]),
)
WORDS = st.one_of(
    st.sampled_from(
        [
            *("run", "list", "show", "diff", "export", "tables", "check", "evaluate", "schema"),
            *("sinusoid", "maml", "oracle", "omniglot-5way-1shot", "../..", "a.json", "0", "-1"),
            *("--seeds", "--set", "--iterations", "--protocols", "--results", "--data", "--json"),
            *(
                "--missing",
                "--time-limit",
                "--engine",
                "--device",
                "--checkpoint-every",
                "--reports",
            ),
            *("inner_lr=nan", "hidden=[0]", "5-shot", "9m", "cuda", "graph", "1e9", "", "--", "é"),
        ]
    ),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
)


@FUZZ
@given(field=FIELDS, value=VALUES)
@example(field="inner_lr", value="NaN")
@example(field="inner_lr", value="1e999")
@example(field="tasks_per_batch", value="true")
@example(field="hidden", value="[]")
def test_a_change_of_the_configuration(field, value):
    setting, told = SETTINGS["sinusoid"], None
    config = setting.config
    try:
        found, options = changed(setting, method_of(setting, "maml"), (f"{field}={value}",))
    except UsageError as error:
        told = str(error)
    if told is not None:
        assert "\n" not in told
        return
    assert options == {}
    # What is taken is of the field's type, can be hashed into a key, and survives a record.
    again = msgspec.json.decode(msgspec.json.encode(found), type=type(found))
    assert again == found
    others = set(found.__struct_fields__) - {field}
    assert all(getattr(found, name) == getattr(config, name) for name in others)


@pytest.fixture
def nothing_is_run(monkeypatch):
    """Commands stop where a run would begin."""

    def begun(*_):
        raise UsageError("would run")

    monkeypatch.setattr("suite.cli.run.execute", begun)
    monkeypatch.setattr("suite.cli.run.load_images", lambda *_: None)


@FUZZ
@given(words=st.lists(WORDS, max_size=6))
@example(words=["run", "sinusoid", "maml", "--seeds", "-1"])
@example(words=["run", "sinusoid", "maml", "--set", "hidden=[0]"])
@example(words=["run", "sinusoid", "maml", "--iterations", "0"])
@example(words=["run", "sinusoid", "maml", "--time-limit", "é"])
@example(words=["run", "sinusoid", "maml", "--seeds", "99999999999999999999999"])
@example(words=["run", "nothing", "maml"])
@example(words=["run", "sinusoid", "nothing"])
@example(words=["show", "../.."])
@example(words=["diff", "", ""])
@example(words=["evaluate", ""])
@example(words=["export", ""])
def test_a_command_line(nothing_is_run, words, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["suite", *words])
    with pytest.raises(SystemExit) as left:
        main()
    captured = capsys.readouterr()
    assert left.value.code in (0, 1, 2)
    assert "Traceback" not in captured.out + captured.err
    if left.value.code:
        assert captured.out + captured.err
