"""What one does with this project, one session each; `nox -l` lists them.

All sessions share one environment, `.nox/suite`, since torch is large; it is made anew when
`pyproject.toml` or the tested versions in `.ci/constraints.txt` change. Arguments after `--` go to
the command behind a session: `nox -s reproduce-omniglot -- --data DIR --seeds 0 1 2`.
"""

import hashlib
import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests", "lint"]

ROOT = Path(__file__).parent
ENVIRONMENT = ROOT / ".nox" / "suite"
CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
# Gymnasium's own bodies import the last two.
PEERS = ("torchopt==0.7.3", "jax==0.10.2", "glfw==2.11.0", "imageio==2.38.1")
# Its release does not build: the suite takes two files of its source.
SOURCE_PEER = "learn2learn==0.2.0"
PEERS_FOLDER = Path("build", "peers")
QUICKSTART = Path("build", "quickstart")
COUNTER = ROOT / ".ci" / "coverage"
COVERED = ROOT / "build" / "coverage"


def environment(session: nox.Session) -> str:
    """The Python of the shared environment, installed where it is missing or out of date."""
    files = (ROOT / "pyproject.toml", CONSTRAINTS)
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    stamp = ENVIRONMENT / "installed"
    folder = "Scripts" if os.name == "nt" else "bin"
    python = str(ENVIRONMENT / folder / "python")
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        session.run_install(sys.executable, "-m", "venv", str(ENVIRONMENT))
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        session.run_install(python, *install, "-c", str(CONSTRAINTS), "-e", ".[dev]")
        stamp.write_text(wanted)
    return python


def suite(session: nox.Session, *arguments: str) -> None:
    """Run the suite's command line."""
    session.run(environment(session), "-m", "suite", *arguments)


@nox.session
def quickstart(session: nox.Session) -> None:
    """Sinusoid and glyphs on a shortened schedule: records, tables and pictures in minutes."""
    results, reports = str(QUICKSTART / "results"), str(QUICKSTART / "reports")
    suite(session, "sweep", "quickstart", "--results", results, *session.posargs)
    suite(session, "tables", "--results", results, "--reports", reports, "--show")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, two processes at a time; without arguments, say what they cover."""
    python, parallel = environment(session), ("-n", "2", "--dist", "worksteal")
    if session.posargs:
        session.run(python, "-m", "pytest", *parallel, *session.posargs)
        return
    shutil.rmtree(COVERED, ignore_errors=True)
    COVERED.mkdir(parents=True)
    path = os.pathsep.join(filter(None, (str(COUNTER), os.environ.get("PYTHONPATH"))))
    own = {"SUITE_COVERAGE": str(COVERED), "PYTHONPATH": path}
    session.run(python, "-m", "pytest", *parallel, env=own)
    session.run(python, str(COUNTER / "summary.py"), str(COVERED))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and types: ruff, mypy --strict (of all but tests/**/test_*.py)."""
    python = environment(session)
    session.run(python, "-m", "ruff", "check", ".")
    session.run(python, "-m", "ruff", "format", "--check", ".")
    session.run(python, "-m", "mypy")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel, install it into an empty environment elsewhere, and run it there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install = ("-m", "pip", "--quiet", "--disable-pip-version-check")
        session.run(
            sys.executable, *install, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)
        )
        (built,) = folder.glob("*.whl")
        session.run(sys.executable, "-m", "venv", str(folder / "environment"))
        scripts = folder / "environment" / ("Scripts" if os.name == "nt" else "bin")
        python = str(scripts / "python")
        session.run(python, *install, "install", "-c", str(CONSTRAINTS), str(built), external=True)
        with session.chdir(folder):
            command = (str(scripts / "suite"),)
            own = {"SUITE_CACHE": str(folder / "cache"), "PYTHONPATH": None}
            session.run(*command, "doctor", external=True, env=own)
            session.run(*command, "list", external=True, env=own)
            options = ("--iterations", "500", "--protocols", "5-shot", "--threads", "1")
            session.run(*command, "run", "sinusoid", "maml", *options, external=True, env=own)


@nox.session
def tables(session: nox.Session) -> None:
    """Write reports/ and the README's status from results/ (`-- --check`: are they up to date?)."""
    suite(session, "tables", "--readme", "README.md", *session.posargs)


@nox.session
def check(session: nox.Session) -> None:
    """Short runs against the references: has accuracy fallen? Exit code 1 yes, 2 cannot tell."""
    suite(session, "check", "--run", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """Write reports/index.html, a page to look at, and all that `tables` writes (or `--check`)."""
    suite(session, "report", "--readme", "README.md", *session.posargs)


@nox.session(name="reproduce-all")
def reproduce_all(session: nox.Session) -> None:
    """The whole paper, 5 seeds: hundreds of runs; `-- --dry-run` says what is left and how long."""
    suite(session, "sweep", "paper", *session.posargs)


@nox.session(name="reproduce-sinusoid")
def reproduce_sinusoid(session: nox.Session) -> None:
    """The paper's sinusoid experiment at its full schedule, 5 seeds."""
    suite(session, "sweep", "sinusoid", *session.posargs)


@nox.session(name="reproduce-omniglot")
def reproduce_omniglot(session: nox.Session) -> None:
    """The paper's Omniglot table at its full schedule, 5 seeds."""
    suite(session, "sweep", "omniglot", *session.posargs)


@nox.session(name="reproduce-miniimagenet")
def reproduce_miniimagenet(session: nox.Session) -> None:
    """The paper's mini-ImageNet table at its full schedule, 5 seeds."""
    suite(session, "sweep", "miniimagenet", *session.posargs)


@nox.session(name="reproduce-rl")
def reproduce_rl(session: nox.Session) -> None:
    """The paper's Figures 4 and 5, 5 seeds; `-- point-navigation` and the like: of these only."""
    named = list(itertools.takewhile(lambda each: not each.startswith("-"), session.posargs))
    settings = ["--settings", *named] if named else []
    suite(session, "sweep", "rl", *settings, *session.posargs[len(named) :])


@nox.session
def benchmark(session: nox.Session) -> None:
    """Time meta-gradients, environments and the registry; writes reports/benchmark*.md."""
    python = environment(session)
    session.run_install(python, "-m", "pip", "install", "--quiet", *PEERS)
    source = ("--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(PEERS_FOLDER))
    download = ("-m", "pip", "download", *source, SOURCE_PEER)
    session.run_install(python, *download, success_codes=[0, 1])
    for archive in PEERS_FOLDER.glob("*.tar.gz"):
        shutil.unpack_archive(archive, PEERS_FOLDER, filter="data")
    suite(session, "benchmark", *session.posargs)
    if not session.posargs:
        suite(session, "benchmark", "--registry", "10000")
