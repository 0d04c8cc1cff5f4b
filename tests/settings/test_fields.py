"""The table of fields: all are in it, all that stands passes it, what passes can run."""

import dataclasses
from pathlib import Path

import msgspec
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from baselines import method_of
from baselines.memory_module import MemoryModule
from baselines.multi_task import MultiTask
from suite.data import glyphs, omniglot
from suite.data.miniimagenet.split import N_IMAGES, RAVI_LAROCHELLE
from suite.data.synthetic import random_batch
from suite.envs import make_environment
from suite.errors import UsageError
from suite.inner.learner import Learner
from suite.models import Classifier
from suite.models.conv import IMAGE_SHAPE
from suite.registry import Registry
from suite.rng import generator
from suite.run.execute import execute
from suite.run.request import Request
from suite.settings import DATA_SETS, METHODS, SETTINGS, Config, Protocol, Schedule, get_setting
from suite.settings.fields import FIELDS, PROTOCOL, SCHEDULE, images_of, rules
from suite.settings.fitting import require_fit, require_plan, settable
from suite.settings.protocols import protocols_by_name

RESULTS = Path(__file__).parents[2] / "results"
PAIRS = [(setting, method) for setting in SETTINGS.values() for method in setting.methods]
CPU = torch.device("cpu")
NEVER = ("dataset", "loss", "batch_norm")


def named(pair) -> str:
    return f"{pair[0].id}-{pair[1]}"


def test_the_table_has_every_field():
    assert tuple(FIELDS) == Config.__struct_fields__


def test_what_a_setting_is_can_never_be_set():
    assert all(FIELDS[name] == (None, None, None) for name in NEVER)


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_a_settings_own_configurations_pass(pair):
    setting, method = pair
    unheeded = method_of(setting, method).unheeded
    config = setting.recipe(method).config
    require_fit(setting, method, unheeded, msgspec.structs.asdict(config))
    for name in settable(setting, unheeded):
        rule = rules(setting)[name]
        assert rule.fits(getattr(config, name)), name


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_a_settings_own_plans_pass(pair):
    setting, method = pair
    protocols = protocols_by_name(setting, method).values()
    require_plan(setting, method, setting.schedule(None, method), protocols)
    require_plan(setting, method, setting.schedule(0, method), setting.short(method)[1])


def test_the_tables_of_schedules_and_protocols_have_every_field():
    assert {*SCHEDULE, "name", "version"} == set(Schedule.__struct_fields__)
    assert {*PROTOCOL, "name", "version"} == set(Protocol.__struct_fields__)


ODD = [
    ("sinusoid", {"tasks": 0}, "tasks must be a whole number from 1 to 1,000,000"),
    ("sinusoid", {"report_step": 11}, "report_step=11: protocol 5-shot takes 10 steps"),
    ("sinusoid", {"batch_norm": "one-query"}, "batch_norm must be one of none"),
    ("sinusoid", {"checkpoint": "best"}, "checkpoint must be one of last, best-validation"),
    ("glyphs-5way-1shot", {"batch_norm": "none"}, "one of batch-statistics, support-statistics"),
    ("glyphs-5way-1shot", {"k_shot": 6, "n_query": 15}, "from the 20 images of a class"),
    ("point-navigation", {"tasks": 41}, "tasks must be a whole number from 1 to 40"),
]


@pytest.mark.parametrize(("setting_id", "changes", "message"), ODD)
def test_a_protocol_that_cannot_be_scored(setting_id, changes, message):
    setting = get_setting(setting_id)
    odd = msgspec.structs.replace(setting.protocols[0], **changes)
    with pytest.raises(UsageError, match=message):
        require_plan(setting, "maml", setting.schedule(), [odd])


def test_classifiers_are_scored_by_running_averages():
    setting = get_setting("glyphs-5way-1shot")
    with pytest.raises(UsageError, match="batch_norm must be one of running-averages"):
        require_plan(setting, "pretraining", setting.schedule(), setting.protocols)


def test_every_completed_record_passes():
    records = [each for each in Registry(RESULTS).records() if each.status == "completed"]
    assert len(records) > 200
    for record in records:
        setting = get_setting(record.setting)
        own = setting.recipe(record.method).config
        for name, rule in rules(setting).items():
            value = getattr(record.config, name)
            fits = value == getattr(own, name) or (rule is not None and rule.fits(value))
            assert fits, (record.key, name, value)
        require_plan(setting, record.method, record.schedule, [record.protocol])


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_every_method_can_be_changed_in_some_way(pair):
    setting, method = pair
    unheeded = method_of(setting, method).unheeded
    assert unheeded <= set(FIELDS)
    assert {"hidden", "n_way"} & set(settable(setting, unheeded))


def test_the_bounds_are_those_of_the_data():
    for module, name in ((omniglot, "omniglot-5way-1shot"), (glyphs, "glyphs-5way-1shot")):
        images = images_of(get_setting(name))
        assert images is not None
        assert (images.classes, images.of_class) == (100, module.N_DRAWINGS)
        assert images.labelled == 5 * (module.N_CLASSES - 100 - 423)
    counts = [len(names) for names in RAVI_LAROCHELLE.parts.values()]
    assert DATA_SETS["miniimagenet"].classes == tuple(counts)
    mini = images_of(get_setting("miniimagenet-5way-1shot"))
    assert mini is not None
    assert (mini.classes, mini.of_class, mini.labelled) == (min(counts), N_IMAGES, 5 * counts[0])
    for setting in SETTINGS.values():
        images = images_of(setting)
        if images is not None:
            assert IMAGE_SHAPE[setting.config.dataset][-1] >> images.halvings == 1
    goals = make_environment("point-navigation").test_goals()
    assert PROTOCOL["tasks"][2].fits(len(goals))
    assert not PROTOCOL["tasks"][2].fits(len(goals) + 1)


SMALL = {
    "network": st.sampled_from(["conv-stride", "conv-pool", "mlp-bn"]),
    "hidden": st.lists(st.integers(1, 9), min_size=1, max_size=5).map(tuple),
    "weight_init": st.sampled_from(["xavier-uniform", "truncated-normal-0.01", "torch7"]),
    "head_init": st.sampled_from(["normal-1", "torch7", "truncated-normal-0.01"]),
    "adapt_beta": st.booleans(),
    "n_way": st.integers(2, 6),
    "rotations": st.booleans(),
    "loss_scale": st.sampled_from(["sum-over-k", "mean"]),
    "inner_steps": st.integers(0, 3),
    "meta_grad_clip": st.none() | st.floats(0.1, 9),
    "precision": st.sampled_from(["float32", "tf32", "bfloat16"]),
    "images_per_batch": st.integers(2, 9),
    "discount": st.floats(0.1, 1.0),
    "fisher_tasks": st.none() | st.integers(1, 9),
    "activation": st.sampled_from(["relu", "tanh"]),
    "split": st.sampled_from(["own", "vinyals"]),
    "rotated_classes": st.booleans(),
    **dict.fromkeys(("k_shot", "n_query", "tasks_per_batch", "fisher_every"), st.integers(1, 4)),
    **dict.fromkeys(
        ("inner_lr", "meta_lr", "trust_region", "later_step_share"), st.floats(1e-9, 9)
    ),
}
WILD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.lists(st.integers() | st.floats(), max_size=3).map(tuple)
)


@st.composite
def wild_changes(draw):
    setting, method = draw(st.sampled_from(PAIRS))
    return setting, method, draw(st.dictionaries(st.sampled_from(list(FIELDS)), WILD, min_size=1))


@st.composite
def small_changes(draw):
    # Other environments load bodies, and the images of mini-ImageNet are large.
    quick = [pair for pair in PAIRS if pair[0].id.startswith(("sin", "glyphs", "omni", "point"))]
    setting, method = draw(st.sampled_from(quick))
    free = st.sampled_from(settable(setting, method_of(setting, method).unheeded))
    names = draw(st.lists(free, unique=True, min_size=1, max_size=4))
    return setting, method, {name: draw(SMALL[name]) for name in names}


def accepted(setting, method, changed) -> Config | None:
    own = msgspec.structs.asdict(setting.recipe(method).config)
    told = None
    try:
        require_fit(setting, method, method_of(setting, method).unheeded, own | changed)
    except UsageError as error:
        told = str(error)
    if told is not None:
        assert "\n" not in told
        assert any(name in told for name in changed)
        return None
    return msgspec.convert(own | changed, Config)


@given(wild_changes())
def test_whatever_is_typed_fits_or_is_told(case):
    config = accepted(*case)
    if config is not None:
        assert msgspec.json.decode(msgspec.json.encode(config), type=Config) == config


@given(small_changes())
def test_what_is_accepted_can_be_trained(case):
    setting, name, _ = case
    config = accepted(*case)
    assume(config is not None)
    assert config is not None
    method = method_of(setting, name)
    trainer = method_of(setting, method.trained_by or name)
    network = trainer.network(config, 7)
    drawn = network.initial(generator(0, "test"))
    params = {key: value[None].requires_grad_() for key, value in drawn.items()}
    if setting.problem == "policies":
        context = params["context"].shape[-1] if "context" in params else 0
        seen = torch.rand(1, 3, params["layer0.weight"].shape[-1] - context)
        outputs = network.forward(params, seen)
        assert outputs.shape == (1, 3, 2)
        return
    shared = isinstance(trainer, MemoryModule)  # one memory for all tasks of a batch
    tasks = config.tasks_per_batch if shared else min(2, config.tasks_per_batch)
    batch = random_batch(msgspec.structs.replace(config, tasks_per_batch=tasks), CPU)
    if isinstance(network, Classifier):
        outputs, _ = network.train(params, batch.support_x[:1])
        assert outputs.shape[2:] == (7,)
        return
    told = torch.rand(tasks, 2) if setting.problem == "regression" else None
    learner = Learner(config=config, network=network, params=params)
    if isinstance(method, MultiTask):
        method = dataclasses.replace(method, updates=2)
    if METHODS[name].trains:
        keys = torch.arange(tasks)
        losses, _ = method.objective(learner, dataclasses.replace(batch, told=told, keys=keys))
        assert losses.shape == (tasks,)


@pytest.mark.parametrize("recorded", [False, True])
def test_the_runner_refuses_it_too_but_takes_a_record_as_it_is(monkeypatch, tmp_path, recorded):
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    setting = get_setting("point-navigation")
    # As records of before have it.
    config = msgspec.structs.replace(setting.recipe("random-init").config, fisher_every=4)
    request = Request(
        setting=setting,
        method="random-init",
        seeds=(0,),
        config=config,
        schedule=setting.schedule(0),
        protocols=(msgspec.structs.replace(setting.protocols[0], tasks=2, k_shot=1, n_query=1),),
        device=CPU,
        recorded=recorded,
    )
    registry = Registry(tmp_path / "results")
    if recorded:
        assert len(execute(request, registry, None).written) == 1
        return
    with pytest.raises(UsageError, match="random-init heeds no other fisher_every than its own, 1"):
        execute(request, registry, None)
    assert list(tmp_path.iterdir()) == []
