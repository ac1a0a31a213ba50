"""What a run will need of memory, reckoned from its settings before anything of it is made.

The constants are differences of the resident memory of a process, measured part by part on Linux with torch 2.13 on the
CPU (docs/memory.md says how, and how near the sum comes to whole runs).
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
from rlvision.envs.preprocessing import frame_channels, observation_shape
from rlvision.learning.optimisers import STATES
from rlvision.nn.norm_variants import NORM_VARIANTS
from rlvision.nn.qnetwork import QNetwork
from rlvision.replay.buffer import required_bytes
from rlvision.replay.frame_store import require_compressible
from rlvision.replay.persistence import BLOCK_BYTES
from rlvision.runs import builders
from rlvision.runs.eval_protocol import MAX_EVAL_ENVS

MIN_LISTED_BYTES = 0.005e9
"""Bytes below which a part is not named."""


@dataclass(frozen=True, slots=True)
class MemoryItem:
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
class MemoryEstimate:
    """The parts of a run.

    Attributes:
        parts: all of them.
        device: where the network lies.
        resident: bytes of the machine's memory that this process holds already; they are among the parts.
    """

    parts: tuple[MemoryItem, ...]
    device: torch.device
    resident: int

    def located(self, *, on_gpu: bool) -> list[MemoryItem]:
        """Return what lies in the memory of a CUDA device or of the machine, the largest first."""
        has_gpu = self.device.type == "cuda"
        return sorted((p for p in self.parts if (p.on_device and has_gpu) == on_gpu), key=lambda part: -part.nbytes)

    def summary(self) -> str:
        """``needs about 0.55 GB of 20.1 GB: libraries 0.41, replay 0.07, …``."""
        free = available_bytes(torch.device("cpu")) + self.resident
        said = f"needs about {_said(self.located(on_gpu=False), free)}"
        if gpu := self.located(on_gpu=True):
            said += f"; on {self.device} {_said(gpu, available_bytes(self.device))}"
        return said

    def check_available(self) -> None:
        """Refuse to begin what cannot be carried through.

        Raises:
            MemoryBudgetError: More is needed than is free; names the parts and what to change.
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


def _said(parts: list[MemoryItem], free: int) -> str:
    return f"{sum(part.nbytes for part in parts) / 1e9:.2f} GB of {free / 1e9:.1f} GB: {_listed(parts)}"


def _listed(parts: list[MemoryItem]) -> str:
    return ", ".join(f"{part.name} {part.nbytes / 1e9:.2f}" for part in parts if part.nbytes >= MIN_LISTED_BYTES)


FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes of a network in float32.

    Attributes:
        weights: of its parameters and buffers.
        kept: what the layers put out for one observation, all of which a backward pass needs.
        largest: the most that one layer puts out for one observation.
        quantiles: K, values of the head for each action.
    """

    weights: int
    kept: int
    largest: int
    quantiles: int


def footprint(network: QNetwork, observation_shape: tuple[int, int, int]) -> Footprint:
    """Count what ``network`` takes, by a forward of its encoder in evaluation mode that computes nothing.

    Args:
        network: on the device ``meta``; what is not in its encoder counts by its linear layers.
        observation_shape: (C, H, W).

    Raises:
        RuntimeError: The encoder looks at its numbers, of which there are none; torch's own.
    """
    weights = sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))
    outputs = [_outputs(network.encoder, observation_shape), _linear_outputs(network, network.encoder)]
    sizes = [size for part in outputs for size in part] or [0]
    return Footprint(weights, sum(sizes), max(sizes), getattr(network.head, "quantiles", 1))


def _outputs(encoder: nn.Module, observation_shape: tuple[int, int, int]) -> list[int]:
    """Bytes that each layer without layers inside puts out for one observation."""
    sizes: list[int] = []

    def note(layer: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        if isinstance(output, Tensor) and not any(output is given for given in inputs):  # Identity puts out nothing new
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
"""An environment in this process: a game of ale-py's vector; a world drawn by pygame (CarRacing takes 5.4 MB)."""

WORKER_BYTES = 82 * MB
"""A process that steps environments: Python, numpy, Gymnasium and OpenCV."""

LEARNING_BYTES = 95 * MB
"""What torch loads with its optimisers (61), the first forwards and the first backward passes."""

DRAWING_BYTES = 41 * MB
"""matplotlib, for the learning curve."""

VIDEO_BYTES = 95 * MB
"""FFmpeg's libraries, and a game's pictures on their way into a video and a page."""

WORLD_BYTES = {"atari": 4 * MB, "gymnasium": 12 * MB}
"""The libraries of the environments."""

WANDB_BYTES = (34 + 40 + 8) * MB
"""W&B in this process, and its two processes."""

GPU_BYTES = 300 * MB
"""Workspaces of cuBLAS and cuDNN; not measured, allowed for."""

MAX_ACTIONS = 18
"""Of an Atari game; the head is reckoned with as many, for they are not known before there is an environment."""


def estimate_memory(config: Config) -> MemoryEstimate:
    """All that a run with these settings takes, in parts.

    Raises:
        ConfigError: the network cannot be built, the device is not there, or a GPU is asked to hold compressed frames.
    """
    device = resolve_device(config.device)
    if config.replay.compression != "none":
        require_compressible(device)
    spec, resident = expected_spec(config), resident_bytes()
    network = network_footprint(config, spec)
    parts = (
        _libraries(config, resident),
        _replay(config, spec, device),
        _emulators(config, spec),
        *_learning(config, spec, network),
        _checkpoint(config, spec, network),
        MemoryItem("GPU's libraries", GPU_BYTES, "choose another GPU", on_device=True),
    )
    return MemoryEstimate(parts if device.type == "cuda" else parts[:-1], device, resident)


def expected_spec(config: Config) -> EnvSpec:
    """Return the shapes that the environments will have."""
    env = config.env
    return EnvSpec(env.num_envs, observation_shape(env), frame_channels(env), ("",) * MAX_ACTIONS, env.frameskip)


def network_footprint(config: Config, spec: EnvSpec) -> Footprint | None:
    """What the network takes; None, where it is a user's own and cannot be built without numbers."""
    is_ours = ":" not in config.network.encoder + config.agent.name
    try:
        network = builders.make_network(config, spec, torch.device("meta"))
        return footprint(network, spec.observation_shape)
    except (NotImplementedError, RuntimeError, ConfigError):  # as where a number of a meta tensor is asked for
        if is_ours:
            raise
        return None


def _libraries(config: Config, resident: int) -> MemoryItem:
    """Python, torch and the rest as they are loaded now, and what will be loaded on the way."""
    video = VIDEO_BYTES if config.tracking.video_every else 0
    wandb = WANDB_BYTES if config.wandb != "disabled" else 0
    nbytes = resident + LEARNING_BYTES + DRAWING_BYTES + WORLD_BYTES[_kind(config)] + video + wandb
    return MemoryItem("libraries", nbytes, "free some, or take a machine with more")


def _replay(config: Config, spec: EnvSpec, device: torch.device) -> MemoryItem:
    replay = config.replay
    nbytes = required_bytes(replay, spec)
    pack = ", or set replay.compression=lz4" if device.type == "cpu" and replay.compression == "none" else ""
    return MemoryItem("replay", nbytes, f"lower replay.capacity ({replay.capacity:,}){pack}", on_device=True)


def _emulators(config: Config, spec: EnvSpec) -> MemoryItem:
    """Those of training, those of the evaluations, and the one of the videos."""
    env, eval_envs = config.env, min(config.evaluation.games, MAX_EVAL_ENVS)
    count = env.num_envs + eval_envs + (1 if config.tracking.video_every else 0)
    workers = sum(min(env.num_workers, envs) for envs in (env.num_envs, eval_envs) if envs > 1)
    observations = 4 * math.prod(spec.observation_shape)  # the last, the next, and what is made of them
    nbytes = count * (EMULATOR_BYTES[_kind(config)] + observations) + workers * WORKER_BYTES
    remedy = f"lower env.num_envs ({env.num_envs}) or evaluation.games ({config.evaluation.games})"
    return MemoryItem("emulators", nbytes, f"lower env.num_workers ({env.num_workers})" if workers else remedy)


def _learning(config: Config, spec: EnvSpec, network: Footprint | None) -> tuple[MemoryItem, MemoryItem]:
    """The network in all its copies; a batch and what is computed from it."""
    encoder, size = config.network.encoder, config.replay.batch_size
    weights, kept, largest = (network.weights, network.kept, network.largest) if network else (0, 0, 0)
    unknown = "" if network else " (its layers not counted)"
    joint = 2 if encoder == "dn" and NORM_VARIANTS[config.network.norm].target == "joint" else 1
    pixels = math.prod(spec.observation_shape)
    quantiles = network.quantiles if network and network.quantiles > 1 else 0
    batch = size * (2 * pixels * (1 + FLOAT_BYTES) + joint * (kept + 2 * largest) + PAIRED * quantiles**2 * FLOAT_BYTES)
    acting = spec.num_envs * (pixels * FLOAT_BYTES + 2 * largest)
    fewer = f"lower replay.batch_size ({size})" + (f" or the quantiles of the agent ({quantiles})" if quantiles else "")
    smaller = f"choose a smaller network.encoder ({encoder})"
    return (
        MemoryItem("network", weights * (COPIES + STATES[config.optimiser.name]), smaller, on_device=True),
        MemoryItem(f"batch{unknown}", max(batch, acting), fewer, on_device=True),
    )


PAIRED = 5
"""Numbers for each pair of a quantile and a target, on the way and on the way back."""
COPIES = 6
"""Online, target, gradient, the two that are folded (`rlvision.nn.fusion`), and the one that is diagnosed."""


def _checkpoint(config: Config, spec: EnvSpec, network: Footprint | None) -> MemoryItem:
    """A checkpoint is put together in memory; of the replay's rows there is a block at a time."""
    replay, pixels = config.replay, math.prod(spec.observation_shape)
    state = (2 + STATES[config.optimiser.name]) * (network.weights if network else 0) + replay.batch_size * pixels
    masses = 8 * replay.capacity if replay.prioritised else 0
    rows = 3 * BLOCK_BYTES if config.checkpoint.replay else 0
    return MemoryItem("checkpoint", 3 * state + 4 * masses + rows, "choose a smaller network.encoder")


def _kind(config: Config) -> str:
    return "atari" if is_atari(config.env.game) else "gymnasium"
