"""`suite sweep` and `suite status`, on a registry of their own."""

import json
from pathlib import Path

import pytest

from suite.cli import machines
from suite.launch.board import boards
from suite.registry import Registry
from tests.processes import alive, runs_of, started, wait_for

COMMITTED = Path(__file__).parents[2] / "results"
SHORT = "sweep sinusoid/maml sinusoid/oracle sinusoid/fomaml --iterations 3"
PATIENCE = 240.0


def record_names(root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in Registry(root).paths()]


def test_a_dry_run_on_the_committed_registry_prints_a_plan(suite):
    code, out, err = suite(f"sweep missing --dry-run --results {COMMITTED}")
    assert (code, err) == (0, "")
    assert "omniglot-20way-5shot" in out
    (last,) = (line for line in out.splitlines() if "device hours" in line)
    assert "0 runs stand; " in last
    assert "of which no record tells (?)" in last


def test_a_program_can_read_the_plan(suite):
    code, out, _ = suite(f"sweep table1 rl --dry-run --json --results {COMMITTED}")
    assert code == 0
    found = json.loads(out)
    assert {"setting": "omniglot-5way-1shot", "method": "maml", "seeds": [0]}.items() <= (
        found["standing"][0].items()
    )
    seeds = [each["job"]["seeds"] for each in found["left"]]
    assert seeds == sorted(seeds)
    known = [each["hours"] for each in found["left"] if each["hours"] is not None]
    assert found["hours"] == pytest.approx(sum(known), abs=0.001 * len(known))
    assert found["unknown"] == len(found["left"]) - len(known)


MISTAKES = {
    "sweep": "name a plan: quickstart, paper, table1, ",
    "sweep nothing": "no plan 'nothing'; there are: quickstart, paper, table1, ",
    "sweep sinusoid/nothing": "sinusoid has no method 'nothing'",
    "sweep omniglot-5way-5shot/mann --methods maml": "has no method 'maml'; it has: mann",
    "sweep missing --schedule short": "missing has the paper's schedules",
    "sweep paper --budget-hours -1": "--budget-hours -1.0: name hours from 0 on",
    "sweep paper --budget-hours nan": "--budget-hours nan: name hours from 0 on",
    "sweep paper --job-timeout soon": "'soon' is no duration",
    "sweep paper --jobs 0": "--jobs 0: at least 1 is needed",
    "sweep paper --ray auto --dry-run": "--dry-run asks no cluster: leave --ray out",
    "sweep paper --ray auto --gpu-share 2": "--gpu-share 2.0: name the share of a GPU that a run",
    "sweep paper --allow-versions": "--allow-versions is for the machines of a cluster",
    "sweep paper --gpu-share 0.5": "--gpu-share is for the machines of a cluster",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes_are_told_in_a_line(suite, tmp_path, arguments):
    code, out, err = suite(arguments)
    assert (code, out) == (2, "")
    assert MISTAKES[arguments] in err
    assert not (tmp_path / "results").exists()


ADDRESSES = {
    "ray://host:1": "a sweep runs on a machine of the cluster; there name HOST:PORT, auto or local",
    "host": "a sweep runs on a machine of the cluster",
    "127.0.0.1:1": "no Ray cluster at 127.0.0.1:1 (",
    "127.0.0.1:99999": "no Ray cluster at 127.0.0.1:99999 (",
}


@pytest.mark.cluster
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_without_a_cluster_is_told_in_a_line(suite, tmp_path, address):
    pytest.importorskip("ray", reason="Ray cannot be imported")
    code, out, err = suite(f"sweep sinusoid/maml --ray {address}")
    assert (code, out) == (2, "")
    assert ADDRESSES[address] in err
    assert not (tmp_path / "results").exists()


def test_without_ray_its_extra_is_named(suite, monkeypatch):
    monkeypatch.setattr(machines.importlib.util, "find_spec", lambda _: None)
    code, _, err = suite("sweep sinusoid/maml --ray auto")
    assert code == 2
    assert "--ray needs Ray; install it with: pip install '.[cluster]'" in err


def test_nothing_is_started_beyond_the_budget(suite, tmp_path):
    code, out, _ = suite("sweep sinusoid/oracle --seeds 0 1 --budget-hours 100")
    assert code == 3
    assert out.splitlines()[-1] == (
        "1 runs are beyond the budget; to go on, give the same command again"
    )
    assert record_names(tmp_path / "results") == []


@pytest.mark.slow
def test_a_sweep_runs_what_lacks_and_no_more(suite, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    code, out, err = suite(f"{SHORT} --seeds 0 1 --jobs 2")
    assert code == 0, err
    names = record_names(tmp_path / "results")
    assert {name.rpartition("/")[0] for name in names} == {
        *("sinusoid/maml", "sinusoid/oracle", "sinusoid/fomaml"),
    }
    assert "done: sinusoid maml seeds 0 1; " in err
    assert list(boards(tmp_path / "results")) == []
    code, out, _ = suite(f"{SHORT} --seeds 0 1 2 --dry-run --json")
    assert code == 0
    plan = json.loads(out)
    assert len(plan["standing"]) == 6
    assert sorted((each["job"]["method"], each["job"]["seeds"]) for each in plan["left"]) == [
        *(("fomaml", [2]), ("maml", [2]), ("oracle", [2])),
    ]
    assert all(each["hours"] is not None for each in plan["left"])
    code, out, err = suite(f"{SHORT} --seeds 0 1 --json")
    assert code == 0
    assert json.loads(out.splitlines()[1]) == {
        **{"done": 0, "failed": [], "left": 0, "reason": None, "exit_code": 0},
    }
    assert record_names(tmp_path / "results") == names


@pytest.mark.slow
def test_a_run_that_fails_and_data_that_is_not_here_stop_no_other(suite, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder = tmp_path / "results" / "sinusoid" / "maml"
    folder.mkdir(parents=True)
    (folder / "seed-0-0123456789ab.json").write_text("{")
    (tmp_path / "empty").mkdir()
    code, out, err = suite(
        "sweep sinusoid/maml omniglot-5way-1shot/maml sinusoid/oracle --iterations 3 --seeds 0 "
        "--data empty"
    )
    assert code == 2
    assert "again: sinusoid maml seed 0 (exit code 2)" in err
    assert sorted(line for line in out.splitlines() if line.startswith("failed")) == [
        "failed: all runs of omniglot, 1: its data is not here, see suite data omniglot",
        "failed: sinusoid maml seed 0 (exit code 2)",
    ]
    assert [path.name.partition("-")[0] for path in (folder.parent / "oracle").iterdir()]


@pytest.mark.slow
def test_two_sweeps_at_once_do_nothing_twice(tmp_path):
    arguments = (*SHORT.split(), "--seeds", "0", "1", "2", "--jobs", "1")
    both = [started(tmp_path, *arguments, "--json") for _ in range(2)]
    told = [each.communicate(timeout=PATIENCE)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0], told
    assert "is being run by another process" not in "".join(told)
    assert "(stands already:" not in "".join(told)
    names = record_names(tmp_path / "results")
    assert not any("attempt" in name for name in names)
    runs = [line for text in told for line in text.splitlines() if " -> results/" in line]
    assert len(runs) == len(names)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
@pytest.mark.slow
def test_a_killed_sweep_leaves_no_child_is_told_and_goes_on(suite, tmp_path):
    arguments = ("sweep", "sinusoid/maml", "--seeds", "0", "--iterations", "30000", "--jobs", "1")
    first = started(tmp_path, *arguments)
    wait_for(lambda: list((tmp_path / "results" / ".sweep").glob("*/0.json")), PATIENCE)
    (child,) = runs_of(first.pid)
    code, out, _ = suite("status")
    assert code == 0
    assert "sinusoid" in out
    assert "of 30,000" in out
    assert "0 of 1 done, 1 running" in out
    first.kill()
    first.communicate()
    wait_for(lambda: not alive(child), PATIENCE)
    code, out, _ = suite("status")
    assert "was killed: 0 of 1 done" in out
    assert json.loads(suite("status --json")[1])[0]["alive"] is False
    # The lock of the child is free: the same seed is run at once.
    again = started(tmp_path, *arguments, "--time-limit", "12s")
    text = again.communicate(timeout=PATIENCE)[0]
    assert again.returncode in (0, 3), text
    assert "is being run by another process" not in text
    assert suite("status")[1].strip() == "no sweep runs on results"
