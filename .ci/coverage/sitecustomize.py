"""Notes which lines of the suite a process runs, in the folder that SUITE_COVERAGE names.

Python imports this when it starts, since `nox -s tests` puts this folder on PYTHONPATH. It counts
all lines in pytest's processes. In a `python -m suite` that a test starts it counts those of
`suite.cli` and `suite.launch`: the tests' own processes run the rest, and to count that too takes
more than a second. A process that is killed notes nothing.
"""

import os
import sys


def _start(folder: str) -> None:
    import atexit
    import json
    from collections.abc import Sequence
    from importlib.abc import MetaPathFinder
    from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
    from pathlib import Path
    from types import CodeType, ModuleType

    from slipcover import Slipcover

    started_by_a_test = "PYTEST_XDIST_WORKER" in os.environ
    counted = ("suite.cli", "suite.launch") if started_by_a_test else ("suite", "baselines")
    lines = Slipcover()

    class Loader(SourceFileLoader):
        def get_code(self, fullname: str) -> CodeType | None:
            code = super().get_code(fullname)
            return code and lines.instrument(code)

        def exec_module(self, module: ModuleType) -> None:
            lines.register_module(module)
            super().exec_module(module)

    class Finder(MetaPathFinder):
        def find_spec(
            self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
        ) -> ModuleSpec | None:
            if not f"{name}.".startswith(tuple(f"{each}." for each in counted)):
                return None
            spec = PathFinder.find_spec(name, path)
            if spec is not None and isinstance(spec.loader, SourceFileLoader):
                spec.loader = Loader(name, spec.loader.path)
            return spec

    def note() -> None:
        os.chdir(Path(__file__).parents[2])  # names are below the working directory
        (Path(folder) / f"{os.getpid()}.json").write_text(json.dumps(lines.get_coverage()))

    sys.meta_path.insert(0, Finder())
    atexit.register(note)


_FOLDER = os.environ.get("SUITE_COVERAGE")
if _FOLDER and ("PYTEST_XDIST_WORKER" not in os.environ or "suite" in sys.orig_argv):
    _start(_FOLDER)
