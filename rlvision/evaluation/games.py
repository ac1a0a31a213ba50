"""Evaluation of a Q-function on whole games with raw scores."""

from collections.abc import Callable
from contextlib import closing

from rlvision.core.devices import one_thread
from rlvision.core.errors import ConfigError
from rlvision.core.types import Episode, QFunction
from rlvision.evaluation.episode_limits import EpisodeLimits
from rlvision.evaluation.result import Evaluation
from rlvision.evaluation.scheduler import EpisodeScheduler, SeedableEnv
from rlvision.evaluation.settings import EvaluationSettings


class EvaluationCancelled(Exception):  # noqa: N818 - nothing went wrong
    """An evaluation was asked to stop before its games were over."""


def evaluate(
    env: SeedableEnv,
    q_function: QFunction,
    settings: EvaluationSettings,
    *,
    seed: int,
    limits: EpisodeLimits | None = None,
    interrupted: Callable[[], object] = lambda: None,
    on_episode: Callable[[Episode], None] = lambda episode: None,
    on_step: Callable[[int], None] = lambda decisions: None,
) -> Evaluation:
    """Play whole games and return their raw scores.

    The games are the same in any number of environments, whichever of them ends first. On a CPU torch computes with one
    thread, whatever the run's ``threads``: so scores do not depend on it, and the other cores step the emulators.

    Args:
        env: the environments to play in; their current games end. In parts, one part steps while another acts.
        q_function: observations [n, C, H, W] uint8 -> Q-values [n, A]; `rlvision.evaluation.scheduler.ROWS` at a time.
        settings: how many games, at least 1, and the probability of a random action.
        seed: of the games and of the exploration.
        limits: of a game; None for those of the settings.
        interrupted: called before every step of the environments or of a part; a true result ends the evaluation.
        on_episode: called with every game when it is over.
        on_step: called after every step with the decisions of all games so far.

    Raises:
        EvaluationCancelled: ``interrupted`` was true.
        ConfigError: there is no game to play.
        EnvError: the environments cannot play a game to its end.
    """
    if settings.games < 1:
        raise ConfigError(f"expected at least 1 game to evaluate, got {settings.games}: raise evaluation.games")
    limits = limits or EpisodeLimits.of_settings(settings, None)
    with one_thread(), closing(EpisodeScheduler(env, q_function, settings, seed, limits)) as scheduler:
        while scheduler.playing:
            if interrupted():
                raise EvaluationCancelled
            for episode in scheduler.step():
                on_episode(episode)
            on_step(scheduler.decisions)
    numbers = sorted(scheduler.played)
    cut = {place: scheduler.cut[number] for place, number in enumerate(numbers) if number in scheduler.cut}
    return Evaluation(tuple(scheduler.played[number] for number in numbers), cut)
