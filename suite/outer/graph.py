"""A step captured in a CUDA graph and replayed: one launch instead of thousands."""

import logging
from collections.abc import Callable

import torch

log = logging.getLogger(__name__)

# Before a capture, libraries choose their algorithms and caches fill: these steps are real ones.
_EAGER_STEPS = 3


class Replayed:
    """Calls `step` a few times, then captures it in a graph and replays that.

    `step` works on tensors that stay where they are in memory. Where the capture fails, the reason
    is logged once, and `step` goes on being called.
    """

    def __init__(self, step: Callable[[], object], device: torch.device) -> None:
        self._step, self._device = step, device
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._side = torch.cuda.Stream(device)

    @property
    def works(self) -> bool:
        """Whether there is a graph by now."""
        return self._graph is not None

    def __call__(self) -> None:
        """Take one step."""
        self._calls += 1
        if self._calls <= _EAGER_STEPS:
            self._aside()
            return
        if self._calls == _EAGER_STEPS + 1:
            self._graph = self._captured()
        if self._graph is None:
            self._step()
        else:
            self._graph.replay()

    def _aside(self) -> None:
        """Take a step on the stream on which graphs are captured, whose memory is apart."""
        current = torch.cuda.current_stream(self._device)
        self._side.wait_stream(current)
        with torch.cuda.stream(self._side):
            self._step()
        current.wait_stream(self._side)

    def _captured(self) -> torch.cuda.CUDAGraph | None:
        """The graph of a step; capturing does not carry it out."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._side):
                self._step()
        except RuntimeError as error:
            torch.cuda.synchronize(self._device)
            log.warning("no CUDA graph: %s; going on without", str(error).splitlines()[0])
            return None
        return graph
