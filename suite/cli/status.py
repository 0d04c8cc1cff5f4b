"""`suite status`."""

import time

import msgspec
from rich.console import Console

from suite.cli.board import how_far, view
from suite.cli.reading import Status
from suite.launch.board import boards, progress_of


def status_command(options: Status) -> int:
    """See `Status`; the exit code."""
    found, now = list(boards(options.results)), time.time()
    if options.json:
        content = [
            {
                "alive": alive,
                "sweep": board,
                "progress": {
                    number: progress_of(folder, number)
                    for number, entry in enumerate(board.entries)
                    if entry.state == "running"
                },
            }
            for folder, board, alive in found
        ]
        print(msgspec.json.encode(content).decode())
        return 0
    console = Console(highlight=False, soft_wrap=True)
    for folder, board, alive in found:
        where = f"{board.host}, process {board.pid}"
        if alive:
            console.print(where, markup=False)
            console.print(view(folder, board, now))
        else:
            told = f"{board.plan} ({where}) was killed: {how_far(board, now)}"
            console.print(f"{told}; to go on, give the same command again", markup=False)
    if not found:
        console.print(f"no sweep runs on {options.results}", markup=False)
    return 0
