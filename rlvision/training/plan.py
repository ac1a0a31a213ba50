"""The plan of a run: what is due when, and what ends it."""

from dataclasses import dataclass

from rlvision.core.types import State


class EvalState:
    """The best evaluation so far, the number of evaluations since, and whether one is pending."""

    def __init__(self) -> None:
        self.pending = False
        self.best = float("-inf")
        self.evals_since_best = 0
        self.recorded_at = -1
        self.episodes = 0  # of training before it

    def record(self, score: float, env_steps: int, episodes: int) -> bool:
        """Record an evaluation, and return whether no earlier one is better: of equal ones the last is kept."""
        self.pending = False
        self.recorded_at, self.episodes = env_steps, episodes
        self.evals_since_best = 0 if score > self.best else self.evals_since_best + 1
        is_best = score >= self.best
        self.best = max(score, self.best)
        return is_best

    def state_dict(self) -> State:
        """Return the whole state."""
        return dict(vars(self))

    def load_state_dict(self, state: State) -> None:
        """Restore a saved state; an older one has no ``episodes``."""
        vars(self).update(state)


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """The schedule of a run in env steps, and the conditions that end it."""

    env_steps: int
    log_every: int
    evaluate_every: int  # 0: only at the end
    checkpoint_every: int  # 0: only at the end
    target_score: float | None  # the run ends when an evaluation reaches it
    promising_score: float | None  # the mean of the last 20 training games that brings an evaluation
    patience: int | None  # the run ends after this many evaluations without a new best

    def end_reason(self, env_steps: int, evaluations: EvalState) -> str | None:
        """Return why the run ends after ``env_steps``, or None if it goes on."""
        if env_steps >= self.env_steps:
            return f"all {self.env_steps:,} env steps are done"
        if self.target_score is not None and evaluations.best >= self.target_score:
            return f"an evaluation reached {evaluations.best:g}"
        if self.patience is not None and evaluations.evals_since_best >= self.patience:
            return f"early stopping: {self.patience} evaluations without a new best ({evaluations.best:g})"
        return None
