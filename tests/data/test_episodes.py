"""Properties of few-shot tasks: every drawn image is traced back to where it came from."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.data.episodes import EpisodeStream
from suite.data.images import ImageData
from suite.data.source import task_source
from suite.errors import UsageError
from suite.rng import stream_key
from suite.settings import get_setting

N_CLASSES, N_IMAGES, SIDE = 12, 7, 4
FIELDS = ("support_x", "support_y", "query_x", "query_y")


def random_images(classes: int, images: int) -> np.ndarray:
    """(class, image, 1, 4, 4) of noise: no image is another one, or another one turned."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (classes, images, 1, SIDE, SIDE), dtype=np.uint8)


def catalogue(images: np.ndarray) -> dict[bytes, tuple[int, int, int]]:
    """The bytes of every image in every turn, to (class, image, turns)."""
    return {
        np.rot90(images[place], turns, axes=(-2, -1)).tobytes(): (*place, turns)
        for place in np.ndindex(*images.shape[:2])
        for turns in range(4)
    }


IMAGES = random_images(N_CLASSES, N_IMAGES)
ORIGIN = catalogue(IMAGES)


def stream(*, n_way=3, rotations=True, seed=0, classes=range(N_CLASSES), device="cpu", **others):
    return EpisodeStream(
        keys=(stream_key(seed, "train"),),
        images=torch.from_numpy(IMAGES).to(device),
        classes=torch.tensor([list(classes)], device=device),
        n_way=n_way,
        rotations=rotations,
        **others,
    )


def origins(x: torch.Tensor, known=ORIGIN) -> np.ndarray:
    """(task, example, 3): class, image and turns of each drawn image, which must be known."""
    pixels = (x * 255).round().to(torch.uint8).numpy()
    return np.array([[known[image.tobytes()] for image in task] for task in pixels])


def equal(one, other) -> bool:
    return all(torch.equal(getattr(one, field), getattr(other, field)) for field in FIELDS)


episodes = settings(max_examples=25, deadline=None)
shape = {
    "n_way": st.integers(1, 5),
    "k_shot": st.integers(1, 3),
    "n_query": st.integers(1, 4),
    "seed": st.integers(0, 1000),
    "start": st.integers(0, 10**9),
    "rotations": st.booleans(),
}


@given(**shape)
@episodes
def test_support_and_query_share_classes_and_no_image(
    n_way, k_shot, n_query, seed, start, rotations
):
    tasks = stream(n_way=n_way, rotations=rotations, seed=seed)
    batch = tasks.batch(start, 4, k_shot, n_query)
    support, query = origins(batch.support_x), origins(batch.query_x)
    for task in range(4):
        drawn = [tuple(each[:2]) for part in (support, query) for each in part[task]]
        assert len(set(drawn)) == n_way * (k_shot + n_query)
        assert set(support[task, :, 0]) == set(query[task, :, 0])
        if not rotations:
            assert not support[task, :, 2].any()
            assert not query[task, :, 2].any()


@given(**shape)
@episodes
def test_labels_stand_for_distinct_classes_and_are_balanced(
    n_way, k_shot, n_query, seed, start, rotations
):
    tasks = stream(n_way=n_way, rotations=rotations, seed=seed)
    batch = tasks.batch(start, 4, k_shot, n_query)
    parts = [
        (origins(batch.support_x), batch.support_y, k_shot),
        (origins(batch.query_x), batch.query_y, n_query),
    ]
    for task in range(4):
        class_of: dict[int, int] = {}
        for found, labels, each in parts:
            counts = torch.bincount(labels[task], minlength=n_way)
            assert counts.tolist() == [each] * n_way
            for (drawn_class, _, _), label in zip(found[task], labels[task].tolist(), strict=True):
                assert class_of.setdefault(label, drawn_class) == drawn_class
        assert len(set(class_of.values())) == n_way


@given(seed=shape["seed"], start=shape["start"], cut=st.integers(1, 7))
@episodes
def test_tasks_do_not_depend_on_the_batch(seed, start, cut):
    tasks = stream(seed=seed)
    whole = tasks.batch(start, 8, 2, 2)
    parts = tasks.batch(start, cut, 2, 2), stream(seed=seed).batch(start + cut, 8 - cut, 2, 2)
    for field in FIELDS:
        assert torch.equal(
            torch.cat([getattr(part, field) for part in parts]), getattr(whole, field)
        )


def test_seeds_and_positions_give_other_tasks():
    batch = stream(seed=0).batch(0, 8, 1, 1)
    assert not equal(batch, stream(seed=1).batch(0, 8, 1, 1))
    tasks = {task.numpy().tobytes() for task in stream(seed=0).batch(0, 200, 1, 1).support_x}
    assert len(tasks) > 195  # of 12 * 11 * 10 * 7^3 * 4^3


def test_support_and_query_of_a_class_are_turned_alike():
    batch = stream(n_way=4).batch(0, 100, 2, 3)
    turns_seen = set()
    mixed = 0
    for support, query in zip(origins(batch.support_x), origins(batch.query_x), strict=True):
        turn_of: dict[int, int] = {}
        for drawn_class, _, turns in (*support, *query):
            assert turn_of.setdefault(drawn_class, turns) == turns
        turns_seen |= set(turn_of.values())
        mixed += len(set(turn_of.values())) > 1
    assert turns_seen == {0, 1, 2, 3}
    assert mixed > 50  # each class of a task by its own turn


def test_classes_images_and_turns_are_drawn_evenly():
    batch = stream(n_way=3).batch(0, 2_000, 1, 1)
    found = origins(batch.support_x).reshape(-1, 3)
    for column, choices in enumerate((N_CLASSES, N_IMAGES, 4)):
        counts = np.bincount(found[:, column], minlength=choices)
        expected = len(found) / choices
        assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_a_task_draws_from_the_split_only():
    batch = stream(classes=(1, 4, 8)).batch(0, 50, 1, 1)
    assert set(origins(batch.support_x)[..., 0].ravel()) == {1, 4, 8}


def test_pixels_are_fractions():
    batch = stream(rotations=False).batch(0, 8, 1, 1)
    assert batch.support_x.dtype == torch.float32
    assert batch.support_x.shape == (8, 3, 1, SIDE, SIDE)
    (drawn_class, image, _) = origins(batch.support_x)[0, 0]
    expected = torch.from_numpy(IMAGES[drawn_class, image]) / 255
    assert torch.equal(batch.support_x[0, 0], expected)


def test_all_images_of_a_class_can_be_drawn_and_no_more():
    batch = stream().batch(0, 1, 3, N_IMAGES - 3)
    assert batch.query_x.shape[1] == 3 * (N_IMAGES - 3)
    with pytest.raises(UsageError, match="8 images a class and there are 7"):
        stream().batch(0, 1, 4, N_IMAGES - 3)


def test_more_ways_than_classes_is_a_mistake():
    with pytest.raises(UsageError, match="4-way"):
        stream(n_way=4, classes=(1, 4, 8))


@pytest.fixture(scope="module")
def glyph_data() -> ImageData:
    images = random_images(1623, 4)
    names = tuple(f"class{number:04}" for number in range(1623))
    return ImageData(name="glyphs", images=images, classes=names, fingerprint="0", warnings=())


def test_training_validation_and_test_tasks_have_no_class_in_common(glyph_data):
    config = get_setting("glyphs-5way-1shot").config
    source = task_source(config, (0,), torch.device("cpu"), glyph_data)
    known = catalogue(glyph_data.images)
    seen = {}
    for name in ("train", "validation", "test"):
        batch = source.streams(name).batch(0, 600, 1, 1)
        both = torch.cat((batch.support_x, batch.query_x), dim=1)
        seen[name] = set(origins(both, known)[..., 0].ravel())
        # Nothing outside of the split that the record describes, and most of it.
        assert seen[name] <= set(getattr(source.splits[0], name))
        assert len(seen[name]) > 0.9 * len(getattr(source.splits[0], name))
    assert not seen["train"] & seen["validation"]
    assert not seen["train"] & seen["test"]
    assert not seen["validation"] & seen["test"]


def test_a_seed_draws_its_own_split(glyph_data):
    config = get_setting("glyphs-5way-1shot").config
    one, again, other = (
        task_source(config, (seed,), torch.device("cpu"), glyph_data).splits[0]
        for seed in (0, 0, 1)
    )
    assert one.sha256 == again.sha256 != other.sha256


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_draws_the_same_tasks():
    ours = stream(device="cuda").batch(10**6, 64, 2, 3)
    cpu = stream().batch(10**6, 64, 2, 3)
    for field in FIELDS:
        # A GPU divides by 255 with another last bit.
        torch.testing.assert_close(
            getattr(ours, field).cpu(), getattr(cpu, field), rtol=2e-7, atol=0
        )


def test_each_turn_of_a_class_can_be_a_class():
    tasks = stream(n_way=24, rotations=False, rotated_classes=True, classes=range(6))
    batch = tasks.batch(0, 3, 2, 1)
    for task in origins(batch.support_x):
        turned = [tuple(example[[0, 2]]) for example in task]
        assert set(turned) == {(number, turns) for number in range(6) for turns in range(4)}
        assert turned[::2] == turned[1::2]  # the two of a class are turned alike
    with pytest.raises(UsageError, match="more than 24"):
        stream(n_way=25, rotations=False, rotated_classes=True, classes=range(6))


def test_turns_as_classes_are_drawn_equally_often():
    tasks = stream(n_way=2, rotations=False, rotated_classes=True, classes=range(6))
    found = origins(tasks.batch(0, 2_400, 1, 1).support_x)
    counts = np.bincount((found[..., 0] * 4 + found[..., 2]).flatten(), minlength=24)
    assert counts.min() > 200 - 5 * 200**0.5
    assert counts.max() < 200 + 5 * 200**0.5
