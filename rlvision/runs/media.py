"""What a run shows of its agent besides numbers: a video, the distribution of Q-values, the curve, its weights."""

import logging
from contextlib import closing, suppress
from pathlib import Path
from typing import cast

import torch
from rich.console import Console

from rlvision.config.schema import Config
from rlvision.core.errors import RLVisionError
from rlvision.core.files import warn_on_os_error
from rlvision.core.folders import make_folder
from rlvision.core.memory import return_freed_memory
from rlvision.core.seeding import derive, generator
from rlvision.core.signals import Interrupted
from rlvision.core.types import Agent, BoolArray, FloatArray, IntArray, Policy, UInt8Array
from rlvision.envs.screen import make_screen
from rlvision.envs.vector_env import TapedVectorEnv
from rlvision.evaluation.evaluate import Abandoned
from rlvision.features.saliency import gradient_saliency
from rlvision.learning.policies import EpsilonGreedy
from rlvision.learning.schedules import Constant
from rlvision.nn.qnetwork import QNetwork
from rlvision.runs import builders
from rlvision.runs.run_folder import VIDEOS_FOLDER, RunFolder
from rlvision.tracking.curve import draw_curve
from rlvision.tracking.trackers import Gallery
from rlvision.watch.step import Moment

_log = logging.getLogger("rlvision")


class Showcase:
    """Fills a gallery while a run goes on; where it cannot, one line says so, and training goes on.

    Args:
        config: of the run.
        folder: where videos and the curve are.
        agent: the one that trains.
        gallery: takes what is shown.
    """

    def __init__(self, config: Config, folder: RunFolder, agent: Agent, gallery: Gallery) -> None:
        self._config = config
        self._folder = folder
        self._agent = agent
        self._gallery = gallery
        self._can_record = self._can_draw = True
        self._drawn_at = -1

    def evaluated(self, env_steps: int, interrupted: Interrupted, is_last: bool) -> None:
        """Show what goes with an evaluation, the run's last perhaps; to be called before its row is logged."""
        for name, values in self._agent.learner.distributions().items():
            self._gallery.show({name: finite(values)}, env_steps)
        if self._can_record and video_is_due(self._config, env_steps, is_last):
            with warn_on_os_error("a video"), suppress(Abandoned):
                self._record(env_steps, interrupted)

    def curve(self, env_steps: int) -> None:
        """Draw the learning curve and show it, unless it would be the one drawn last; what follows is training."""
        if self._can_draw and env_steps != self._drawn_at:
            self._show_curve(env_steps)
        return_freed_memory()

    def keep(self, name: str, checkpoint: Path) -> None:
        """Store a checkpoint such that what is fetched later is a run folder to evaluate and to watch."""
        if self._config.tracking.artifacts:
            files = (self._folder.config_path, checkpoint)
            self._gallery.keep(name, {str(file.relative_to(self._folder.path)): file for file in files})

    def _show_curve(self, env_steps: int) -> None:
        try:
            self._gallery.show({"curve": draw_curve(self._folder.path)}, env_steps)
        except RLVisionError as error:  # rows that cannot be read any more
            self._can_draw = False
            _log.warning("%s; the curve is not drawn any more", error)
        self._drawn_at = env_steps

    def _record(self, env_steps: int, interrupted: Interrupted) -> None:
        path = self._folder.path / VIDEOS_FOLDER / f"{env_steps:012d}.mp4"
        try:
            make_folder(path.parent)
            with closing(builders.make_env(self._config, 1)) as env:
                page = self._record_from(env, path, env_steps, interrupted)
            self._gallery.show({"evaluate/video": path, "evaluate/page": page}, env_steps)
        except (OSError, Abandoned):
            raise
        except Exception as error:  # of a user's environment or network, of a video library: none is worth a run
            self._can_record = False
            _log.warning("%s (%s); there are no videos of this run", error, type(error).__name__)

    def _record_from(self, env: TapedVectorEnv, path: Path, env_steps: int, interrupted: Interrupted) -> Path:
        """Play one game into a video, and into the page beside it, whose path is returned."""
        # training does not need what is for watching
        from rlvision.watch.html.page import About, Noted, Record, write_page
        from rlvision.watch.record import record
        from rlvision.watch.rollout import Rollout

        config, screen = self._config, make_screen(env)
        seed = derive(config.seed, f"video at {env_steps}")
        chance, draws = Constant(config.evaluation.epsilon), generator(seed, "watching")
        policy = EpsilonGreedy(self._agent.q_function, env.spec.num_actions, chance, draws)
        steps = config.tracking.video_steps
        rollout = Rollout(env, screen, self._q_values, Attentive(policy, interrupted), seed=seed, max_steps=steps)
        title = f"{config.env.game} at {env_steps / 1000:.4g}k"  # as much as has room
        page = Record(
            About(
                title=title,
                fps=screen.fps,
                spec=env.spec,
                crop=config.env.crop,
                saliency=self._saliency if isinstance(self._agent.network, QNetwork) else None,
            )
        )
        record(Noted(rollout, page), path, title=title, fps=screen.fps, console=Console(quiet=True))
        return write_page(page, path.with_suffix(".html"))

    def _saliency(self, moment: Moment) -> FloatArray:
        return gradient_saliency(cast(QNetwork, self._agent.network), moment.observation[None], moment.action)

    def _q_values(self, observation: UInt8Array) -> FloatArray:
        return self._agent.q_function(observation).numpy()


class Attentive:
    """A policy that stops a game when somebody interrupts.

    Args:
        policy: chooses the actions.
        interrupted: asked at every step.
    """

    def __init__(self, policy: Policy, interrupted: Interrupted) -> None:
        self._policy = policy
        self._interrupted = interrupted

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        """What the policy does.

        Raises:
            Abandoned: somebody interrupted.
        """
        if self._interrupted():
            raise Abandoned
        return self._policy.act(observation, first, env_steps)


def video_is_due(config: Config, env_steps: int, is_last: bool) -> bool:
    """Whether the evaluation after ``env_steps`` has a video: every so many have, and that of the end."""
    every = config.tracking.video_every
    number = env_steps // config.evaluate_every if config.evaluate_every else 0
    return every > 0 and (is_last or (number > 0 and number % every == 0))


def finite(q_values: torch.Tensor) -> FloatArray:
    """The numbers [n] that a histogram can hold."""
    values = q_values.detach().float().flatten().cpu()
    return values[values.isfinite()].numpy()
