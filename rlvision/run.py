"""What people do with a run: train it, continue it, evaluate it, watch it, act with it."""

import logging
from dataclasses import asdict, replace
from pathlib import Path

import torch

from rlvision import build
from rlvision.acting import EpsilonGreedy
from rlvision.allocator import keep_freed_memory
from rlvision.collector import Collector, DiscountedReturns
from rlvision.config import Config
from rlvision.envs.screen import make_screen
from rlvision.envs.vector import TapedVectorEnv
from rlvision.errors import CheckpointError, ConfigError
from rlvision.evaluation import Evaluation, evaluate
from rlvision.interruption import Interrupted
from rlvision.progress import count_games, show_replay
from rlvision.replay.segments import collect_garbage
from rlvision.run_folder import RunFolder, require_same_spec, spec_from_state, spec_to_state
from rlvision.schedules import Constant
from rlvision.seeding import derive, generator
from rlvision.tracking.console import ConsoleTracker
from rlvision.tracking.curve import draw_curve
from rlvision.tracking.files import FileTracker
from rlvision.tracking.group import TrackerGroup
from rlvision.tracking.wandb import WandbTracker
from rlvision.trainer import Hooks, Trainer
from rlvision.types import FloatArray, IntArray, State, UInt8Array
from rlvision.watch.moment import Game
from rlvision.watch.record import record
from rlvision.watch.rollout import Rollout
from rlvision.watch.window import require_display
from rlvision.watch.window import watch as show

MOST_ENVS = 16
"""Games of an evaluation played side by side, at most."""

_log = logging.getLogger("rlvision")


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


class Session:
    """One process's work on a run: everything wired, from the folder's newest checkpoint or from the start."""

    def __init__(self, config: Config, folder: RunFolder, env: TapedVectorEnv) -> None:
        self._config = config
        self._folder = folder
        self._env = env
        self._agent = build.make_agent(config, env.spec)
        self._console = ConsoleTracker(config.env_steps, f"{config.env.game} {folder.path} seed {config.seed}")
        self._tracker = self._make_tracker()
        self._trainer = self._make_trainer()
        self._evaluation_env: TapedVectorEnv | None = None

    def run(self) -> None:
        """Begin or continue, and train."""
        try:
            with self._folder.claimed(self._config):
                self._restore()
                self._console.message(self._trainer.run())
        except OSError as error:
            raise CheckpointError(
                f"expected to write to {self._folder.path}, got {error.strerror}: mend that, and the same command "
                "continues from the last checkpoint"
            ) from error
        finally:
            self._tracker.close()
            if self._evaluation_env is not None:
                self._evaluation_env.close()

    def _restore(self) -> None:
        state = self._folder.checkpoints.load_newest(self._load_replay)
        if state is None:
            self._env.reset(derive(self._config.seed, "environments"))
            return
        require_same_spec(spec_from_state(state["spec"]), self._env.spec)
        self._console.message(f"continuing {self._folder.path} at {state['env_steps']:,} env steps")
        with show_replay() as self._env.progress:
            self._trainer.load_state_dict(state["trainer"])
        self._tracker.load_state_dict(state["trackers"])

    def _load_replay(self, state: State) -> None:
        if self._config.checkpoint.replay and state["replay"] is not None:
            self._agent.memory.load_rows(self._folder.checkpoints.replay_folder, state["replay"])

    def _make_tracker(self) -> TrackerGroup:
        config, path = self._config, self._folder.path
        about = config.tracking
        wandb = WandbTracker(
            config.wandb,
            path,
            asdict(config),
            project=about.project,
            entity=about.entity,
            name=about.name or path.name,
            group=about.group,
            tags=about.tags,
            notes=about.notes,
        )
        return TrackerGroup({"files": FileTracker(path), "console": self._console, "wandb": wandb})

    def _make_trainer(self) -> Trainer:
        config, agent = self._config, self._agent
        transform = build.make_reward_transform(config)
        returns = DiscountedReturns(self._env.spec.num_envs, config.agent.gamma, transform)
        hooks = Hooks(
            evaluate=self._evaluate,
            save=self._save,
            save_best=lambda env_steps: self._folder.checkpoints.save_best(self._weights(env_steps)),
            show_progress=self._console.progress,
            draw=self._draw,
        )
        collector = Collector(self._env, agent.policy, agent.memory, returns)
        return Trainer(
            agent=agent, collector=collector, tracker=self._tracker, plan=build.make_plan(config), hooks=hooks
        )

    def _evaluate(self, env_steps: int, interrupted: Interrupted) -> Evaluation:
        config, games = self._config, self._config.evaluation.games
        if self._evaluation_env is None:
            self._evaluation_env = build.make_env(config, min(games, MOST_ENVS))
        seed = derive(config.seed, f"evaluation at {env_steps}")
        return evaluate(
            self._evaluation_env,
            self._agent.q_function,
            games=games,
            epsilon=config.evaluation.epsilon,
            seed=seed,
            interrupted=interrupted,
        )

    def _draw(self) -> None:
        draw_curve(self._folder.path)

    def _save(self, env_steps: int, trainer: State) -> None:
        checkpoints = self._folder.checkpoints
        try:
            rows = self._agent.memory.save_rows(checkpoints.replay_folder) if self._config.checkpoint.replay else None
            state = {
                **self._weights(env_steps),
                "trainer": trainer,
                "trackers": self._tracker.state_dict(),
                "replay": rows,
            }
            checkpoints.save(env_steps, state)
        finally:
            self._collect_garbage()

    def _collect_garbage(self) -> None:
        """Delete the replay's files that no checkpoint needs; none, where one of them cannot be asked."""
        checkpoints = self._folder.checkpoints
        try:
            manifests = [manifest for manifest in checkpoints.replays() if manifest is not None]
        except CheckpointError as error:
            _log.warning("%s; until it is replaced, no file of the replay is deleted", error)
        else:
            collect_garbage(checkpoints.replay_folder, manifests)

    def _weights(self, env_steps: int) -> State:
        return {
            "env_steps": env_steps,
            "spec": spec_to_state(self._env.spec),
            "online": self._agent.learner.views.online.state_dict(),
        }
