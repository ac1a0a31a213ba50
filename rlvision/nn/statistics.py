"""Running statistics: find the layers that keep them, and switch their mode temporarily."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def statistics_layers(module: nn.Module) -> list[_BatchNorm]:
    """Return the layers in ``module`` that normalise by batch statistics and keep running statistics."""
    return [m for m in module.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]


@contextmanager
def calibrating(module: nn.Module) -> Iterator[None]:
    """Reset the running statistics, and average them over the forwards of ``module`` inside the context.

    Every forward has the same weight. Only the statistics layers are in training mode; all others, dropout included,
    keep the mode they have. Wrap in `torch.no_grad`. Modes and momenta are restored at the end.
    """
    for layer in statistics_layers(module):
        layer.reset_running_stats()
    with _layers_set(module, training=True, momentum=None):
        yield


@contextmanager
def batch_statistics(module: nn.Module) -> Iterator[None]:
    """Normalise by each batch's own statistics inside the context, and write to no buffer."""
    with _layers_set(module, training=True, track_running_stats=False):
        yield


@contextmanager
def _layers_set(module: nn.Module, **values: Any) -> Iterator[None]:
    layers = statistics_layers(module)
    before = [{name: getattr(layer, name) for name in values} for layer in layers]
    _assign(layers, [values] * len(layers))
    try:
        yield
    finally:
        _assign(layers, before)


def _assign(layers: list[_BatchNorm], values: list[dict[str, Any]]) -> None:
    for layer, attributes in zip(layers, values, strict=True):
        for name, value in attributes.items():
            setattr(layer, name, value)
