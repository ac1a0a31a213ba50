"""What people do with a run: train it, continue it, evaluate it, watch it, act with it, export it."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import torch

from rlvision.config.schema import Config
from rlvision.core.devices import determinism
from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.core.memory import keep_freed_memory
from rlvision.core.progress import count_games
from rlvision.core.seeding import generator
from rlvision.core.types import FloatArray, IntArray, UInt8Array
from rlvision.envs.game_archive import RecordedGame, read_games
from rlvision.envs.screen import make_screen
from rlvision.envs.vector_env import ReplayableVectorEnv
from rlvision.evaluation.games import evaluate
from rlvision.evaluation.report import Report
from rlvision.evaluation.result import Evaluation
from rlvision.learning.policies import EpsilonGreedy
from rlvision.learning.schedules import Constant
from rlvision.runs import builders
from rlvision.runs.eval_protocol import MAX_EVAL_ENVS, EvalOptions, eval_conditions, lasting, make_limits, with_protocol
from rlvision.runs.export_folder import ExportFolder
from rlvision.runs.export_writer import check_new_folder, write_export
from rlvision.runs.find import find_agent, find_run
from rlvision.runs.memory_estimate import estimate_memory
from rlvision.runs.run_folder import RunFolder, require_same_spec, spec_from_state
from rlvision.runs.session import Session

if TYPE_CHECKING:
    from rlvision.watch.game_replay import ReplayResult
    from rlvision.watch.html.page import PageMeta
    from rlvision.watch.rollout import Game


class Run:
    """A trained agent, as its run folder or an export holds it.

    Example::

        run = Run("runs/quick-seed1")
        action = run.act(observation)  # [N] for observations [N, C, H, W] uint8
        print(run.evaluate(games=10).mean)

    Args:
        folder: of the run, of an export, or the name of a bundled agent, such as ``pong``.
        weights: ``best`` (by evaluation, where there was one) or ``last``; an export has one set.
        device: as in the configuration.
        trust_imports: whether an environment, an encoder or an agent may be imported by a path that the folder names.

    Raises:
        CheckpointError: there is no run, or it has no checkpoint yet; an export is damaged.
        ConfigError: the folder names code of its own that is not trusted.
    """

    def __init__(
        self, folder: str | Path, *, weights: str = "best", device: str = "auto", trust_imports: bool = False
    ) -> None:
        self.folder = find_agent(Path(folder), trust_imports=trust_imports)
        self.config = replace(self.folder.config(), device=device, cuda_graphs=False)
        state = self.folder.weights(weights, partial(builders.meta_network, self.config))
        self.env_steps: int = state["env_steps"]
        self.spec = spec_from_state(state["spec"])
        network = builders.make_network(self.config, self.spec)
        network.load_state_dict(state["online"])
        network = network.mean_network()
        network.pin_mode(training=False)
        self.network = network
        self._q_function = builders.make_q_function(self.config, self.spec, network)

    def q_values(self, observation: UInt8Array) -> FloatArray:
        """Q-values [N, A] of observations [N, C, H, W] uint8."""
        return self._q_function(observation).numpy()

    def act(self, observation: UInt8Array) -> IntArray:
        """The greedy actions [N] for observations [N, C, H, W] uint8."""
        return self._q_function(observation).argmax(dim=1).numpy()

    def make_env(self, num_envs: int = 1) -> ReplayableVectorEnv:
        """Environments of the run's kind, to play in: reset them first, close them last."""
        return self._make_env(self.config, num_envs)

    def evaluate(self, games: int = 30, **options: Unpack[EvalOptions]) -> Evaluation:
        """Play whole games and score them raw; see `measure`, which says under which conditions, too."""
        return self.measure(games, **options).evaluation

    def measure(self, games: int = 30, **options: Unpack[EvalOptions]) -> Report:
        """Play whole games and score them raw; a terminal shows how far it is.

        Args:
            games: how many; 2 are the first 2 of 30.
            options: see `rlvision.runs.eval_protocol.EvalOptions`.

        Raises:
            ConfigError: the protocol does not fit the game, or there is no game to play.
        """
        config = with_protocol(self.config, options.get("protocol"))
        limits = options.get("limits") or make_limits(config)
        config = lasting(config, limits.max_frames)
        epsilon, seed = self._epsilon(options.get("epsilon")), options.get("seed", 0)
        env = self._make_env(config, min(games, options.get("num_envs", MAX_EVAL_ENVS)))
        try:
            with count_games(games) as on_episode:
                settings = replace(config.evaluation, games=games, epsilon=epsilon)
                evaluation = evaluate(env, self._q_function, settings, seed=seed, limits=limits, on_episode=on_episode)
        finally:
            env.close()
        return Report(eval_conditions(config, epsilon, seed), evaluation)

    def export(
        self,
        out: str | Path,
        *,
        games: int = 30,
        protocols: Sequence[str] = (),
        seed: int = 0,
        place: str | None = None,
    ) -> Path:
        """Write an export: weights, how to play with them, and a card with what they score.

        Args:
            out: a new folder.
            games: whole games to score them by, under each protocol; 0 for none.
            protocols: of Atari; none: the run's own.
            seed: of the games.
            place: what the card's commands call the export; None: ``out``.

        Returns:
            The folder.

        Raises:
            ConfigError: there is something at ``out``, nothing can be written there, or this is an export already.
        """
        if isinstance(self.folder, ExportFolder):
            raise ConfigError(f"expected a run to export, got the export {self.folder.path}: copy that folder")
        out = Path(out)
        check_new_folder(out)
        books: Sequence[str | None] = protocols or [None]
        reports = [self.measure(games, protocol=book, seed=seed) for book in books] if games else []
        config, spec, network, env_steps = self.config, self.spec, self.network, self.env_steps
        usual, shown_as = builders.playing_config(config, spec, network), place or str(out)
        write_export(
            out, shown_as, config=config, played=usual, spec=spec, env_steps=env_steps, network=network, reports=reports
        )
        return out

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
    ) -> "list[Game]":
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
        from rlvision.watch.outputs import Output
        from rlvision.watch.rollout import Rollout

        output = Output(video, terminal, html)
        with closing(self.make_env()) as env:
            screen = make_screen(env)
            policy = self._policy(epsilon, seed)
            rollout = Rollout(env, screen, self.q_values, policy, seed=seed, games=episodes, max_steps=max_steps)
            return output.show(rollout, self._about(screen.fps))

    def games(self) -> list[RecordedGame]:
        """The training games that the run folder keeps, in the order in which they ended.

        Raises:
            CheckpointError: their file is damaged.
            ConfigError: this is an export, which has none.
        """
        return read_games(find_run(self.folder.path, trust_imports=True).games_folder)

    def replay(
        self,
        episode: str | int = "best",
        *,
        video: Path | None = None,
        terminal: bool = False,
        html: Path | None = None,
        max_steps: int | None = None,
    ) -> "ReplayResult":
        """Show a training game again, from its action log, with the Q-values that the network now has for it.

        Args:
            episode: ``best``, ``worst``, ``last`` or a number.
            video: as of `watch`, like the other ways.
            terminal: draw in this terminal.
            html: an .html file that opens from disk.
            max_steps: decisions after which it is cut short; None, never.

        Raises:
            CheckpointError: no such game is kept.
            ConfigError: as `watch` does, or this is an export, which keeps none.
        """
        from rlvision.watch.game_replay import GameReplay, ReplayResult, choose_game
        from rlvision.watch.outputs import Output

        output, games = Output(video, terminal, html), self.games()
        game = choose_game(games, str(episode))
        with closing(self.make_env()) as env:
            screen = make_screen(env)
            replay = GameReplay(game, games, env, screen, self.q_values, max_steps=max_steps)
            seen = output.show(replay.rollout, self._about(screen.fps, f"training game {game.number}"))
            return ReplayResult(game, tuple(seen), replay.outcome(seen))

    def _about(self, fps: float, what: str = "") -> "PageMeta":
        """Return the title, note and saliency of a game that is shown."""
        from rlvision.features.saliency import gradient_saliency
        from rlvision.watch.html.page import PageMeta

        return PageMeta(
            title="  ".join(dict.fromkeys(filter(None, [what, self.config.env.game, self.folder.path.name]))),
            note=f"weights after {self.env_steps:,} env steps",
            fps=fps,
            spec=self.spec,
            crop=self.config.env.crop,
            saliency=lambda rollout_step: gradient_saliency(
                self.network, rollout_step.observation[None], rollout_step.action
            ),
        )

    def _policy(self, epsilon: float | None, seed: int) -> EpsilonGreedy:
        draws = generator(seed, "watching")
        return EpsilonGreedy(self._q_function, self.spec.num_actions, Constant(self._epsilon(epsilon)), draws)

    def _epsilon(self, epsilon: float | None) -> float:
        return self.config.evaluation.epsilon if epsilon is None else epsilon

    def _make_env(self, config: Config, num_envs: int) -> ReplayableVectorEnv:
        """Environments that are those the network was trained for, under another protocol perhaps."""
        env = builders.make_env(config, num_envs)
        try:
            require_same_spec(replace(self.spec, num_envs=num_envs), env.spec)
        except CheckpointError:
            env.close()
            raise
        return env


def train(config: Config) -> Run:
    """Train, or continue the run in ``config.out``, until its plan is fulfilled or somebody interrupts.

    Raises:
        MemoryBudgetError: the run would need more memory than there is; nothing was made.
        RLVisionError: the settings cannot be used, or a run of other settings is in that folder.
    """
    if config.out is None:
        raise ConfigError("expected a run folder in config.out, got none: set out, or use rlvision.load_config")
    folder = RunFolder(Path(config.out), config.checkpoint.keep, trusts=lambda agent: agent == config.agent.name)
    folder.check_writable()
    if folder.exists:
        folder.require_same_run(config)
    keep_freed_memory()
    torch.set_num_threads(config.threads or torch.get_num_threads())
    estimate = estimate_memory(config)
    estimate.check_available()
    announcement = estimate.summary()
    env = builders.make_env(config, config.env.num_envs)
    try:
        with determinism(config.deterministic):
            Session(config, folder, env, announcement).run()
    finally:
        env.close()
    return Run(folder.path, weights="best", device=config.device, trust_imports=True)


def resume(folder: str | Path, *, trust_imports: bool = False) -> Run:
    """Continue a run with the settings it has; ``trust_imports`` is `Run`'s.

    Raises:
        RLVisionError: there is no run, it cannot be continued, or it names code of its own that is not trusted.
    """
    run = find_run(Path(folder), trust_imports=trust_imports)
    return train(replace(run.config(), out=str(run.path)))
