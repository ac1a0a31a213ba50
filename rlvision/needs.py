"""What a run needs of memory, in parts: said in one line, and refused where there is less."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from rlvision.errors import MemoryBudgetError
from rlvision.replay.budget import available_bytes

WORTH_SAYING = 0.005e9
"""Bytes below which a part is not named."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the things that take memory.

    Attributes:
        name: as the line says it.
        nbytes: at most.
        remedy: what to change in order to need less.
        on_device: whether it lies where the network does; else in the machine's memory.
    """

    name: str
    nbytes: int
    remedy: str
    on_device: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """The parts of a run.

    Attributes:
        parts: all of them.
        device: where the network lies.
        resident: bytes of the machine's memory that this process holds already; they are among the parts.
    """

    parts: tuple[Part, ...]
    device: torch.device
    resident: int

    def in_memory(self) -> list[Part]:
        """What lies in the machine's memory, the largest first."""
        return _by_size(part for part in self.parts if not (part.on_device and self._has_gpu))

    def on_gpu(self) -> list[Part]:
        """What lies in the memory of a GPU of CUDA's, the largest first."""
        return _by_size(part for part in self.parts if part.on_device and self._has_gpu)

    @property
    def _has_gpu(self) -> bool:
        return self.device.type == "cuda"

    def line(self) -> str:
        """``needs about 0.55 GB of 20.1 GB: libraries 0.41, replay 0.07, …``."""
        free = available_bytes(torch.device("cpu")) + self.resident
        said = f"needs about {_said(self.in_memory(), free)}"
        if gpu := self.on_gpu():
            said += f"; on {self.device} {_said(gpu, available_bytes(self.device))}"
        return said

    def require_free(self) -> None:
        """Refuse to begin what cannot be carried through.

        Raises:
            MemoryBudgetError: More is needed than is free; names the parts and what to change.
        """
        _require(self.in_memory(), self.resident, torch.device("cpu"))
        _require(self.on_gpu(), 0, self.device)


def _require(parts: list[Part], held: int, device: torch.device) -> None:
    needed = sum(part.nbytes for part in parts)
    free = available_bytes(device) + held if parts else 0
    if needed > free:
        raise MemoryBudgetError(
            f"expected {needed / 1e9:.2f} GB on {device} for this run ({_listed(parts)}), "
            f"got {free / 1e9:.2f} GB: {parts[0].remedy}"
        )


def _said(parts: list[Part], free: int) -> str:
    return f"{sum(part.nbytes for part in parts) / 1e9:.2f} GB of {free / 1e9:.1f} GB: {_listed(parts)}"


def _listed(parts: list[Part]) -> str:
    return ", ".join(f"{part.name} {part.nbytes / 1e9:.2f}" for part in parts if part.nbytes >= WORTH_SAYING)


def _by_size(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: -part.nbytes)
