"""The neural statistician: its loss, what it draws, how it classifies, and how it trains."""

import dataclasses
import itertools

import msgspec
import pytest
import torch

from baselines import neural_statistician
from baselines.neural_statistician import NeuralStatistician
from suite.data.images import load_image_data
from suite.data.tasks import TaskBatch
from suite.inner.learner import Learner
from suite.outer.gradient import meta_gradient
from suite.registry import Registry
from suite.run.execute import execute
from suite.run.request import Request
from suite.settings import get_setting
from tests.baselines.side_by_side import Training, require_alike

GLYPHS = get_setting("glyphs-5way-1shot")
METHOD = NeuralStatistician(
    sets=4, images=3, epoch=10, filters=(2, 3, 4), units=6, context=5, latent=3
)
CONFIG = METHOD.shared_config(GLYPHS.recipe(METHOD.name).config)


def learner_for(*, seeds=1, iteration=0.0):
    """In float64, all weights off their initial values."""
    generator = torch.Generator().manual_seed(5)
    network = METHOD.network(CONFIG, 0)
    each = [network.initial(generator) for _ in range(seeds)]
    params = {}
    for name in each[0]:
        value = torch.stack([one[name] for one in each]).double()
        params[name] = value + 0.1 * torch.rand(value.shape, generator=generator).double()
    params["iteration"] = torch.full((seeds, 1), iteration).double()
    params = {name: value.requires_grad_() for name, value in params.items()}
    return Learner(config=CONFIG, network=network, params=params)


def batch_of(tasks, *, way=4, shot=3, n_query=1, grey=False):
    generator = torch.Generator().manual_seed(9)

    def part(each):
        x = torch.rand((tasks, way * each, 1, 28, 28), generator=generator).double()
        return x if grey else x.round(), torch.arange(way).repeat_interleave(each).expand(tasks, -1)

    support, query = part(shot), part(n_query)
    return TaskBatch(
        support_x=support[0],
        support_y=support[1],
        query_x=query[0],
        query_y=query[1],
        keys=torch.arange(tasks) * 7 + 3,
    )


def loss(learner, batch):
    return float(METHOD.objective(learner, batch)[0].detach().sum())


def test_the_gradient_is_the_slope_of_the_loss():
    learner, batch = learner_for(), batch_of(1)
    gradients = meta_gradient(METHOD.objective, learner, batch).gradients
    generator = torch.Generator().manual_seed(1)
    learned = [name for name in learner.params if name not in learner.network.averages]
    way = {
        name: torch.randn(learner.params[name].shape, generator=generator).double()
        for name in learned
    }
    for names in ([name] for name in learned):
        values, width = [], 1e-6
        for sign in (1, -1):
            moved = learner.params | {
                name: learner.params[name].detach() + sign * width * way[name] for name in names
            }
            values.append(loss(dataclasses.replace(learner, params=moved), batch))
        slope = (values[0] - values[1]) / (2 * width)
        found = float(sum((gradients[name] * way[name]).sum() for name in names))
        assert found == pytest.approx(slope, rel=1e-4, abs=1e-5), names


def test_the_extra_weight_of_the_reconstruction_is_halved_each_epoch():
    batch = batch_of(1)

    def at(iteration):
        return loss(learner_for(iteration=float(iteration)), batch)

    assert at(0) == at(9) != at(10) == at(19)
    # weight * missed + divergences / weight, with weights of 2 and, after ages, 1.
    first, last = at(0), at(10_000)
    missed = (2 * first - last) / 3
    divergences = last - missed
    assert missed > 0
    assert divergences > 0
    for epoch in (1, 2, 5):
        weight = 1 + 0.5**epoch
        assert at(10 * epoch) == pytest.approx(weight * missed + divergences / weight)


def test_an_iteration_is_counted_and_moves_the_averages_towards_the_batch():
    learner = learner_for(seeds=2, iteration=4.0)
    gradients = meta_gradient(METHOD.objective, learner, batch_of(2)).gradients
    assert gradients["iteration"].tolist() == [[-1.0], [-1.0]]
    moved = [name for name in learner.network.averages if gradients[name].abs().max() > 0]
    assert set(moved) == set(learner.network.averages)


def test_each_set_is_turned_as_one_in_eight_ways():
    method = dataclasses.replace(METHOD, dilate=0.0, sets=40, images=2)
    batch = batch_of(1, way=40, shot=2)
    sets = batch.support_x.view(1, 40, 2, 1, 28, 28)
    found = method._augmented(sets, method._numbers(batch, 1, 40))
    ways = [
        torch.rot90(sets.flip(-1) if flipped else sets, turns, (-2, -1))
        for flipped, turns in itertools.product((False, True), range(4))
    ]
    hits = torch.stack([(way == found).flatten(2).all(2)[0] for way in ways])
    assert hits.sum(0).tolist() == [1] * 40
    assert (hits.sum(1) > 0).all()


def test_strokes_are_made_thicker_by_their_neighbours():
    thin = (
        torch.rand(1, 4, 3, 1, 28, 28, generator=torch.Generator().manual_seed(2)) > 0.9
    ).float()
    batch = dataclasses.replace(batch_of(1), support_x=thin.flatten(1, 2))
    numbers = METHOD._numbers(batch, 1, 4)
    unturned = numbers._replace(turning=torch.ones_like(numbers.turning))
    always = dataclasses.replace(METHOD, dilate=1.0)._augmented(thin, unturned)
    for place in itertools.product(range(4), range(3)):
        image = thin[0][place][0]
        padded = torch.nn.functional.pad(image, (1, 1, 1, 1))
        near = [padded[1:-1, 1:-1], padded[2:, 1:-1], padded[:-2, 1:-1]]
        near += [padded[1:-1, 2:], padded[1:-1, :-2]]
        assert torch.equal(always[0][place][0], torch.stack(near).amax(0))
    sometimes = METHOD._augmented(thin, unturned)
    thicker = [
        bool((sometimes[0][p] != thin[0][p]).any()) for p in itertools.product(range(4), range(3))
    ]
    assert thicker == (numbers.dilating < 0.5).flatten().tolist()
    assert 0 < sum(thicker) < len(thicker)


def test_grey_pixels_are_drawn():
    batch = batch_of(1, grey=True)
    sets = batch.support_x.view(1, 4, 3, 1, 28, 28)
    numbers = METHOD._numbers(batch, 1, 4)
    numbers = numbers._replace(turning=torch.ones_like(numbers.turning))
    found = dataclasses.replace(METHOD, dilate=0.0)._augmented(sets, numbers)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    assert float((found - sets).mean()) == pytest.approx(0.0, abs=0.02)
    assert float(found[sets > 0.9].mean()) > 0.9


def test_what_is_drawn_is_a_function_of_the_keys():
    batch = batch_of(2)
    one, other = METHOD._numbers(batch, 2, 4), METHOD._numbers(batch, 2, 4)
    for value, again in zip(one, other, strict=True):
        assert torch.equal(value, again)
        assert not torch.equal(value[0], value[1])
        assert not torch.equal(value[:, 0], value[:, 1])
    (alone,) = (METHOD._numbers(batch.part(1, 1, 2), 1, 4),)
    assert all(torch.equal(a[0], b[1]) for a, b in zip(alone, one, strict=True))
    many = dataclasses.replace(METHOD, sets=400)._numbers(batch_of(1, way=400), 1, 400)
    assert float(many.context.mean()) == pytest.approx(0.0, abs=0.1)
    assert float(many.latent.std()) == pytest.approx(1.0, abs=0.05)
    assert float((many.keeping < 0.5).double().mean()) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("direction", ["class-query", "query-class"])
def test_a_query_is_of_the_class_whose_set_it_is(direction):
    method = dataclasses.replace(METHOD, direction=direction)
    batch = batch_of(3, shot=1)
    own = dataclasses.replace(batch, query_x=batch.support_x.clone())
    learner = learner_for()
    outputs = method.outputs(learner, own, {})
    assert outputs.shape == (3, 4, 4)
    assert outputs.diagonal(dim1=1, dim2=2).abs().max() < 1e-10
    assert (outputs.argmax(-1) == own.query_y).all()
    assert (outputs <= 1e-10).all()
    # With sets of one, the other direction is the other way round.
    other = {"class-query": "query-class", "query-class": "class-query"}[direction]
    turned = dataclasses.replace(METHOD, direction=other).outputs(learner, own, {})
    torch.testing.assert_close(turned, outputs.mT)
    assert not torch.allclose(turned, outputs, rtol=1e-2)


def test_scores_come_in_parts_of_tasks(monkeypatch):
    learner, batch = learner_for(seeds=2), batch_of(6, shot=2, n_query=3)
    whole = METHOD.outputs(learner, batch, {})
    assert whole.shape == (6, 12, 4)
    monkeypatch.setattr(neural_statistician, "_IMAGES_AT_ONCE", 25)
    pauses = []
    paused = dataclasses.replace(learner, pause=lambda: pauses.append(None))
    torch.testing.assert_close(METHOD.outputs(paused, batch, {}), whole)
    assert len(pauses) == 2
    alone = dataclasses.replace(learner, params={n: v[1:] for n, v in learner.params.items()})
    torch.testing.assert_close(
        METHOD.outputs(alone, batch.part(2, 0, 3).part(1, 3, 6), {}), whole[3:]
    )


def test_the_curve_is_the_same_in_both_directions():
    learner, batch = learner_for(), batch_of(2)
    other = dataclasses.replace(METHOD, direction="query-class")
    torch.testing.assert_close(other.validate(learner, batch), METHOD.validate(learner, batch))
    scored = [method.outputs(learner, batch, {}) for method in (METHOD, other)]
    assert not torch.allclose(*scored)


def test_the_options_of_scoring_alone_do_not_change_a_training():
    options = {field.name for field in dataclasses.fields(NeuralStatistician)}
    assert options - NeuralStatistician.training_options == {"direction"}
    own = {
        name: NeuralStatistician().shared_config(get_setting(name).recipe(METHOD.name).config)
        for name in (f"omniglot-{way}way-{shot}shot" for way in (5, 20) for shot in (1, 5))
    }
    first = own["omniglot-5way-1shot"]
    assert all(config == first for config in own.values())
    assert (first.n_way, first.k_shot, first.meta_grad_clip, first.rotations) == (32, 5, 0.5, False)


TRAINING = Training(method=METHOD, config=CONFIG, iterations=4)


def test_a_seed_in_company_equals_the_seed_alone():
    for alone, together in TRAINING.alone_and_in_company((0, 3)):
        require_alike(alone, together, 1e-7)
        assert float(alone.params["iteration"]) == 4.0


def test_stopped_and_gone_on_it_comes_to_the_same_weights(tmp_path):
    require_alike(*TRAINING.whole_and_in_pieces(1, tmp_path))


def test_it_learns(tmp_path):
    small = {"filters": (8, 16, 16), "units": 64, "context": 32, "latent": 8}
    recipe = GLYPHS.recipe(METHOD.name)
    request = Request(
        setting=GLYPHS,
        method=METHOD.name,
        seeds=(0,),
        config=recipe.config,
        schedule=GLYPHS.schedule(150, METHOD.name),
        protocols=(msgspec.structs.replace(recipe.protocols[0], tasks=40, n_query=3),),
        device=torch.device("cpu"),
        options={"sets": 16, "epoch": 20, **small},
    )
    images = load_image_data("glyphs", root=None)
    ((_, record),) = execute(request, Registry(tmp_path / "results"), images).written
    assert record.metrics["accuracy"].mean > 0.5  # chance is 0.2
    losses = [point.train_loss for point in record.curve]
    assert losses[-1] < 0.5 * losses[0]
