"""Where commands print their tables."""

from rich.console import Console


def console_of(piped_width: int) -> Console:
    """Standard output: as wide as the terminal, or so many columns where it is piped."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=piped_width, highlight=False)
