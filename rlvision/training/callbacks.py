"""Callbacks: code of the user's own that a run calls at its events."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from rlvision.core.errors import ConfigError, describe_value
from rlvision.core.types import EnvStep, Episode, State, Update
from rlvision.evaluation.result import Evaluation
from rlvision.training.active_run import ActiveRun, require_name


class Callback:
    """Code that a run calls at its events; derive from it and override the events that you need.

    Each event gets the run under way. A callback with ``state_dict`` and ``load_state_dict`` has its state in every
    checkpoint, so that an interrupted run continues exactly. An error in a callback ends the run, after a checkpoint.
    Rows of `ActiveRun.log` go to all trackers. Example::

        class StopWhenStuck(Callback):
            def on_episode(self, run, episode):
                if run.env_steps > 100_000 and max(run.scores) <= 0:
                    run.stop("no game was won")

        rlvision.train(config, callbacks=[StopWhenStuck()])
    """

    def on_training_begin(self, run: ActiveRun) -> None:
        """Act before the first step of a session; a continued run has its old state by then."""

    def on_step(self, run: ActiveRun, step: EnvStep) -> None:
        """Act after a step of all environments, whose row must not be changed."""

    def on_episode(self, run: ActiveRun, episode: Episode) -> None:
        """Act after a whole training game."""

    def on_update(self, run: ActiveRun, update: Update) -> None:
        """Act after a gradient step; reading its tensors waits for the device."""

    def on_evaluation(self, run: ActiveRun, evaluation: Evaluation) -> None:
        """Act after an evaluation, when its row is logged."""

    def on_checkpoint(self, run: ActiveRun, path: Path) -> None:
        """Act after a checkpoint is written to ``path``; what changes here is in the next one."""

    def on_training_end(self, run: ActiveRun, reason: str) -> None:
        """Act before the last checkpoint of a session; not after an error."""


class StopAtScore(Callback):
    """Stop when the mean score of the last training games reaches a score.

    Args:
        score: raw, as in ``episode/score``.
        games: number of the last games; fewer do not stop the run.
    """

    def __init__(self, score: float, games: int = 20) -> None:
        if not _is_number(score, float):
            raise ConfigError(f"expected a number for score, got {describe_value(score)}: name the score to stop at")
        if not _is_number(games, int) or games < 1:
            raise ConfigError(f"expected games of at least 1, got {describe_value(games)}: use a whole number")
        self._score = score
        self._last: deque[float] = deque(maxlen=games)

    def on_episode(self, run: ActiveRun, episode: Episode) -> None:
        """Count the game, and stop if the mean is reached."""
        self._last.append(episode.score)
        mean = sum(self._last) / len(self._last)
        if len(self._last) == self._last.maxlen and mean >= self._score:
            run.stop(f"the mean of the last {len(self._last)} training games reached {mean:g}")

    def state_dict(self) -> State:
        """Return the last scores."""
        return {"last": list(self._last)}

    def load_state_dict(self, state: State) -> None:
        """Restore the last scores."""
        self._last.extend(state["last"])


class LogMetric(Callback):
    """Log a metric of your own.

    Args:
        name: such as ``mine/best_recent``.
        function: returns the number, given the run under way.
        every: env steps between two rows, or ``"episode"`` for one after each training game.
    """

    def __init__(
        self, name: str, function: Callable[[ActiveRun], float], every: int | Literal["episode"] = "episode"
    ) -> None:
        if not callable(function):
            raise ConfigError(
                f"expected a function of the run for metric {name}, got {describe_value(function)}: "
                "pass one such as lambda run: max(run.scores)"
            )
        if every != "episode" and not (_is_number(every, int) and every >= 1):
            raise ConfigError(
                f'expected every to be env steps of at least 1 or "episode", got {describe_value(every)}: choose one'
            )
        self._name = require_name(name)
        self._function = function
        self._every = every

    def on_step(self, run: ActiveRun, step: EnvStep) -> None:
        """Log the metric if this step reached a multiple of its env steps."""
        if isinstance(self._every, int) and run.env_steps % self._every < run.spec.num_envs:
            self._log(run)

    def on_episode(self, run: ActiveRun, episode: Episode) -> None:
        """Log the metric if it is due after every game."""
        if self._every == "episode":
            self._log(run)

    def _log(self, run: ActiveRun) -> None:
        run.log({self._name: self._function(run)})


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, (int, kind)) and not isinstance(value, bool)
