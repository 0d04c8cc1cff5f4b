"""Which package imports which, and what is tested where, by the table in `docs/design.md`."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECTION = (ROOT / "docs/design.md").read_text("utf-8").split("## Rooms")[1].split("\n## ")[0]
# `suite/*.py`, the first row, stands for what lies in no package.
ROOMS = [
    name.replace("/", ".")
    for row in re.findall(r"^\| (`.*?) \|", SECTION, re.MULTILINE)
    for name in re.findall(r"`([a-z/]+)`", row)
]
FILES = sorted([*ROOT.glob("suite/**/*.py"), *ROOT.glob("baselines/**/*.py")])
TESTS = sorted(ROOT.glob("tests/*/**/test_*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path) for path in FILES}


def room_of(module: str) -> str:
    """The package of the table that holds `module`; `suite` for what lies in none."""
    return next((room for room in ROOMS if f"{module}.".startswith(f"{room}.")), "suite")


def imported(path: Path) -> Iterator[str]:
    """What it imports, within functions too."""
    yield from imports(ast.walk(ast.parse(path.read_text("utf-8"))))


def imports(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                whole = f"{node.module}.{each.name}"
                yield whole if whole in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def test_every_package_stands_in_the_table():
    packages = {path.name for path in (ROOT / "suite").iterdir() if (path / "__init__.py").exists()}
    assert {f"suite.{name}" for name in packages} | {"baselines"} == set(ROOMS)
    assert len(ROOMS) == len(set(ROOMS))


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_module_imports_only_rooms_before_its_own(path):
    own = room_of(module_of(path))
    order = ["suite", *ROOMS]
    if module_of(path) in ("suite.__main__", "suite"):
        return
    later = [
        other
        for other in imported(path)
        if other.startswith(("suite.", "baselines"))
        and order.index(room_of(other)) > order.index(own)
    ]
    assert later == []


def folder_room(path: Path) -> str:
    """The package that the tests in the folder of `path` are of."""
    folders = path.parent.relative_to(ROOT / "tests").parts
    return ".".join(folders if folders[0] in ("baselines", "examples") else ("suite", *folders))


def test_every_room_has_a_folder_of_tests():
    folders = {path.relative_to(ROOT / "tests").parts[0] for path in TESTS}
    assert folders == {room.removeprefix("suite.") for room in ROOMS} | {"examples"}


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_a_test_lies_in_the_folder_of_what_it_tests(path):
    package = folder_room(path)
    if package == "examples":
        return
    assert package in MODULES
    files = (path, *path.parent.glob("conftest.py"))
    rooms = {room_of(name) for each in files for name in imported(each) if ours(name)}
    assert not rooms or room_of(package) in rooms


def ours(module: str) -> bool:
    return module.startswith(("suite", "baselines"))


def test_what_lists_and_reports_does_without_torch():
    heavy = {"torch", "higher", "torchvision"}
    light = ("suite.settings", "suite.registry", "suite.stats", "suite.report")
    for path in FILES:
        if room_of(module_of(path)) in light:
            at_import = imports(ast.parse(path.read_text("utf-8")).body)
            assert not heavy & {each.partition(".")[0] for each in at_import}, path
