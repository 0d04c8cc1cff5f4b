"""The runner of the MAML reproduction suite: everything that is not a method."""

__version__ = "0.1.0"
