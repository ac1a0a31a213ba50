"""Record a game of the agent in training as a video and as a page, in one pass."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from rlvision.core.types import EnvSpec, FloatArray, Policy, UInt8Array
from rlvision.envs.settings import Crop
from rlvision.watch.html.page import PageMeta, PageRecorder, write_page
from rlvision.watch.record import record
from rlvision.watch.rollout import Rollout, RolloutStep, RolloutSteps, Screen, WatchedEnv

Saliency = Callable[[UInt8Array, int], FloatArray]
"""Observation [1, C, H, W], action -> [H, W] from 0 to 1."""


@dataclass(frozen=True, slots=True)
class TeeRollout:
    """A rollout that also records each of its steps for a page, while a video is written.

    Args:
        game: the steps of the game.
        record: collects the steps.
    """

    game: RolloutSteps
    record: PageRecorder

    @property
    def spec(self) -> EnvSpec:
        """Spec of the environment."""
        return self.game.spec

    def __iter__(self) -> Iterator[RolloutStep]:
        """Yield the steps, in order."""
        for rollout_step in self.game:
            self.record.add(rollout_step)
            yield rollout_step


def record_game(
    env: WatchedEnv,
    screen: Screen,
    policy: Policy,
    q_values: Callable[[UInt8Array], FloatArray],
    video: Path,
    *,
    title: str,
    fps: float,
    crop: Crop | None,
    seed: int,
    max_steps: int | None,
    saliency: Saliency | None,
) -> Path:
    """Play one game into a video, and into a page of the same name with the suffix .html.

    Args:
        env: one environment.
        screen: of that environment.
        policy: chooses the actions.
        q_values: observation [1, C, H, W] -> Q-values [1, A].
        video: ends in .mp4, .webm or .gif.
        title: such as ``"Breakout"``.
        fps: the game's frames per second.
        crop: the part of the screen that the network sees; None: all.
        seed: of the game.
        max_steps: decisions after which it is cut short; None: never.
        saliency: of the page; None: the page has none.

    Returns:
        The path of the page.
    """
    rollout = Rollout(env, screen, q_values, policy, seed=seed, max_steps=max_steps)
    of_moment = (
        None if saliency is None else lambda rollout_step: saliency(rollout_step.observation[None], rollout_step.action)
    )
    page = PageRecorder(PageMeta(title=title, fps=fps, spec=rollout.spec, crop=crop, saliency=of_moment))
    record(TeeRollout(rollout, page), video, title=title, fps=fps, console=Console(quiet=True))
    return write_page(page, video.with_suffix(".html"))
