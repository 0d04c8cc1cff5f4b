"""The types that describe an experiment: what is trained, for how long, how it is scored.

They are msgspec structs and not dataclasses because the same types are the typed parts of a record:
they validate, refuse unknown fields and encode in one canonical form. A field that is added later
gets a default that means what was done before; defaults are left out when a struct is encoded, so
the keys of the records that already stand do not change.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from suite.settings.datasets import DATA_SETS
from suite.settings.metrics import Metric, Problem

Dataset = Annotated[str, Meta(pattern=f"^(?:{'|'.join(DATA_SETS)})$")]
"""A name of `suite.settings.datasets`."""
Architecture = Literal["conv-stride", "conv-pool", "mlp-bn", "mlp", "gaussian-mlp", "own"]
"""`own`: the method has a network of its own, which its file describes."""
QueryNorm = Literal[
    "batch-statistics", "support-statistics", "one-query", "running-averages", "none"
]
Count = Annotated[int, Meta(ge=1)]
CountFromZero = Annotated[int, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]


class _Value(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Base of the immutable values below."""


class Config(_Value, frozen=True, kw_only=True):
    """Everything that shapes the trained weights, apart from the method, seed and schedule."""

    dataset: Dataset
    """The data set; for reinforcement learning, the environment."""
    network: Architecture
    hidden: tuple[Count, ...]
    """Units (mlp) or filters (conv) of each hidden layer."""
    weight_init: Literal["xavier-uniform", "truncated-normal-0.01", "torch7", "own"]
    head_init: Literal["xavier-uniform", "truncated-normal-0.01", "normal-1", "torch7", "own"]
    """How the weights of the last layer start; every bias starts at zero, but with `torch7`. A
    network of the method's own starts as its file says."""
    batch_norm: Literal["batch-statistics", "none", "running-averages"]
    """With batch statistics: eps 1e-3, a beta and no gamma, in training and at test. With running
    averages: eps 1e-3, beta and gamma, and at test the averages of training."""
    adapt_beta: bool
    """Whether the inner loop adapts batch normalisation's beta too."""
    n_way: Count
    """Classes a task; 1 where there are none."""
    k_shot: Count
    """Support examples a class; for reinforcement learning, trajectories before the inner step."""
    n_query: Count
    """Query examples a class at meta-training, or trajectories after the inner step."""
    rotations: bool
    """Draw one of four rotations for each class of each task, at test too."""
    loss: Literal["cross-entropy", "mse", "policy-gradient"]
    loss_scale: Literal["sum-over-k", "mean"]
    """`sum-over-k`: the sum over a task's examples divided by k_shot, as the authors coded it."""
    inner_lr: Positive
    inner_steps: CountFromZero
    """Gradient steps of the inner loop at meta-training."""
    meta_lr: Positive | None
    """Step size of Adam (betas 0.9 and 0.999, eps 1e-8); None where TRPO takes the steps."""
    tasks_per_batch: Count
    meta_grad_clip: Positive | None
    """Each element of the meta-gradient is clipped to [-clip, clip]."""
    precision: Literal["float32", "tf32", "bfloat16"]
    """`float32` is true single precision. The others round the operands of convolutions and matrix
    products: `tf32` in a GPU's tensor cores, `bfloat16` anywhere; sums and all else stay float32.
    """
    images_per_batch: Count | None = None
    """Labelled images of an iteration, where a classifier is trained; None where tasks are."""
    discount: Positive | None = None
    """The discount of rewards a step. This and what follows is for reinforcement learning only."""
    trust_region: Positive | None = None
    """The greatest mean divergence of the new policies from the old that TRPO allows, in nats."""
    fisher_tasks: Count | None = None
    """Tasks of a meta-batch that Fisher products are taken over; None for all."""
    fisher_every: Count = 1
    """Fisher products are taken over every so many-th step of the adapted policies. Steps are
    counted through all trajectories at one time, then at the next."""
    later_step_share: Positive | None = None
    """At test, the size of the second and further steps as a share of the first's."""
    activation: Literal["relu", "tanh"] = "relu"
    """The activation of a policy's hidden units; the settings train policies with ReLU."""
    split: Literal["own", "vinyals"] = "own"
    """Which classes are trained, validated and tested on: those of the data set's own split, or
    where it has none of one that the seed draws; or another that `suite.settings.datasets` names.
    """
    rotated_classes: bool = False
    """Every class turned by 0, 90, 180 and 270 degrees is four classes, in all three parts of the
    split; `rotations` is false then."""

    @property
    def problem(self) -> Problem:
        """What kind of task is learned."""
        return _PROBLEMS[self.loss]


_PROBLEMS: dict[str, Problem] = {
    "cross-entropy": "classification",
    "mse": "regression",
    "policy-gradient": "policies",
}


REINFORCEMENT_ONLY = (
    *("discount", "trust_region", "fisher_tasks", "fisher_every"),
    *("later_step_share", "activation"),
)
"""Fields of `Config` that say nothing elsewhere."""

NO_POLICIES = dict.fromkeys(REINFORCEMENT_ONLY, "reinforcement learning only")
"""Their sources elsewhere."""

NO_IMAGES = dict.fromkeys(("split", "rotated_classes"), "no images here")
"""The sources of what only images have, elsewhere."""


class Schedule(_Value, frozen=True, kw_only=True):
    """How long to train. `name` is derived from the setting's own number of iterations."""

    name: Literal["paper", "shortened", "lengthened", "none"]
    iterations: CountFromZero
    validate_every: Count
    """Iterations between two points of the training curve; one meta-batch is validated at each.
    Reinforcement learning draws fresh tasks anyway: the last meta-batch is also the validation."""
    version: Count = 1
    """The version of the training code. It is raised when that code gives other numbers than
    before, so that the records of the older code keep their keys: `Setting.training_versions`."""


class Protocol(_Value, frozen=True, kw_only=True):
    """How a trained model is scored."""

    name: str
    k_shot: Count
    n_query: Count
    """Query examples a class. A trajectory is both: what scores a policy adapts it next."""
    tasks: Count
    steps: CountFromZero
    """Gradient steps taken, each of them scored."""
    report_step: CountFromZero
    """The step whose score is the result."""
    batch_norm: QueryNorm
    """Whose statistics normalise a query: all queries', the support set's, its own together with
    the support set's, those of training, or nobody's."""
    checkpoint: Literal["last", "best-validation"]
    """Which weights: the last, or those of the best point of the training curve."""
    version: Count
    """Raised when the code that scores changes what a protocol means."""
    n_way: Count | None = None
    """Classes a task; None for as many as at meta-training."""

    def at_test(self, config: Config) -> Config:
        """`config` with the classes that a task has under this protocol."""
        return config if self.n_way is None else replace(config, n_way=self.n_way)


class PaperNumber(_Value, frozen=True, kw_only=True):
    """One printed number. Accuracies are fractions."""

    method: str
    protocol: str
    step: int | None
    """Gradient step, or None where the paper names none: then the protocol's `report_step`."""
    value: float
    ci95_tasks: float | None
    source: str
    per_task: tuple[float, ...] = ()
    """What it is the mean of, where that was stored and our test tasks are the same."""


class AuthorsRun(_Value, frozen=True, kw_only=True):
    """A run that the authors stored and did not print: how far apart two runs of theirs are."""

    method: str
    label: str
    by_step: tuple[float, ...]
    """The mean over test tasks after 0, 1, ... gradient steps."""


class Recipe(_Value, frozen=True, kw_only=True):
    """How a method is trained and scored in a setting."""

    config: Config
    iterations: int
    short_iterations: Count
    protocols: tuple[Protocol, ...]
    sources: dict[str, str] = {}
    """Field of `config`, `iterations` or `protocol` to where its value comes from, where that is
    not what `Setting.sources` says."""


class Setting(_Value, frozen=True, kw_only=True):
    """One experiment of the paper: its configuration, protocols and printed numbers."""

    id: str
    title: str
    metric: Metric
    config: Config
    iterations: int
    validate_every: Count
    protocols: tuple[Protocol, ...]
    """The first is the one that a user means who names none."""
    methods: tuple[str, ...]
    """The methods that have a row in this setting's table; every other of its problem runs too."""
    paper: tuple[PaperNumber, ...]
    margin: Positive
    """The greatest difference from a printed number that does not matter, as `Metric.margin` takes
    it. This suite's choice: the paper has none."""
    footnotes: tuple[str, ...]
    """Keys of `suite.settings.footnotes.FOOTNOTES`."""
    sources: dict[str, str]
    """Field of `config`, or `iterations` or `protocol`, to where its value comes from."""
    short_iterations: Count
    """The iterations of a look at everything in minutes, or on a CPU in an hour."""
    short_tasks: Count | None = None
    """Test tasks of such a look, where all would take too long."""
    recipes: dict[str, Recipe] = {}
    """The recipes of methods that have one of their own; the fields above are for all others."""
    authors_runs: tuple[AuthorsRun, ...] = ()
    """Other runs of the authors, which tables show beside the printed one."""
    training_versions: dict[str, Count] = {}
    """Method to the version of the code that trains it today; 1 for all others."""

    @property
    def problem(self) -> Problem:
        """What kind of problem it is, which says what class a method is."""
        return self.config.problem

    @property
    def all_protocols(self) -> tuple[Protocol, ...]:
        """The protocols of all methods, each once."""
        others = (protocol for each in self.recipes.values() for protocol in each.protocols)
        return tuple(dict.fromkeys((*self.protocols, *others)))

    def recipe(self, method: str) -> Recipe:
        """How that method is trained and scored."""
        return self.recipes.get(method) or Recipe(
            config=self.config,
            iterations=self.iterations,
            short_iterations=self.short_iterations,
            protocols=self.protocols,
        )

    def short(self, method: str) -> tuple[int, tuple[Protocol, ...]]:
        """The iterations and the protocols of a look at that method."""
        protocols = self.recipe(method).protocols
        if self.short_tasks is not None:
            protocols = tuple(replace(each, tasks=self.short_tasks) for each in protocols)
        return self.recipe(method).short_iterations, protocols

    def schedule(self, iterations: int | None = None, method: str | None = None) -> Schedule:
        """The paper's schedule of `method`, or one of `iterations` and how it differs from that."""
        planned = self.recipe(method).iterations if method else self.iterations
        count = planned if iterations is None else iterations
        name: Literal["paper", "shortened", "lengthened", "none"]
        if count == 0:
            name = "none"
        elif count < planned:
            name = "shortened"
        else:
            name = "paper" if count == planned else "lengthened"
        every = min(self.validate_every, max(1, count // 20))
        version = self.training_versions.get(method or "", 1)
        return Schedule(name=name, iterations=count, validate_every=every, version=version)
