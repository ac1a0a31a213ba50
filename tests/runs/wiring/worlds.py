"""Settings found in worlds of Gymnasium: in what they show, and in what they do."""

import logging
import multiprocessing
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import gymnasium
import numpy as np

from rlvision.config.schema import Config
from rlvision.core.errors import EnvError
from rlvision.core.types import UInt8Array
from rlvision.envs.counting_env import draw, read
from rlvision.envs.vector_env import ReplayableVectorEnv
from rlvision.runs import builders
from tests.runs.wiring import Table

COUNTING = {
    "env.game": "rlvision.envs.counting_env:CountingEnv",
    "env.height": 20,
    "env.width": 24,
    "env.crop": [3, 23, 5, 29],
    "env.stack": 3,
    "env.gray": False,
    "env.frameskip": 2,
    "env.max_pool": False,
    "env.num_workers": 0,
    "env.kwargs": {"actions": 5, "lengths": [14]},
}
UNCUT = {"env.crop": None, "env.height": 32, "env.width": 32}

table = Table(COUNTING, agents=("dqn",))
finds = table.finds


@contextmanager
def playing(config: Config, num_envs: int = 1) -> Iterator[ReplayableVectorEnv]:
    """Environments in their first games."""
    with closing(builders.make_env(config, num_envs)) as env:
        env.reset(seed=5)
        yield env


def act(env: ReplayableVectorEnv, action: int = 0) -> Any:
    """One decision in all environments."""
    return env.step(np.full(env.spec.num_envs, action))


def newest_frame(config: Config, decisions: int) -> tuple[int, UInt8Array]:
    """The game, and the frame that it shows after so many decisions, [H, W]."""
    with playing(config) as env:
        for _ in range(decisions):
            act(env)
        return env.seeds()[0], env.observation[0, -1]


# the picture


@finds("env.height")
def rows_of_a_picture(config: Config) -> int:
    return newest_frame(config, 0)[1].shape[0]


@finds("env.width")
def columns_of_a_picture(config: Config) -> int:
    return newest_frame(config, 0)[1].shape[1]


class Still(gymnasium.Env):
    """A picture in which no two places are alike."""

    observation_space = gymnasium.spaces.Box(0, 255, (32, 32, 1), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)
    picture = np.random.default_rng(1).integers(0, 256, (32, 32, 1), dtype=np.uint8)

    def reset(self, **options: Any) -> Any:
        super().reset(**options)
        return self.picture, {}

    def step(self, action: Any) -> Any:
        return self.picture, 0.0, False, False, {}


@finds("env.crop", {"env.game": "tests.runs.wiring.worlds:Still", "env.gray": True, "env.kwargs": {}})
def place_on_the_screen(config: Config) -> tuple[int, ...]:
    _, frame = newest_frame(config, 0)
    screen, (height, width) = Still.picture[:, :, 0], frame.shape
    places = np.lib.stride_tricks.sliding_window_view(screen, frame.shape)
    ((top, left),) = np.argwhere((places == frame).all(axis=(2, 3))).tolist()
    return top, top + height, left, left + width


class Eyes(Still):
    """Two pictures: what it shows is the one, and the other is black."""

    observation_space = gymnasium.spaces.Dict({"right": Still.observation_space, "left": Still.observation_space})

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        return {"right": 0 * self.picture, "left": self.picture}, {}


@finds("env.image_key", {"env.game": "tests.runs.wiring.worlds:Eyes", "env.image_key": "left", "env.kwargs": {}})
def entry_that_is_seen(config: Config) -> str:
    _, frame = newest_frame(config, 0)
    return "left" if frame.any() else "right"


@finds("env.stack")
def pictures_of_an_observation(config: Config) -> int:
    with playing(config) as env:
        for _ in range(5):
            act(env)
        pictures = env.observation[0].reshape(-1, env.spec.frame_channels, 20, 24)
        return len(np.unique(pictures, axis=0)) if env.spec.stack == len(pictures) else 0


@finds("env.gray", each=(True, False))
def whether_a_picture_has_one_channel(config: Config) -> bool:
    with playing(config) as env:
        return env.observation.shape[1] == 3


@finds("env.frameskip", UNCUT)
def steps_of_a_decision(config: Config) -> int:
    _, frame = newest_frame(config, 1)
    return read(frame)[1]


@finds("env.frameskip", UNCUT)
def frames_of_a_decision_that_are_counted(config: Config) -> int:
    with playing(config) as env:
        return env.spec.frameskip


@finds("env.max_pool", {"env.gray": True}, each=(True, False))
def whether_the_brighter_pixels_are_taken(config: Config) -> bool:
    game, frame = newest_frame(config, 1)
    one, two = (draw(game, step, 32)[3:23, 5:29, 0] for step in (1, 2))
    return {frame.tobytes(): False, two.tobytes(): False, np.maximum(one, two).tobytes(): True}[frame.tobytes()]


# worlds of Gymnasium


@finds("env.kwargs")
def arguments_of_the_world(config: Config) -> dict[str, Any]:
    with playing(config) as env:
        steps = (act(env) for _ in range(100))
        decisions = next(n for n, step in enumerate(steps, 1) if step.terminated[0] or step.truncated[0])
        return {"actions": env.spec.num_actions, "lengths": [decisions * env.spec.frameskip]}


@finds("env.game", {"env.kwargs": {}})
def pictures_are_those_of_the_counting_world(config: Config) -> str:
    game, frame = newest_frame(config, 0)
    drawn = np.array_equal(frame, draw(game, 0, 32)[3:23, 5:29, 0])
    return "rlvision.envs.counting_env:CountingEnv" if drawn else "another"


@finds("env.max_episode_steps", {"env.max_episode_steps": 6})
def steps_until_a_game_is_truncated(config: Config) -> int:
    with playing(config) as env:
        return next(n for n in range(1, 100) if act(env).truncated[0]) * env.spec.frameskip


@finds("env.num_workers", {"env.num_envs": 4, "env.num_workers": 2})
def processes_of_the_environments(config: Config) -> int:
    before = len(multiprocessing.active_children())
    with playing(config, 4):
        return len(multiprocessing.active_children()) - before


@contextmanager
def warnings() -> Iterator[list[str]]:
    """What rlvision warns of meanwhile."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("rlvision")
    log.addHandler(handler)
    try:
        yield said
    finally:
        log.removeHandler(handler)


FAILING = {"env.game": "faulty_worlds:Failing"}


@finds(
    "env.step_timeout",
    {**FAILING, "env.kwargs": {"how": "hang", "at": 1}, "env.num_workers": 1, "env.step_timeout": 0.5},
)
def seconds_after_which_a_worker_is_replaced(config: Config) -> float:
    with warnings() as said, playing(config, 2) as env:
        act(env)
    (seconds,) = {float(found) for line in said for found in re.findall(r"after ([\d.]+) s", line)}
    return seconds


@finds("env.max_restarts", {**FAILING, "env.kwargs": {"at": 1}, "env.max_restarts": 5})
def failures_before_the_one_that_ends_the_run(config: Config) -> int:
    with playing(config) as env:
        for survived in range(100):
            try:
                act(env)
            except EnvError:
                return survived
    raise AssertionError
