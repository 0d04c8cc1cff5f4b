"""Paths, terminals and disks as one does not wish them: one line and exit code 2."""

import io
import logging
import sys
from pathlib import Path

import pytest

from suite.cli import main
from suite.errors import RegistryError, UsageError
from suite.files import cache_dir, expanded
from suite.registry import Registry
from suite.registry.seen import Seen

GOLDEN = Path(__file__).parents[1] / "report" / "golden" / "results"
FULL = Path("/dev/full")
HELD = f"--results {GOLDEN}"
SINUSOID = "sinusoid maml --iterations 10 --threads 1 --device cpu --protocols 5-shot"

WRITERS = {
    f"tables {HELD} --reports {{place}}": "figures",
    f"report {HELD} --reports {{place}}": "figures",
    f"export {{place}}/all.csv {HELD}": "all.csv",
    f"export {{place}}/curves --tensorboard {HELD}": "curves",
    f"run {SINUSOID} --results {{place}}/results": "results",
    f"run {SINUSOID} --checkpoints {{place}}/saved": "saved",
}
OF_HOME = {
    f"tables {HELD} --reports=~/x": "x/tables.md",
    f"export ~/all.csv {HELD}": "all.csv",
    f"run {SINUSOID} --results=~/new --checkpoints=~/saved": "new/sinusoid/maml",
    "list --results=~": "",
}
OF_NOBODY = [
    *("list --results=~nobody-here/x", "tables --reports=~nobody-here/x", "export ~nobody-here/x"),
    *("show ~nobody-here/x.json", "data omniglot --data ~nobody-here/x"),
    *("evaluate --weights ~nobody-here/x", f"run {SINUSOID} --checkpoints ~nobody-here/x"),
]


@pytest.mark.parametrize(("command", "written"), OF_HOME.items(), ids=OF_HOME)
def test_a_tilde_is_the_home_folder(suite, tmp_path, monkeypatch, command, written):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    code, _, err = suite(command)
    assert code == 0, err
    assert (home / written).exists()
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("command", OF_NOBODY)
def test_the_home_of_nobody_is_one_line(suite, tmp_path, command):
    code, out, err = suite(command)
    assert (code, out) == (2, "")
    assert "there is no user 'nobody-here'" in " ".join(err.replace("│", "").split())
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", ["SUITE_DATA", "SUITE_CACHE"])
@pytest.mark.parametrize("command", ["data omniglot", "data miniimagenet", "list", "doctor"])
def test_a_variable_that_names_the_home_of_nobody(suite, monkeypatch, variable, command):
    monkeypatch.setenv(variable, "~nobody-here/x")
    code, out, err = suite(command)
    told = f"{variable}=~nobody-here/x: there is no user 'nobody-here'"
    if command == "list":
        assert code == 0
    elif command == "doctor":
        assert code == 0
        assert told in out
    else:
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert told in err


def test_without_a_home_there_is_no_cache_and_the_registry_is_read(monkeypatch):
    monkeypatch.delenv("SUITE_CACHE", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda _: Path("~/x").expanduser())
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError()))
    with pytest.raises(UsageError, match="set SUITE_CACHE=DIR"):
        cache_dir()
    with pytest.raises(UsageError, match="HOME is not set"):
        expanded("~/x")
    seen = Seen(GOLDEN)
    seen.add(GOLDEN, (1, 1, 1, 1))
    seen.save()
    seen.forget()


@pytest.mark.parametrize(("command", "named"), WRITERS.items(), ids=WRITERS)
def test_what_cannot_be_written_is_one_line_with_its_name(suite, tmp_path, command, named):
    (tmp_path / "file").write_text("")
    code, out, err = suite(command.format(place="file"))
    assert (code, out) == (2, "")
    line = err.splitlines()[-1]
    assert line.startswith("suite: ")
    assert f"file/{named}" in line or "'file'" in line or "file: " in line
    assert "Not a directory" in line or "File exists" in line
    assert "Traceback" not in err


@pytest.mark.parametrize("name", ["index.html", "tables.md"])
def test_a_folder_in_the_place_of_a_report(suite, tmp_path, name):
    (tmp_path / "out" / name).mkdir(parents=True)
    code, out, err = suite(f"report {HELD} --reports out")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"suite: out/{name}: Is a directory"
    code, out, err = suite(f"report {HELD} --reports out --check")
    assert (code, err.splitlines()[-1]) == (2, f"suite: out/{name}: Is a directory")


def test_a_damaged_report_is_out_of_date(suite, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tables.md").write_bytes(b"\xff\xfe")
    assert suite(f"tables {HELD} --reports out --check")[0] == 1


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "command", ["list", "schema", "--help", f"show {GOLDEN}/x.json", f"run {SINUSOID}", "doctor"]
)
@pytest.mark.parametrize("both", [False, True])
def test_a_full_disk_behind_the_output(monkeypatch, tmp_path, capsys, command, both):
    if command.startswith("show"):
        path = sorted((GOLDEN / "sinusoid" / "maml").glob("*.json"))[0]
        command = f"show {path} {HELD}"
    with FULL.open("w") as full, FULL.open("w") as errors:
        monkeypatch.setattr(sys, "stdout", full)
        if both:
            monkeypatch.setattr(sys, "stderr", errors)
        monkeypatch.setattr(sys, "argv", ["suite", *command.split()])
        with pytest.raises(SystemExit) as left:
            main()
    assert left.value.code == 2
    if not both:
        *_, line = capsys.readouterr().err.splitlines()
        assert line == "suite: the output: No space left on device"


@pytest.mark.parametrize("command", ["list", "list sinusoid", "--help", "run --help", "tables"])
def test_an_ascii_terminal_gets_substitutes(monkeypatch, tmp_path, command):
    raw = io.BytesIO()
    shown = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr(sys, "stderr", shown)
    more = f" {HELD} --show" if command == "tables" else ""
    monkeypatch.setattr(sys, "argv", ["suite", *f"{command}{more}".split()])
    with pytest.raises(SystemExit) as left:
        main()
    text = raw.getvalue().decode("ascii")
    assert left.value.code == 0
    assert "?" not in text
    if command == "tables":
        assert " +- " in text


def test_what_is_written_to_an_ascii_stream_by_anybody(monkeypatch):
    from suite.cli.printing import make_safe

    raw = io.BytesIO()
    shown = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", shown)
    make_safe()
    print("1 ± 2 → 3 – … │─┼ é \udcff", file=shown)
    logging.StreamHandler(shown).emit(logging.makeLogRecord({"msg": "a ± b"}))
    assert raw.getvalue() == b"1 +- 2 -> 3 - ... |-+ ? ?\na +- b\n"


@pytest.mark.parametrize("command", ["list", "doctor", f"run {SINUSOID}"])
def test_a_working_directory_that_was_removed_is_one_line(suite, tmp_path, monkeypatch, command):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    told = "suite: the working directory was removed: change to one that is there\n"
    assert suite(command) == (2, "", told)
    assert list(tmp_path.iterdir()) == []


def test_a_run_does_not_train_for_a_registry_that_takes_no_record(suite, tmp_path, monkeypatch):
    def refuse(registry: Registry) -> None:
        raise RegistryError(f"cannot write to {registry.root}")

    monkeypatch.setattr(Registry, "require_writable", refuse)
    assert suite(f"run {SINUSOID}") == (2, "", "suite: cannot write to results\n")
    assert not list(tmp_path.rglob("*.pt"))


def test_a_lenient_list_leaves_out_what_is_no_pack(suite, tmp_path, caplog):
    pack = tmp_path / "results" / "unfinished" / "x.pack"
    pack.parent.mkdir(parents=True)
    pack.write_bytes(b"no pack")
    code, _, err = suite("list")
    assert code == 2
    assert "x.pack is no sound pack" in err
    code, out, _ = suite("list --lenient")
    assert code == 0
    assert "Run one with" in out
    assert "left out: results/unfinished/x.pack is no sound pack" in caplog.text
