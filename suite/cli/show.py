"""`suite show`."""

from tabulate import tabulate

from suite import escape
from suite.cli.reading import Show
from suite.cli.registries import registry_at
from suite.registry.find import find_record, home_of
from suite.registry.published import path_of_weights, published
from suite.registry.store import encode
from suite.report.record import describe


def show_command(options: Show) -> int:
    """See `Show`; the exit code."""
    registry = registry_at(options.results, needed=False)
    record = find_record(registry, options.run)
    if options.json:
        print(escape.json(encode(record).decode()), end="")
        return 0
    root = home_of(registry, options.run).root
    path = path_of_weights(record, published(root))
    lines = [*describe(record), ("weights", str(root / path) if path else "not published")]
    print(tabulate(lines, tablefmt="plain", disable_numparse=True))
    return 0
