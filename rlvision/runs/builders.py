"""Build the parts of a run from its settings; no other module knows both."""

from dataclasses import replace

import torch
from torch import nn

from rlvision.config.loading import fill_unset
from rlvision.config.schema import Config, default_agent
from rlvision.core.agent import Agent, require_masks
from rlvision.core.devices import make_autocast, resolve_device
from rlvision.core.errors import ConfigError
from rlvision.core.paths import as_path
from rlvision.core.types import EnvSpec, QFunction
from rlvision.envs.factory import make
from rlvision.envs.gymnasium_env import GymnasiumEnv
from rlvision.envs.split_env import ReplayableEnv
from rlvision.envs.worker import exit_while_imported
from rlvision.envs.world_modules import recorded_name
from rlvision.learning.agent import Setup, playing_q_function
from rlvision.learning.registry import find_agent
from rlvision.nn.cuda_graphs import CaptureFn, cuda_graph
from rlvision.nn.encoder_base import Encoder
from rlvision.nn.field_of_view import seen_pixels, whole_sizes
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.settings import NetworkSettings
from rlvision.runs.checkpoint import describe_tensor


def complete(config: Config) -> Config:
    """Fill in what is unset, and what another process needs to find the run: a whole path, and the world's module."""
    exit_while_imported()
    out = None if config.out is None else str(as_path(config.out))
    env = replace(config.env, game=recorded_name(config.env.game))
    return fill_unset(replace(config, out=out, env=env))


def make_env(config: Config, num_envs: int, *, split: bool = False) -> ReplayableEnv:
    """Make ``num_envs`` environments of a run.

    Args:
        config: of the run.
        num_envs: N.
        split: make them in two halves where `rlvision.envs.factory.make` can.

    Raises:
        RLVisionError: there is no such environment, or it does not support these settings.
    """
    return make(config.env, num_envs, split)


def make_one(config: Config) -> ReplayableEnv:
    """Make one environment in this process: whoever looks at a game needs no program that workers can import.

    Raises:
        RLVisionError: as in `make_env`.
    """
    return make(replace(config.env, num_workers=0), 1)


def describe_world(env: ReplayableEnv) -> tuple[str, ...]:
    """Return lines about what an agent sees of an environment, and what is odd about it; none for Atari."""
    return env.view.lines if isinstance(env, GymnasiumEnv) else ()


def make_setup(config: Config, spec: EnvSpec) -> Setup:
    """Return the inputs that an agent is made from, except its own settings."""
    device = resolve_device(config.device)
    return Setup(
        spec=spec,
        env_steps=config.env_steps,
        seed=config.seed,
        device=device,
        autocast=make_autocast(config.precision, device),
        capture=make_capture(config),
        network=_network_settings(config),
        replay=config.replay,
        optimiser=config.optimiser,
        exploration=config.exploration,
    )


def _network_settings(config: Config) -> NetworkSettings:
    """Return the settings of the network; statistics that come with old weights are not measured again."""
    keeps = config.network.init is not None and config.network.norm != "recalibrated"
    return replace(config.network, calibration_batches=0) if keeps else config.network


def make_agent(config: Config, spec: EnvSpec) -> Agent:
    """Make the agent that the settings name.

    Raises:
        ConfigError: it cannot be found or made, or cannot learn in a world with action masks.
        MemoryBudgetError: it needs more memory than is free.
    """
    agent = find_agent(config.agent.name)(config.agent).make_agent(make_setup(config, spec))
    return require_masks(agent, spec, config.agent.name)


def make_network(config: Config, spec: EnvSpec, device: torch.device | None = None) -> QNetwork:
    """Make the agent's network, initialised from the run's seed.

    Args:
        config: of the run.
        spec: of its environments.
        device: of its tensors; on ``meta`` they take no memory. None: the run's device.
    """
    setup = make_setup(config, spec)
    if device is None:
        return find_agent(config.agent.name)(config.agent).make_network(setup)
    with device:
        return find_agent(config.agent.name)(config.agent).make_network(replace(setup, device=device))


def meta_network(config: Config, spec: EnvSpec) -> QNetwork:
    """Return the network with the names, shapes and types of its tensors, but no memory for them.

    A network of the user's own code is made on the CPU, with memory.
    """
    is_own = ":" in config.network.encoder or ":" in config.agent.name
    return make_network(config, spec, torch.device("cpu" if is_own else "meta"))


def playing_config(config: Config, spec: EnvSpec, network: QNetwork) -> Config:
    """Return the settings that make a network for play: those of the default agent, if its network is the same.

    The agent's own settings are needed only if its network has other layers than the default agent's.
    """
    default = replace(config, agent=default_agent(), network=replace(config.network, noisy=False))
    return default if _layers(meta_network(default, spec)) == _layers(network) else config


def _layers(network: QNetwork) -> list[tuple[str, str, str]]:
    """Return the layers and tensors of a network as (name, type, shape)."""
    kinds = [
        (name, f"{type(layer).__module__}.{type(layer).__qualname__}", "") for name, layer in network.named_modules()
    ]
    return kinds + [(name, "tensor", describe_tensor(tensor)) for name, tensor in network.state_dict().items()]


def make_q_function(config: Config, spec: EnvSpec, network: QNetwork) -> QFunction:
    """Return the Q-function of a network in evaluation mode, as evaluations use it."""
    return playing_q_function(make_setup(config, spec), network)


def make_capture(config: Config) -> CaptureFn | None:
    """Return the function that captures CUDA graphs, or None to launch kernels one by one.

    Raises:
        ConfigError: ``cuda_graphs`` is on, and the device does not support CUDA graphs.
    """
    if not config.cuda_graphs:
        return None
    device = resolve_device(config.device)
    if device.type != "cuda":
        raise ConfigError(f"expected --device=cuda for cuda_graphs=True, got {device}: leave cuda_graphs out")
    return cuda_graph


def describe_view(network: nn.Module, spec: EnvSpec) -> str | None:
    """Return the share of a frame that a network sees, and sizes that it sees all of; None if that is unknown."""
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, Encoder) or encoder.windows is None:
        return None
    windows, (_, height, width) = encoder.windows, spec.observation_shape
    rows, columns = seen_pixels(height, windows), seen_pixels(width, windows)
    if (rows, columns) == (height, width):
        return f"the network sees the whole {height}x{width} picture"
    cut = {name: size for name, size in {"height": height, "width": width}.items() if seen_pixels(size, windows) < size}
    whole = ", ".join("env.{}={} or {}".format(name, *whole_sizes(size, windows)) for name, size in cut.items())
    share = 100 * rows * columns // (height * width)
    return f"the network sees {rows}x{columns} of {height}x{width} pixels ({share} %); it sees all with {whole}"
