"""Devices and number formats, chosen once and applied at the seam."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from rlvision.core.errors import ConfigError

Autocast = Callable[[], torch.autocast]
"""A fresh context in which the encoder computes; Q-values and losses leave it in float32."""


def resolve_device(name: str) -> torch.device:
    """The device ``name`` means: ``auto`` is the GPU when there is one.

    Raises:
        ConfigError: no such device, or none on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"expected a device such as cpu, cuda or cuda:1, got {name!r}: set --device=auto") from error
    if not _is_present(device):
        raise ConfigError(f"expected a device of this machine, got {name!r}, which it lacks: set --device=auto")
    return device


def make_autocast(precision: str, device: torch.device) -> Autocast:
    """The context for ``float32``, ``bfloat16`` or ``auto`` (bfloat16 where the hardware computes in it)."""
    enabled = _in_bfloat16(precision, device)
    return lambda: torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


@contextmanager
def determinism(wanted: bool) -> Iterator[None]:
    """Inside, where it is wanted, torch takes only kernels that give the same bits every time, or raises.

    cuBLAS reads its own setting when it is first used in a process; one that is there already is kept.
    """
    before, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = benchmark


def numerics_info(device: torch.device, precision: str) -> dict[str, str]:
    """What decides, beside versions, which bits come out of a computation, in words."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": f"{torch.get_num_threads()}",
        "precision": "bfloat16" if _in_bfloat16(precision, device) else "float32",
    }


def computes_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 itself; emulated, it would be ten times slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def _in_bfloat16(precision: str, device: torch.device) -> bool:
    return precision == "bfloat16" or (precision == "auto" and computes_bfloat16(device))


def _is_present(device: torch.device) -> bool:
    if device.type == "cuda":
        return (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return bool(torch.backends.mps.is_available())
    return device.type == "cpu"
