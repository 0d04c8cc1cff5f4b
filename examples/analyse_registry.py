"""What the choice of protocol is worth, from the registry: `python examples/analyse_registry.py`.

Every protocol that scored the same trained models is held to the paper's own, seed by seed.
"""

import sys

from suite.registry import frame


def main(results: str = "results", setting: str = "omniglot-5way-1shot") -> None:
    """Print the mean difference from the setting's first protocol, and its spread over seeds."""
    runs = frame(results)
    wanted = (
        (runs.setting == setting)
        & (runs.method == "maml")
        & (runs.schedule == "paper")
        & (runs.status == "completed")
    )
    table = runs[wanted].pivot_table(index="seed", columns="protocol", values="mean")
    differences = table.sub(table["authors"], axis=0).drop(columns="authors")
    summary = differences.agg(["mean", "std"]).T
    print(f"{setting}, MAML: accuracy less that of 'authors', in percentage points")
    print((100 * summary).round(2).assign(seeds=differences.count()))


if __name__ == "__main__":
    main(*sys.argv[1:])
