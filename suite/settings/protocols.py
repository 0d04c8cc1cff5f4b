"""Protocols under which a trained model may be scored beside its setting's own."""

from msgspec.structs import replace

from suite.settings.schema import Protocol, Setting

BY_PRESENTATION = "by-presentation"
"""The name of a protocol whose steps are not gradient steps: at step s each class is shown for the
(s + 1)-th time. The query is what is shown last."""

_MORE_TASKS = 6_000
_MORE_QUERIES = 15
_MOST_STEPS = 10


def protocols_by_name(setting: Setting, method: str) -> dict[str, Protocol]:
    """All protocols of a method by name: its own, then what differs from the first in one value.

    `support-statistics` and `one-query` keep the queries from helping one another through batch
    normalisation: the statistics are the support set's, or those of the support set with one query
    at a time (Nichol et al. 2018, supervised-reptile, as not transductive). A method of another
    paper may be scored in its own way on tasks of the shape that the setting's own protocol has,
    which the other methods meet: `shared-tasks`.
    """
    own, planned = setting.recipe(method).protocols, setting.protocols[0]
    first = own[0]
    variants = {
        "best-validation": replace(first, checkpoint="best-validation"),
    }
    if setting.config.problem != "policies":
        variants["6000-tasks"] = replace(first, tasks=_MORE_TASKS)
    presented = first.name == BY_PRESENTATION
    shared = {"k_shot": planned.k_shot, "n_query": planned.n_query, "tasks": planned.tasks}
    if not presented and all(replace(each, **shared) != each for each in own):
        variants["shared-tasks"] = replace(first, **shared)
    if setting.config.problem == "classification" and not presented:
        variants["15-queries"] = replace(first, n_query=_MORE_QUERIES)
    if first.batch_norm == "batch-statistics":
        variants["support-statistics"] = replace(first, batch_norm="support-statistics")
        variants["one-query"] = replace(first, batch_norm="one-query")
    if first.steps and not presented:
        for steps in range(1, _MOST_STEPS + 1):
            plural = "" if steps == 1 else "s"
            variants[f"{steps}-step{plural}"] = replace(first, steps=steps, report_step=steps)
    known = {protocol.name: protocol for protocol in own}
    for name, variant in variants.items():
        if variant not in own:
            known[name] = replace(variant, name=name)
    return known
