"""What people do with a run: train it, continue it, evaluate it, watch it, act with it."""

from dataclasses import replace
from pathlib import Path

import torch

from rlvision import build
from rlvision.acting import EpsilonGreedy
from rlvision.allocator import keep_freed_memory
from rlvision.config import Config
from rlvision.envs.screen import make_screen
from rlvision.envs.vector import TapedVectorEnv
from rlvision.errors import ConfigError
from rlvision.evaluation import Evaluation, evaluate
from rlvision.progress import count_games
from rlvision.run_folder import RunFolder, spec_from_state
from rlvision.schedules import Constant
from rlvision.seeding import generator
from rlvision.session import MOST_ENVS, Session
from rlvision.types import FloatArray, IntArray, UInt8Array
from rlvision.watch.moment import Game
from rlvision.watch.record import record
from rlvision.watch.rollout import Rollout
from rlvision.watch.window import require_display
from rlvision.watch.window import watch as show


class Run:
    """A trained agent, as its run folder holds it.

    Example::

        run = Run("runs/quick-seed1")
        action = run.act(observation)  # [N] for observations [N, C, H, W] uint8
        print(run.evaluate(games=10).mean)

    Args:
        folder: of the run.
        weights: ``best`` (by evaluation, where there was one) or ``last``.
        device: as in the configuration.

    Raises:
        CheckpointError: there is no run, or it has no checkpoint yet.
    """

    def __init__(self, folder: str | Path, *, weights: str = "best", device: str = "auto") -> None:
        self.folder = RunFolder(Path(folder))
        self.config = replace(self.folder.config(), device=device)
        state = self.folder.weights(weights)
        self.env_steps: int = state["env_steps"]
        self.spec = spec_from_state(state["spec"])
        network = build.make_network(self.config, self.spec)
        network.load_state_dict(state["online"])
        network.pin_mode(training=False)
        self.network = network
        self._q_function = build.make_actor(self.config, network)

    def q_values(self, observation: UInt8Array) -> FloatArray:
        """Q-values [N, A] of observations [N, C, H, W] uint8."""
        return self._q_function(observation).numpy()

    def act(self, observation: UInt8Array) -> IntArray:
        """The greedy actions [N] for observations [N, C, H, W] uint8."""
        return self._q_function(observation).argmax(dim=1).numpy()

    def make_env(self, num_envs: int = 1) -> TapedVectorEnv:
        """Environments of the run's kind, to play in: reset them first, close them last."""
        return build.make_env(self.config, num_envs)

    def evaluate(self, games: int = 30, *, epsilon: float | None = None, seed: int = 0) -> Evaluation:
        """Play whole games and score them raw; a terminal shows how far it is.

        Args:
            games: how many.
            epsilon: probability of a random action; by default the run's ``evaluation.epsilon``.
            seed: of games and exploration.
        """
        chance = self.config.evaluation.epsilon if epsilon is None else epsilon
        env = self.make_env(min(games, MOST_ENVS))
        try:
            with count_games(games) as tell:
                return evaluate(env, self._q_function, games=games, epsilon=chance, seed=seed, tell=tell)
        finally:
            env.close()

    def watch(
        self,
        video: Path | None = None,
        *,
        episodes: int = 1,
        max_steps: int | None = None,
        epsilon: float | None = None,
        seed: int = 0,
    ) -> list[Game]:
        """Show whole games in the game's own colours: in a window, or written to a video file.

        Args:
            video: an .mp4 or .webm file; None opens a window.
            episodes: games to show.
            max_steps: decisions after which a game is cut short; None, never.
            epsilon: probability of a random action; by default the run's ``evaluation.epsilon``.
            seed: of the first game; the next has the next.

        Raises:
            ConfigError: the suffix is another, or there is no display.
        """
        title = f"{self.config.env.game}  {self.folder.path.name}"
        if video is None:
            require_display()
        env = self.make_env()
        try:
            screen = make_screen(env)
            rollout = Rollout(
                env,
                screen,
                self.q_values,
                self._policy(epsilon, seed),
                seed=seed,
                games=episodes,
                max_steps=max_steps,
            )
            if video is None:
                return show(rollout, title=title, fps=screen.fps)
            return record(rollout, video, title=title, fps=screen.fps)
        finally:
            env.close()

    def _policy(self, epsilon: float | None, seed: int) -> EpsilonGreedy:
        chance = self.config.evaluation.epsilon if epsilon is None else epsilon
        draws = generator(seed, "watching")
        return EpsilonGreedy(self._q_function, self.spec.num_actions, Constant(chance), draws)


def train(config: Config) -> Run:
    """Train, or continue the run in ``config.out``, until its plan is fulfilled or somebody interrupts.

    Raises:
        RLVisionError: the settings cannot be used, or a run of other settings is in that folder.
    """
    if config.out is None:
        raise ConfigError("expected a run folder in config.out, got none: set out, or use rlvision.load_config")
    folder = RunFolder(Path(config.out), config.checkpoint.keep)
    if folder.exists:
        folder.require_same_run(config)
    keep_freed_memory()
    torch.set_num_threads(config.threads or torch.get_num_threads())
    env = build.make_env(config, config.env.num_envs)
    try:
        session = Session(config, folder, env)
        session.run()
    finally:
        env.close()
    return Run(folder.path, weights="best", device=config.device)


def resume(folder: str | Path) -> Run:
    """Continue a run with the settings it has.

    Raises:
        RLVisionError: there is no run, or it cannot be continued.
    """
    path = Path(folder)
    return train(replace(RunFolder(path).config(), out=str(path)))
