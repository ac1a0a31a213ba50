"""Settings found in games of Atari: in what the emulator is asked for, and in what it does."""

from contextlib import closing
from dataclasses import asdict
from typing import Any

import pytest
from ale_py.vector_env import AtariVectorEnv

from rlvision.config.schema import Config
from rlvision.envs.atari_games import ATARI_PROTOCOLS
from rlvision.runs import builders
from tests.runs.wiring import Table, without
from tests.runs.wiring.worlds import COUNTING, act, playing

ATARI = {
    **without(COUNTING, "env.kwargs", "env.num_workers"),
    "env.game": "breakout",
    "env.crop": None,
    "env.sticky": 0.35,
    "env.noop_max": 7,
    "env.fire_on_reset": False,
    "env.life_loss": False,
    "env.full_action_space": True,
    "env.max_episode_frames": 4_321,
}
FIXED = tuple(f"env.{name}" for name in asdict(ATARI_PROTOCOLS["nature"]))
"""Settings that a protocol has values for."""
SHORT = {"env.noop_max": 1, "env.max_episode_frames": 40, "env.frameskip": 4}

table = Table(ATARI, agents=("dqn",))
finds = table.finds


def asked_of_the_emulator(config: Config) -> dict[str, Any]:
    """What ale-py's own vector environment is made with."""
    asked: dict[str, Any] = {}
    make = AtariVectorEnv.__init__

    def note(self: AtariVectorEnv, game: str, num_envs: int, **options: Any) -> None:
        asked.update(options, game=game, num_envs=num_envs)
        make(self, game, num_envs, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AtariVectorEnv, "__init__", note)
        builders.make_env(config, 1).close()
    return asked


@finds("env.game", each=("pong", "breakout"))
def game_of_the_emulator(config: Config) -> str:
    return asked_of_the_emulator(config)["game"]


@finds("env.sticky")
def chance_of_a_repeated_action(config: Config) -> float:
    return asked_of_the_emulator(config)["repeat_action_probability"]


@finds("env.noop_max")
def idle_frames_of_the_emulator(config: Config) -> int:
    return asked_of_the_emulator(config)["noop_max"]


@finds("env.fire_on_reset", each=(True, False))
def whether_the_emulator_fires(config: Config) -> bool:
    return asked_of_the_emulator(config)["use_fire_reset"]


@finds("env.life_loss", each=(True, False))
def whether_the_emulator_tells_of_lives(config: Config) -> bool:
    return asked_of_the_emulator(config)["life_loss_info"]


@finds("env.max_episode_frames")
def frames_of_the_emulators_games(config: Config) -> int:
    return asked_of_the_emulator(config)["max_num_frames_per_episode"]


@finds("env.max_pool", each=(True, False))
def whether_the_emulator_takes_the_brighter_pixels(config: Config) -> bool:
    return asked_of_the_emulator(config)["maxpool"]


@finds("env.frameskip")
def frames_that_the_emulator_skips(config: Config) -> int:
    return asked_of_the_emulator(config)["frameskip"]


@finds("env.protocol", base=without(ATARI, *FIXED), each=("nature", "machado"))
def book_that_is_played_by(config: Config) -> str:
    asked = asked_of_the_emulator(config)
    book = {
        "sticky": asked["repeat_action_probability"],
        "noop_max": asked["noop_max"],
        "fire_on_reset": asked["use_fire_reset"],
        "life_loss": asked["life_loss_info"],
        "full_action_space": whether_there_are_all_actions(config),
        "max_episode_frames": asked["max_num_frames_per_episode"],
    }
    return next(name for name, protocol in ATARI_PROTOCOLS.items() if asdict(protocol) == book)


@finds("env.full_action_space", each=(True, False))
def whether_there_are_all_actions(config: Config) -> bool:
    with closing(builders.make_env(config, 1)) as env:
        return {18: True, 4: False}[env.spec.num_actions]


@finds("env.actions", {"env.actions": ("LEFT", "NOOP", "RIGHT")})
def actions_that_reach_the_emulator(config: Config) -> tuple[str, ...]:
    sent: list[int] = []
    with pytest.MonkeyPatch.context() as patch, playing(config) as env:
        send = AtariVectorEnv.send
        patch.setattr(AtariVectorEnv, "send", lambda self, action: (sent.append(int(action[0])), send(self, action)))
        for action in range(env.spec.num_actions):
            act(env, action)
        names = [action.name for action in env._native.ale.get_action_set()]
    return tuple(names[code] for code in sent)


@finds("env.max_episode_frames", SHORT)
def frames_until_a_game_is_truncated(config: Config) -> int:
    with playing(config) as env:
        return next(n for n in range(1, 100) if act(env).truncated[0]) * env.spec.frameskip


@finds("env.reseed_after", {**SHORT, "env.reseed_after": 22})
def steps_until_an_environment_is_seeded_again(config: Config) -> int:
    with playing(config) as env:
        before = env.seeds()
        for steps in range(1, 100):
            act(env)
            if env.seeds() != before:
                return steps
    raise AssertionError
