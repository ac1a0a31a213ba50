"""A session: one process's work on a run."""

import copy
import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import torch

from rlvision.config.schema import Config
from rlvision.config.validation import unused_settings
from rlvision.core import memory
from rlvision.core.devices import numerics_info, resolve_device
from rlvision.core.errors import CheckpointError
from rlvision.core.memory import explain_oom
from rlvision.core.progress import RESTORING_GAMES, show_steps
from rlvision.core.seeding import derive
from rlvision.core.signals import ExitNow, SignalHandler, StopReason, interruption
from rlvision.core.types import State, Tracker
from rlvision.core.wording import as_written, shown
from rlvision.envs.game_archive import GameArchive, GameRecorder
from rlvision.envs.split_env import ReplayableEnv
from rlvision.evaluation.games import evaluate
from rlvision.evaluation.result import Evaluation
from rlvision.learning.finite_checks import require_finite_weights
from rlvision.replay.persistence import collect_garbage
from rlvision.runs import builders, history
from rlvision.runs.eval_protocol import count_envs, make_limits, with_frame_cap
from rlvision.runs.experience import experience_of, never_learns
from rlvision.runs.health_rows import health_rows
from rlvision.runs.media import MediaLogger
from rlvision.runs.old_weights import OldWeights, ReadWeights
from rlvision.runs.own_code import code_digests, remember_imports, warn_of_edits
from rlvision.runs.python_settings import describe_objects
from rlvision.runs.run_folder import RunFolder
from rlvision.runs.run_trackers import NO_TRACKERS, make_console, make_trackers
from rlvision.runs.stored_spec import require_same_masks, require_same_spec, spec_from_state, spec_to_state
from rlvision.runs.time_limit import EndlessNotice, advise, without_needless_cap
from rlvision.training.callback_list import CallbackList
from rlvision.training.callbacks import Callback
from rlvision.training.collector import Collector, DiscountedReturns
from rlvision.training.plan import TrainPlan
from rlvision.training.trainer import Hooks, Trainer

_log = logging.getLogger("rlvision")


class Session:
    """One process's work on a run: makes and connects all parts, and trains from the newest checkpoint or the start.

    Args:
        config: of the run.
        folder: of the run.
        env: to train in.
        announcement: line about the memory of the run, printed at the start.
        read_weights: reads the old weights of a new run with ``network.init``.
        callbacks: called at the events of training.
        trackers: further trackers, by name.
    """

    def __init__(
        self,
        config: Config,
        folder: RunFolder,
        env: ReplayableEnv,
        announcement: str,
        read_weights: ReadWeights,
        callbacks: Sequence[Callback] = (),
        trackers: Mapping[str, Tracker] = NO_TRACKERS,
    ) -> None:
        torch.manual_seed(derive(config.seed, "torch"))  # for dropout
        self._config = config
        self._folder = folder
        self._env = env
        self._announcement = announcement
        self._read_weights = read_weights
        self._experience = experience_of(config, env.spec)
        with explain_oom(f"lower {self._experience.describe()}, or set {as_written('device', 'cpu')}"):
            self._agent = builders.make_agent(config, env.spec)
        gathered = self._experience.learning_starts if config.agent.uses_replay else 0  # a rollout is no time apart
        self._console = make_console(config, folder.path, gathered)
        self._tracker = make_trackers(config, folder.path, self._console, trackers)
        self._media_logger = MediaLogger(config, folder, self._agent, self._tracker, builders.make_env)
        self._recorder = self._make_recorder()
        self._callbacks = CallbackList(callbacks, folder.path)
        self._trainer = self._make_trainer()
        self._evaluation_env: ReplayableEnv | None = None
        self._unsaved_best: State | None = None
        self._old_weights: OldWeights | None = None

    def run(self) -> str:
        """Start or continue the run, train, and return the reason why training ended."""
        try:
            with interruption() as signals, self._folder.locked(), explain_oom(self._oom_remedy()):
                ended = self._work(signals)
                self._console.message(ended)
                return ended
        except OSError as error:
            raise CheckpointError(
                f"expected to write to {shown(self._folder.path)}, got {error.strerror}: fix that, and the same "
                "command continues from the last checkpoint"
            ) from error
        finally:
            self._tracker.close()
            if self._recorder is not None:
                self._recorder.close()
            if self._evaluation_env is not None:
                self._evaluation_env.close()
            self._callbacks.raise_error()

    def _work(self, signals: SignalHandler) -> str:
        """Train, and return the reason why training ended."""
        self._console.message(self._announcement)
        for line in (*describe_objects(self._config), *builders.describe_world(self._env)):
            self._console.message(line)
        if seen := builders.describe_view(self._agent.network, self._env.spec):
            self._console.message(seen)
        if self._folder.has_passed(self._config):
            return f"the run is past {self._config.env_steps:,} env steps already: it stays as it is"
        try:
            self._begin(signals)
        except ExitNow as reason:
            return str(reason)
        if never_learns(self._config):
            self._console.message("nothing will be learned: the run ends before its first update")
        if unused := "; ".join(unused_settings(self._config)):
            self._console.message(f"without effect: {unused}")
        ended = self._trainer.run()
        history.close_session(self._folder.path, ended)
        self._media_logger.log_checkpoint("last", self._folder.checkpoints.paths()[-1])
        return ended

    def _begin(self, signals: SignalHandler) -> None:
        """Restore the newest checkpoint, which may take minutes, or start a new run; then open the session."""
        with signals.exit_at_once() if self._folder.checkpoints.paths() else nullcontext():
            env_steps = self._restore()
        numerics = numerics_info(resolve_device(self._config.device), self._config.precision)
        using = {**history.versions(), **numerics, **code_digests(self._config)}
        again = f"scores and experience so far are those of the old one; another {as_written('out')} begins anew"
        warn_of_edits(self._folder.path, self._config, again)
        origin = None if self._old_weights is None else self._old_weights.origin
        for line in self._folder.begin_session(self._config, env_steps, using, origin):
            self._console.message(line)
        remember_imports(self._config)
        if self._old_weights is not None:
            self._save(env_steps, self._trainer.state_dict())  # a continued run does not need the old weights

    def _restore(self) -> int:
        """Restore the newest checkpoint and return its env steps, or 0. An error leaves the folder unchanged."""
        state = self._folder.checkpoints.load_newest(self._load_replay)
        if state is None:
            self._load_old_weights()
            self._env.reset(derive(self._config.seed, "environments"))
            return 0
        require_same_spec(spec_from_state(state["spec"]), self._env.spec)
        self._folder.checkpoints.quarantine_newer(state["env_steps"])
        self._console.message(f"continuing {shown(self._folder.path)} at {state['env_steps']:,} env steps")
        with show_steps(RESTORING_GAMES, quiet=not self._config.tracking.console) as self._env.progress:
            self._trainer.load_state_dict(state["trainer"])
        self._tracker.load_state_dict(state["trackers"])
        for line in self._callbacks.restore(state.get("callbacks", {})):  # none in older checkpoints
            self._console.message(line)
        self._announce_refill(state)
        return int(state["env_steps"])

    def _load_old_weights(self) -> None:
        if self._config.network.init is not None:
            self._old_weights = self._read_weights(self._env.spec)
            self._old_weights.load_into(self._agent)
            self._console.message(self._old_weights.about)

    def _announce_refill(self, state: State) -> None:
        if self._config.agent.uses_replay and state["env_steps"] and not self._has_replay(state):
            needed = self._experience.learning_starts
            self._console.set_learning_starts(state["env_steps"] + needed)
            self._console.message(f"without its replay: the run collects {needed:,} env steps before it learns again")

    def _has_replay(self, state: State) -> bool:
        return self._config.checkpoint.replay and state["replay"] is not None

    def _load_replay(self, state: State) -> None:
        require_same_masks(spec_from_state(state["spec"]), self._env.spec, self._folder.path)
        if self._has_replay(state):
            with show_steps("reading the replay", quiet=not self._config.tracking.console) as report:
                self._agent.memory.load_rows(self._folder.checkpoints.replay_folder, state["replay"], report)

    def _oom_remedy(self) -> str:
        experience = self._experience
        lower = f"lower {experience.batched} or {experience.describe()} in another run"
        return f"{lower}; {as_written('device', 'cpu')} continues this one"

    def _make_recorder(self) -> GameRecorder | None:
        limit = self._config.checkpoint.game_archive_mb * 2**20
        return GameRecorder(self._env, GameArchive(self._folder.games_folder, limit)) if limit else None

    def _make_trainer(self) -> Trainer:
        config, agent, called = self._config, self._agent, self._callbacks
        returns = DiscountedReturns(self._env.spec.num_envs, agent.gamma, agent.reward_transform)
        collector = Collector(self._env, agent.policy, agent.memory, returns, self._recorder)
        notice = EndlessNotice(config.env, self._env.spec, lambda: collector.episodes, self._console.message)
        hooks = Hooks(
            evaluate=self._evaluate,
            save=self._save,
            save_best=self._save_best,
            show_progress=notice.before(self._console.progress),
            save_curve=self._media_logger.log_curve,
            on_evaluation=self._console.recording(self._media_logger.log_evaluation),
            system_metrics=lambda: memory.usage(resolve_device(config.device)),
            health=health_rows(agent),
        )
        return Trainer(
            agent=agent, collector=collector, tracker=self._tracker, plan=_plan(config), hooks=hooks, callbacks=called
        )

    def _evaluate(self, env_steps: int, interrupted: StopReason) -> Evaluation:
        config, limits = self._config, make_limits(self._config)
        if self._evaluation_env is None:
            num_envs = count_envs(config, config.evaluation.games)
            capped = with_frame_cap(config, limits.max_frames)
            self._evaluation_env = builders.make_env(capped, num_envs, split=True)
        seed = derive(config.seed, f"evaluation at {env_steps}")
        with self._console.evaluating(config.evaluation.games) as count:
            evaluation = evaluate(
                self._evaluation_env,
                self._agent.q_function,
                config.evaluation,
                seed=seed,
                limits=without_needless_cap(limits, config.env),
                interrupted=interrupted,
                on_episode=count,
                on_step=count.step,
            )
        for line in advise(config, evaluation):
            self._console.message(line)
        return evaluation

    def _save_best(self, env_steps: int) -> None:
        self._unsaved_best = copy.deepcopy(self._weights(env_steps))
        self._write_best()

    def _write_best(self) -> None:
        """Write the best weights, if they are not written yet, as after a full disk."""
        if self._unsaved_best is not None:
            checkpoints = self._folder.checkpoints
            checkpoints.save_best(self._unsaved_best)
            self._unsaved_best = None
            self._media_logger.log_checkpoint("best", checkpoints.best_path)

    def _save(self, env_steps: int, trainer: State) -> Path:
        checkpoints = self._folder.checkpoints
        weights = self._weights(env_steps)
        self._write_best()  # before the checkpoint, which records the best evaluation and must not exist without it
        try:
            rows = self._agent.memory.save_rows(checkpoints.replay_folder) if self._config.checkpoint.replay else None
            state = {
                **weights,
                "trainer": trainer,
                "trackers": self._tracker.state_dict(),
                "callbacks": self._callbacks.state_dict(),
                "replay": rows,
            }
            return checkpoints.save(env_steps, state)
        finally:
            self._collect_garbage()

    def _collect_garbage(self) -> None:
        """Delete the files of the replay that no checkpoint needs; none if a checkpoint cannot be read."""
        checkpoints = self._folder.checkpoints
        try:
            manifests = [manifest for manifest in checkpoints.replays() if manifest is not None]
        except CheckpointError as error:
            _log.warning("%s; no file of the replay is deleted until it is replaced", error)
        else:
            collect_garbage(checkpoints.replay_folder, manifests)

    def _weights(self, env_steps: int) -> State:
        learner = self._agent.learner
        online = self._agent.network.state_dict()
        require_finite_weights(online, learner.updates)
        return {"env_steps": env_steps, "spec": spec_to_state(self._env.spec), "online": online}


def _plan(config: Config) -> TrainPlan:
    """Return the schedule of a run from its settings."""
    evaluation = config.evaluation
    promising = evaluation.target_score if evaluation.promising_score is None else evaluation.promising_score
    return TrainPlan(
        env_steps=config.env_steps,
        log_every=config.tracking.log_every,
        evaluate_every=config.evaluate_every,
        checkpoint_every=config.checkpoint_every,
        target_score=evaluation.target_score,
        promising_score=promising,
        patience=evaluation.patience,
    )
