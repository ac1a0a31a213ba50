"""From settings to parts: the only module that knows both."""

from dataclasses import replace
from typing import cast

import torch

from rlvision.config.schema import Config
from rlvision.core.devices import make_autocast, resolve_device
from rlvision.core.errors import ConfigError
from rlvision.core.types import Agent, EnvSpec, QFunction
from rlvision.envs.make import Settings, is_atari, make
from rlvision.envs.settings import EnvSettings
from rlvision.envs.vector_env import TapedVectorEnv
from rlvision.learning.agent import Setup, playing_q_function
from rlvision.learning.registry import find_agent
from rlvision.nn.cuda_graphs import Record, cuda_graph
from rlvision.nn.qnetwork import QNetwork
from rlvision.replay.buffer import required_bytes

ATARI_ALONE = (
    "protocol",
    "sticky",
    "noop_max",
    "life_loss",
    "fire_on_reset",
    "full_action_space",
    "actions",
    "max_episode_frames",
    "reseed_after",
)
GYMNASIUM_ALONE = ("num_workers", "step_timeout", "max_restarts", "kwargs", "max_episode_steps")
"""Settings of `rlvision.envs.settings.EnvSettings` that only one kind of environment has."""


def make_env(config: Config, num_envs: int) -> TapedVectorEnv:
    """``num_envs`` environments of a run's kind; a single one always in this process, where it can be watched.

    Raises:
        RLVisionError: there is no such environment, or it cannot be played with these settings.
    """
    env = config.env
    settings: Settings = {
        "height": env.height,
        "width": env.width,
        "crop": env.crop,
        "stack": env.stack,
        "gray": env.gray,
        "frameskip": env.frameskip,
        "maxpool": env.max_pool,
        **_special_settings(config, num_envs),
    }
    return make(env.game, num_envs, **settings)


def make_setup(config: Config, spec: EnvSpec) -> Setup:
    """Return what an agent is made from, besides its own settings."""
    device = resolve_device(config.device)
    return Setup(
        spec=spec,
        env_steps=config.env_steps,
        seed=config.seed,
        device=device,
        autocast=make_autocast(config.precision, device),
        record=make_record(config),
        network=config.network,
        replay=config.replay,
        optimiser=config.optimiser,
        exploration=config.exploration,
    )


def make_agent(config: Config, spec: EnvSpec) -> Agent:
    """Make the agent that the settings name.

    Raises:
        ConfigError: it cannot be found or made.
        MemoryBudgetError: it would not fit into the memory that is free.
    """
    return find_agent(config.agent.name)(config.agent).make_agent(make_setup(config, spec))


def make_network(config: Config, spec: EnvSpec, device: torch.device | None = None) -> QNetwork:
    """Make the agent's network, initialised from the run's seed.

    Args:
        config: of the run.
        spec: of its environments.
        device: where it lives; on ``meta`` it has no memory for its tensors. None: the run's.
    """
    setup = make_setup(config, spec)
    if device is None:
        return find_agent(config.agent.name)(config.agent).make_network(setup)
    with device:
        return find_agent(config.agent.name)(config.agent).make_network(replace(setup, device=device))


def make_q_function(config: Config, spec: EnvSpec, network: QNetwork) -> QFunction:
    """Return the Q-function of a network in evaluation mode, for games that count."""
    return playing_q_function(make_setup(config, spec), network)


def make_record(config: Config) -> Record | None:
    """How kernels are launched: as CUDA graphs, where that is wanted; None: one by one.

    Raises:
        ConfigError: it is wanted, and the device knows no CUDA graphs.
    """
    if not config.cuda_graphs:
        return None
    device = resolve_device(config.device)
    if device.type != "cuda":
        raise ConfigError(f"expected --device=cuda for cuda_graphs=True, got {device}: leave cuda_graphs out")
    return cuda_graph


def memory_of_replay(config: Config, spec: EnvSpec) -> str:
    """The setting of the replay's memory and what it takes, in words."""
    return f"replay.capacity ({config.replay.capacity:,}, {required_bytes(config.replay, spec) / 1e9:.2f} GB)"


def _special_settings(config: Config, num_envs: int) -> Settings:
    """What only one kind of environment has: `make` refuses what is set for the other."""
    env = config.env
    workers = min(env.num_workers, num_envs) if num_envs > 1 else 0
    _refuse_misplaced(config)
    optional: dict[str, object] = {
        "sticky": env.sticky,
        "noop_max": env.noop_max,
        "fire_on_reset": env.fire_on_reset,
        "life_loss": env.life_loss,
        "full_action_space": env.full_action_space,
        "actions": env.actions,
        "max_episode_frames": env.max_episode_frames,
        "num_workers": workers or None,
        "kwargs": env.kwargs or None,
        "max_episode_steps": env.max_episode_steps,
    }
    settings = {name: value for name, value in optional.items() if value is not None}
    if is_atari(env.game):
        settings |= {"protocol": env.protocol, "reseed_after": env.reseed_after}
    else:
        settings |= {"step_timeout": env.step_timeout, "max_restarts": env.max_restarts}
    return cast(Settings, settings)


def _refuse_misplaced(config: Config) -> None:
    """Refuse settings of Atari games for other environments, and the other way round."""
    env, usual = config.env, EnvSettings()
    other = GYMNASIUM_ALONE if is_atari(env.game) else ATARI_ALONE
    for name in other:
        if getattr(env, name) != getattr(usual, name):
            raise ConfigError(
                f"expected env.{name} unset for {env.game}, which has no such setting, got {getattr(env, name)!r}: "
                "leave it out"
            )
