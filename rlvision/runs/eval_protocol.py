"""The protocol of an evaluation: how its games are played, and when one is cut."""

from dataclasses import asdict, replace
from typing import Any, TypedDict

from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.envs.atari_games import find_game, find_protocol, resolve_protocol
from rlvision.envs.settings import EnvSettings
from rlvision.evaluation.episode_limits import EpisodeLimits
from rlvision.evaluation.report import EvalConditions

MAX_EVAL_ENVS = 16
"""Games of an evaluation played side by side, at most."""


class EvalOptions(TypedDict, total=False):
    """How an evaluation is played."""

    epsilon: float | None  # probability of a random action; None: the run's ``evaluation.epsilon``
    protocol: str | None  # of Atari, nature or machado; None: the run's own
    seed: int  # of the games and of the exploration; 0
    num_envs: int  # games played side by side, at most; it changes nothing but the time
    limits: EpisodeLimits | None  # at which a game is cut; None: those of the run's settings


def with_protocol(config: Config, protocol: str | None) -> Config:
    """Return the configuration with every setting that a protocol fixes; unchanged for None.

    The actions stay those that the network was trained for, whatever the protocol says of them.

    Raises:
        ConfigError: the protocol is unknown, or the game is not Atari's.
    """
    if protocol is None:
        return config
    if find_game(config.env.game) is None:
        raise ConfigError(f"expected an Atari game for the protocol {protocol}, got {config.env.game}: leave it unset")
    full_action_space = resolve_protocol(config.env).full_action_space
    fixed = replace(find_protocol(protocol), full_action_space=full_action_space)
    values: dict[str, Any] = {"protocol": protocol, **asdict(fixed)}
    return replace(config, env=replace(config.env, **values))


def lasting(config: Config, max_frames: int) -> Config:
    """Return the configuration in which the protocol's own cap does not truncate a game before ``max_frames``."""
    if find_game(config.env.game) is None:
        return config
    cap, protocols = resolve_protocol(config.env).max_episode_frames, find_protocol(config.env.protocol)
    if cap != protocols.max_episode_frames or max_frames <= cap:
        return config
    return replace(config, env=replace(config.env, max_episode_frames=max_frames))


def eval_conditions(config: Config, epsilon: float, seed: int) -> EvalConditions:
    """Return the conditions of an evaluation."""
    game = find_game(config.env.game)
    return EvalConditions(
        game=game or config.env.game,
        protocol=None if game is None else describe_protocol(config.env),
        settings=asdict(resolve_protocol(config.env)) if game else {},
        epsilon=epsilon,
        seed=seed,
    )


def describe_protocol(settings: EnvSettings) -> str:
    """Return the protocol's name and the departures from it: ``machado (full_action_space false)``.

    Whether a lost life terminates is left out: whole games are scored either way.
    """
    usual = asdict(find_protocol(settings.protocol))
    departures = [
        f"{name} {str(value).lower()}"
        for name, value in asdict(resolve_protocol(settings)).items()
        if name != "life_loss" and value != usual[name]
    ]
    return f"{settings.protocol} ({', '.join(departures)})" if departures else settings.protocol


def make_limits(config: Config) -> EpisodeLimits:
    """Return the limits at which a game of an evaluation is cut."""
    return EpisodeLimits.of_settings(config.evaluation, config.env.max_episode_frames)
