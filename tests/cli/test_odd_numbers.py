"""Numbers that no machine can heed: one line and exit code 2, and nothing is recorded."""

import pytest

RUN = "run sinusoid maml --iterations 2 --device cpu"


@pytest.mark.parametrize(
    "command",
    [
        f"{RUN} --threads 99999999",
        f"{RUN} --threads 99999999999999999999",
        f"{RUN} --time-limit 999999999999999999999h",
        f"{RUN} --checkpoint-every {'9' * 400}s",
        "reproduce sinusoid --time-limit 999999999999999999999h",
        "evaluate x --time-limit 999999999999999999999h",
        "benchmark --budget nan",
        "benchmark --budget inf",
    ],
)
def test_it_is_refused_in_one_line(suite, tmp_path, command):
    code, out, err = suite(command)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("suite: ")
    assert list(tmp_path.iterdir()) == []
