"""How the games of a run are played when they count: under which protocol, and until when."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypedDict

from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.envs.atari_games import ATARI_PROTOCOLS, find_game
from rlvision.evaluation.evaluate import Watchdog
from rlvision.evaluation.report import Conditions

MOST_ENVS = 16
"""Games of an evaluation played side by side, at most."""

FRAMES_OF_A_GAME = 108_000
"""Half an hour of play, as both protocols of Atari allow."""


class HowToPlay(TypedDict, total=False):
    """How an evaluation is played."""

    epsilon: float | None  # probability of a random action; None: the run's ``evaluation.epsilon``
    protocol: str | None  # of Atari, nature or machado; None: the run's own
    seed: int  # of the games and of the exploration; 0
    num_envs: int  # games played side by side, at most; it changes nothing but the time
    watchdog: Watchdog | None  # cuts games that never end; None: by the run's settings


def under_protocol(config: Config, protocol: str | None) -> Config:
    """The configuration that plays by a protocol's book; None: as it is.

    The actions stay those the network was trained for, whichever the protocol would have.

    Raises:
        ConfigError: the protocol is unknown, or the game is none of Atari.
    """
    if protocol is None:
        return config
    if find_game(config.env.game) is None:
        raise ConfigError(f"expected an Atari game for the protocol {protocol}, got {config.env.game}: leave it unset")
    if protocol not in ATARI_PROTOCOLS:
        raise ConfigError(f"expected a protocol of {', '.join(ATARI_PROTOCOLS)}, got {protocol!r}: choose one of them")
    book: dict[str, Any] = {**ATARI_PROTOCOLS[protocol], "protocol": protocol}
    book["full_action_space"] = atari_settings(config)["full_action_space"]
    return replace(config, env=replace(config.env, **book))


def lasting(config: Config, max_frames: int) -> Config:
    """The configuration in which the protocol's own cap does not truncate a game of Atari before ``max_frames``."""
    is_protocols = config.env.max_episode_frames in (None, FRAMES_OF_A_GAME)
    if find_game(config.env.game) is None or not is_protocols or max_frames <= FRAMES_OF_A_GAME:
        return config
    return replace(config, env=replace(config.env, max_episode_frames=max_frames))


def conditions(config: Config, epsilon: float, seed: int) -> Conditions:
    """What there is to say of an evaluation beside its games."""
    game = find_game(config.env.game)
    return Conditions(
        game=game or config.env.game,
        protocol=None if game is None else protocol_words(config),
        settings=atari_settings(config) if game else {},
        epsilon=epsilon,
        seed=seed,
    )


def atari_settings(config: Config) -> dict[str, object]:
    """The settings that a protocol fixes, with the values they have in a configuration."""
    return {
        name: usual if getattr(config.env, name) is None else getattr(config.env, name)
        for name, usual in ATARI_PROTOCOLS[config.env.protocol].items()
    }


def protocol_words(config: Config) -> str:
    """The protocol's name, and what departs from it: ``machado (full_action_space false)``.

    Whether a lost life terminates is left out: whole games are scored either way.
    """
    book: Mapping[str, object] = {**ATARI_PROTOCOLS[config.env.protocol]}
    departs = [
        f"{name} {str(value).lower()}"
        for name, value in atari_settings(config).items()
        if name != "life_loss" and value != book[name]
    ]
    return f"{config.env.protocol} ({', '.join(departs)})" if departs else config.env.protocol


def make_watchdog(config: Config) -> Watchdog:
    """What cuts games of an evaluation that never end."""
    exam, env = config.evaluation, config.env
    return Watchdog(exam.max_frames or env.max_episode_frames or FRAMES_OF_A_GAME, exam.max_idle_frames)
