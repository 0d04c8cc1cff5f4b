"""The settings against the paper's tables and `settings.md`, and against themselves."""

import re

import pytest

from baselines import FewShotMethod, method_of, trainer_of
from baselines.options import options_of
from suite import envs as worlds
from suite.errors import UsageError
from suite.settings import ENVIRONMENTS, METHODS, SETTINGS, Config, get_setting
from suite.settings.footnotes import FOOTNOTES
from suite.settings.protocols import protocols_by_name
from suite.settings.reinforcement import paper_returns
from suite.settings.rivals import RIVALS

ALL = list(SETTINGS.values())
METHOD_NAMES = {
    *("maml", "fomaml", "fine-tuning", "nearest-neighbour"),
    *("pretraining", "oracle", "random-init"),
    *RIVALS,
}

BASELINES = ("fine-tuning", "nearest-neighbour", "pretraining")

# settings.md 3.2, 4.3 and 5.3: inner_lr, inner_steps, steps at test, tasks_per_batch,
# n_query at training, meta_grad_clip, iterations.
HYPERPARAMETERS = {
    "sinusoid": (0.001, 1, 10, 25, 10, None, 70_000),
    "omniglot-5way-1shot": (0.4, 1, 3, 32, 1, None, 60_000),
    "omniglot-5way-5shot": (0.4, 1, 3, 32, 5, None, 60_000),
    "omniglot-20way-1shot": (0.1, 5, 5, 16, 1, None, 60_000),
    "omniglot-20way-5shot": (0.1, 5, 5, 16, 5, None, 60_000),
    "omniglot-5way-1shot-mlp": (0.4, 1, 3, 32, 1, None, 60_000),
    "omniglot-5way-5shot-mlp": (0.4, 1, 3, 32, 5, None, 60_000),
    "miniimagenet-5way-1shot": (0.01, 5, 10, 4, 15, 10.0, 60_000),
    "miniimagenet-5way-5shot": (0.01, 5, 10, 2, 15, 10.0, 60_000),
    "glyphs-5way-1shot": (0.4, 1, 3, 32, 1, None, 60_000),
}

# settings.md 7.1 and rl.md 2: tasks and trajectories an iteration, inner_lr, trust region,
# iterations, trajectories at test; step size of random initialization; iterations of pretraining
# and of the oracle.
POLICIES = {
    "point-navigation": ((20, 20, 0.1, 0.01, 100, 40), 0.5, (100, 100)),
    "cheetah-velocity": ((40, 10, 0.1, 0.01, 475, 20), 0.1, (475, 975)),
    "cheetah-direction": ((40, 20, 0.1, 0.02, 100, 20), 0.5, (1_000, 1_000)),
    "ant-velocity": ((40, 20, 0.1, 0.01, 375, 20), 1.0, (575, 550)),
    "ant-direction": ((40, 40, 0.1, 0.01, 575, 40), 1.0, (2_000, 1_975)),
}

# settings.md 7.3: the paper's Tables 4 and 5.
TABLES_4_AND_5 = {
    ("point-navigation", "maml"): (-40.41, -11.68, -3.33, -3.23),
    ("point-navigation", "context-vector"): (-42.42, -13.90, -5.17, -3.18),
    ("cheetah-direction", "maml"): (-50.69, 293.19, 313.48, 315.65),
    ("cheetah-direction", "context-vector"): (-40.49, -44.08, -38.27, -42.50),
}

# settings.md 4.2 and 5.2.
ARCHITECTURES = {
    "sinusoid": ("mlp", (40, 40), "none"),
    "omniglot": ("conv-stride", (64, 64, 64, 64), "batch-statistics"),
    "omniglot-mlp": ("mlp-bn", (256, 128, 64, 64), "batch-statistics"),
    "miniimagenet": ("conv-pool", (32, 32, 32, 32), "batch-statistics"),
    "glyphs": ("conv-stride", (64, 64, 64, 64), "batch-statistics"),
}

# Others may be added to these, and are then held to the tests of all.
OURS = [SETTINGS[name] for name in (*HYPERPARAMETERS, *POLICIES)]
IMAGES = [each for each in OURS if each.config.problem == "classification"]

# In percent, as printed: settings.md 4.4, 5.4; the FOMAML rows of Omniglot, 9.2.
TABLE_1 = {
    ("omniglot-5way-1shot-mlp", "maml"): (89.7, 1.1),
    ("omniglot-5way-5shot-mlp", "maml"): (97.5, 0.6),
    ("omniglot-5way-1shot", "maml"): (98.7, 0.4),
    ("omniglot-5way-5shot", "maml"): (99.9, 0.1),
    ("omniglot-20way-1shot", "maml"): (95.8, 0.3),
    ("omniglot-20way-5shot", "maml"): (98.9, 0.2),
    ("omniglot-5way-1shot", "fomaml"): (98.3, 0.5),
    ("omniglot-5way-5shot", "fomaml"): (99.2, 0.2),
    ("omniglot-20way-1shot", "fomaml"): (89.4, 0.5),
    ("omniglot-20way-5shot", "fomaml"): (97.9, 0.1),
    ("miniimagenet-5way-1shot", "fine-tuning"): (28.86, 0.54),
    ("miniimagenet-5way-5shot", "fine-tuning"): (49.79, 0.79),
    ("miniimagenet-5way-1shot", "nearest-neighbour"): (41.08, 0.70),
    ("miniimagenet-5way-5shot", "nearest-neighbour"): (51.04, 0.65),
    ("miniimagenet-5way-1shot", "fomaml"): (48.07, 1.75),
    ("miniimagenet-5way-5shot", "fomaml"): (63.15, 0.91),
    ("miniimagenet-5way-1shot", "maml"): (48.70, 1.84),
    ("miniimagenet-5way-5shot", "maml"): (63.11, 0.92),
    # settings.md 4.4 and 5.4: of other papers, copied by the paper.
    ("omniglot-5way-1shot", "siamese-nets"): (97.3, None),
    ("omniglot-5way-5shot", "siamese-nets"): (98.4, None),
    ("omniglot-20way-1shot", "siamese-nets"): (88.2, None),
    ("omniglot-20way-5shot", "siamese-nets"): (97.0, None),
    ("omniglot-5way-1shot", "matching-networks"): (98.1, None),
    ("omniglot-5way-5shot", "matching-networks"): (98.9, None),
    ("omniglot-20way-1shot", "matching-networks"): (93.8, None),
    ("omniglot-20way-5shot", "matching-networks"): (98.5, None),
    ("miniimagenet-5way-1shot", "matching-networks-ravi"): (43.56, 0.84),
    ("miniimagenet-5way-5shot", "matching-networks-ravi"): (55.31, 0.73),
    ("omniglot-5way-1shot", "neural-statistician"): (98.1, None),
    ("omniglot-5way-5shot", "neural-statistician"): (99.5, None),
    ("omniglot-20way-1shot", "neural-statistician"): (93.2, None),
    ("omniglot-20way-5shot", "neural-statistician"): (98.1, None),
    ("miniimagenet-5way-1shot", "meta-learner-lstm"): (43.44, 0.77),
    ("miniimagenet-5way-5shot", "meta-learner-lstm"): (60.60, 0.71),
    ("omniglot-5way-1shot-mlp", "mann"): (82.8, None),
    ("omniglot-5way-5shot-mlp", "mann"): (94.9, None),
    ("omniglot-5way-1shot", "memory-module"): (98.4, None),
    ("omniglot-5way-5shot", "memory-module"): (99.6, None),
    ("omniglot-20way-1shot", "memory-module"): (95.0, None),
    ("omniglot-20way-5shot", "memory-module"): (98.6, None),
    # Table 3
    ("omniglot-5way-1shot", "context-vector"): (94.9, 0.9),
    ("omniglot-5way-5shot", "context-vector"): (97.7, 0.3),
}

# Method and gradient step: settings.md 3.4.
TABLE_2 = {
    ("pretraining", 1): 2.41,
    ("pretraining", 5): 2.23,
    ("pretraining", 10): 2.19,
    ("maml", 1): 0.67,
    ("maml", 5): 0.38,
    ("maml", 10): 0.35,
    ("multi-task", 1): 4.19,
    ("multi-task", 5): 3.85,
    ("multi-task", 10): 3.69,
    ("multi-task-l2", 1): 7.18,
    ("multi-task-l2", 5): 5.69,
    ("multi-task-l2", 10): 5.60,
    ("multi-task-mean", 1): 2.91,
    ("multi-task-mean", 5): 2.72,
    ("multi-task-mean", 10): 2.71,
}


def test_ids():
    assert set(POLICIES) == set(ENVIRONMENTS) == set(worlds.ENVIRONMENTS)
    assert all(get_setting(name).id == name for name in SETTINGS)


def test_an_unknown_id_is_told_the_known_ones():
    with pytest.raises(UsageError, match="omniglot-5way-1shot-mlp") as caught:
        get_setting("omniglot")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_hyperparameters(name):
    setting = get_setting(name)
    config = setting.config
    values = (
        config.inner_lr,
        config.inner_steps,
        setting.protocols[0].report_step,
        config.tasks_per_batch,
        config.n_query,
        config.meta_grad_clip,
        setting.iterations,
    )
    assert values == HYPERPARAMETERS[name]
    assert config.meta_lr == 0.001
    assert config.precision == "float32"


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_architecture(name):
    config = get_setting(name).config
    kind = config.dataset + ("-mlp" if name.endswith("-mlp") else "")
    assert (config.network, config.hidden, config.batch_norm) == ARCHITECTURES[kind]
    assert not config.adapt_beta
    if config.network == "conv-stride":
        assert (config.weight_init, config.head_init) == ("xavier-uniform", "normal-1")
    elif config.network == "conv-pool":
        assert (config.weight_init, config.head_init) == ("xavier-uniform", "xavier-uniform")
    else:
        assert {config.weight_init, config.head_init} == {"truncated-normal-0.01"}


@pytest.mark.parametrize("name", POLICIES)
def test_reinforcement_learning(name):
    setting = get_setting(name)
    config, (protocol,) = setting.config, setting.all_protocols
    values = (
        *(config.tasks_per_batch, config.k_shot, config.inner_lr, config.trust_region),
        *(setting.iterations, protocol.k_shot),
    )
    assert (
        values,
        setting.recipe("random-init").config.inner_lr,
        (setting.recipe("pretraining").iterations, setting.recipe("oracle").iterations),
    ) == POLICIES[name]
    assert (config.hidden, config.discount, config.meta_lr) == ((100, 100), 0.99, None)
    assert config.later_step_share == (0.01 if name == "ant-direction" else 0.5)
    assert (protocol.tasks, protocol.steps, protocol.report_step) == (40, 3, 1)
    # As many trajectories after the inner step as before it.
    assert config.n_query == config.k_shot


@pytest.mark.parametrize(("name", "method"), TABLES_4_AND_5)
def test_tables_4_and_5(name, method):
    printed = {each.step: each.value for each in get_setting(name).paper if each.method == method}
    assert tuple(printed[step] for step in range(4)) == TABLES_4_AND_5[name, method]


def test_the_curves_of_figures_4_and_5_are_whole():
    for name, methods in paper_returns().items():
        assert set(methods) == {"maml", "pretraining", "random-init", "oracle"}
        for rows in methods.values():
            assert {len(row) for row in rows} == {40}
        numbers = [each for each in get_setting(name).paper if each.method not in RIVALS]
        assert len(numbers) == 3 * 4 + 1
        assert all(each.ci95_tasks for each in numbers)


@pytest.mark.parametrize("setting", IMAGES, ids=lambda each: each.id)
def test_a_classification_setting_is_what_its_id_says(setting):
    n_way, k_shot = map(int, re.search(r"-(\d+)way-(\d+)shot", setting.id).groups())
    config, (protocol,) = setting.config, setting.protocols
    assert (config.n_way, config.k_shot) == (n_way, k_shot)
    assert (config.loss, config.loss_scale) == ("cross-entropy", "sum-over-k")
    assert config.rotations == (config.dataset != "miniimagenet")
    assert setting.id.startswith(config.dataset)
    assert setting.config.problem == "classification"
    # K queries a class at test, 600 tasks, 10 steps scored: settings.md, section 1.
    assert (protocol.k_shot, protocol.n_query) == (k_shot, k_shot)
    assert (protocol.tasks, protocol.steps) == (600, 10)
    assert protocol.batch_norm == config.batch_norm


@pytest.mark.parametrize("setting", IMAGES, ids=lambda each: each.id)
def test_the_baselines_are_ravi_and_larochelles(setting):
    """settings.md 5.5."""
    assert set(setting.methods) - set(RIVALS) == {"maml", "fomaml", *BASELINES}
    assert set(setting.recipes) - set(RIVALS) == set(BASELINES)
    for method in BASELINES:
        config = setting.recipe(method).config
        assert setting.schedule(None, method).name == "paper"
        assert setting.schedule(None, method).iterations == 30_000
        assert setting.schedule(30_000).name == "shortened"
        assert (config.meta_lr, config.images_per_batch, config.meta_grad_clip) == (1e-3, 64, None)
        assert (config.weight_init, config.head_init) == ("torch7", "torch7")
        assert (config.batch_norm, config.loss_scale) == ("running-averages", "mean")
        assert (config.n_way, config.k_shot) == (setting.config.n_way, setting.config.k_shot)
        if config.network.startswith("conv"):
            assert config.hidden == (64, 64, 64, 64)
        protocols = {each.name: each for each in setting.recipe(method).protocols}
        assert {(each.tasks, each.steps, each.k_shot) for each in protocols.values()} == {
            (600, 0, config.k_shot)
        }
        queries = {name: each.n_query for name, each in protocols.items()}
        printed = {"ravi-larochelle": 15} if config.dataset == "miniimagenet" else {}
        assert queries == {"inductive": config.k_shot, **printed}
    assert setting.recipe("maml").config == setting.config
    assert setting.recipe("fomaml").protocols == setting.protocols


def test_the_sinusoid_is_scored_on_5_10_and_20_points():
    setting = get_setting("sinusoid")
    assert (setting.config.k_shot, setting.config.n_way) == (10, 1)
    assert (setting.config.loss, setting.config.loss_scale) == ("mse", "mean")
    assert setting.config.problem == "regression"
    shots = {each.name: (each.k_shot, each.n_query) for each in setting.protocols}
    assert shots == {"5-shot": (5, 5), "10-shot": (10, 10), "20-shot": (20, 20)}
    assert {(each.tasks, each.steps, each.report_step) for each in setting.protocols} == {
        (600, 10, 10)
    }


def test_table_1():
    printed = {
        (setting.id, number.method): (number.value, number.ci95_tasks)
        for setting in IMAGES
        for number in setting.paper
    }
    assert set(printed) == set(TABLE_1)
    for cell, percents in TABLE_1.items():
        wanted = [each and pytest.approx(each / 100) for each in percents]
        assert list(printed[cell]) == wanted, cell


def test_table_2():
    numbers = get_setting("sinusoid").paper
    assert {number.protocol for number in numbers} == {"5-shot"}
    assert {(number.method, number.step): number.value for number in numbers} == TABLE_2


@pytest.mark.parametrize("setting", ALL, ids=lambda each: each.id)
def test_paper_numbers_belong_to_the_setting(setting):
    for number in setting.paper:
        assert number.method in setting.methods
        protocols = {each.name: each for each in setting.recipe(number.method).protocols}
        assert number.protocol in protocols
        assert number.source
        assert number.step is None or number.step <= protocols[number.protocol].steps


@pytest.mark.parametrize("setting", ALL, ids=lambda each: each.id)
def test_every_value_has_a_source(setting):
    assert set(setting.sources) == {*Config.__struct_fields__, "iterations", "protocol"}
    assert all(setting.sources.values())


@pytest.mark.parametrize("setting", ALL, ids=lambda each: each.id)
def test_what_a_recipe_changes_has_a_source_of_its_own(setting):
    """Else `suite list` would name the source of another value."""
    for name, recipe in setting.recipes.items():
        method = method_of(setting, name)
        trainer = trainer_of(setting, method, setting.schedule(method=name))
        config = trainer.shared_config(recipe.config) or recipe.config
        changed = {
            field
            for field in Config.__struct_fields__
            if getattr(config, field) != getattr(setting.config, field)
        }
        if recipe.iterations != setting.iterations:
            changed.add("iterations")
        if recipe.protocols != setting.protocols:
            changed.add("protocol")
        own = {*recipe.sources, *method.sources}
        assert changed <= own, changed - own
        assert own <= {*Config.__struct_fields__, "iterations", "protocol", *options_of(method)}
        assert all(recipe.sources.values())


@pytest.mark.parametrize("setting", ALL, ids=lambda each: each.id)
def test_every_option_of_a_method_has_a_source(setting):
    for name in setting.methods:
        method = method_of(setting, name)
        assert set(options_of(method)) <= set(method.sources)
        assert set(method.sources) <= {*options_of(method), *Config.__struct_fields__}


def test_every_footnote_exists_and_is_used():
    assert all(len(set(setting.footnotes)) == len(setting.footnotes) for setting in ALL)
    used = {note for setting in ALL for note in setting.footnotes}
    assert used == set(FOOTNOTES)
    known = set(METHODS)
    assert all(set(note.methods) <= known and note.text for note in FOOTNOTES.values())


def test_methods_are_known():
    assert {method for setting in OURS for method in setting.methods} == METHOD_NAMES
    assert {method for setting in ALL for method in setting.methods} <= set(METHODS)


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.id)
@pytest.mark.parametrize("name", METHODS)
def test_a_method_runs_wherever_its_problem_is(setting, name):
    if METHODS[name].class_for(setting.problem) is None:
        assert name not in setting.methods
        with pytest.raises(UsageError, match=f"{name} does not run on {setting.id}"):
            method_of(setting, name)
        return
    method = method_of(setting, name)
    assert method.name == name
    if name in RIVALS and name not in setting.methods:
        return  # it may have a recipe, and run, in some settings only
    method.check(setting)
    if isinstance(method, FewShotMethod):
        for protocol in protocols_by_name(setting, name).values():
            method.check_protocol(setting.recipe(name).config, protocol)


@pytest.mark.parametrize(
    ("iterations", "name"),
    [
        (None, "paper"),
        (60_000, "paper"),
        (59_999, "shortened"),
        (60_001, "lengthened"),
        (0, "none"),
    ],
)
def test_a_schedule_says_how_it_differs_from_the_papers(iterations, name):
    schedule = get_setting("omniglot-5way-1shot").schedule(iterations)
    assert schedule.name == name
    assert schedule.iterations == (60_000 if iterations is None else iterations)


@pytest.mark.parametrize(("iterations", "every"), [(60_000, 500), (400, 20), (7, 1), (0, 1)])
def test_a_short_schedule_is_validated_more_often(iterations, every):
    schedule = get_setting("omniglot-5way-1shot").schedule(iterations)
    assert schedule.validate_every == every
