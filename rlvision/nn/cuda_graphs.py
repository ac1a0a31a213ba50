"""CUDA graphs: capture the kernels of a function of tensors once, then launch all of them at once.

A small network's kernels run faster than a CPU can launch them one by one. A graph launches them all at once, always
over the same tensors: inputs are copied to the tensors that the graph reads, outputs from the tensors that it writes.
Python code runs only during the capture, so every decision it makes is fixed from then on.

Source: "CUDA Graphs" in PyTorch's notes on CUDA semantics.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

WARM_UP = 3
"""Ordinary calls before the capture, in which libraries choose algorithms and optimisers create their state."""

Tensors = tuple[Tensor, ...]
TensorFunction = Callable[..., Tensors]
"""Tensors -> tensors, all on one device; it changes other tensors (weights, statistics) in place only."""

ReplayFn = Callable[[], None]
CaptureFn = Callable[[Callable[[], Tensors]], tuple[Tensors, ReplayFn]]
"""Calls a function once, with effect; returns its outputs and a function that launches its kernels again."""

_depth = 0


def is_capturing() -> bool:
    """Return whether a capture is under way; cached results must then be computed again, or the graph lacks them."""
    return _depth > 0


def cuda_graph(function: Callable[[], Tensors]) -> tuple[Tensors, ReplayFn]:
    """Capture a function as a CUDA graph and launch it once; a `CaptureFn`."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        outputs = function()
    graph.replay()  # the capture records the kernels without running them
    return outputs, graph.replay


class GraphedFunction:
    """A function of tensors whose kernels are launched as one graph, after `WARM_UP` ordinary calls.

    Args:
        function: must not wait for the device, nor branch on the values of a tensor.
        capture: captures its kernels.
    """

    def __init__(self, function: TensorFunction, capture: CaptureFn = cuda_graph) -> None:
        self._function = function
        self._capture = capture
        self.reset()

    def reset(self) -> None:
        """Capture again from the next calls on; needed when a tensor that the kernels use was replaced."""
        self._calls = 0
        self._launch: ReplayFn | None = None

    def __call__(self, *inputs: Tensor) -> Tensors:
        """Return copies of the function's outputs; the inputs must have the shapes of the first call."""
        if self._calls < WARM_UP:
            self._calls += 1
            return self._warm_up(inputs)
        if self._launch is None:
            self._inputs = tuple(given.clone() for given in inputs)
            with _capturing():
                self._outputs, self._launch = self._capture(lambda: self._function(*self._inputs))
        else:
            for read, given in zip(self._inputs, inputs, strict=True):
                read.copy_(given)
            self._launch()
        return tuple(output.clone() for output in self._outputs)

    def _warm_up(self, inputs: Tensors) -> Tensors:
        """Call the function normally, on a side stream as CUDA graphs require."""
        device = inputs[0].device
        if device.type != "cuda":
            return self._function(*inputs)
        side, here = torch.cuda.Stream(device), torch.cuda.current_stream(device)  # type: ignore[no-untyped-call]
        side.wait_stream(here)
        with torch.cuda.stream(side):
            outputs = self._function(*inputs)
        here.wait_stream(side)
        return outputs


class GraphedByShape:
    """A function of one tensor, captured once for each shape: training and evaluation batches differ in size.

    Args:
        function: as in `GraphedFunction`.
        capture: as in `GraphedFunction`.
    """

    def __init__(self, function: TensorFunction, capture: CaptureFn = cuda_graph) -> None:
        self._function = function
        self._capture = capture
        self._graphed: dict[torch.Size, GraphedFunction] = {}

    def __call__(self, given: Tensor) -> Tensors:
        """Return copies of the function's outputs, for an input of any shape."""
        if given.shape not in self._graphed:
            self._graphed[given.shape] = GraphedFunction(self._function, self._capture)
        return self._graphed[given.shape](given)


@contextmanager
def _capturing() -> Iterator[None]:
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
