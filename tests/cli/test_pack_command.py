"""`suite pack` and `suite unpack`: trainings leave one cache and go on in another."""

import itertools

import pytest
from filelock import FileLock

from suite.cli.limits import Limits
from suite.files import cache_dir
from suite.registry import Registry

ALONE = "--device cpu --threads 1 --engine eager --protocols 5-shot"


@pytest.fixture
def on(monkeypatch, tmp_path):
    """Change to the cache of another machine."""
    return lambda name: monkeypatch.setenv("SUITE_CACHE", str(tmp_path / name))


@pytest.fixture
def trained(suite):
    """Two finished trainings of three iterations; the record of seed 0."""
    code, _, err = suite(f"run sinusoid maml --seeds 0 1 --iterations 3 {ALONE}")
    assert code == 0, err
    return next(each for each in Registry("results").load() if each.seed == 0)


def test_finished_trainings_are_scored_in_another_cache(suite, on, trained):
    code, out, _ = suite("pack all.pack")
    assert code == 0
    assert out.count("3 iterations") == 2
    assert "wrote all.pack: 2 trainings" in out
    on("other")
    assert suite(f"verify {trained.key} --threads 1")[0] == 2
    code, out, _ = suite("unpack all.pack")
    assert (code, out.count("taken into")) == (0, 2)
    code, out, _ = suite(f"verify {trained.key} --threads 1")
    assert code == 0
    assert "equal to the last digit" in out
    code, out, _ = suite("unpack all.pack")
    assert (code, out.count("stands already as far: left as it is")) == (0, 2)


@pytest.mark.parametrize(
    "wanted", ["sinusoid/maml/0", "KEY", "FILE", "NAME", "sinusoid/maml/0 KEY sinusoid/maml/0"]
)
def test_a_run_is_named_as_elsewhere(suite, trained, wanted):
    path = Registry("results").path(trained)
    (name,) = (
        each.parent.name
        for each in cache_dir().glob("runs/*/checkpoint.pt")
        if b"maml seed 0" in each.read_bytes()
    )
    for word, text in {"KEY": trained.key, "FILE": str(path), "NAME": name[:6]}.items():
        wanted = wanted.replace(word, text)
    code, out, _ = suite(f"pack one.pack {wanted}")
    assert code == 0
    assert f"sinusoid maml seed 0, 3 iterations ({name}), finished" in out
    assert "wrote one.pack: 1 training," in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("pack", "name a FILE.pack, or give --unfinished"),
        ("pack KEY", "does not end in .pack"),
        ("pack a.pack nothing", "no training in the cache is 'nothing', and no record in results"),
        ("pack a.pack sinusoid/maml/7", "no training in the cache is 'sinusoid/maml/7'"),
        ("pack missing/a.pack/b.pack", "missing/a.pack"),
        ("unpack none.pack", "there is no file none.pack"),
        ("unpack file.pack", "is no sound pack"),
    ],
)
def test_a_mistake_is_one_line(suite, trained, tmp_path, arguments, told):
    (tmp_path / "file.pack").write_text("x")
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "a.pack").write_text("x")
    code, _, err = suite(arguments.replace("KEY", trained.key))
    assert code == 2
    assert told in err
    assert not (tmp_path / "a.pack").exists()


def test_an_empty_cache_has_nothing_to_pack(suite):
    code, _, err = suite("pack a.pack")
    assert code == 2
    assert "no training lies in" in err


def test_a_training_under_way_is_left_out_and_told(suite, on, trained):
    suite("pack all.pack")
    on("other")
    busy = sorted(cache_dir().parent.glob("cache/runs/*"))[0].name
    (cache_dir() / "runs" / busy).mkdir(parents=True)
    with FileLock(cache_dir() / "runs" / busy / ".lock"):
        code, out, err = suite("unpack all.pack")
    assert (code, out.count("taken into")) == (2, 1)
    assert "1 of 2 trainings were not taken" in err
    assert "another process here" in err
    assert suite("unpack all.pack")[0] == 0


def test_one_bad_training_and_nothing_is_taken(suite, on, trained, tmp_path):
    suite("pack all.pack")
    data = bytearray((tmp_path / "all.pack").read_bytes())
    data[data.rindex(b"curve") - 200] ^= 1
    (tmp_path / "all.pack").write_bytes(data)
    on("other")
    assert suite("unpack all.pack")[0] == 2
    assert list(cache_dir().glob("runs/*")) == []


def test_an_unfinished_training_goes_on_in_a_clone_and_is_removed_when_done(
    suite, on, tmp_path, monkeypatch
):
    run = f"run sinusoid maml --iterations 40 {ALONE}"
    calls = itertools.count()
    with monkeypatch.context() as patch:
        patch.setattr(Limits, "reason", lambda self: "enough" if next(calls) > 20 else None)
        assert suite(run)[0] == 3
    code, out, _ = suite("pack --unfinished")
    assert code == 0
    assert "results/unfinished: 0 trainings" in out
    code, out, _ = suite("pack --unfinished sinusoid/maml/0")
    assert code == 0
    (path,) = (tmp_path / "results" / "unfinished").iterdir()
    assert f"-> {path.relative_to(tmp_path)}" in out
    assert "results/unfinished: 1 training, 0." in out
    assert f"{path.name}: sinusoid maml seed 0, 40 iterations" in suite("list")[1].replace("\n", "")
    on("other")
    code, _, _ = suite(run)
    assert code == 0
    (record,) = Registry("results").load()
    assert record.timing.resumes == 1
    assert path.exists()
    assert "its record stands" in suite("list")[1]
    code, out, _ = suite("pack --unfinished")
    assert code == 0
    assert f"removed {path.relative_to(tmp_path)}: a record of it stands" in out
    assert not path.exists()
