"""Trained agents in Python: act, evaluate, watch, replay and export them."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack, overload

from rlvision.core.errors import ConfigError
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.progress import count_games
from rlvision.core.wording import title_of
from rlvision.envs.game_archive import RecordedGame, read_games
from rlvision.envs.pixel_env import PixelEnv, PixelVectorEnv, make_pixel_env
from rlvision.envs.screen import make_screen
from rlvision.evaluation.games import evaluate
from rlvision.evaluation.report import Report
from rlvision.evaluation.result import Evaluation
from rlvision.runs import builders, eval_protocol
from rlvision.runs.eval_protocol import MAX_EVAL_ENVS, EvalOptions
from rlvision.runs.export_folder import ExportFolder
from rlvision.runs.export_writer import check_new_folder, write_export
from rlvision.runs.find import find_agent, find_run
from rlvision.runs.main_guard import without_workers_if_unguarded
from rlvision.runs.own_code import warn_of_edits
from rlvision.runs.player import Player
from rlvision.runs.python_settings import with_world
from rlvision.runs.stored_spec import spec_from_state
from rlvision.runs.time_limit import advise, watch_steps, without_needless_cap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rlvision.runs.python_settings import World
    from rlvision.watch.game_replay import ReplayResult
    from rlvision.watch.html.page import PageMeta
    from rlvision.watch.inline import Recording
    from rlvision.watch.outputs import Output
    from rlvision.watch.rollout import Game


class Run(Player):
    """A trained agent in a run folder or an export.

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
        ConfigError: the folder would import code that is not trusted.
    """

    def __init__(
        self, folder: AnyPath, *, weights: str = "best", device: str = "auto", trust_imports: bool = False
    ) -> None:
        self.folder = find_agent(folder, trust_imports=trust_imports)
        config = without_workers_if_unguarded(replace(self.folder.config(), device=device, cuda_graphs=False))
        warn_of_edits(self.folder.path, config, "its scores are those of another game")
        self._trained_by = self.folder.trained_by
        state = self.folder.weights(weights, partial(builders.meta_network, config))
        self.env_steps: int = state["env_steps"]
        spec = spec_from_state(state["spec"])
        network = builders.make_network(config, spec)
        network.load_state_dict(state["online"])
        network = network.mean_network()
        network.pin_mode(training=False)
        super().__init__(config, spec, network)

    def __repr__(self) -> str:
        """Return the folder, what was trained, and for how long."""
        trained = f"{self._trained_by} in {title_of(self.config.env.game)}"
        return f"Run({str(self.folder.path)!r}: {trained}, weights of env step {self.env_steps:,})"

    def __fspath__(self) -> str:
        """Return the folder: a run may be handed over wherever a path is expected."""
        return str(self.folder.path)

    @overload
    def make_env(self, num_envs: None = None) -> PixelEnv: ...
    @overload
    def make_env(self, num_envs: int) -> PixelVectorEnv: ...
    def make_env(self, num_envs: int | None = None) -> PixelEnv | PixelVectorEnv:
        """Make a `gymnasium.Env` of the run's kind, or a `gymnasium.vector.VectorEnv` of ``num_envs``.

        Games are whole, also where a lost life ended the run's training episodes.
        """
        env = make_pixel_env(replace(self.config.env, life_loss=None), num_envs)
        rows = env.vector.rows if isinstance(env, PixelEnv) else env.rows
        self._require_same_spec(rows)
        return env

    def evaluate(self, env: "World | None" = None, games: int = 30, **options: Unpack[EvalOptions]) -> Evaluation:
        """Play whole games and return their raw scores; `measure` also returns the conditions."""
        return self.measure(env, games, **options).evaluation

    def measure(self, env: "World | None" = None, games: int = 30, **options: Unpack[EvalOptions]) -> Report:
        """Play whole games and report their raw scores and conditions; a terminal shows the progress.

        Args:
            env: another world than the run's, in a form that `rlvision.train` takes; it is seen as the run's is.
            games: number of games; with one seed, 2 are the first 2 of 30.
            options: see `rlvision.runs.eval_protocol.EvalOptions`.

        Raises:
            ConfigError: the protocol does not fit the game, or ``games`` is 0.
        """
        config = with_world(self.config, env)
        eval_protocol.check_options(games, options)
        config = eval_protocol.with_protocol(config, options.get("protocol"))
        limits = options.get("limits") or eval_protocol.make_limits(config)
        config = eval_protocol.with_frame_cap(config, limits.max_frames)
        epsilon, seed = self._epsilon(options.get("epsilon")), options.get("seed", 0)
        num_envs = eval_protocol.count_envs(config, games, options.get("num_envs", MAX_EVAL_ENVS))
        playing = self._make_env(config, num_envs, split=True)
        try:
            with count_games(games) as count:
                settings = replace(config.evaluation, games=games, epsilon=epsilon)
                limits = without_needless_cap(limits, config.env)
                play = partial(evaluate, seed=seed, limits=limits, on_episode=count, on_step=count.step)
                evaluation = play(playing, self._q_function, settings)
        finally:
            playing.close()
        conditions = eval_protocol.eval_conditions(config, epsilon, seed)
        return Report(conditions, evaluation, tuple(advise(config, evaluation)))

    def export(
        self,
        out: AnyPath,
        *,
        games: int = 30,
        protocols: str | Sequence[str] = (),
        seed: int = 0,
        place: str | None = None,
    ) -> Path:
        """Write an export: the weights, the settings to play with them, and a card with their score.

        Args:
            out: a new folder.
            games: whole games to measure the score, under each protocol; 0 for none.
            protocols: of Atari; if empty, that of the run.
            seed: of the games.
            place: path of the export in the card's commands; None: ``out``.

        Returns:
            The folder.

        Raises:
            ConfigError: something is at ``out``, it cannot be written, or this is an export already.
        """
        if isinstance(self.folder, ExportFolder):
            raise ConfigError(f"expected a run to export, got the export {self.folder.path}: copy that folder")
        out = as_path(out)
        check_new_folder(out)
        under: Sequence[str | None] = [protocols] if isinstance(protocols, str) else protocols or [None]
        reports = [self.measure(games=games, protocol=protocol, seed=seed) for protocol in under] if games else []
        config, spec, network, env_steps = self.config, self.spec, self.network, self.env_steps
        played, place = builders.playing_config(config, spec, network), place or str(out)
        write_export(
            out, place, config=config, played=played, spec=spec, env_steps=env_steps, network=network, reports=reports
        )
        return out

    def watch(
        self,
        video: AnyPath | None = None,
        *,
        terminal: bool = False,
        html: AnyPath | None = None,
        episodes: int = 1,
        max_steps: int | None = None,
        epsilon: float | None = None,
        seed: int = 0,
    ) -> "list[Game]":
        """Show whole games in full colour: in a window, in this terminal, in a notebook, as a video or as pages.

        Args:
            video: an .mp4, .webm or .gif file. Without video, terminal and html, a window opens; a notebook shows
                the pages in the output of its cell, and also the files that are written.
            terminal: draw in this terminal.
            html: an .html file that opens from disk; of several games, the name of the second ends in ``-2``.
            episodes: number of games.
            max_steps: decisions after which a game is cut short; None: never, or in a world that declares no limit,
                after those that cut it in an evaluation.
            epsilon: probability of a random action; None: the run's ``evaluation.epsilon``.
            seed: of the first game; each later game adds 1.

        Raises:
            ConfigError: two outputs are set, a suffix is wrong, or there is no terminal or display.
        """
        from rlvision.watch.outputs import Output

        return self._show(Output(video, terminal, html), episodes, max_steps, epsilon, seed)

    def video(
        self,
        out: AnyPath | None = None,
        *,
        episodes: int = 1,
        max_steps: int | None = None,
        epsilon: float | None = None,
        seed: int = 0,
    ) -> "Recording":
        """Write a video of whole games, by default NAME.mp4 here, which a notebook plays where a cell ends with it."""
        from rlvision.watch.inline import Recording
        from rlvision.watch.outputs import Output

        path = as_path(out or f"{self.folder.path.resolve().name}.mp4")
        output = Output(path, shows_video=False)
        return Recording(path, tuple(self._show(output, episodes, max_steps, epsilon, seed)))

    def plot(self) -> "Figure":
        """Return the learning curve as a figure, which a notebook shows; an export has none: `ConfigError`."""
        from rlvision.tracking.curve import plot_curve

        return plot_curve(find_run(self.folder.path, trust_imports=True).path)

    def games(self) -> list[RecordedGame]:
        """Return the training games in the run folder, in the order in which they ended.

        Raises:
            CheckpointError: their file is damaged.
            ConfigError: this is an export, which has none.
        """
        return read_games(find_run(self.folder.path, trust_imports=True).games_folder)

    def replay(
        self,
        episode: str | int = "best",
        *,
        video: AnyPath | None = None,
        terminal: bool = False,
        html: AnyPath | None = None,
        max_steps: int | None = None,
    ) -> "ReplayResult":
        """Show a training game again, from its action log, with the Q-values of these weights.

        Args:
            episode: ``best``, ``worst``, ``last`` or a number.
            video: an .mp4, .webm or .gif file. A window opens if there is neither video, terminal nor html.
            terminal: draw in this terminal.
            html: an .html file that opens from disk.
            max_steps: decisions after which the game is cut short; None: never.

        Raises:
            CheckpointError: the folder does not have this game.
            ConfigError: as in `watch`, or this is an export, which has no games.
        """
        from rlvision.watch.game_replay import GameReplay, ReplayResult, choose_game
        from rlvision.watch.outputs import Output

        output, games = Output(video, terminal, html), self.games()
        game = choose_game(games, str(episode))
        with closing(self._make_one()) as env:
            screen = make_screen(env)
            replay = GameReplay(game, games, env, screen, self.q_values, max_steps=max_steps)
            seen = output.show(replay.rollout, self._page_meta(screen.fps, f"training game {game.number}"))
            return ReplayResult(game, tuple(seen), replay.outcome(seen))

    def _show(
        self, output: "Output", episodes: int, max_steps: int | None, epsilon: float | None, seed: int
    ) -> "list[Game]":
        from rlvision.watch.rollout import Rollout

        eval_protocol.require_count("episodes", episodes, 1)
        eval_protocol.require_count("max_steps", 1 if max_steps is None else max_steps, 1)
        with closing(self._make_one()) as env:
            screen = make_screen(env)
            policy = self._policy(epsilon, seed)
            most = max_steps or watch_steps(self.config.env)
            rollout = Rollout(env, screen, self.q_values, policy, seed=seed, games=episodes, max_steps=most)
            return output.show(rollout, self._page_meta(screen.fps))

    def _page_meta(self, fps: float, what: str = "") -> "PageMeta":
        """Return the title, note and saliency for the page of a game."""
        from rlvision.features.saliency import gradient_saliency
        from rlvision.watch.html.page import PageMeta

        return PageMeta(
            title="  ".join(dict.fromkeys(filter(None, [what, title_of(self.config.env.game), self.folder.path.name]))),
            note=f"weights after {self.env_steps:,} env steps",
            fps=fps,
            spec=self.spec,
            crop=self.config.env.crop,
            saliency=lambda step: gradient_saliency(self.network, step.observation[None], step.action),
        )
