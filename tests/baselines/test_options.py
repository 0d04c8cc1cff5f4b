"""Options of methods: what they can be, and that one that is set is only what it says."""

from dataclasses import dataclass, fields
from typing import ClassVar, Literal

import pytest

from baselines import Method, method_of
from baselines.fine_tuning import FineTuning
from baselines.options import Candidates, Count, Positive, options_of, with_options
from suite.errors import UsageError
from suite.settings import METHODS, SETTINGS, Config, get_setting

IMAGES = get_setting("omniglot-5way-1shot")
ALL = [
    pytest.param(method_of(setting, name), id=f"{setting.problem} {name}")
    for setting in (get_setting("sinusoid"), IMAGES, get_setting("point-navigation"))
    for name, entry in METHODS.items()
    if entry.class_for(setting.problem)
]


@dataclass(frozen=True, kw_only=True)
class Made(Method):
    """An option of each kind."""

    name: ClassVar[str] = "made"
    count: Count = 3
    size: Positive = 5
    sizes: Candidates = (0.5,)
    similarity: Literal["cosine", "l2"] = "cosine"
    ends: tuple[Count, float] = (1, 0.5)
    folded: bool = True
    limit: int | None = None
    label: str = "a"


WRONG = {
    "count": (
        [0, 10_001, 1.0, True, "3", None, 10**30],
        "a whole number, at least 1, at most 10,000",
    ),
    "size": (
        [0, -1.0, "fast", True, float("inf"), float("nan"), 1e39, 10**400],
        "a number, above 0",
    ),
    "sizes": (
        [0.5, (), [0.5, 0], [[0.5]], ["a"], (float("nan"),), (float("inf"),)],
        "a list of at least 1, each a number, above 0",
    ),
    "similarity": (["l1", 2, None], "one of cosine, l2"),
    "ends": (
        [1, (1,), (1, 2, 3), (0, 1)],
        "a list of 2: a whole number, at least 1, at most 10,000; a number",
    ),
    "folded": ([0, "yes", None], "true or false"),
    "limit": ([2.5, 2**53 + 1, "none"], "a whole number, or null"),
    "label": ([1, None], "a text"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_value_that_does_not_fit_is_told_in_one_line(name):
    values, words = WRONG[name]
    for value in values:
        with pytest.raises(UsageError) as caught:
            with_options(Made(), {name: value})
        assert str(caught.value).startswith(f"{name}=")
        assert str(caught.value).endswith(f": {name} must be {words}")


RIGHT = {
    "count": (10_000, 10_000),
    "size": (2, 2.0),
    "sizes": ([1, 0.1], (1.0, 0.1)),
    "similarity": ("l2", "l2"),
    "ends": ([2, 3], (2, 3.0)),
    "folded": (False, False),
    "limit": (-4, -4),
    "label": ("b\n", "b\n"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_value_that_fits_changes_its_option_alone(name):
    value, expected = RIGHT[name]
    made = with_options(Made(), {name: value})
    assert getattr(made, name) == expected
    assert type(getattr(made, name)) is type(expected)
    others = {each.name for each in fields(Made)} - {name}
    assert all(getattr(made, other) == getattr(Made(), other) for other in others)


def test_what_is_equal_stays_as_it_is_written():
    again = with_options(Made(), {"size": 5.0, "count": 4})
    assert type(again.size) is int
    assert options_of(again) == options_of(Made()) | {"count": 4}


def test_an_option_that_there_is_not_is_told_with_those_that_there_are():
    with pytest.raises(UsageError, match=r"made has no option 'a b'; its options: count, size"):
        with_options(Made(), {"a\nb": 1})
    with pytest.raises(UsageError, match=r"maml has no option 'x'; it has none"):
        method_of(IMAGES, "maml", options={"x": 1})


@pytest.mark.parametrize("method", ALL)
def test_options_are_told_from_fields_and_have_values_that_fit(method):
    assert options_of(method).keys().isdisjoint(Config.__struct_fields__)
    shortened = method.on(IMAGES.schedule(1))
    for each in (method, shortened):
        assert with_options(each, options_of(each)) == each
        assert with_options(method, options_of(each)) == each


@pytest.mark.parametrize("method", ALL)
def test_there_are_words_for_what_each_option_can_be(method):
    for name in options_of(method):
        with pytest.raises(UsageError, match=f"{name} must be") as caught:
            with_options(method, {name: {}})
        assert "annotation" not in str(caught.value)


def test_what_is_set_stands_on_a_shortened_schedule_too():
    schedule = IMAGES.schedule(1, "fine-tuning")
    plain = method_of(IMAGES, "fine-tuning", schedule)
    own = {"validation_tasks": 100, "updates": 5}
    ours = method_of(IMAGES, "fine-tuning", schedule, own)
    assert plain.validation_tasks == 5
    assert options_of(ours) == options_of(plain) | own
    assert ours.step_sizes == plain.step_sizes != FineTuning().step_sizes


def test_fine_tuning_wants_no_more_images_of_a_class_than_there_are():
    config, protocols = IMAGES.recipe("fine-tuning").config, IMAGES.recipe("fine-tuning").protocols
    with_options(FineTuning(), {"validation_queries": 19}).check_protocol(config, protocols[0])
    with pytest.raises(UsageError, match=r"validation_queries=20: .* the 20 images of a class"):
        with_options(FineTuning(), {"validation_queries": 20}).check_protocol(config, protocols[0])
    for setting in SETTINGS.values():
        if setting.problem == "classification":
            recipe = setting.recipe("fine-tuning")
            for protocol in recipe.protocols:
                FineTuning().check_protocol(recipe.config, protocol)
