"""Media of a run: videos, histograms of Q-values, the learning curve and checkpoint artifacts.

Videos need `rlvision.watch`, and their saliency needs `rlvision.features`. Both are imported for the first video, so a
run trains without them.
"""

import logging
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from rlvision.config.schema import Config
from rlvision.core.action_masks import act_legally
from rlvision.core.agent import Agent
from rlvision.core.errors import MissingExtraError, RLVisionError
from rlvision.core.files import warn_on_os_error
from rlvision.core.folders import make_folder
from rlvision.core.memory import return_freed_memory
from rlvision.core.seeding import derive, generator
from rlvision.core.signals import StopReason
from rlvision.core.types import BoolArray, FloatArray, IntArray, Policy, UInt8Array
from rlvision.core.wording import title_of
from rlvision.envs.screen import make_screen
from rlvision.envs.split_env import ReplayableEnv
from rlvision.evaluation.games import EvaluationCancelled
from rlvision.learning.policies import EpsilonGreedy
from rlvision.learning.schedules import Constant
from rlvision.runs.run_folder import VIDEOS_FOLDER, RunFolder
from rlvision.tracking.curve import draw_curve
from rlvision.tracking.trackers import MediaTracker

RECORDER = "rlvision.watch.training_video", "record_game"
SALIENCY = "rlvision.features.saliency", "gradient_saliency"

_log = logging.getLogger("rlvision")


class MediaLogger:
    """Logger of media during training. A failure is logged once, and ends that kind of media but not the run.

    Args:
        config: of the run.
        folder: of the run.
        agent: that trains.
        media_tracker: receives the media.
        make_env: makes environments of the run's kind.
    """

    def __init__(
        self,
        config: Config,
        folder: RunFolder,
        agent: Agent,
        media_tracker: MediaTracker,
        make_env: Callable[[Config, int], ReplayableEnv],
    ) -> None:
        self._config = config
        self._folder = folder
        self._agent = agent
        self._media_tracker = media_tracker
        self._make_env = make_env
        self._can_record = self._can_draw = True
        self._drawn_at = -1

    def log_evaluation(self, env_steps: int, interrupted: StopReason, is_last: bool) -> None:
        """Log the media of an evaluation; call this before its row is logged."""
        for name, values in self._agent.learner.distributions().items():
            self._media_tracker.log_media({name: finite(values)}, env_steps)
        if self._can_record and video_is_due(self._config, env_steps, is_last):
            with warn_on_os_error("a video"), suppress(EvaluationCancelled):
                self._record(env_steps, interrupted)

    def log_curve(self, env_steps: int) -> None:
        """Draw and log the learning curve, once per step; then return the freed memory to the system."""
        if self._can_draw and env_steps != self._drawn_at:
            self._show_curve(env_steps)
        return_freed_memory()

    def log_checkpoint(self, name: str, checkpoint: Path) -> None:
        """Log a checkpoint and its settings as an artifact, which is a run folder to evaluate and watch."""
        if self._config.tracking.artifacts:
            files = (self._folder.config_path, checkpoint)
            self._media_tracker.log_artifact(name, {str(file.relative_to(self._folder.path)): file for file in files})

    def _show_curve(self, env_steps: int) -> None:
        try:
            self._media_tracker.log_media({"curve": draw_curve(self._folder.path)}, env_steps)
        except RLVisionError as error:  # its rows can no longer be read
            self._can_draw = False
            _log.warning("%s; the curve is no longer drawn", error)
        self._drawn_at = env_steps

    def _record(self, env_steps: int, interrupted: StopReason) -> None:
        path = self._folder.path / VIDEOS_FOLDER / f"{env_steps:012d}.mp4"
        try:
            record_game = import_optional(*RECORDER)
            if record_game is None:
                raise MissingExtraError("expected rlvision.watch to record a video, got an installation without it")
            make_folder(path.parent)
            with closing(self._make_env(self._config, 1)) as env:
                page = self._play(record_game, env, path, env_steps, interrupted)
            self._media_tracker.log_media({"evaluate/video": path, "evaluate/page": page}, env_steps)
        except (OSError, EvaluationCancelled):
            raise
        except Exception as error:  # of a user's environment or network, or of a video library
            self._can_record = False
            _log.warning("%s (%s); this run records no more videos", error, type(error).__name__)

    def _play(
        self,
        record_game: Callable[..., Path],
        env: ReplayableEnv,
        path: Path,
        env_steps: int,
        interrupted: StopReason,
    ) -> Path:
        """Record one game as a video and a page, and return the path of the page."""
        config, screen = self._config, make_screen(env)
        seed = derive(config.seed, f"video at {env_steps}")
        chance, draws = Constant(config.evaluation.epsilon), generator(seed, "watching")
        policy = EpsilonGreedy(self._agent.q_function, env.spec.num_actions, chance, draws)
        return record_game(
            env,
            screen,
            InterruptiblePolicy(policy, interrupted),
            self._q_values,
            path,
            title=f"{title_of(config.env.game)} at {env_steps / 1000:.4g}k",  # short enough for the overlay
            fps=screen.fps,
            crop=config.env.crop,
            seed=seed,
            max_steps=config.tracking.video_steps,
            saliency=self._saliency,
        )

    @cached_property
    def _saliency(self) -> Callable[[UInt8Array, int], FloatArray] | None:
        """Return the map (observation [1, C, H, W], action) -> saliency [H, W]; None without `rlvision.features`."""
        gradient_saliency = import_optional(*SALIENCY)
        if gradient_saliency is None:
            _log.warning(
                "expected rlvision.features to compute saliency, got an installation without it; pages show no saliency"
            )
            return None
        return lambda observation, action: gradient_saliency(self._agent.network, observation, action)

    def _q_values(self, observation: UInt8Array) -> FloatArray:
        return self._agent.q_function(observation).numpy()


class InterruptiblePolicy:
    """A policy that cancels a game on an interruption.

    Args:
        policy: chooses the actions.
        interrupted: checked at each step.
    """

    def __init__(self, policy: Policy, interrupted: StopReason) -> None:
        self._policy = policy
        self._interrupted = interrupted

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int, mask: BoolArray | None = None) -> IntArray:
        """Return the policy's actions.

        Raises:
            EvaluationCancelled: there was an interruption.
        """
        if self._interrupted():
            raise EvaluationCancelled
        return act_legally(self._policy, mask, observation, first, env_steps)


def video_is_due(config: Config, env_steps: int, is_last: bool) -> bool:
    """Return whether the evaluation after ``env_steps`` has a video: each ``tracking.video_every``-th, and the last."""
    every = config.tracking.video_every
    number = env_steps // config.evaluate_every if config.evaluate_every else 0
    return every > 0 and (is_last or (number > 0 and number % every == 0))


def finite(q_values: torch.Tensor) -> FloatArray:
    """Return the finite numbers [n], for a histogram."""
    values = q_values.detach().float().flatten().cpu()
    return values[values.isfinite()].numpy()


def import_optional(module: str, name: str) -> Any | None:
    """Return ``module.name``, or None if the package of the module is not installed."""
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # a library that the module needs
        return None
