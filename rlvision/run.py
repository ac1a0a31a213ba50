"""What people do with a run: train it, continue it, evaluate it, watch it, act with it."""

from contextlib import closing
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
from rlvision.features.saliency import gradient_saliency
from rlvision.progress import count_games
from rlvision.run_folder import RunFolder, spec_from_state
from rlvision.schedules import Constant
from rlvision.seeding import generator
from rlvision.session import MOST_ENVS, Session
from rlvision.tapes import TAPES_FOLDER, TapedGame, read_games
from rlvision.types import FloatArray, IntArray, UInt8Array
from rlvision.watch.moment import Game
from rlvision.watch.outlet import Outlet
from rlvision.watch.page.page import About
from rlvision.watch.replaying import Replay, Replayed, choose
from rlvision.watch.rollout import Rollout


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
        terminal: bool = False,
        html: Path | None = None,
        episodes: int = 1,
        max_steps: int | None = None,
        epsilon: float | None = None,
        seed: int = 0,
    ) -> list[Game]:
        """Show whole games in the game's own colours: in a window, in this terminal, as a video or as pages.

        Args:
            video: an .mp4 or .webm file; None opens a window, unless another way is named.
            terminal: draw in this terminal.
            html: an .html file that opens from disk; of several games, the second goes to a name with ``-2``.
            episodes: games to show.
            max_steps: decisions after which a game is cut short; None, never.
            epsilon: probability of a random action; by default the run's ``evaluation.epsilon``.
            seed: of the first game; the next has the next.

        Raises:
            ConfigError: two ways are named, a suffix is another, or the terminal or display needed is not there.
        """
        outlet = Outlet(video, terminal, html)
        with closing(self.make_env()) as env:
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
            return outlet.show(rollout, self._about(screen.fps))

    def games(self) -> list[TapedGame]:
        """The training games that the run folder keeps, in the order in which they ended.

        Raises:
            CheckpointError: their file is damaged.
        """
        return read_games(self.folder.path / TAPES_FOLDER)

    def replay(
        self,
        episode: str | int = "best",
        *,
        video: Path | None = None,
        terminal: bool = False,
        html: Path | None = None,
        max_steps: int | None = None,
    ) -> Replayed:
        """Show a training game again, from its tape, with the Q-values that the network now has for it.

        Args:
            episode: ``best``, ``worst``, ``last`` or a number.
            video: as of `watch`, like the other ways.
            terminal: draw in this terminal.
            html: an .html file that opens from disk.
            max_steps: decisions after which it is cut short; None, never.

        Raises:
            CheckpointError: no such game is kept.
            ConfigError: as `watch` does.
        """
        outlet, games = Outlet(video, terminal, html), self.games()
        game = choose(games, str(episode))
        with closing(self.make_env()) as env:
            screen = make_screen(env)
            replay = Replay(game, games, env, screen, self.q_values, max_steps=max_steps)
            seen = outlet.show(replay.rollout, self._about(screen.fps, f"training game {game.number}"))
            return Replayed(game, tuple(seen), replay.verdict(seen))

    def _about(self, fps: float, what: str = "") -> About:
        """What is said of a game that is shown."""
        return About(
            title="  ".join(filter(None, [self.config.env.game, self.folder.path.name, what])),
            note=f"weights after {self.env_steps:,} env steps",
            fps=fps,
            spec=self.spec,
            crop=self.config.env.crop,
            saliency=lambda moment: gradient_saliency(self.network, moment.observation[None], moment.action),
        )

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
