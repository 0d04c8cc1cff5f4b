"""Fields that several methods do not heed; see `baselines.Method.unheeded`."""

TASKS_AND_STEPS = frozenset(
    {"adapt_beta", "k_shot", "n_query", "inner_lr", "inner_steps", "tasks_per_batch"}
)
"""The shape of tasks and the inner step: where all settings of a data set share one training that
is not on their tasks."""
WITH_EMBEDDING = frozenset(
    {"adapt_beta", "head_init", "inner_lr", "inner_steps", "images_per_batch"}
)
"""Where an embedding is trained on tasks: it has no last layer and takes no inner step."""
WITH_OWN_NETWORK = frozenset(
    {"network", "hidden", "weight_init", "head_init", "precision"}
    | {"adapt_beta", "loss_scale", "inner_lr", "inner_steps", "images_per_batch"}
)
"""Where a method has a network and a loss of its own, and takes no inner step."""
