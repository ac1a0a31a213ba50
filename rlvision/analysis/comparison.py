"""Comparison of agents: raw scores game by game, and human-normalised scores over games."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rlvision.analysis import statistics
from rlvision.analysis.grouping import Group, differences_between_games, unnamed_differences
from rlvision.analysis.run_info import Score
from rlvision.analysis.statistics import Scores, Series, Statistic
from rlvision.evaluation.atari_scores import Published, human_normalised, reference

STATISTICS: Mapping[str, Statistic] = {
    "mean": statistics.mean,
    "median": statistics.median,
    "iqm": statistics.iqm,
    "optimality_gap": statistics.optimality_gap,
}
"""Statistics over games, of human-normalised scores."""
GAME_STATISTICS: Mapping[str, Statistic] = {
    "mean": statistics.mean,
    "median": statistics.median_run,
    "iqm": statistics.iqm,
}
"""Statistics over the seeds of one game, of raw scores."""
HUMAN_NORMALISED = "human-normalised score"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic and its 95 % interval; None if a game has a single seed."""

    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class GameResult:
    """The scores of one agent in one game."""

    group: Group
    scores: tuple[Score, ...]  # of the group's members, in their order

    @property
    def raw(self) -> Series:
        """Raw scores of the game, [S]."""
        return np.array([score.mean for score in self.scores], dtype=np.float64)

    @property
    def normalised(self) -> Series | None:
        """Human-normalised scores, [S]; None if the game is not one of the 57."""
        values = [human_normalised(self.group.game, score.mean) for score in self.scores]
        return None if None in values else np.array(values, dtype=np.float64)

    @property
    def estimates(self) -> dict[str, Estimate]:
        """Raw statistics over the seeds by name, and the mean of the human-normalised scores if there are any."""
        found = _estimates([self.raw], GAME_STATISTICS)
        if self.normalised is not None:
            found["human_normalised"] = _estimates([self.normalised], {"mean": statistics.mean})["mean"]
        return found

    @property
    def env_steps(self) -> tuple[int, int]:
        """Smallest and largest number of training decisions before the scores."""
        steps = [score.env_steps for score in self.scores]
        return min(steps), max(steps)

    @property
    def frames(self) -> tuple[int, int]:
        """The same in emulator frames."""
        frames = [s.env_steps * member.frameskip for s, member in zip(self.scores, self.group.members, strict=True)]
        return min(frames), max(frames)

    @property
    def protocols(self) -> tuple[str, ...]:
        """The conditions under which the games were played."""
        return tuple(dict.fromkeys(_words(score) for score in self.scores))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The results of several agents in several games.

    Aggregates are over the `common` games.
    """

    results: tuple[GameResult, ...]
    published: tuple[Published, ...] = ()

    def __repr__(self) -> str:
        """Return the agents and the games."""
        return f"Comparison({', '.join(self.agents)} in {', '.join(self.games)})"

    @property
    def agents(self) -> tuple[str, ...]:
        """Names of the agents."""
        return tuple(dict.fromkeys(result.group.agent for result in self.results))

    @property
    def ranked(self) -> tuple[str, ...]:
        """The agents that have played a game with human-normalised scores."""
        scaled = [result for result in self.results if reference(result.group.game) is not None]
        return tuple(dict.fromkeys(result.group.agent for result in scaled))

    @property
    def games(self) -> tuple[str, ...]:
        """All games that any agent has played."""
        return tuple(dict.fromkeys(result.group.game for result in self.results))

    @property
    def common(self) -> tuple[str, ...]:
        """The games over which agents are compared: those that all of `ranked` have played."""
        played = {(result.group.game, result.group.agent) for result in self.results}
        scaled = [game for game in self.games if reference(game) is not None]
        return tuple(game for game in scaled if all((game, agent) in played for agent in self.ranked))

    def of(self, agent: str) -> list[GameResult]:
        """An agent's results in the common games, in their order."""
        found = {result.group.game: result for result in self.results if result.group.agent == agent}
        return [found[game] for game in self.common]

    def normalised(self, agent: str) -> Scores:
        """An agent's human-normalised scores in the common games, [S] each."""
        return [scores for result in self.of(agent) if (scores := result.normalised) is not None]

    def aggregates(self) -> dict[str, dict[str, Estimate]]:
        """Agent -> its statistics over the common games by name; empty without such games."""
        if not self.common:
            return {}
        return {agent: _estimates(self.normalised(agent), STATISTICS) for agent in self.ranked}

    def published_aggregates(self) -> dict[str, dict[str, Estimate]]:
        """Key -> the same for published agents with all common games; one mean score per game, so no interval."""
        complete = [one for one in self.published if self.common and set(self.common) <= set(one.scores)]
        return {one.key: _estimates(self._published_scores(one), STATISTICS) for one in complete}

    def notes(self) -> list[str]:
        """Return remarks on the games and runs that a reader of the numbers needs."""
        return [*self._notes_on_games(), *self._notes_on_runs()]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "games": [_result_to_dict(result) for result in self.results],
            "common_games": list(self.common),
            "human_normalised": _to_dict(self.aggregates()),
            "published": [asdict(one) | {"scores": dict(one.scores)} for one in self.published],
            "published_human_normalised": _to_dict(self.published_aggregates()),
            "notes": self.notes(),
        }

    def _published_scores(self, one: Published) -> Scores:
        values = [human_normalised(game, one.scores[game]) for game in self.common]
        return [np.array([value], dtype=np.float64) for value in values]

    def _notes_on_games(self) -> list[str]:
        raw = [game for game in self.games if reference(game) is None]
        left_out = [game for game in self.games if game not in (*raw, *self.common)]
        notes = []
        if raw:
            notes.append(f"{', '.join(raw)}: no human-normalised scores are published, raw scores are compared")
        if left_out:
            notes.append(f"{', '.join(left_out)}: not played by every agent, left out of the human-normalised table")
        groups = [result.group for result in self.results]
        unnamed = unnamed_differences(groups)
        if unnamed:
            notes.append(f"agents of one game differ in {', '.join(unnamed)}, too")
        for agent, names in differences_between_games(groups).items():
            notes.append(f"{agent}: its settings differ between games in {', '.join(names)}")
        return notes

    def _notes_on_runs(self) -> list[str]:
        seeds = [len(result.scores) for result in self.results]
        notes = []
        if min(seeds) < statistics.MIN_RUNS:
            notes.append("intervals are over seeds: an agent with a single seed of a game has none")
        if any(len({len(result.scores) for result in self.of(agent)}) > 1 for agent in self.ranked):
            notes.append("a game with more seeds counts for more in IQM and optimality gap")
        for result in self.results:
            low, high = result.env_steps
            if low != high:
                notes.append(f"{result.group.agent} in {result.group.game}: scores after {low:,} to {high:,} env steps")
        for game in self.games:
            ways = {words for result in self.results if result.group.game == game for words in result.protocols}
            if len(ways) > 1:
                notes.append(f"{game}: not all scores were measured in the same way ({'; '.join(sorted(ways))})")
        if self.published:
            notes.append("published scores have other protocols and lengths of training: they show the scale, no more")
        return notes


def _estimates(scores: Scores, wanted: Mapping[str, Statistic]) -> dict[str, Estimate]:
    return {name: _estimate(scores, statistic) for name, statistic in wanted.items()}


def _estimate(scores: Scores, statistic: Statistic) -> Estimate:
    ends = statistics.interval(scores, statistic)
    return Estimate(float(statistic(scores)), None if ends is None else (float(ends[0]), float(ends[1])))


def _words(score: Score) -> str:
    """Describe the conditions of a score, such as ``nature, ε 0.001, 10 games a run``."""
    games = "1 game" if score.games == 1 else f"{score.games:,} games"
    return ", ".join(filter(None, [score.protocol, f"ε {score.epsilon:g}", f"{games} a run"]))


def _result_to_dict(result: GameResult) -> dict[str, Any]:
    members = zip(result.group.members, result.scores, strict=True)
    return {
        "game": result.group.game,
        "agent": result.group.agent,
        "runs": [{"run": str(info.place), "seed": info.seed, **asdict(score)} for info, score in members],
        "frames": list(result.frames),
        "statistics": {name: asdict(estimate) for name, estimate in result.estimates.items()},
    }


def _to_dict(estimates: Mapping[str, Mapping[str, Estimate]]) -> dict[str, Any]:
    return {who: {name: asdict(one) for name, one in named.items()} for who, named in estimates.items()}


def compare(groups: Sequence[Group], scores: Sequence[Sequence[Score]], published: Sequence[Published]) -> Comparison:
    """Compare groups of runs by their scores.

    Args:
        groups: as `rlvision.analysis.grouping.group` gives them.
        scores: of the members of each.
        published: agents to compare them with.
    """
    results = [GameResult(group, tuple(own)) for group, own in zip(groups, scores, strict=True)]
    return Comparison(tuple(results), tuple(published))


def list_games(games: Sequence[str]) -> str:
    """Return few games by name, many by number."""
    return ", ".join(games) if len(games) <= 3 else f"{len(games)} games"


def count_runs(comparison: Comparison, agent: str) -> str:
    """Describe how many runs and games an agent's numbers are based on."""
    counts = [len(result.scores) for result in comparison.results if result.group.agent == agent]
    runs, games = sum(counts), len(counts)
    return f"{_count(runs, 'run')} of {_count(games, 'game')}" if games > 1 else _count(runs, "seed")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
