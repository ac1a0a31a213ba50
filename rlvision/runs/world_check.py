"""A look at a world before anything is trained: what an agent will see and do there, and what is wrong with it."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from rlvision.config.schema import Config
from rlvision.core.action_masks import mask_of
from rlvision.core.types import EnvStep, Episode, IntArray, UInt8Array
from rlvision.core.wording import as_written
from rlvision.envs.factory import is_atari
from rlvision.envs.planes import LUMA
from rlvision.envs.screen import make_screen
from rlvision.envs.split_env import ReplayableEnv
from rlvision.envs.vector_env import observation_hash
from rlvision.runs import builders
from rlvision.runs.time_limit import propose
from rlvision.training.collector import LARGE_REWARD, EpisodeStats

REPEATED = 200
"""Decisions that are repeated to see whether they give the same game again."""
DARK = 25
"""Brightest pixel, of 255, of pictures whose values may not be those of pixels."""
LOOKS = 100
"""Decisions whose pictures are searched for colours that are one gray."""
MOST_COLORS = 64
"""Most colours of a drawn picture; in others, some share a gray in any case."""
ALIKE, APART = 1.5, 60.0
"""Grays that cannot be told apart, and colours that are not shades of one another: distances, of 255."""
SLOW = 200.0
"""Decisions per second below which worker processes are proposed."""


@dataclass(frozen=True, slots=True)
class WorldReport:
    """The findings of random play in one environment.

    Attributes:
        game: name of the world.
        actions: A names.
        seen: lines about what the agent and its network see.
        screen: a picture before preprocessing, [H, W, 3].
        observation: the observation of the same moment, [C, h, w].
        episodes: the games that ended.
        rewards: of every decision.
        seconds: that the decisions took.
        repeats: whether the same seed and actions gave the same game again.
        ignores_seed: whether another seed gave the same game.
        problems: what is wrong, each with its remedy.
    """

    game: str
    actions: tuple[str, ...]
    seen: tuple[str, ...]
    screen: UInt8Array
    observation: UInt8Array
    episodes: tuple[Episode, ...]
    rewards: tuple[float, ...]
    seconds: float
    repeats: bool
    ignores_seed: bool
    problems: tuple[str, ...]

    @property
    def decisions_per_second(self) -> float:
        """Decisions per second in one environment, in this process."""
        return len(self.rewards) / self.seconds


@dataclass(slots=True)
class _Played:
    """Random play: its rows, the games that ended in them, and the moment that is shown."""

    rewards: list[float]
    hashes: list[str]
    episodes: list[Episode]
    screen: UInt8Array
    observation: UInt8Array
    seconds: float
    brightest: int = 0
    merged: tuple[list[int], list[int]] | None = None


def check_world(config: Config, decisions: int, seed: int) -> WorldReport:
    """Play a world at random, and report on it.

    Args:
        config: settings of the environment and the network; no agent is made.
        decisions: number of random decisions.
        seed: of the first game and of the decisions.

    Raises:
        RLVisionError: there is no such world, or it cannot be played.
    """
    with closing(builders.make_one(config)) as env:
        played = _play(env, decisions, seed)
        repeats = _is_same_game(env, seed, seed)
        ignores_seed = _is_same_game(env, seed, seed + 1)
        names, spec = env.spec.action_meanings, env.spec
        lines = builders.describe_world(env)
    view = builders.describe_view(builders.make_network(config, spec, torch.device("meta")), spec)
    return WorldReport(
        game=config.env.game,
        actions=names,
        seen=(*lines, *([view] if view else ())),
        screen=played.screen,
        observation=played.observation,
        episodes=tuple(played.episodes),
        rewards=tuple(played.rewards),
        seconds=played.seconds,
        repeats=repeats,
        ignores_seed=ignores_seed,
        problems=tuple(_problems(config, played, repeats, ignores_seed)),
    )


def _play(env: ReplayableEnv, decisions: int, seed: int) -> _Played:
    """Play at random; show the moment of the largest reward, or the last one."""
    screen, stats = make_screen(env), EpisodeStats(1, env.spec.frameskip)
    env.rewind([seed])
    played, largest = _Played([], [], [], screen.first_frame(), env.observation[0], 0.0), 0.0
    generator = np.random.default_rng(seed)
    for _ in range(decisions):
        action = _random_action(generator, env)
        began = time.perf_counter()
        step = env.step(action)
        played.seconds += time.perf_counter() - began
        played.rewards.append(float(step.reward[0]))
        played.hashes.append(observation_hash(env.observation[0][-env.spec.frame_channels :]))
        played.brightest = max(played.brightest, int(env.observation.max()))
        played.episodes += [episode for _, episode in stats.add(step, env.seeds())]
        pictures = screen.frames(step)
        if env.spec.frame_channels == 1 and len(played.rewards) <= LOOKS:
            played.merged = played.merged or _merged_colors(pictures[-1])
        if abs(played.rewards[-1]) > largest or not largest:
            played.screen, played.observation, largest = pictures[-1], env.observation[0], abs(played.rewards[-1])
    return played


def _merged_colors(picture: UInt8Array) -> tuple[list[int], list[int]] | None:
    """Return two colours of a drawn picture [H, W, 3] that are one gray; None if there are none."""
    colors = np.unique(picture.reshape(-1, 3), axis=0).astype(np.float64)
    if len(colors) > MOST_COLORS:
        return None
    grays = colors @ LUMA
    for one, other in combinations(range(len(colors)), 2):
        if abs(grays[one] - grays[other]) < ALIKE and np.linalg.norm(colors[one] - colors[other]) > APART:
            return colors[one].astype(int).tolist(), colors[other].astype(int).tolist()
    return None


def _random_action(generator: np.random.Generator, env: ReplayableEnv) -> IntArray:
    """Return an action [1] among the legal ones."""
    mask = mask_of(env)
    if mask is None:
        return generator.integers(env.spec.num_actions, size=1)
    return generator.choice(np.flatnonzero(mask[0]), size=1)


def _is_same_game(env: ReplayableEnv, one: int, other: int) -> bool:
    """Return whether two seeds give the same observations and rewards, for the same actions."""
    return _trace(env, one) == _trace(env, other)


def _trace(env: ReplayableEnv, seed: int) -> list[tuple[str, float]]:
    env.rewind([seed])
    generator = np.random.default_rng(0)
    return [_row(env.step(_random_action(generator, env))) for _ in range(REPEATED)]


def _row(step: EnvStep) -> tuple[str, float]:
    return observation_hash(step.observation[0]), float(step.reward[0])


def _problems(config: Config, played: _Played, repeats: bool, ignores_seed: bool) -> Iterator[str]:
    """Yield what is wrong, each with its remedy."""
    rewards, largest = played.rewards, max(map(abs, played.rewards))
    if not any(rewards):
        yield (
            f"no reward in {len(rewards):,} random decisions: an agent that explores at random may never find one; "
            "reward it on the way, or try exploration.kind=persistent"
        )
    if largest > LARGE_REWARD and getattr(config.agent, "reward_clip", None) is None:
        yield f"rewards reach {largest:g}: set agent.reward_scale={1 / largest:.1g}, or agent.reward_clip"
    if not played.episodes:
        yield (
            f"no game ended in {len(rewards):,} decisions: give it an end, or set "
            f"{'env.max_episode_frames' if is_atari(config.env.game) else propose(frameskip=config.env.frameskip or 1)}"
        )
    top = max(played.brightest, 1)
    unscaled = f"if its pictures run from 0 to {top}, declare Box(0, {top}, ...), or return them times {255 // top}"
    if len(set(played.hashes)) == 1:
        black = "" if played.brightest else f"; it is black: {unscaled}"
        yield f"the picture never changes: draw the state of the game into it{black}"
    elif played.brightest <= DARK:
        yield f"no pixel is brighter than {played.brightest} of 255: {unscaled}"
    if played.merged is not None and not is_atari(config.env.game):
        yield (
            "the colours {} and {} (red, green, blue) are the same gray: set {}".format(
                *played.merged, as_written("env.gray", False)
            )
        )
    if not repeats:
        yield (
            "the same seed and actions gave another game: take all random numbers from self.np_random, after "
            "super().reset(seed=seed); otherwise a run cannot be continued exactly"
        )
    elif ignores_seed and len(set(played.hashes)) > 1 and played.brightest > 1:
        yield f"two seeds gave the same {REPEATED} decisions: every game may be the same one"
    speed = len(rewards) / played.seconds
    if speed < SLOW and not is_atari(config.env.game):
        yield f"it makes {speed:.0f} decisions a second: env.num_workers shares the environments among processes"
