"""The protocol of an evaluation: the settings of its games, and the limits that cut a game."""

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, TypedDict

import numpy as np

from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.core.imports import did_you_mean
from rlvision.envs.atari_games import find_game, find_protocol, resolve_protocol
from rlvision.envs.settings import EnvSettings
from rlvision.evaluation.episode_limits import EpisodeLimits
from rlvision.evaluation.report import EvalConditions

MAX_EVAL_ENVS = 16
"""Maximum number of games that an evaluation plays in parallel."""


class EvalOptions(TypedDict, total=False):
    """Options of an evaluation."""

    epsilon: float | None  # probability of a random action; None: the run's ``evaluation.epsilon``
    protocol: str | None  # of Atari, nature or machado; None: that of the run
    seed: int  # of the games and the random actions; 0 by default
    num_envs: int  # maximum number of games in parallel; it changes only the time
    limits: EpisodeLimits | None  # that cut a game; None: those of the run's settings


def check_options(games: object, options: Mapping[str, Any]) -> None:
    """Refuse arguments of an evaluation that it does not have, or that cannot be used.

    Raises:
        ConfigError: the message names the nearest argument, or the values that can be.
    """
    known = ("env", "games", *EvalOptions.__annotations__)
    for name in options.keys() - set(known):
        remedy = did_you_mean(name, known, f"it takes {', '.join(known)}")
        raise ConfigError(f"expected an argument of evaluate, got {name}: {remedy}")
    require_count("games", games, 1)
    require_count("num_envs", options.get("num_envs", 1), 1)
    require_count("seed", options.get("seed", 0), 0)
    epsilon = options.get("epsilon")
    if epsilon is not None and not (isinstance(epsilon, int | float | np.number) and 0 <= epsilon <= 1):
        raise ConfigError(f"expected epsilon as a probability from 0 to 1, got {epsilon!r}: set another")


def require_count(name: str, value: object, least: int) -> None:
    """Refuse an argument that is no whole number of at least ``least``.

    Raises:
        ConfigError: the message names it.
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ConfigError(f"expected {name} as a whole number of at least {least}, got {value!r}: set another")


def with_protocol(config: Config, protocol: str | None) -> Config:
    """Return the configuration with all settings that a protocol fixes, or unchanged for None.

    The actions stay those that the network was trained for, even if the protocol has others.

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


def with_frame_cap(config: Config, max_frames: int) -> Config:
    """Raise the protocol's own frame cap to ``max_frames``, so that it does not truncate a game before.

    A cap that the settings changed is kept.
    """
    if find_game(config.env.game) is None:
        return config
    cap, protocol = resolve_protocol(config.env).max_episode_frames, find_protocol(config.env.protocol)
    if cap != protocol.max_episode_frames or max_frames <= cap:
        return config
    return replace(config, env=replace(config.env, max_episode_frames=max_frames))


def count_envs(config: Config, games: int, most: int = MAX_EVAL_ENVS) -> int:
    """Return how many environments play: no more than ``most``, and so many that all have about as many games.

    ::

        20 games, at most 16     10 environments, 2 games each; 16 would take as long, most of them with nothing to play

    An odd number of Atari games has one to spare, for two halves. The network's batch holds those of a half
    (`rlvision.evaluation.scheduler.ROWS`).
    """
    count = min(games, most)
    if count < 1:
        return count
    in_a_row = math.ceil(games / count)
    count = math.ceil(games / in_a_row)
    spare = count % 2 and 4 < count < most and find_game(config.env.game) is not None
    return count + bool(spare)


def eval_conditions(config: Config, epsilon: float, seed: int) -> EvalConditions:
    """Return the conditions of an evaluation, for its report."""
    game = find_game(config.env.game)
    return EvalConditions(
        game=game or config.env.game,
        protocol=None if game is None else describe_protocol(config.env),
        settings=asdict(resolve_protocol(config.env)) if game else {},
        epsilon=epsilon,
        seed=seed,
    )


def describe_protocol(settings: EnvSettings) -> str:
    """Return the protocol's name and the settings that depart from it: ``machado (full_action_space false)``.

    ``life_loss`` is left out, because whole games are scored either way.
    """
    defaults = asdict(find_protocol(settings.protocol))
    departures = [
        f"{name} {str(value).lower()}"
        for name, value in asdict(resolve_protocol(settings)).items()
        if name != "life_loss" and value != defaults[name]
    ]
    return f"{settings.protocol} ({', '.join(departures)})" if departures else settings.protocol


def make_limits(config: Config, max_frames: int | None = None) -> EpisodeLimits:
    """Return the limits that cut a game of an evaluation; `rlvision.runs.time_limit` knows which the world itself has.

    Args:
        config: of the run.
        max_frames: of a game; None for those of the settings.
    """
    is_limited = find_game(config.env.game) is not None or config.env.max_episode_steps is not None
    settings = replace(config.evaluation, max_frames=max_frames or config.evaluation.max_frames)
    return EpisodeLimits.of_settings(settings, config.env.max_episode_frames, is_limited=is_limited)
