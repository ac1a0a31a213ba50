"""The time limit of a world: whether it has one, and what to do about games that do not end without one.

::

    world                                        a game of an evaluation is cut after
    Atari                                        its protocol's frames
    env.max_episode_steps, or registered limit   108,000 frames, if its own limit is longer
    none of these                                `rlvision.evaluation.episode_limits.MOST_DECISIONS`
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import gymnasium

from rlvision.config.schema import Config
from rlvision.core.types import EnvSpec, Episode
from rlvision.core.wording import as_written
from rlvision.envs.atari_games import find_game
from rlvision.envs.settings import EnvSettings
from rlvision.evaluation.episode_limits import MOST_DECISIONS, EpisodeLimits
from rlvision.evaluation.result import Evaluation

USUAL_STEPS = 1_000
"""Steps of a game that are proposed where no longer game has ended; many of Gymnasium's worlds have this limit."""
PATIENCE = 2_000
"""Decisions in each environment without the end of a game after which training proposes a limit."""


def declares_limit(env: EnvSettings) -> bool:
    """Return whether a world limits its games: an Atari game, by the setting, or as registered with Gymnasium.

    The world must have been made before, since that registers it.
    """
    if find_game(env.game) is not None or env.max_episode_steps is not None:
        return True
    spec = gymnasium.registry.get(env.game.rpartition(":")[2])
    return spec is not None and spec.max_episode_steps is not None


def without_needless_cap(limits: EpisodeLimits, env: EnvSettings) -> EpisodeLimits:
    """Return the limits without that for worlds that declare none, if this one does; it must have been made before."""
    return replace(limits, max_decisions=None) if declares_limit(env) else limits


def propose(longest: int = 0, frameskip: int = 1) -> str:
    """Return a setting that ends games: twice as long as the longest that ended, and at least `USUAL_STEPS` decisions.

    Args:
        longest: decisions of that game; 0 if none has ended.
        frameskip: the environment's own steps in a decision.
    """
    steps = max(2 * longest, USUAL_STEPS) * frameskip
    return as_written("env.max_episode_steps", math.ceil(steps / USUAL_STEPS) * USUAL_STEPS)


def advise(config: Config, evaluation: Evaluation) -> Iterator[str]:
    """Yield a line about the games that an evaluation cut, with a remedy, if the world has no limit of its own."""
    if evaluation.cut and not declares_limit(config.env):
        cut, games = len(evaluation.cut), len(evaluation.episodes)
        yield (
            f"{cut} of {games} games were cut and count with their scores so far "
            f"({'; '.join(dict.fromkeys(evaluation.cut.values()))}): {_proposal(evaluation)} in a new run ends games"
        )


def _proposal(evaluation: Evaluation) -> str:
    whole = [episode for number, episode in enumerate(evaluation.episodes) if number not in evaluation.cut]
    return propose(*_longest(whole or evaluation.episodes[:1], ended=bool(whole)))


def _longest(episodes: Sequence[Episode], *, ended: bool) -> tuple[int, int]:
    """Return the decisions of the longest game that ended, or 0, and the frames of a decision."""
    longest = max(episodes, key=lambda episode: episode.length)
    return longest.length if ended else 0, longest.frames // max(1, longest.length)


def watch_steps(env: EnvSettings) -> int | None:
    """Return the decisions after which a game that is watched is cut; None if the world has a limit of its own."""
    return None if declares_limit(env) else MOST_DECISIONS


class EndlessNotice:
    """A line, once, if no game has ended for a long time in a world that declares no limit.

    Args:
        env: settings of the environments, which must have been made before.
        spec: of the environments.
        episodes: returns the number of games that have ended.
        say: prints the line.
    """

    def __init__(
        self, env: EnvSettings, spec: EnvSpec, episodes: Callable[[], int], say: Callable[[str], None]
    ) -> None:
        self._due: float = math.inf if declares_limit(env) else PATIENCE * spec.num_envs
        self._frameskip, self._episodes, self._say = spec.frameskip, episodes, say

    def before(self, show_progress: Callable[[int], None]) -> Callable[[int], None]:
        """Return ``show_progress``, a function of the env steps so far, with the line before it when it is due."""

        def show(env_steps: int) -> None:
            if env_steps >= self._due:
                self._print(env_steps)
            show_progress(env_steps)

        return show

    def _print(self, env_steps: int) -> None:
        """Print the line if no game has ended; never look again."""
        self._due = math.inf
        if not self._episodes():
            self._say(
                f"no game has ended in {env_steps:,} env steps: {propose(frameskip=self._frameskip)} in a new run ends "
                "games, if this world has no end"
            )
