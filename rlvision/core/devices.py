"""Devices, number formats and deterministic kernels of torch."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from rlvision.core.errors import ConfigError
from rlvision.core.wording import as_written

Autocast = Callable[[], torch.autocast]
"""Factory of the context in which the encoder computes; Q-values and losses stay in float32."""


def resolve_device(name: str) -> torch.device:
    """Return the device called ``name``; ``auto`` is the GPU if there is one.

    Raises:
        ConfigError: there is no such device, or this machine has none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    auto = as_written("device", "auto")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"expected a device such as cpu, cuda or cuda:1, got {name!r}: set {auto}") from error
    if not _is_present(device):
        raise ConfigError(f"expected a device of this machine, got {name!r}, which it does not have: set {auto}")
    return device


def make_autocast(precision: str, device: torch.device) -> Autocast:
    """Return the context of ``float32``, ``bfloat16`` or ``auto``, which is bfloat16 if the hardware supports it."""
    enabled = _in_bfloat16(precision, device)
    return lambda: torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


@contextmanager
def determinism(wanted: bool) -> Iterator[None]:
    """Allow only deterministic kernels of torch inside the block, if ``wanted``.

    Torch raises an error for an operation without such a kernel. cuBLAS reads ``CUBLAS_WORKSPACE_CONFIG`` at its first
    use in the process; a value that is set already is kept.
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


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread inside the block, where the other cores step the emulators.

    Results are those of any process with one thread, whatever the number of cores or the run's ``threads``.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def numerics_info(device: torch.device, precision: str) -> dict[str, str]:
    """Return the settings, by name, that decide the exact bits of a result, apart from the versions of libraries."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": f"{torch.get_num_threads()}",
        "precision": "bfloat16" if _in_bfloat16(precision, device) else "float32",
    }


def computes_bfloat16(device: torch.device) -> bool:
    """Return whether the hardware multiplies bfloat16 natively; emulation is ten times slower than float32."""
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
