"""Estimate the memory of a run from its settings, before any part of it is made.

The constants are differences of a process's resident memory, measured for each part on Linux with torch 2.13 on the
CPU. docs/memory.md shows how, and compares the sum with whole runs.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rlvision.config.schema import Config
from rlvision.core.devices import resolve_device
from rlvision.core.errors import ConfigError, MemoryBudgetError
from rlvision.core.memory import available_bytes, resident_bytes
from rlvision.core.types import EnvSpec
from rlvision.envs.factory import is_atari
from rlvision.envs.preprocessing import frame_channels, frames_per_decision, observation_shape
from rlvision.learning.optimisers import STATES
from rlvision.nn.norm_variants import NORM_VARIANTS
from rlvision.nn.qnetwork import QNetwork
from rlvision.replay.frame_store import require_compressible
from rlvision.runs import builders
from rlvision.runs.eval_protocol import count_envs
from rlvision.runs.experience import Experience, experience_of

MIN_LISTED_BYTES = 0.005e9
"""Parts of fewer bytes are not listed."""


@dataclass(frozen=True, slots=True)
class MemoryItem:
    """A part of a run that takes memory.

    Attributes:
        name: shown in the summary.
        nbytes: upper bound of its memory in bytes.
        remedy: the setting that reduces it, for the error message.
        on_device: whether it lies on the network's device; otherwise it lies in the machine's memory.
    """

    name: str
    nbytes: int
    remedy: str
    on_device: bool = False


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """The memory of a run, in parts.

    Attributes:
        parts: all parts.
        device: of the network.
        resident: bytes of the machine's memory that this process already uses; the parts include them.
    """

    parts: tuple[MemoryItem, ...]
    device: torch.device
    resident: int

    def located(self, *, on_gpu: bool) -> list[MemoryItem]:
        """Return the parts in the memory of the CUDA device, or of the machine, largest first."""
        has_gpu = self.device.type == "cuda"
        return sorted((p for p in self.parts if (p.on_device and has_gpu) == on_gpu), key=lambda part: -part.nbytes)

    def summary(self) -> str:
        """Return one line: ``needs about 0.55 GB of 20.1 GB: libraries 0.41, replay 0.07, …``."""
        free = available_bytes(torch.device("cpu")) + self.resident
        line = f"needs about {_total(self.located(on_gpu=False), free)}"
        if gpu := self.located(on_gpu=True):
            line += f"; on {self.device} {_total(gpu, available_bytes(self.device))}"
        return line

    def check_available(self) -> None:
        """Refuse a run that needs more memory than is free.

        Raises:
            MemoryBudgetError: the message names the parts and a setting to change.
        """
        _require(self.located(on_gpu=False), self.resident, torch.device("cpu"))
        _require(self.located(on_gpu=True), 0, self.device)


def _require(parts: list[MemoryItem], held: int, device: torch.device) -> None:
    needed = sum(part.nbytes for part in parts)
    free = available_bytes(device) + held if parts else 0
    if needed > free:
        raise MemoryBudgetError(
            f"expected {needed / 1e9:.2f} GB on {device} for this run ({_listed(parts)}), "
            f"got {free / 1e9:.2f} GB: {parts[0].remedy}"
        )


def _total(parts: list[MemoryItem], free: int) -> str:
    return f"{sum(part.nbytes for part in parts) / 1e9:.2f} GB of {free / 1e9:.1f} GB: {_listed(parts)}"


def _listed(parts: list[MemoryItem]) -> str:
    return ", ".join(f"{part.name} {part.nbytes / 1e9:.2f}" for part in parts if part.nbytes >= MIN_LISTED_BYTES)


FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory of a network in float32, in bytes.

    Attributes:
        weights: parameters and buffers.
        kept: outputs of all layers for one observation, which the backward pass needs.
        largest: the largest output of one layer for one observation.
        quantiles: K, the number of values per action of the head; not in bytes.
    """

    weights: int
    kept: int
    largest: int
    quantiles: int


def footprint(network: QNetwork, observation_shape: tuple[int, int, int]) -> Footprint:
    """Count the memory of ``network`` in a forward pass of its encoder on ``meta``, which computes nothing.

    Args:
        network: on the device ``meta``; of the layers outside its encoder, only the linear ones count.
        observation_shape: (C, H, W).

    Raises:
        RuntimeError: the encoder reads values, which ``meta`` tensors do not have; torch raises it.
    """
    weights = sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))
    outputs = [_outputs(network.encoder, observation_shape), _linear_outputs(network, network.encoder)]
    sizes = [size for part in outputs for size in part] or [0]
    return Footprint(weights, sum(sizes), max(sizes), getattr(network.head, "quantiles", 1))


def _outputs(encoder: nn.Module, observation_shape: tuple[int, int, int]) -> list[int]:
    """Return the output bytes of each innermost layer for one observation."""
    sizes: list[int] = []

    def note(layer: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        if isinstance(output, Tensor) and not any(output is given for given in inputs):  # Identity returns its input
            sizes.append(output[0].numel() * FLOAT_BYTES)

    leaves = [layer for layer in encoder.modules() if not list(layer.children())]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    try:
        with torch.no_grad():
            encoder.eval()(torch.empty(2, *observation_shape, device="meta"))
    finally:
        for hook in hooks:
            hook.remove()
    return sizes


def _linear_outputs(network: nn.Module, encoder: nn.Module) -> list[int]:
    inside = set(encoder.modules())
    return [
        layer.out_features * FLOAT_BYTES
        for layer in network.modules()
        if isinstance(layer, nn.Linear) and layer not in inside
    ]


MB = 1_000_000
EMULATOR_BYTES = {"atari": 1_900_000, "gymnasium": 2_100_000}
"""One environment in this process: a game in ale-py's vector, or a world that pygame draws (CarRacing: 5.4 MB)."""

WORKER_BYTES = 82 * MB
"""A process that steps environments: Python, numpy, Gymnasium and OpenCV."""

LEARNING_BYTES = 95 * MB
"""Code and buffers that torch loads for the optimiser (61 MB) and the first forward and backward passes."""

DRAWING_BYTES = 41 * MB
"""matplotlib, for the learning curve."""

VIDEO_BYTES = 95 * MB
"""FFmpeg's libraries, and the frames of a game while a video and a page are written."""

WORLD_BYTES = {"atari": 4 * MB, "gymnasium": 12 * MB}
"""The libraries of the environments."""

WANDB_BYTES = (34 + 40 + 8) * MB
"""W&B in this process, and its two processes."""

GPU_BYTES = 300 * MB
"""Workspaces of cuBLAS and cuDNN; an allowance, not a measurement."""

MAX_ACTIONS = 18
"""Of an Atari game: the head's assumed actions, because their number is unknown before an environment is made."""


def estimate_memory(config: Config) -> MemoryEstimate:
    """Estimate the memory of a run with these settings.

    Raises:
        ConfigError: the network cannot be built, the device does not exist, or compressed frames are set on a GPU.
    """
    device = resolve_device(config.device)
    if config.agent.uses_replay and config.replay.compression != "none":
        require_compressible(device)
    spec, resident = expected_spec(config), resident_bytes()
    network, experience = network_footprint(config, spec), experience_of(config, spec)
    parts = (
        _libraries(config, resident),
        _experience(config, experience, device),
        _emulators(config, spec),
        *_learning(config, spec, network, experience),
        _checkpoint(config, spec, network, experience),
        MemoryItem("GPU's libraries", GPU_BYTES, "choose another GPU", on_device=True),
    )
    return MemoryEstimate(parts if device.type == "cuda" else parts[:-1], device, resident)


def expected_spec(config: Config) -> EnvSpec:
    """Return the shapes that the environments will have."""
    env = config.env
    frameskip = frames_per_decision(env, is_atari=is_atari(env.game))
    return EnvSpec(env.num_envs, observation_shape(env), frame_channels(env), ("",) * MAX_ACTIONS, frameskip)


def network_footprint(config: Config, spec: EnvSpec) -> Footprint | None:
    """Return the memory of the network; None if it is the user's own and cannot be built on ``meta``."""
    is_ours = ":" not in config.network.encoder + config.agent.name
    try:
        network = builders.make_network(config, spec, torch.device("meta"))
        return footprint(network, spec.observation_shape)
    except (NotImplementedError, RuntimeError, ConfigError):  # for example, it reads a value of a meta tensor
        if is_ours:
            raise
        return None


def _libraries(config: Config, resident: int) -> MemoryItem:
    """Return the memory of this process now, and of the libraries that it will load."""
    video = VIDEO_BYTES if config.tracking.video_every else 0
    wandb = WANDB_BYTES if config.wandb != "disabled" else 0
    nbytes = resident + LEARNING_BYTES + DRAWING_BYTES + WORLD_BYTES[_kind(config)] + video + wandb
    return MemoryItem("libraries", nbytes, "free some memory, or use a machine with more")


def _experience(config: Config, experience: Experience, device: torch.device) -> MemoryItem:
    can_compress = experience.name == "replay" and device.type == "cpu" and config.replay.compression == "none"
    pack = ", or set replay.compression=lz4" if can_compress else ""
    return MemoryItem(experience.name, experience.nbytes, f"lower {experience.sized}{pack}", on_device=True)


def _emulators(config: Config, spec: EnvSpec) -> MemoryItem:
    """Return the memory of the environments for training, evaluations and videos."""
    env, eval_envs = config.env, count_envs(config, config.evaluation.games)
    groups = env.num_envs, eval_envs, 1 if config.tracking.video_every else 0
    count, workers = sum(groups), sum(min(env.num_workers, envs) for envs in groups)
    observations = 4 * math.prod(spec.observation_shape)  # the last one, the next one, and copies in preprocessing
    nbytes = count * (EMULATOR_BYTES[_kind(config)] + observations) + workers * WORKER_BYTES
    remedy = f"lower env.num_envs ({env.num_envs}) or evaluation.games ({config.evaluation.games})"
    return MemoryItem("emulators", nbytes, f"lower env.num_workers ({env.num_workers})" if workers else remedy)


def _learning(
    config: Config, spec: EnvSpec, network: Footprint | None, experience: Experience
) -> tuple[MemoryItem, MemoryItem]:
    """Return the memory of all copies of the network, and of a batch with its activations."""
    encoder, size = config.network.encoder, experience.batch_size
    is_joint = config.network.is_chapters and NORM_VARIANTS[config.network.norm].target == "joint"
    weights, kept, largest = (network.weights, network.kept, network.largest) if network else (0, 0, 0)
    unknown = "" if network else " (its layers not counted)"
    joint = 2 if is_joint else 1
    pixels = math.prod(spec.observation_shape)
    quantiles = network.quantiles if network and network.quantiles > 1 else 0
    batch = size * (2 * pixels * (1 + FLOAT_BYTES) + joint * (kept + 2 * largest) + PAIRED * quantiles**2 * FLOAT_BYTES)
    acting = spec.num_envs * (pixels * FLOAT_BYTES + 2 * largest)
    fewer = f"lower {experience.batched}" + (f" or the quantiles of the agent ({quantiles})" if quantiles else "")
    smaller = f"choose a smaller network.encoder ({encoder})"
    return (
        MemoryItem("network", weights * (COPIES + STATES[config.optimiser.name]), smaller, on_device=True),
        MemoryItem(f"batch{unknown}", max(batch, acting), fewer, on_device=True),
    )


PAIRED = 5
"""Numbers per pair of a quantile and a target, in the forward and backward pass."""
COPIES = 7
"""Copies of the weights: online, target, gradient, first, two fused (`rlvision.nn.fusion`), one for diagnostics."""


def _checkpoint(config: Config, spec: EnvSpec, network: Footprint | None, experience: Experience) -> MemoryItem:
    """Return the memory of a checkpoint, which is built in memory; the replay's rows are written block by block."""
    batch = experience.batch_size * math.prod(spec.observation_shape)
    state = (2 + STATES[config.optimiser.name]) * (network.weights if network else 0) + batch
    rows = experience.checkpoint_bytes
    remedy = f"lower {experience.sized}" if rows > 3 * state else "choose a smaller network.encoder"
    return MemoryItem("checkpoint", 3 * state + rows, remedy)


def _kind(config: Config) -> str:
    return "atari" if is_atari(config.env.game) else "gymnasium"
