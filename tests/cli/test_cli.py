"""The command line: a mistake costs one line and exit code 2; a run prints where its record is."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from suite.registry.schema import Record
from suite.settings import SETTINGS, get_setting
from suite.settings.footnotes import FOOTNOTES
from suite.settings.metrics import MSE
from suite.settings.schema import REINFORCEMENT_ONLY

SHORT = "--iterations 10 --threads 1 --device cpu --protocols 5-shot"
MISTAKES = {
    "reproduce sinusoid --iterations 0": "--iterations 0: at least 1 is needed",
    "reproduce sinusoid --jobs 0": "--jobs 0: at least 1 is needed",
    "sweep sinusoid --seeds -1": "--seeds -1: name seeds from 0 on",
    "benchmark --budget -1": "--budget -1.0: name seconds from 0 on",
    "run nowhere maml": "no setting 'nowhere'; there are: sinusoid, omniglot-5way-1shot",
    "run sinusoid bogus": "no method 'bogus'; there are: maml, fomaml",
    "run omniglot-5way-1shot oracle": "oracle does not run on omniglot-5way-1shot",
    "run sinusoid fine-tuning": "fine-tuning does not run on sinusoid",
    "run glyphs-5way-1shot fine-tuning --protocols authors": "it has: inductive",
    "run omniglot-5way-1shot maml --data nowhere": "no Omniglot in nowhere",
    "run sinusoid maml --protocols 7-shot": "no protocol '7-shot'; it has: 5-shot, 10-shot",
    "run sinusoid maml --iterations 0": "--iterations 0: at least 1 is needed",
    "run sinusoid maml --iterations -5": "--iterations -5: at least 1 is needed",
    "run sinusoid maml --time-limit soon": "'soon' is no duration",
    "run sinusoid maml --checkpoint-every 5x": "'5x' is no duration",
    "run sinusoid maml --iterations 9 --seeds -1": "--seeds -1",
    "run sinusoid maml --iterations 9 --threads 0": "--threads 0",
    "run sinusoid maml --iterations 9 --device tpu9": "--device tpu9: choose auto, cpu or cuda",
    "run sinusoid maml --iterations 9 --device cuda:": "--device cuda:: choose auto, cpu or cuda",
    "benchmark --device gpu": "--device gpu: choose auto, cpu or cuda",
    "list nowhere": "no setting 'nowhere'",
    "data omniglot --data nowhere": "no Omniglot in nowhere",
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_2(suite, tmp_path, arguments, message):
    code, out, err = suite(arguments)
    assert code == 2
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("suite: ")
    assert message in line
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("command", ["run miniimagenet-5way-1shot maml", "data miniimagenet"])
def test_without_mini_imagenet_a_few_lines_say_how_to_get_it(suite, tmp_path, command):
    code, out, err = suite(f"{command} --data {tmp_path}")
    assert (code, out) == (2, "")
    first, *how_to = err.splitlines()
    assert first == f"suite: no mini-ImageNet in {tmp_path}"
    assert 4 <= len(how_to) <= 6
    assert "--data DIR or set SUITE_DATA=DIR" in err
    assert "non-commercial" in err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_a_mistake(suite):
    code, _, err = suite("run sinusoid maml --device cuda")
    assert (code, err.count("\n")) == (2, 1)
    assert "--device cpu" in err


@pytest.mark.parametrize("arguments", ["run", "run sinusoid", "fly", "run sinusoid maml --speed 9"])
def test_a_command_that_is_none_is_told_so(suite, arguments):
    code, _, err = suite(arguments)
    assert code == 2
    assert "Traceback" not in err
    assert err.strip()


@pytest.mark.parametrize("command", ["list", "tables", f"run sinusoid maml {SHORT}"])
def test_a_record_that_cannot_be_read_is_named(suite, tmp_path, command):
    # Written first, so that `run` looks for the very file that is spoiled.
    suite(f"run sinusoid maml {SHORT}")
    (path,) = (tmp_path / "results").glob("*/*/*.json")
    path.write_text(path.read_text()[:100])
    code, _, err = suite(command)
    assert code == 2
    (line,) = err.splitlines()
    assert path.name in line
    assert "not a record" in line


def test_a_run_prints_its_result_and_its_record(suite, tmp_path):
    code, out, err = suite(f"run sinusoid maml {SHORT} --seeds 0 1 0")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 2  # a seed named twice is run once
    for seed, line in enumerate(lines):
        assert line.startswith(f"sinusoid maml seed {seed} [5-shot] mse ")
        record = json.loads((tmp_path / line.split(" -> ")[1]).read_text())
        assert record["status"] == "completed"
        assert record["schedule"]["name"] == "shortened"
        assert record["provenance"]["command"].startswith("suite run sinusoid maml --iterations 10")
        assert f"mse {MSE.number(record['metrics']['mse']['mean'])} ±" in line


def test_a_run_that_stands_is_said_to_stand(suite):
    _, first, _ = suite(f"run sinusoid maml {SHORT}")
    code, second, _ = suite(f"run sinusoid maml {SHORT}")
    path = first.split(" -> ")[1].strip()
    assert code == 0
    assert second.strip().endswith(f"(stands already: {path})")


def test_a_run_is_scored_under_any_protocol_that_evaluate_has(suite, tmp_path):
    command = SHORT.replace("5-shot", "2-steps")
    assert suite(f"run sinusoid maml {command}")[0] == 0
    (path,) = tmp_path.rglob("seed-0-*.json")
    protocol = json.loads(path.read_text())["protocol"]
    assert (protocol["name"], protocol["report_step"]) == ("2-steps", 2)


def test_a_change_is_another_run_with_its_value_in_the_record(suite, tmp_path):
    suite(f"run sinusoid maml {SHORT}")
    suite(f"run sinusoid maml {SHORT} --set inner_lr=0.01 hidden=[8,8]")
    files = (tmp_path / "results").glob("*/*/*.json")
    configs = [json.loads(path.read_text())["config"] for path in files]
    assert sorted(config["inner_lr"] for config in configs) == [0.001, 0.01]
    assert sorted(config["hidden"] for config in configs) == [[8, 8], [40, 40]]


CODES = ("0", "1", "2", "3", "70", "129", "130", "143")


def test_help_and_the_page_on_use_tell_the_same_exit_codes(suite):
    page = (Path(__file__).parents[2] / "docs" / "using.md").read_text(encoding="utf-8")
    _, table = page.split("| exit code |")
    rows = [line.split("|")[1] for line in table.split("\n\n")[0].splitlines()[2:]]
    assert tuple(code.strip() for row in rows for code in row.split(",")) == CODES
    _, out, _ = suite("--help")
    told = " ".join(out.split("options")[0].split()).split("Exit codes: ")[1]
    assert tuple(re.findall(r"\d+", told)) == CODES


def test_a_fault_of_the_suite_is_neither_a_difference_nor_a_mistake(suite, monkeypatch):
    def faulty(*_, **__):
        raise KeyError("unforeseen")

    monkeypatch.setattr("suite.cli.report._check", faulty)
    code, out, err = suite("tables --check")
    assert (code, out) == (70, "")
    assert err.splitlines()[-1] == "KeyError: 'unforeseen'"


def test_a_failed_run_is_exit_code_1_and_the_other_seeds_are_run(suite, monkeypatch, caplog):
    from baselines.maml import Maml

    objective, calls = Maml.objective, []

    def fails_twice(*arguments):
        calls.append(1)
        if len(calls) <= 2:  # both together, then the first of them alone
            raise FloatingPointError("on fire")
        return objective(*arguments)

    monkeypatch.setattr(Maml, "objective", fails_twice)
    code, out, err = suite(f"run sinusoid maml {SHORT} --seeds 0 1")
    assert code == 1
    assert "seed 1" in out
    assert "seed 0" not in out
    assert "FloatingPointError: on fire; recorded in" in caplog.text
    assert "Traceback" not in err
    _, listed, _ = suite("list")
    assert "1 failed runs stand in results" in listed


def test_a_time_limit_says_how_to_go_on(suite, caplog, tmp_path):
    code, out, _ = suite("run sinusoid maml --engine eager --threads 1 --time-limit 3s")
    assert (code, out) == (3, "")
    assert "the time limit is reached; to go on, give the same command again" in caplog.text
    assert list((tmp_path / "cache").glob("runs/*/checkpoint.pt"))
    assert not list(tmp_path.glob("results/*/*/*.json"))


def test_list_shows_every_setting_and_what_stands(suite):
    code, empty, _ = suite("list")
    assert code == 0
    assert all(name in empty for name in SETTINGS)
    suite(f"run sinusoid maml {SHORT}")
    _, out, _ = suite("list")
    assert "1 x 10 it" in out
    assert "1 x 10 it" not in empty


@pytest.mark.parametrize("name", SETTINGS)
def test_list_shows_each_value_of_a_setting_with_its_source(suite, name):
    code, out, _ = suite(f"list {name}")
    setting = get_setting(name)
    assert code == 0
    unsaid = () if setting.config.problem == "policies" else REINFORCEMENT_ONLY
    for field in setting.config.__struct_fields__:
        assert (field in out) == (field not in unsaid)
    assert setting.sources["inner_lr"] in out
    assert len(re.findall(r"^note(?: on .*?)?: ", out, re.MULTILINE)) == len(setting.footnotes)
    assert len(re.findall(r"^paper: ", out, re.MULTILINE)) == len(setting.paper)
    # Notes and protocols name the methods that they are about.
    text = " ".join(out.split())
    for key in setting.footnotes:
        note = FOOTNOTES[key]
        here = ", ".join(method for method in note.methods if method in setting.methods)
        assert (f"note on {here}: " if note.methods else "note: ") + note.text in text
    titles = re.findall(r"protocols of ([a-z0-9, -]+) \(", text)
    assert sorted(", ".join(titles).split(", ")) == sorted(setting.methods)


def listed(suite, name):
    """`suite list NAME` on one line."""
    return " ".join(suite(f"list {name}")[1].split())


def test_list_groups_what_methods_share(suite):
    out = listed(suite, "miniimagenet-5way-1shot")
    _, shared = out.split("protocols of fine-tuning, nearest-neighbour, pretraining (")
    table = shared.split("suite evaluate has also")[0]
    assert "│ inductive │" in table
    assert "│ ravi-larochelle │" in table
    assert "│ authors │" not in table


def test_list_shows_the_values_of_the_training_that_settings_share(suite):
    """Siamese nets are trained on 16 classes, whatever the setting."""
    out = listed(suite, "omniglot-5way-1shot")
    own = out.split("only siamese-nets ")[1].split("only ")[0]
    for row in ("│ n_way │ 16 │", "│ n_query │ 3 │", "│ tasks_per_batch │ 1 │"):
        assert row in own
    assert "│ updates │ 15 │" in out.split("options of fine-tuning ")[1].split("options of")[0]


def test_schema_is_json(suite):
    code, out, _ = suite("schema")
    assert code == 0
    assert set(json.loads(out)["$defs"]["Record"]["properties"]) == set(Record.__struct_fields__)


def test_doctor_says_what_is_missing_and_how_to_get_it(suite, tmp_path):
    code, out, _ = suite("doctor")
    assert code == 0
    for name in ("python", "torch", "higher", "device", "cache", "omniglot"):
        assert any(line.startswith(name) for line in out.splitlines()), name
    assert str(tmp_path / "cache") in out
    assert "suite data omniglot" in out


def test_tables_are_written_where_they_are_said_to_be(suite, tmp_path):
    suite(f"run sinusoid maml {SHORT}")
    code, out, _ = suite("tables --reports out")
    assert code == 0
    assert "out/tables.md" in out
    assert "sinusoid" in (tmp_path / "out" / "tables.md").read_text().lower()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux has them")
@pytest.mark.skipif(os.cpu_count() == 1, reason="one core has one thread anyway")
def test_numpy_has_one_thread():
    code = (
        "import os, sys; sys.argv = ['suite', 'schema']\n"
        "from suite.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "import numpy\n"
        "print(len(os.listdir('/proc/self/task')))"
    )

    def threads(**asked: str) -> int:
        own = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=own | asked)
        return int(done.stdout.splitlines()[-1])

    assert threads() == threads(OPENBLAS_NUM_THREADS="1") < threads(OPENBLAS_NUM_THREADS="2")


@pytest.mark.parametrize(
    ("command", "left_out"),
    [
        ("list", {"torch", "pandas", "scipy", "matplotlib"}),
        ("status", {"torch", "pandas", "scipy", "matplotlib"}),
        ("sweep sinusoid/maml --dry-run", {"pandas", "scipy", "matplotlib"}),
        (
            "run sinusoid maml --iterations 1 --protocols 5-shot --threads 1 --engine eager",
            {"pandas", "scipy", "matplotlib", "torch._dynamo"},
        ),
    ],
)
def test_a_command_imports_no_large_library_that_it_does_not_need(tmp_path, command, left_out):
    code = (
        "import sys\n"
        "from suite.cli import main\n"
        "try: main()\n"
        "except SystemExit as left: code = left.code\n"
        "print(code, *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command.split()],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    code, *modules = done.stdout.splitlines()[-1].split()
    assert code == "0"
    assert left_out.isdisjoint(modules)
