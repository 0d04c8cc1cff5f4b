"""What the tests of the command line share."""

import signal
import sys

import pytest
import torch

from suite.cli import main


@pytest.fixture(autouse=True)
def own_process_settings(monkeypatch, tmp_path):
    """Each test in its own folder; signals and threads are as they were."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in numbers}
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SUITE_DATA", raising=False)
    yield
    torch.set_num_threads(threads)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def suite(monkeypatch, capsys):
    """Run `suite ARGUMENTS`: exit code, stdout, stderr."""

    def call(arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["suite", *arguments.split()])
        with pytest.raises(SystemExit) as left:
            main()
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return call
