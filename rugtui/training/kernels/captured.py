"""A step that is recorded once as a CUDA graph and then replayed: one launch instead of twenty.

Not measured yet: no run captures unless `tests.benchmarks.gpu` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

EAGER_STEPS = 3
"""Steps that are run before one is recorded, so that libraries allocate their buffers."""


class CapturedStep:
    """Calls or replays `step`, which returns its loss; on devices other than CUDA it calls it.

    Whatever changes from step to step must be read from tensors on the device.
    """

    def __init__(self, step: Callable[[], Tensor], generator: torch.Generator) -> None:
        self._step, self._generator = step, generator
        self._eager, self._graph, self._loss = 0, None, None

    def __call__(self) -> Tensor:
        """The loss, in a tensor of its own."""
        if self._generator.device.type != "cuda":
            return self._step()
        if self._eager < EAGER_STEPS:
            self._eager += 1
            return self._aside()
        if self._graph is None:
            self._graph = torch.cuda.CUDAGraph()
            self._graph.register_generator_state(self._generator)
            with torch.cuda.graph(self._graph):
                self._loss = self._step()
        self._graph.replay()
        assert self._loss is not None
        return self._loss.clone()

    def _aside(self) -> Tensor:
        """On another stream, which capturing requires."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            loss = self._step()
        torch.cuda.current_stream().wait_stream(stream)
        return loss
