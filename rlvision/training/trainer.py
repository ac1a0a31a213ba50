"""The training loop: act, learn, log, evaluate and save."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from rlvision.core.agent import Agent
from rlvision.core.devices import one_thread
from rlvision.core.errors import EnvError
from rlvision.core.files import warn_on_os_error
from rlvision.core.seeding import random_state, set_random_state
from rlvision.core.signals import StopReason, interruption
from rlvision.core.types import Episode, State, Tracker
from rlvision.evaluation.games import EvaluationCancelled
from rlvision.evaluation.result import Evaluation
from rlvision.learning.finite_checks import require_finite
from rlvision.learning.schedules import Every
from rlvision.nn.diagnostics import GapMonitor
from rlvision.training.callback_list import CallbackList
from rlvision.training.collector import Collector
from rlvision.training.metrics import Clock, Meter
from rlvision.training.plan import EvalState, TrainPlan

RECENT_GAMES = 20
MAX_ROWS = 32
"""Rows of a rollout between two looks for a signal."""
AGENT_PARTS = ("policy", "memory", "learner")
"""Parts of an agent whose state a checkpoint holds."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Functions that the trainer calls with its env steps; they raise OSError if a disk fails."""

    evaluate: Callable[[int, StopReason], Evaluation]  # may raise `EvaluationCancelled`
    save: Callable[[int, State], Path]  # returns the checkpoint
    save_best: Callable[[int], None]
    show_progress: Callable[[int], None]  # called at every step
    save_curve: Callable[[int], None]
    on_evaluation: Callable[[int, StopReason, bool], None]  # is it the last?; called before its row is logged
    system_metrics: Callable[[], Mapping[str, float]]  # memory and load of the machine
    health: Callable[[], Mapping[str, float]] = dict  # of the networks


class Trainer:
    """The training loop of a run, which learns while the emulators run.

    `state_dict` holds everything that the next step depends on, so a resumed run equals an uninterrupted one.
    """

    def __init__(
        self,
        *,
        agent: Agent,
        collector: Collector,
        tracker: Tracker,
        plan: TrainPlan,
        hooks: Hooks,
        callbacks: CallbackList,
    ) -> None:
        self._agent = agent
        self._collector = collector
        self._tracker = tracker
        self._plan = plan
        self._hooks = hooks
        self._meter = Meter()
        self._clock = Clock()
        self._recent: deque[float] = deque(maxlen=RECENT_GAMES)
        self._eval_state = EvalState()
        self._learned_at = 0  # env steps
        self._callbacks = callbacks
        self._active = callbacks.bind(agent, collector, tracker, self._recent)
        self._signals: StopReason = lambda: None
        self._gap_monitor = GapMonitor()
        self._set_timers()

    def run(self) -> str:
        """Train until the plan ends the run or a signal interrupts it; return the reason as a message.

        Raises:
            OSError: the last checkpoint could not be saved.
            EnvError: an environment failed for good; the state before it is saved.
        """
        with interruption() as self._signals, self._save_on_env_error():
            self._clock.start(self._collector.env_steps, self._agent.learner.updates)
            self._callbacks.begin()
            self._run_pending_eval()
            while (reason := self._interrupted() or self._end_reason()) is None:
                self.step()
            if not self._interrupted():
                self._final_eval()
            self._callbacks.call("on_training_end", self._interrupted() or reason)
            self._save()
            self._save_curve()
        return self._interrupted() or reason

    def step(self) -> None:
        """Step all environments, make the updates that are due, and then run what is scheduled."""
        if self._agent.rows_until_due is None:
            self._step_and_learn()
        else:
            self._roll(self._agent.rows_until_due())
            self._learn()
        self._run_scheduled()

    def state_dict(self) -> State:
        """Return the state of the agent, the collector and the trainer itself."""
        return {
            "agent": {part: getattr(self._agent, part).state_dict() for part in AGENT_PARTS},
            "collector": self._collector.state_dict(),
            "meter": self._meter.state_dict(),
            "recent": list(self._recent),
            "eval_state": self._eval_state.state_dict(),
            "learned_at": self._learned_at,
            "random": random_state(),
            "hours": self._clock.hours,
        }

    def load_state_dict(self, state: State) -> None:
        """Restore a saved state."""
        for part in AGENT_PARTS:
            getattr(self._agent, part).load_state_dict(state["agent"][part])
        self._collector.load_state_dict(state["collector"])
        self._meter.load_state_dict(state["meter"])
        self._recent.extend(state["recent"])
        self._eval_state.load_state_dict(state["eval_state"])
        self._learned_at = state.get("learned_at", 0)  # absent in states of agents without rollouts, once
        set_random_state(state["random"])
        self._clock.hours_before = state["hours"]
        self._set_timers()

    def _step_and_learn(self) -> None:
        """Step once, and make the updates that are due while the environments step."""
        self._collector.send()
        self._learn()
        self._show(self._collector.recv())

    def _roll(self, rows_until_due: int) -> None:
        """Step until a batch or something scheduled is due, at most `MAX_ROWS` times.

        The number of rows changes no result, because the weights are fixed meanwhile and games are counted row by row.
        """
        now, stride = self._collector.env_steps, self._collector.env.spec.num_envs
        timers = (self._log_timer, self._evaluate_timer, self._checkpoint_timer)
        due = [self._plan.env_steps, *(timer.next for timer in timers if timer.period)]
        rows = min(rows_until_due, MAX_ROWS, *(-(-(count - now) // stride) for count in due))
        with one_thread():
            for episodes in self._collector.collect(rows):
                self._show(episodes)

    def _interrupted(self) -> str | None:
        return self._signals() or self._active.interruption

    def _learn(self) -> None:
        for batch in self._agent.memory.batches():
            update = self._agent.learner.update(batch)
            self._agent.memory.update_priorities(batch.index, update.priority)
            self._meter.add(update.metrics)
            self._learned_at = self._collector.env_steps
            self._callbacks.call("on_update", update)

    def _show(self, episodes: list[Episode]) -> None:
        self._callbacks.call("on_step", self._collector.last_step)
        for episode in episodes:
            self._log_episode(episode)
            self._callbacks.call("on_episode", episode)
        self._hooks.show_progress(self._collector.env_steps)

    def _set_timers(self) -> None:
        now, plan = self._collector.env_steps, self._plan
        self._log_timer = Every(plan.log_every, now)
        self._evaluate_timer = Every(plan.evaluate_every, now)
        self._checkpoint_timer = Every(plan.checkpoint_every, now)

    def _run_scheduled(self) -> None:
        now = self._collector.env_steps
        if self._log_timer.due(now):
            self._log_training()
        self._eval_state.pending |= self._evaluate_timer.due(now) or self._is_promising()
        self._run_pending_eval()
        if self._checkpoint_timer.due(now):
            with warn_on_os_error("a checkpoint"):
                self._save()

    def _log_episode(self, episode: Episode) -> None:
        self._recent.append(episode.score)
        row = {
            "episode/score": episode.score,
            "episode/length": float(episode.length),
            "episode/frames": float(episode.frames),
            "episode/seed": float(episode.seed),
            "episode/score_mean_20": self._recent_mean(),
            "counters/episodes": float(self._collector.episodes),
        }
        self._log(row)

    def _log_training(self) -> None:
        agent, collector = self._agent, self._collector
        row = {
            **agent.policy.metrics(collector.env_steps),
            **agent.learner.metrics(),
            **agent.memory.metrics(),
            **self._meter.means(),
            **_numbers(agent.learner.diagnose()),
            **self._hooks.health(),
            **collector.metrics(),
            "counters/updates": float(agent.learner.updates),
            "counters/frames": float(collector.frames),
            **self._clock.rates(collector.env_steps, agent.learner.updates),
            **self._hooks.system_metrics(),
        }
        require_finite(row)
        self._gap_monitor.update(row)
        self._log(row)

    def _log(self, row: Mapping[str, float]) -> None:
        self._active.note(row)
        self._tracker.log(row, self._collector.env_steps)

    def _run_pending_eval(self) -> None:
        """Run a pending evaluation. If it is interrupted it stays pending, and the resumed run begins with it."""
        if self._eval_state.pending:
            with self._clock.paused(), suppress(EvaluationCancelled):
                self._record_eval(self._hooks.evaluate(self._collector.env_steps, self._interrupted))

    def _record_eval(self, evaluation: Evaluation) -> None:
        now = self._collector.env_steps
        if self._eval_state.record(evaluation.mean, now, self._collector.episodes):
            with warn_on_os_error("the best weights"):
                self._hooks.save_best(now)
        self._hooks.on_evaluation(now, self._interrupted, self._end_reason() is not None)
        self._log({**evaluation.metrics(), "evaluate/best": self._eval_state.best})
        self._save_curve()
        self._callbacks.call("on_evaluation", evaluation)

    def _final_eval(self) -> None:
        self._eval_state.pending = self._eval_state.recorded_at != self._collector.env_steps
        self._run_pending_eval()

    def _save_curve(self) -> None:
        with warn_on_os_error("the curve"):
            self._hooks.save_curve(self._collector.env_steps)

    def _save(self) -> None:
        with self._clock.paused():
            self._callbacks.saved(self._hooks.save(self._collector.env_steps, self.state_dict()))

    @contextmanager
    def _save_on_env_error(self) -> Iterator[None]:
        """Save a checkpoint if an environment fails: a failed step leaves the environments as they were before it."""
        try:
            yield
        except EnvError:
            if not self._collector.is_ahead:
                with warn_on_os_error("a checkpoint"):
                    self._save()
            raise

    def _end_reason(self) -> str | None:
        return self._plan.end_reason(self._collector.env_steps, self._eval_state) or self._active.end_reason

    def _is_promising(self) -> bool:
        """Return whether the last training games deserve an evaluation; none of them is older than the last one."""
        promising, games = self._plan.promising_score, self._collector.episodes - self._eval_state.episodes
        is_due = promising is not None and games >= RECENT_GAMES and self._is_between_rollouts()
        return is_due and self._recent_mean() >= (promising or 0.0)

    def _is_between_rollouts(self) -> bool:
        """Return whether no rollout is half done, as after an interruption, which must not change when it evaluates."""
        return self._agent.rows_until_due is None or self._learned_at == self._collector.env_steps

    def _recent_mean(self) -> float:
        return sum(self._recent) / len(self._recent)


def _numbers(metrics: Mapping[str, Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}
