"""The trainer: the loop that a run is."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from torch import Tensor

from rlvision.core.errors import EnvError
from rlvision.core.files import warn_on_os_error
from rlvision.core.seeding import random_state, set_random_state
from rlvision.core.signals import Interrupted, interruption
from rlvision.core.types import Agent, Episode, State, Tracker
from rlvision.evaluation.evaluate import Abandoned
from rlvision.evaluation.result import Evaluation
from rlvision.learning.finite_checks import require_finite
from rlvision.learning.schedules import Every
from rlvision.nn.diagnostics import GapWatch
from rlvision.training.collector import Collector
from rlvision.training.metrics import Clock, Meter

RECENT_GAMES = 20
AGENT_PARTS = ("policy", "memory", "learner")
"""The parts of an agent whose state a checkpoint holds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When things happen, in env steps, and what ends the run."""

    env_steps: int
    log_every: int
    evaluate_every: int  # 0: only at the end
    checkpoint_every: int  # 0: only at the end
    target_score: float | None  # mean of the last 20 training games that ends the run
    patience: int | None  # evaluations without a new best that end the run


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the trainer asks of the run folder and the screen; where a disk fails, they raise an OSError."""

    evaluate: Callable[[int, Interrupted], Evaluation]  # after so many env steps; may raise `Abandoned`
    save: Callable[[int, State], None]
    save_best: Callable[[int], None]
    show_progress: Callable[[int], None]  # called at every step
    draw: Callable[[int], None]  # the curve, after so many env steps
    exhibit: Callable[[int, Interrupted, bool], None]  # what goes with an evaluation (the last?), before its row
    measure: Callable[[], Mapping[str, float]]  # what is used of the machine


class Trainer:
    """Acts, learns what is owed while the emulators run, remembers; logs, evaluates and saves when it is time.

    Everything that decides what comes next is in `state_dict`: a run continued from it equals the undisturbed one.
    """

    def __init__(self, *, agent: Agent, collector: Collector, tracker: Tracker, plan: Plan, hooks: Hooks) -> None:
        self._agent = agent
        self._collector = collector
        self._tracker = tracker
        self._plan = plan
        self._hooks = hooks
        self._meter = Meter()
        self._clock = Clock()
        self._recent: deque[float] = deque(maxlen=RECENT_GAMES)
        self._exam = Exam()
        self._interrupted: Interrupted = lambda: None
        self._gap_watch = GapWatch()
        self._set_timers()

    def run(self) -> str:
        """Train until the plan is fulfilled or somebody interrupts; return why it ended, in words.

        Raises:
            OSError: what was learned last could not be saved.
            EnvError: an environment failed for good; what was learned until then is saved.
        """
        with interruption() as self._interrupted, self._saved_if_an_environment_fails():
            self._clock.start(self._collector.env_steps, self._agent.learner.updates)
            self._take_owed_exam()
            while (reason := self._interrupted() or self._reason_to_end()) is None:
                self.step()
            if not self._interrupted():
                self._final_exam()
            self._save()
            self._draw()
        return self._interrupted() or reason

    def step(self) -> None:
        """Step all environments once, making the updates owed meanwhile; then do what is due."""
        self._collector.send()
        for batch in self._agent.memory.batches():
            update = self._agent.learner.update(batch)
            self._agent.memory.update_priorities(batch.index, update.priority)
            self._meter.add(update.metrics)
        for episode in self._collector.recv():
            self._log_episode(episode)
        self._hooks.show_progress(self._collector.env_steps)
        self._do_what_is_due()

    def state_dict(self) -> State:
        """The agent, the collector and the trainer's own memory of the run."""
        return {
            "agent": {part: getattr(self._agent, part).state_dict() for part in AGENT_PARTS},
            "collector": self._collector.state_dict(),
            "meter": self._meter.state_dict(),
            "recent": list(self._recent),
            "exam": self._exam.state_dict(),
            "random": random_state(),
            "hours": self._clock.hours,
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from a saved state."""
        for part in AGENT_PARTS:
            getattr(self._agent, part).load_state_dict(state["agent"][part])
        self._collector.load_state_dict(state["collector"])
        self._meter.load_state_dict(state["meter"])
        self._recent.extend(state["recent"])
        self._exam.load_state_dict(state["exam"])
        set_random_state(state["random"])
        self._clock.hours_before = state["hours"]
        self._set_timers()

    def _set_timers(self) -> None:
        now, plan = self._collector.env_steps, self._plan
        self._log_timer = Every(plan.log_every, now)
        self._evaluate_timer = Every(plan.evaluate_every, now)
        self._checkpoint_timer = Every(plan.checkpoint_every, now)

    def _do_what_is_due(self) -> None:
        now = self._collector.env_steps
        if self._log_timer.due(now):
            self._log_training()
        self._exam.owed |= self._evaluate_timer.due(now)
        self._take_owed_exam()
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
        self._tracker.log(row, self._collector.env_steps)

    def _log_training(self) -> None:
        agent, collector = self._agent, self._collector
        row = {
            **agent.policy.metrics(collector.env_steps),
            **agent.learner.metrics(),
            **agent.memory.metrics(),
            **self._meter.means(),
            **_numbers(agent.learner.diagnose()),
            **collector.metrics(),
            "counters/updates": float(agent.learner.updates),
            "counters/frames": float(collector.frames),
            **self._clock.rates(collector.env_steps, agent.learner.updates),
            **self._hooks.measure(),
        }
        require_finite(row)
        self._gap_watch.note(row)
        self._tracker.log(row, collector.env_steps)

    def _take_owed_exam(self) -> None:
        """An exam that was interrupted stays owed: a run that is continued begins with it."""
        if self._exam.owed:
            with self._clock.paused(), suppress(Abandoned):
                self._mark(self._hooks.evaluate(self._collector.env_steps, self._interrupted))

    def _mark(self, evaluation: Evaluation) -> None:
        now = self._collector.env_steps
        if self._exam.take(evaluation.mean, now):
            with warn_on_os_error("the best weights"):
                self._hooks.save_best(now)
        self._hooks.exhibit(now, self._interrupted, self._reason_to_end() is not None)
        self._tracker.log({**evaluation.metrics(), "evaluate/best": self._exam.best}, now)
        self._draw()

    def _final_exam(self) -> None:
        self._exam.owed = self._exam.taken_at != self._collector.env_steps
        self._take_owed_exam()

    def _draw(self) -> None:
        with warn_on_os_error("the curve"):
            self._hooks.draw(self._collector.env_steps)

    def _save(self) -> None:
        with self._clock.paused():
            self._hooks.save(self._collector.env_steps, self.state_dict())

    @contextmanager
    def _saved_if_an_environment_fails(self) -> Iterator[None]:
        """A step that fails is as if it had not been, so that what was learned before it can be saved."""
        try:
            yield
        except EnvError:
            with warn_on_os_error("a checkpoint"):
                self._save()
            raise

    def _reason_to_end(self) -> str | None:
        plan = self._plan
        if self._collector.env_steps >= plan.env_steps:
            return f"all {plan.env_steps:,} env steps are done"
        enough = len(self._recent) == RECENT_GAMES and plan.target_score is not None
        if enough and self._recent_mean() >= (plan.target_score or 0.0):
            return f"the mean of the last {RECENT_GAMES} games reached {self._recent_mean():g}"
        if plan.patience is not None and self._exam.without_best >= plan.patience:
            return f"early stopping: {plan.patience} evaluations without a new best ({self._exam.best:g})"
        return None

    def _recent_mean(self) -> float:
        return sum(self._recent) / len(self._recent)


class Exam:
    """The best evaluation so far, how long ago it was, and whether the next one is due."""

    def __init__(self) -> None:
        self.owed = False
        self.best = float("-inf")
        self.without_best = 0
        self.taken_at = -1

    def take(self, score: float, env_steps: int) -> bool:
        """Take note of an evaluation; whether it is the best so far."""
        self.owed = False
        self.taken_at = env_steps
        is_best = score > self.best
        self.best = max(score, self.best)
        self.without_best = 0 if is_best else self.without_best + 1
        return is_best

    def state_dict(self) -> State:
        """All of it."""
        return {"owed": self.owed, "best": self.best, "without_best": self.without_best, "taken_at": self.taken_at}

    def load_state_dict(self, state: State) -> None:
        """Go on from a saved state."""
        self.owed, self.best = state["owed"], state["best"]
        self.without_best, self.taken_at = state["without_best"], state["taken_at"]


def _numbers(metrics: Mapping[str, Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}
