"""Weights in a safetensors file: tensors by name and nothing that could be run."""

from collections.abc import Mapping

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from rlvision.errors import CheckpointError


def to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """The content of a safetensors file; tensors that share memory are written out one by one."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    return safetensors.torch.save(plain, metadata={"format": "pt"})


def from_bytes(content: bytes, source: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Args:
        content: of the file.
        source: where it comes from, for the error message.

    Raises:
        CheckpointError: it is no such file.
    """
    try:
        return safetensors.torch.load(content)
    except (SafetensorError, KeyError, ValueError, RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CheckpointError(
            f"expected a safetensors file at {source}, got other bytes ({reason}): fetch it again"
        ) from error


def require_like(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], source: str) -> None:
    """Refuse tensors that are not, by name, shape and kind, those that a network takes.

    Args:
        tensors: as they came.
        expected: as the network has them; only their shapes and kinds are looked at.
        source: where they come from, for the error message.

    Raises:
        CheckpointError: names the first that differs.
    """
    for name in sorted({*tensors, *expected}):
        came, due = (_words(side.get(name)) for side in (tensors, expected))
        if came != due:
            raise CheckpointError(
                f"expected {name} in {source} to be {due}, got {came}: the file is not of the network it is given for"
            )


def _words(tensor: Tensor | None) -> str:
    return "none" if tensor is None else f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
