"""The memory module: its network, what it shows when, and a memory that lasts over iterations."""

import math
from dataclasses import fields, replace

import msgspec
import pytest
import torch
from torch.nn import functional as F

from baselines import key_memory
from baselines.memory_module import MemoryModule
from baselines.presentations import by_class
from suite.errors import Stopped, UsageError
from suite.outer.snapshot import weights_sha256
from suite.outer.state import unstack
from suite.run import checkpoint
from suite.settings import get_setting
from tests.baselines.shown_cases import Run, config_for, drawings, stop_after

SMALL = {"filters": (3, 3, 4, 4), "features": 8}
FEW = {"tasks_per_batch": 4, "k_shot": 2}
LENGTH = 5 * 3
STATE = ("keys", "labels", "ages", "recent", "shown")


@pytest.fixture(scope="module")
def images():
    return drawings()


@pytest.fixture
def run(images) -> Run:
    config = config_for("memory-module", **FEW)
    return Run(method=MemoryModule(**SMALL), config=config, images=images)


def memory_of(state, seed=0):
    return {name: state.params[f"memory.{name}"][seed].detach().clone() for name in STATE}


def test_the_network_is_the_released_one(images):
    run = Run(method=MemoryModule(), config=config_for("memory-module"), images=images)
    params = run.fresh()[0].params
    shapes = {n: tuple(v.shape) for n, v in params.items() if not n.startswith("memory.")}
    assert shapes == {
        "conv0.weight": (64, 1, 3, 3),
        "conv0.bias": (64,),
        "conv1.weight": (64, 64, 3, 3),
        "conv1.bias": (64,),
        "conv2.weight": (128, 64, 3, 3),
        "conv2.bias": (128,),
        "conv3.weight": (128, 128, 3, 3),
        "conv3.bias": (128,),
        "features.weight": (256, 7 * 7 * 128),
        "features.bias": (256,),
        "query.weight": (256, 256),
    }
    for name, std in (("conv3", 0.1), ("features", 0.1), ("query", 0.01)):
        weight = params[f"{name}.weight"]
        assert float(weight.abs().max()) <= 2.0 * std
        assert float(weight.std()) == pytest.approx(0.88 * std, rel=0.01)


def test_several_seeds_are_as_many_networks(images):
    run = Run(
        method=MemoryModule(**SMALL),
        config=config_for("memory-module", **FEW),
        images=images,
        seeds=(0, 3),
    )
    learner = run.learner(run.from_snapshots(run.fresh()))
    x = run.batch().support_x.unflatten(0, (2, -1))[:, 0]  # (seed, image, *image)
    found = learner.network.forward(learner.params, x)
    for seed in range(2):
        weights = {name: value[seed] for name, value in learner.params.items()}
        y = 255.0 * (1.0 - x[seed])
        for layer in range(4):
            pair = weights[f"conv{layer}.weight"], weights[f"conv{layer}.bias"]
            y = F.relu(F.conv2d(y, *pair, padding="same"))
            y = F.max_pool2d(y, 2) if layer in (1, 3) else y
        y = F.linear(y.flatten(1), weights["features.weight"], weights["features.bias"])
        y = y @ weights["query.weight"].T
        torch.testing.assert_close(found[seed], y / y.norm(dim=1, keepdim=True))


def test_what_is_ink_can_be_one(images):
    released, plain = MemoryModule(**SMALL), MemoryModule(**SMALL, pixels="ink")
    config = config_for("memory-module", **FEW)
    learner = Run(method=plain, config=config, images=images)
    params = learner.learner(learner.from_snapshots(learner.fresh())).params
    x = learner.batch().support_x[:1]
    inverted = 255.0 * (1.0 - x)
    networks = [method.network(config, 0) for method in (released, plain)]
    one, other = (network.features for network in networks)
    assert torch.equal(one(params, x), other(params, inverted))


def shown_in(run, state, iterations):
    """What is shown at each iteration of a training: class, image and label of each task."""
    seen = []

    def features(params, images, /, **_):
        seen.append(images)
        return run.network.features(params, images)

    learner = run.learner(state)
    watched = replace(learner, network=replace(learner.network, features=features))
    labels = []
    own = key_memory.taught

    def taught(memory, queries, given, noise):
        labels.append(given)
        return own(memory, queries, given, noise)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baselines.memory_module.taught", taught)
        for _ in range(iterations):
            step(run, state, watched)
    return seen, labels


def step(run, state, learner=None):
    """An iteration less what the engine does with the weights that are learned."""
    learner = learner or run.learner(state)
    batch = run.batch(state.iteration // LENGTH)
    losses, outputs = run.method.objective(learner, batch)
    names = [f"memory.{name}" for name in STATE]
    total = losses.unflatten(0, (learner.seeds, -1)).mean(1).sum()
    moves = torch.autograd.grad(total, [state.params[name] for name in names], retain_graph=True)
    with torch.no_grad():
        for name, move in zip(names, moves, strict=True):
            state.params[name].sub_(move)
    state.iteration += 1
    return losses, outputs


def test_every_class_is_shown_once_before_any_is_shown_again(run):
    state = run.from_snapshots(run.fresh())
    seen, labels = shown_in(run, state, 2 * LENGTH)
    for episode in range(2):
        images = by_class(run.config, run.batch(episode))
        at = slice(LENGTH * episode, LENGTH * (episode + 1))
        of_class = torch.cat(labels[at]).T - 5 * torch.arange(4)[:, None]  # (task, step)
        for task, classes in enumerate(of_class.long().tolist()):
            for turn in range(3):
                assert sorted(classes[5 * turn : 5 * turn + 5]) == list(range(5))
            for step_, label in enumerate(classes):
                shown = seen[at][step_][0, task]
                assert torch.equal(shown, images[task, label, step_ // 5])
        assert of_class[0].tolist() != of_class[1].tolist()


def test_a_memory_lasts_for_an_episode_and_no_longer(run):
    # Where dropout leaves none of so few features, the key is of zeros.
    run = replace(run, method=replace(run.method, keep=1.0))
    state = run.from_snapshots(run.fresh())
    for number in range(2 * LENGTH + 2):
        step(run, state)
        memory, place = memory_of(state), number % LENGTH + 1
        assert memory["shown"].tolist() == [place % LENGTH]
        in_use = memory["keys"].any(-1)
        assert 4 <= int(in_use.sum()) <= 4 * place
        assert (memory["ages"][in_use].round() < place).all()
        assert int((memory["ages"].round() == 0).sum()) == 4


def test_the_engine_moves_the_memory_and_adam_leaves_it_alone(run):
    """Through the training itself; 4 tasks divide no power of two, so nothing is rounded away."""
    odd = replace(
        run, config=msgspec.structs.replace(run.config, tasks_per_batch=3), iterations=LENGTH + 2
    )
    state = odd.go()
    by_hand = odd.from_snapshots(odd.fresh())
    learned = [name for name in by_hand.params if not name.startswith("memory.")]
    memory = memory_of(state)
    assert memory["shown"].round().tolist() == [2]
    assert int(memory["keys"].any(-1).sum()) >= 3
    for name in STATE[1:]:
        torch.testing.assert_close(memory[name], memory[name].round(), rtol=0.0, atol=1e-3)
    (snapshot,) = unstack(state)
    for name in STATE:
        assert not snapshot.first_moments[f"memory.{name}"].any()
        assert not snapshot.second_moments[f"memory.{name}"].any()
    assert all(snapshot.second_moments[name].any() for name in learned)


def test_the_optimizer_is_the_released_one(run):
    state = run.from_snapshots(run.fresh())
    (group,) = state.optimizer.param_groups
    assert (group["lr"], group["eps"], group["betas"]) == (1e-4, 1e-4, (0.9, 0.999))
    assert run.method.clip_norm == 5.0


def test_seeds_in_company_are_seeds_alone(run):
    together = replace(run, seeds=(0, 3), iterations=LENGTH + 4, every=6)
    both = unstack(together.go())
    for place, seed in enumerate((0, 3)):
        (alone,) = unstack(replace(together, seeds=(seed,)).go())
        for name, value in alone.params.items():
            torch.testing.assert_close(both[place].params[name], value, rtol=1e-9, atol=1e-9)
        curves = zip(both[place].history.curve, alone.history.curve, strict=True)
        assert all(point == pytest.approx(other) for point, other in curves)
    assert (both[0].params["memory.keys"] != both[1].params["memory.keys"]).any()


@pytest.mark.parametrize("stop", [4, LENGTH, LENGTH + 1])
def test_stopped_within_an_episode_and_resumed_it_is_undisturbed(run, tmp_path, stop):
    longer = replace(run, iterations=LENGTH + 6, every=6)
    (undisturbed,) = unstack(longer.go())
    path = tmp_path / "0.pt"
    with pytest.raises(Stopped, match="enough"):
        longer.go(checkpoints=(path,), stop=stop_after(stop))
    saved = checkpoint.load(path, longer.fresh()[0])
    assert saved.params["memory.keys"].any()
    (resumed,) = unstack(longer.go(longer.from_snapshots([saved])))
    assert weights_sha256(resumed.params) == weights_sha256(undisturbed.params)
    assert resumed.history.curve == undisturbed.history.curve


def test_a_batch_in_chunks_is_refused(run):
    learner = run.learner(run.from_snapshots(run.fresh()))
    with pytest.raises(UsageError, match="share a memory"):
        run.method.objective(learner, run.batch().part(1, 0, 2))


def test_a_memory_too_small_for_a_batch_is_refused(run):
    with pytest.raises(UsageError, match="memory_size=3 is less than tasks_per_batch=4"):
        replace(run.method, memory_size=3).network(run.config, 0)


def test_more_layers_than_halve_an_image_are_refused(run):
    method = replace(run.method, filters=(2,) * 10)
    with pytest.raises(UsageError, match="halves the image, which has 28x28 pixels"):
        method.network(run.config, 0).initial(torch.Generator().manual_seed(0))


def test_a_memory_smaller_than_an_episode_forgets_the_oldest(run):
    small = replace(run, method=replace(run.method, memory_size=9, age_noise=0.0, keep=1.0))
    state = small.from_snapshots(small.fresh())
    for number in range(LENGTH - 1):
        step(small, state)
        memory = memory_of(state)
        assert memory["keys"].shape == (9, 8)
        assert int(memory["keys"].any(-1).sum()) <= min(9, 4 * (number + 1))
    assert memory["keys"].any(-1).all()
    assert float(memory["ages"].max()) < LENGTH


def test_dropout_leaves_a_share_of_the_features_in_training_alone(run):
    seen = {}
    own = MemoryModule(**SMALL, keep=0.3)
    method = replace(own, features=200)
    wide = replace(run, method=method)
    learner = wide.learner(wide.from_snapshots(wide.fresh()))

    def queries(params, features):
        seen["features"] = features
        return F.normalize(features[..., :8], dim=-1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baselines.memory_module._queries", queries)
        patch.setattr(
            "baselines.memory_module.margin_loss", lambda *_, **__: torch.zeros(1, 4).double()
        )
        patch.setattr(
            "baselines.memory_module.taught",
            lambda memory, queries, labels, noise: (labels, memory),
        )
        method.objective(learner, wide.batch())
    kept = (seen["features"] != 0).double().mean()
    assert float(kept) == pytest.approx(0.3, abs=0.06)


def test_the_curve_says_how_many_answers_were_right(run, monkeypatch):
    right = torch.tensor([[True, False, False, True]])

    def taught(memory, queries, labels, noise):
        return torch.where(right, labels, labels + 5), memory

    monkeypatch.setattr("baselines.memory_module.taught", taught)
    learner, batch = run.learner(run.from_snapshots(run.fresh())), run.batch()
    _, outputs = run.method.objective(learner, batch)
    correct = (outputs.argmax(-1) == batch.query_y).all(1)
    assert torch.equal(correct, right[0])
    assert not (outputs.argmax(-1) == batch.query_y)[~correct].any()


def test_the_gradient_is_that_of_finite_differences(run):
    smooth = replace(run, method=replace(run.method, margin=2.0))
    state = smooth.from_snapshots(smooth.fresh())
    for _ in range(7):
        step(smooth, state)
    learner, batch = smooth.learner(state), smooth.batch()

    def loss():
        return smooth.method.objective(learner, batch)[0].mean()

    generator, eps = torch.Generator().manual_seed(0), 1e-6
    names = [name for name in state.params if not name.startswith("memory.")]
    gradients = torch.autograd.grad(loss(), [state.params[name] for name in names])
    for name, gradient in zip(names, gradients, strict=True):
        flat = state.params[name].detach().view(-1)
        place = int(torch.randint(flat.numel(), (1,), generator=generator))
        kept, values = float(flat[place]), []
        for sign in (1.0, -1.0):
            flat[place] = kept + sign * eps
            values.append(float(loss().detach()))
        flat[place] = kept
        slope = (values[0] - values[1]) / (2.0 * eps)
        assert float(gradient.view(-1)[place]) == pytest.approx(slope, rel=1e-3, abs=1e-7), name


def test_at_test_each_task_has_a_memory_of_its_own(run):
    learner, batch = run.learner(run.from_snapshots(run.fresh())), run.batch()
    together = run.method.answers(learner, batch)
    assert together.shape == (3, 4, 5, 5)
    for task in range(4):
        alone = run.method.answers(learner, batch.part(1, task, task + 1))
        assert torch.equal(alone[:, 0], together[:, task])
    assert torch.equal(run.method.validate(learner, batch), together[1])
    assert torch.equal(torch.stack(list(run.method.by_step(learner, batch, 1, {}))), together[:2])


def test_at_test_the_answers_are_those_of_one_memory_image_by_image(run):
    learner, batch = run.learner(run.from_snapshots(run.fresh())), run.batch()
    found = run.method.answers(learner, batch).argmax(-1)  # (presentation, task, way)
    images = by_class(run.config, batch)
    with torch.no_grad():
        features = learner.network.forward(learner.params, images.flatten(0, 2)[None])[0]
    features = features.view(4, 5, 3, -1)
    seen, _ = shown_in(run, run.from_snapshots(run.fresh()), LENGTH)
    for task in range(4):
        keys, labels = [], []
        for number in range(LENGTH):
            shown, turn = seen[number][0, task], number // 5
            (label,) = (c for c in range(5) if torch.equal(images[task, c, turn], shown))
            query = features[task, label, turn]
            nearest = max(range(len(keys)), key=lambda slot: query @ keys[slot], default=None)
            if nearest is None or float(query @ keys[nearest]) < 0.0:
                answer, nearest = 0, None  # an empty slot's
            else:
                answer = labels[nearest]
            assert int(found[turn, task, label]) == answer
            if answer == label and nearest is not None:
                keys[nearest] = F.normalize(keys[nearest] + query, dim=0)
            else:
                keys.append(query)
                labels.append(label)


def test_it_learns_which_key_is_right(images):
    """There are 80 labels, of 16 episodes; for one image in six its label was not shown before."""
    method = MemoryModule(filters=(4, 4, 8, 8), features=64, keep=0.7)
    config = config_for("memory-module", meta_lr=0.003)
    run = Run(method=method, config=config, images=images, iterations=300, every=60)
    curve = run.go().histories[0].curve
    losses, right, _ = ([point[place] for point in curve] for place in (1, 2, 3))
    assert right[0] < 0.2
    assert right[-1] > 0.5
    assert losses[-1] < 0.5 * losses[0]


def test_a_shared_training_is_told_from_one_with_other_options():
    assert MemoryModule.training_options == {each.name for each in fields(MemoryModule)}


def test_one_training_serves_all_shots_of_a_way():
    for way in (5, 20):
        one, five = (
            get_setting(f"omniglot-{way}way-{shots}shot").recipe("memory-module")
            for shots in (1, 5)
        )
        assert one.config == five.config
        assert one.iterations == five.iterations == 4_000 * 6 * way
        assert MemoryModule().shared_config(one.config) == one.config
        assert (one.protocols[0].report_step, five.protocols[0].report_step) == (1, 5)


def test_the_memory_of_the_recipe_is_as_large_as_makes_a_difference():
    config = config_for("memory-module")
    params = MemoryModule().network(config, 0).initial(torch.Generator().manual_seed(0))
    assert params["memory.keys"].shape == (16 * 30 + 256, 256)
    assert params["memory.recent"].shape == (16 * 5,)
    small = MemoryModule(memory_size=100)
    params = small.network(config, 0).initial(torch.Generator().manual_seed(0))
    assert params["memory.keys"].shape == (100, 256)
    assert math.prod(params["memory.shown"].shape) == 1
