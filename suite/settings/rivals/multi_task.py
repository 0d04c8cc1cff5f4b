"""The multi-task baselines of the sinusoid: paper, appendix C.1, Table 2."""

from dataclasses import dataclass

from msgspec.structs import replace

from suite.settings.schema import Config, PaperNumber, Protocol, Recipe

_REGRESSORS, _SHORT, _AT_ONCE = 500, 50, 25
_SHOTS = 5
_STEPS = (1, 5, 10)
_SOURCES = {
    "inner_lr": "chosen at test",
    "inner_steps": "no inner step in training",
    "k_shot": "this suite: the paper says 'a large amount of data'",
    "n_query": "this suite: points of a task that tell its regressor's error",
    "tasks_per_batch": "this suite: regressors side by side, since their order does not matter",
    "iterations": "paper C.1: 500 regressors",
    "protocol": "paper C.1: tuned to 5 points",
}
_IN_ORDER = {
    "tasks_per_batch": "paper C.1: each regressor is pulled towards the average of those before it"
}


@dataclass(frozen=True, kw_only=True)
class MultiTask:
    """A `Rival`: one way to regularize the regressors."""

    method: str
    table_2: tuple[float, float, float]
    """The errors after 1, 5 and 10 steps."""
    in_order: bool = False
    """Whether each is trained after the one before it, and not side by side with others."""

    def recipe(self, config: Config) -> Recipe | None:
        if config.problem != "regression":
            return None
        tasks = 1 if self.in_order else _AT_ONCE
        protocol = Protocol(
            name=f"{_SHOTS}-shot",
            k_shot=_SHOTS,
            n_query=_SHOTS,
            tasks=600,
            steps=_STEPS[-1],
            report_step=_STEPS[-1],
            batch_norm="none",
            checkpoint="last",
            version=1,
        )
        return Recipe(
            config=replace(config, k_shot=1_000, n_query=200, tasks_per_batch=tasks),
            iterations=_REGRESSORS // tasks,
            short_iterations=_SHORT // tasks,
            protocols=(protocol,),
            sources=_SOURCES | (_IN_ORDER if self.in_order else {}),
        )

    def paper(self, config: Config) -> tuple[PaperNumber, ...]:
        if config.problem != "regression":
            return ()
        return tuple(
            PaperNumber(
                method=self.method,
                protocol=f"{_SHOTS}-shot",
                step=step,
                value=value,
                ci95_tasks=None,
                source="paper, Table 2",
            )
            for step, value in zip(_STEPS, self.table_2, strict=True)
        )


MULTI_TASK = (
    MultiTask(method="multi-task", table_2=(4.19, 3.85, 3.69)),
    MultiTask(method="multi-task-l2", table_2=(7.18, 5.69, 5.60)),
    MultiTask(method="multi-task-mean", table_2=(2.91, 2.72, 2.71), in_order=True),
)
