"""The parts of a sweep on a cluster that need no Ray."""

from pathlib import Path

import msgspec
import pytest

from suite.errors import RegistryError
from suite.launch.cluster.capacity import Share, fits, held, share_of
from suite.launch.cluster.code import code_for_jobs, differences, facts_of, python_path, ship
from suite.launch.cluster.errand import Desk, News
from suite.launch.cluster.home import Home
from suite.launch.cluster.post import Post
from suite.launch.plans import Job
from suite.machine import environment
from suite.registry import Registry
from suite.registry.store import decode
from suite.run.packs.trainings import saved_in
from suite.run.packs.unfinished import put
from suite.run.resume import trainings_folder
from tests.run.packs.made_trainings import save, snapshot, training

COMMITTED = Path(__file__).parents[2] / "results" / "sinusoid" / "maml"
CORE = Share(cpus=1, gpus=0.0, threads=1)
MAML = Job(setting="sinusoid", method="maml", seeds=(0,), iterations=3)
NAVIGATION = Job(setting="point-navigation", method="maml", seeds=(0,), iterations=None)


@pytest.mark.parametrize(
    ("machines", "share", "count"),
    [
        ([{"CPU": 4.0}, {"CPU": 1.0}, {}], CORE, 5),
        ([{"CPU": 3.0}, {"CPU": 3.0}], Share(cpus=2, gpus=0.0, threads=2), 2),
        ([{"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0}], Share(cpus=1, gpus=0.8, threads=None), 2),
        ([{"CPU": 8.0, "GPU": 2.0}], Share(cpus=1, gpus=0.3, threads=None), 6),
        ([{"CPU": 8.0, "GPU": 1.0}], Share(cpus=1, gpus=0.1, threads=None), 8),
        ([], CORE, 0),
    ],
)
def test_how_many_jobs_the_machines_hold(machines, share, count):
    assert held(machines, share) == count
    assert fits(machines, [share] * (count - 1), share) == (count > 0)
    assert not fits(machines, [share] * count, share)


def test_unlike_jobs_share_the_machines():
    gpu = [{"CPU": 16.0, "GPU": 1.0}]
    training, policies = (share_of(job, 0.25) for job in (MAML, NAVIGATION))
    assert fits(gpu, [training, training], policies)
    assert not fits(gpu, [training] * 4, policies)
    assert share_of(NAVIGATION, None) == share_of(MAML, None) == CORE


def test_what_machines_differ_in_is_told_with_both_values():
    mine = {"commit": "a", "python": "3.11.2", "torch": "2.13.0"}
    assert differences(mine, mine) == ()
    assert differences(mine, {"commit": "b", "torch": "2.13.0", "higher": "0.2.1"}) == (
        "commit b, not a",
        "python missing, not 3.11.2",
        "higher 0.2.1, not missing",
    )


def test_code_that_was_shipped_is_known_by_its_commit(tmp_path):
    ship(tmp_path)
    assert environment.git_state_of(tmp_path) == environment.git_state()
    here = environment.code_folder()
    assert facts_of(tmp_path) == facts_of(here)
    assert facts_of(here)["torch"] in environment.versions()["torch"]
    assert not list(tmp_path.rglob("__pycache__"))


def test_changes_of_the_code_are_told_by_its_files(tmp_path):
    ship(tmp_path)
    state = environment.GitState("0" * 40, True)
    (tmp_path / environment.SHIPPED).write_bytes(msgspec.json.encode(state))
    before = facts_of(tmp_path)["commit"]
    assert before.startswith("0" * 40 + "-dirty (files ")
    with (tmp_path / "suite" / "errors.py").open("a") as file:
        file.write("# changed\n")
    assert facts_of(tmp_path)["commit"] != before


def test_a_job_is_run_by_the_suite_of_its_machine_and_else_by_what_was_brought(
    tmp_path, monkeypatch
):
    own, brought = tmp_path / "own", tmp_path / "brought"
    for folder in (own, brought):
        ship(folder)
    (own / environment.SHIPPED).unlink()
    monkeypatch.setattr(environment.suite, "__file__", str(brought / "suite" / "__init__.py"))
    monkeypatch.setattr("sys.path", [str(brought), str(own)])
    monkeypatch.setenv("PYTHONPATH", f"{brought}:{own}:/else")
    assert code_for_jobs() == own
    assert python_path(own) == f"{own}:/else"
    monkeypatch.setattr("sys.path", [str(brought)])
    assert code_for_jobs() == brought
    assert python_path(brought) == f"{brought}:{own}:/else"


def test_what_a_lost_machine_left_is_for_the_next():
    post = Post()
    assert post.begin(News(number=3, machine="a")).trainings is None
    assert not post.tell(News(number=3, machine="a", trainings=b"1", records=(b"r",)))
    assert not post.tell(News(number=3, machine="a", records=(b"s",)))
    kept = post.begin(News(number=3, machine="b"))
    assert (kept.trainings, kept.records) == (b"1", (b"r", b"s"))
    assert [news.machine for news in post.take()] == ["a", "a", "a", "b"]
    assert post.take() == []
    post.stop()
    assert post.tell(News(number=3, machine="b"))
    post.forget(3)
    assert post.begin(News(number=3, machine="c")).records == ()


LONG = Job(setting="sinusoid", method="maml", seeds=(0, 1), iterations=100)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The machine of a sweep: a cache and a registry, with nothing in them."""
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "sweep").mkdir()
    return Home(Registry(tmp_path / "results"), tmp_path / "sweep", {}, None)


def desk_in(folder: Path) -> Desk:
    folder.mkdir()
    return Desk(folder)


def saved_here() -> dict[str, int]:
    """The iteration of each training in the cache."""
    return {each.training.name: each.snapshot.iteration for each in saved_in(trainings_folder())}


def test_a_training_goes_to_a_machine_and_comes_back_further(home, tmp_path):
    save(trainings_folder(), snapshot(30))
    save(trainings_folder(), snapshot(50, training("ba9876543210", seed=7)))
    errand = home.errand(1, LONG, 1)
    desk = desk_in(tmp_path / "desk")
    desk.lay_out(errand.trainings, errand.records)
    there = tmp_path / "desk" / desk.TRAININGS
    assert [each.training.name for each in saved_in(there)] == [training().name]
    assert desk.new_trainings() is None
    save(there, snapshot(60))
    pack = desk.new_trainings()
    assert desk.new_trainings() is None
    assert home.take_in(News(number=1, machine="m", trainings=pack), None, ()) == []
    assert saved_here() == {training().name: 60, "ba9876543210": 50}
    # What is older, as of a machine that was thought lost, changes nothing.
    home.take_in(News(number=1, machine="m", trainings=errand.trainings), None, ())
    assert saved_here()[training().name] == 60


def test_seeds_that_train_side_by_side_travel_at_one_iteration(tmp_path):
    desk = desk_in(tmp_path / "desk")
    there = tmp_path / "desk" / desk.TRAININGS
    others = {seed: training(f"{seed}123456789ab", seed) for seed in range(3)}
    save(there, snapshot(20, others[0], 0))
    save(there, snapshot(10, others[1], 1))
    assert desk.new_trainings() is None
    save(there, snapshot(20, others[1], 1))
    assert desk.new_trainings() is not None
    save(there, snapshot(100, others[2], 2))
    assert desk.new_trainings() is not None


def test_an_unfinished_training_beside_the_records_is_taken_along(home, tmp_path):
    save(tmp_path / "elsewhere", snapshot(40))
    put(home.registry.root, saved_in(tmp_path / "elsewhere"))
    desk = desk_in(tmp_path / "desk")
    desk.lay_out(home.errand(1, LONG, 1).trainings, ())
    (found,) = saved_in(tmp_path / "desk" / desk.TRAININGS)
    assert found.snapshot.iteration == 40


def test_a_record_comes_back_once_and_says_in_what_its_machine_differed(home, tmp_path):
    data = next(COMMITTED.glob("seed-0-*.json")).read_bytes()
    news = News(number=1, machine="m", records=(data,))
    assert home.take_in(news, None, ["torch 2.12.0, not 2.13.0"]) == []
    (again,) = home.take_in(news, None, ())
    assert "came back once more: the one that stands is kept" in again
    (record,) = home.registry.records()
    assert record.provenance.unlike_sweep == ("torch 2.12.0, not 2.13.0",)
    sent = decode(data, "sent")
    provenance = msgspec.structs.replace(record.provenance, unlike_sweep=())
    assert msgspec.structs.replace(record, provenance=provenance) == sent
    # It stands on the machine that goes on with the job, and does not come back from there.
    whole = Job(setting="sinusoid", method="maml", seeds=(0,), iterations=None)
    desk = desk_in(tmp_path / "desk")
    desk.lay_out(None, home.errand(2, whole, 1).records)
    assert list(Registry(tmp_path / "desk" / desk.RESULTS).records()) == [record]
    assert desk.new_records() == ()


def test_a_record_of_other_data_is_refused(home):
    data = next(COMMITTED.glob("seed-0-*.json")).read_bytes()
    home.fingerprints = {"sinusoid": "00" * 32}
    with pytest.raises(RegistryError, match="came back with other data than the sweep's"):
        home.take_in(News(number=1, machine="m", records=(data,)), None, ())


def test_new_records_of_a_job_are_told_once(tmp_path):
    desk = desk_in(tmp_path / "desk")
    data = next(COMMITTED.glob("seed-0-*.json")).read_bytes()
    registry = Registry(tmp_path / "desk" / desk.RESULTS)
    path = registry.write(decode(data, "sent"))
    assert desk.new_records() == (path.read_bytes(),)
    assert desk.new_records() == ()
