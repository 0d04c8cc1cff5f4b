"""`suite run --set`: what it takes, and what it refuses before anything is written."""

import json
import re

import msgspec
import pytest

from baselines import method_of
from suite.cli.run import changed
from suite.errors import UsageError
from suite.registry import Registry, run_key
from suite.registry.store import encode
from suite.run.weights import how_to_train
from suite.settings import Config, get_setting

WRONG = {
    # No such field, or none at all.
    "sinusoid maml --set inner_rl=1": "there is no field 'inner_rl'; near it: inner_lr",
    "sinusoid maml --set bogus=1": "there is no field 'bogus'; fields: hidden, weight_init",
    "sinusoid maml --set inner_lr": "write FIELD=VALUE",
    "sinusoid maml --set =1": "there is no field ''",
    "sinusoid maml --set": "write FIELD=VALUE",
    "sinusoid maml --set inner_lr=0.5 inner_lr=0.25": "--set inner_lr: it is given twice",
    "sinusoid maml --set inner_lr=0.5 --set inner_lr=0.5": "--set inner_lr: it is given twice",
    "sinusoid maml --iterations 100000000000": "iterations must be a whole number from 0 to",
    # Options of the method.
    "sinusoid pretraining --set bogus=1": "of pretraining itself: step_sizes, validation_tasks",
    "omniglot-5way-1shot fine-tuning --set updats=5": "no field 'updats'; near it: updates",
    "omniglot-5way-1shot maml --set updates=5": "there is no field 'updates'",
    "omniglot-5way-1shot fine-tuning --set updates=5 updates=5": "--set updates: it is given twice",
    "omniglot-5way-1shot fine-tuning --set updates=0": "updates must be a whole number, at least 1",
    "omniglot-5way-1shot fine-tuning --set updates=2.5": "updates must be a whole number, at least",
    "omniglot-5way-1shot fine-tuning --set updates=true": "updates must be a whole number, at",
    "omniglot-5way-1shot fine-tuning --set updates=": "updates must be a whole number, at least 1",
    "omniglot-5way-1shot pretraining --set l2=nan": "l2 must be a number, above 0",
    "omniglot-5way-1shot pretraining --set l2=1e999": "l2 must be a number, above 0",
    "omniglot-5way-1shot pretraining --set l2=1e300": "l2 must be a number, above 0",
    "sinusoid pretraining --set step_sizes=[]": "step_sizes must be a list of at least 1",
    "sinusoid pretraining --set step_sizes=0.1": "step_sizes must be a list of at least 1",
    "sinusoid pretraining --set step_sizes=[0.1,a]": "step_sizes must be a list of at least 1",
    f"sinusoid pretraining --set step_sizes={'[' * 980}{']' * 980}": "step_sizes must be a list",
    "omniglot-5way-1shot-mlp mann --set heads=129": "heads=129: each writes to a row, and rows=128",
    "omniglot-5way-1shot-mlp mann --set rows=3": "heads=4: each writes to a row, and rows=3",
    # What the setting is.
    "sinusoid maml --set dataset=omniglot": "heeds no other dataset than its own, sinusoid",
    "glyphs-5way-1shot maml --set dataset=omniglot": "no other dataset than its own, glyphs",
    "sinusoid maml --set loss=l1": "heeds no other loss than its own, mse",
    "omniglot-5way-1shot maml --set loss=mse": "no other loss than its own, cross-entropy",
    "omniglot-5way-1shot maml --set batch_norm=none": "its own, batch-statistics",
    "sinusoid maml --set network=conv-pool": "heeds no other network than its own, mlp",
    "point-navigation maml --set network=mlp": "no other network than its own, gaussian-mlp",
    # What its problem does not heed.
    "sinusoid maml --set n_way=2": "heeds no other n_way than its own, 1",
    "sinusoid maml --set discount=0.9": "heeds no other discount than its own, null",
    "point-navigation maml --set inner_steps=3": "heeds no other inner_steps than its own, 1",
    "omniglot-5way-1shot maml --set trust_region=1": "no other trust_region than its own, null",
    # What the method does not heed.
    "omniglot-5way-1shot maml --set images_per_batch=9": "no other images_per_batch than its own",
    "omniglot-5way-1shot fine-tuning --set n_query=3": "change one of: network, hidden",
    "point-navigation oracle --set later_step_share=0.1": "oracle heeds no other later_step_share",
    # What does not fit.
    "omniglot-5way-1shot maml --set network=mlp": "one of conv-stride, conv-pool, mlp-bn",
    "omniglot-5way-1shot maml --set n_way=1": "n_way must be a whole number from 2 to 100",
    "miniimagenet-5way-1shot maml --set n_way=17": "n_way must be a whole number from 2 to 16",
    "omniglot-5way-1shot maml --set k_shot=15 n_query=6": "both from the 20 images of a class",
    "glyphs-5way-1shot maml --set network=conv-pool hidden=[8,8,8,8,8]": "4 layers at most",
    "sinusoid maml --set hidden=[]": "hidden must be a list of 1 to 10 whole numbers from 1 to",
    "sinusoid maml --set hidden=[1000000,100]": "hidden must be a list of 1 to 10 whole numbers",
    "sinusoid maml --set hidden=8": "hidden must be a list",
    "sinusoid maml --set hidden=[0]": "hidden must be a list",
    "sinusoid maml --set hidden=[true]": "hidden must be a list",
    f"sinusoid maml --set hidden={'[' * 980}{']' * 980}": "hidden must be a list",
    f"sinusoid maml --set hidden={'[' * 50_000}": "hidden must be a list",
    f"sinusoid maml --set inner_lr={'[' * 980}{']' * 980}": "inner_lr must be a positive number",
    "sinusoid maml --set inner_lr=\udcff": "inner_lr must be a positive number",
    "sinusoid maml --set \udcff=1": "there is no field ' '",
    "sinusoid maml --set precision=fp16": "precision must be one of float32, tf32, bfloat16",
    "point-navigation maml --set precision=bfloat16": "precision must be one of float32, tf32",
    "point-navigation maml --set discount=1.5": "discount must be a positive number, 1 at most",
    "point-navigation maml --set trust_region=null": "trust_region must be a positive number",
    "point-navigation maml --set n_query=21": "take --set fisher_every=4",
    "sinusoid maml --set inner_lr=nan": "inner_lr must be a positive number",
    "sinusoid maml --set inner_lr=NaN": "inner_lr must be a positive number",
    "sinusoid maml --set inner_lr=Infinity": "inner_lr must be a positive number",
    "sinusoid maml --set inner_lr=1e999": "inner_lr must be a positive number",
    "sinusoid maml --set inner_lr=-0.1": "inner_lr must be a positive number",
    "sinusoid maml --set inner_lr=0": "inner_lr must be a positive number",
    "sinusoid maml --set inner_lr=fast": "inner_lr must be a positive number",
    "sinusoid maml --set inner_lr=true": "inner_lr must be a positive number",
    "sinusoid maml --set meta_lr=null": "meta_lr must be a positive number",
    "sinusoid maml --set meta_grad_clip=-1": "must be a positive number, or null",
    "sinusoid maml --set tasks_per_batch=2.5": "must be a whole number from 1 to 10,000",
    "sinusoid maml --set tasks_per_batch=0": "must be a whole number from 1 to 10,000",
    "sinusoid maml --set k_shot=-1": "k_shot must be a whole number from 1 to",
    "omniglot-5way-1shot maml --set adapt_beta=yes": "adapt_beta must be true or false",
    "omniglot-5way-1shot maml --set adapt_beta=0": "adapt_beta must be true or false",
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.items(), ids=lambda text: ascii(text)[:60])
def test_what_is_refused(suite, tmp_path, arguments, message):
    code, out, err = suite(f"run {arguments}")
    assert code == 2
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("suite: ")
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_a_long_value_is_cut(suite):
    code, _, err = suite(f"run sinusoid maml --set hidden=[{'1,' * 2_000}0]")
    assert code == 2
    assert len(err) < 200
    code, _, err = suite(f"run sinusoid maml --set {'x' * 5_000}=1")
    assert code == 2
    assert len(err) < 500


def test_fields_may_be_set_in_one_option_or_in_several(suite, tmp_path):
    small = "--iterations 2 --threads 1 --device cpu --engine eager --protocols 5-shot"
    code, _, _ = suite(f"run sinusoid maml {small} --set hidden=[4] inner_steps=2 --set k_shot=3")
    assert code == 0
    (path,) = (tmp_path / "results").glob("*/*/*.json")
    config = json.loads(path.read_text())["config"]
    assert (config["hidden"], config["inner_steps"], config["k_shot"]) == ([4], 2, 3)


CHANGES = {
    "inner_lr=0.02": ("inner_lr", 0.02),
    "inner_lr=1": ("inner_lr", 1.0),
    "inner_steps=3": ("inner_steps", 3),
    "hidden=[8,8]": ("hidden", (8, 8)),
    "adapt_beta=true": ("adapt_beta", True),
    "loss_scale=mean": ("loss_scale", "mean"),
    'loss_scale="mean"': ("loss_scale", "mean"),
    "meta_grad_clip=null": ("meta_grad_clip", None),
    "meta_grad_clip=0.5": ("meta_grad_clip", 0.5),
}


def with_changes(setting_id: str, method: str, *changes: str) -> Config:
    setting = get_setting(setting_id)
    config, options = changed(setting, method_of(setting, method), changes)
    assert options == {}
    return config


@pytest.mark.parametrize(("change", "expected"), CHANGES.items(), ids=CHANGES)
def test_a_change_has_the_type_of_its_field(change, expected):
    config = get_setting("miniimagenet-5way-1shot").config
    field, value = expected
    assert getattr(config, field) != value
    ours = with_changes("miniimagenet-5way-1shot", "maml", change)
    assert getattr(ours, field) == value
    assert type(getattr(ours, field)) is type(value)
    own = f"{field}={json.dumps(getattr(config, field))}"
    assert with_changes("miniimagenet-5way-1shot", "maml", own) == config


def test_changes_add_up_and_none_is_none():
    assert with_changes("sinusoid", "maml") == get_setting("sinusoid").config
    both = with_changes("sinusoid", "maml", "inner_lr=0.25", "inner_steps=2")
    assert (both.inner_lr, both.inner_steps) == (0.25, 2)


def test_a_change_is_of_the_methods_own_configuration():
    own = get_setting("glyphs-5way-1shot").recipe("fine-tuning").config
    ours = with_changes("glyphs-5way-1shot", "fine-tuning", "images_per_batch=32")
    assert (own.images_per_batch, ours.images_per_batch) == (64, 32)
    assert ours.weight_init == own.weight_init == "torch7"


def test_a_field_that_is_null_by_default_can_be_set():
    assert with_changes("point-navigation", "maml", "fisher_tasks=null").fisher_tasks is None
    assert with_changes("sinusoid", "maml", "meta_grad_clip=2").meta_grad_clip == 2.0


def test_a_settings_own_value_may_be_named():
    own = get_setting("sinusoid").config
    assert with_changes("sinusoid", "maml", "dataset=sinusoid", "n_way=1") == own


def test_fields_and_options_are_told_apart():
    setting = get_setting("glyphs-5way-1shot")
    changes = ("updates=5", "hidden=[8,8]", "step_sizes=[1,0.1]")
    config, options = changed(setting, method_of(setting, "fine-tuning"), changes)
    assert config == msgspec.structs.replace(setting.recipe("fine-tuning").config, hidden=(8, 8))
    assert options == {"updates": 5, "step_sizes": (1, 0.1)}


RUN = "run sinusoid pretraining --iterations 2 --threads 1 --device cpu --engine eager"


@pytest.fixture
def changed_run(suite, tmp_path):
    """The record of a run with options of its own."""
    own = "--set step_sizes=[0.01,0.1] validation_tasks=8"
    code, _, _ = suite(f"{RUN} --protocols 5-shot {own}")
    assert code == 0
    (record,) = Registry(tmp_path / "results").records()
    return record


def test_options_stand_in_the_record_and_in_its_key(suite, changed_run, tmp_path):
    assert changed_run.options == {"step_sizes": [0.01, 0.1], "validation_tasks": 8}
    assert changed_run.provenance.changed_options == ("step_sizes", "validation_tasks")
    assert changed_run.selected["step_size"] in (0.01, 0.1)
    assert suite(f"{RUN} --protocols 5-shot")[0] == 0
    again = suite(f"{RUN} --protocols 5-shot --set validation_tasks=600")
    assert again[0] == 0
    assert "stands already" in again[1]
    plain = next(each for each in Registry(tmp_path / "results").records() if each != changed_run)
    assert plain.key != changed_run.key
    assert plain.options["validation_tasks"] == 600
    assert plain.provenance.changed_options == ()
    assert b"changed_options" not in encode(plain)


def test_a_record_is_scored_and_trained_by_its_own_options(suite, changed_run, tmp_path):
    for how in ("", "--train"):
        code, out, _ = suite(f"verify {changed_run.key} --threads 1 {how}")
        assert (code, "equal to the last digit" in out) == (0, True)
    assert suite(f"evaluate {changed_run.key} --threads 1 --protocols 10-shot 3-steps")[0] == 0
    records = Registry(tmp_path / "results").load()
    assert len(records) == 3
    assert all(each.options == changed_run.options for each in records)
    assert all(each.provenance.changed_options for each in records)
    assert len({each.provenance.weights_sha256 for each in records}) == 1


def test_what_is_set_is_told_of_a_run_and_in_the_command_that_repeats_it(suite, changed_run):
    code, out, _ = suite(f"show {changed_run.key}")
    assert code == 0
    (line,) = (line for line in out.splitlines() if line.startswith("not the paper's"))
    assert line.endswith("step_sizes=[0.01, 0.1], validation_tasks=8")
    command = how_to_train(changed_run)
    assert "--set 'step_sizes=[0.01,0.1]' validation_tasks=8 --results" in command


def test_a_record_with_an_option_that_is_unknown_here_is_one_line(suite, changed_run, tmp_path):
    other = msgspec.structs.replace(changed_run, options={"bogus": 1})
    provenance = msgspec.structs.replace(other.provenance, changed_options=())
    other = msgspec.structs.replace(other, provenance=provenance, key=run_key(other))
    Registry(tmp_path / "results").write(other)
    for command in ("verify", "evaluate"):
        code, out, err = suite(f"{command} {other.key} --threads 1")
        assert code == 2
        assert "pretraining has no option 'bogus'; its options: step_sizes" in out + err


def test_the_options_of_a_settings_methods_are_listed(suite):
    code, out, _ = suite("list glyphs-5way-1shot")
    assert code == 0
    _, *tables = re.split(r"^options of ", out, flags=re.MULTILINE)
    shown = {table.split(maxsplit=1)[0]: table for table in tables}
    assert re.search(r"│ l2 +│ 1\.0 +│ this suite: ", shown["pretraining"])
    assert re.search(r"│ step_sizes +│ \[0\.5,0\.1,.*│ Ravi and", shown["fine-tuning"])
    assert "maml" not in shown


def test_a_mistake_is_told_in_one_line():
    with pytest.raises(UsageError) as caught:
        with_changes("sinusoid", "maml", "inner_lr=a\nb")
    assert "\n" not in str(caught.value)
