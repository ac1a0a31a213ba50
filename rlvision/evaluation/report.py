"""The report of an evaluation: a table for people, plain values for files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from rlvision.evaluation.atari_scores import human_normalised
from rlvision.evaluation.result import Evaluation


@dataclass(frozen=True, slots=True)
class EvalConditions:
    """The conditions of an evaluation, which a reader needs to judge or repeat it."""

    game: str  # rom id, or Gymnasium's
    protocol: str | None  # its name and the departures from it; None for games other than Atari's
    settings: Mapping[str, Any]  # the values of the settings that a protocol fixes
    epsilon: float
    seed: int


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation and its conditions."""

    conditions: EvalConditions
    evaluation: Evaluation
    advice: tuple[str, ...] = ()  # what to do about games that were cut

    def __repr__(self) -> str:
        """Return the game, its conditions and the evaluation."""
        where = ", protocol ".join(filter(None, [self.conditions.game, self.conditions.protocol]))
        asked = f"epsilon {self.conditions.epsilon:g}, seed {self.conditions.seed}"
        return f"Report({where}, {asked}: {self.evaluation!r})"

    @property
    def human_normalised(self) -> dict[str, Any] | None:
        """Mean and interval on a scale from 0, random play, to 1, a person; None if the game is not one of the 57."""
        game, (low, high) = self.conditions.game, self.evaluation.interval
        mean = human_normalised(game, self.evaluation.mean)
        interval = [human_normalised(game, low), human_normalised(game, high)]
        return None if mean is None else {"mean": mean, "interval": interval}

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        evaluation, episodes = self.evaluation, self.evaluation.episodes
        return {
            **asdict(self.conditions),
            "games": len(episodes),
            "mean": evaluation.mean,
            "median": evaluation.median,
            "standard_error": evaluation.standard_error,
            "interval": list(evaluation.interval),
            "human_normalised": self.human_normalised,
            "scores": evaluation.scores,
            "frames": [episode.frames for episode in episodes],
            "seeds": [episode.seed for episode in episodes],
            "cut": {str(number): why for number, why in evaluation.cut.items()},
        }

    def rows(self) -> dict[str, str]:
        """Return the rows of a table: text by name."""
        conditions, evaluation = self.conditions, self.evaluation
        low, high = evaluation.interval
        rows = {"protocol": conditions.protocol} if conditions.protocol else {}
        rows |= {
            "epsilon": f"{conditions.epsilon:g}",
            "games": f"{len(evaluation.episodes)} (seed {conditions.seed})",
            "mean": f"{evaluation.mean:,.2f}",
            "standard error": "-" if evaluation.standard_error is None else f"{evaluation.standard_error:,.2f}",
            "95 % interval": f"{low:,.2f} to {high:,.2f}",
            "median": f"{evaluation.median:,.2f}",
            "lowest, highest": f"{min(evaluation.scores):,g}, {max(evaluation.scores):,g}",
        }
        return rows | self._normalised_row() | self._cut_row()

    def table(self, title: str) -> Table:
        """Return the rows as a table for a terminal."""
        table = Table(title=title, title_justify="left", show_header=False, title_style="bold")
        for name, value in self.rows().items():
            table.add_row(name, value)
        return table

    def _normalised_row(self) -> dict[str, str]:
        scale = self.human_normalised
        if scale is None:
            return {}
        low, high = scale["interval"]
        return {"human-normalised": f"{scale['mean']:,.3f} ({low:,.3f} to {high:,.3f})"}

    def _cut_row(self) -> dict[str, str]:
        games: dict[str, list[int]] = {}  # cut for the same reason
        for number, why in self.evaluation.cut.items():
            games.setdefault(why, []).append(number)
        said = [f"{self._which(numbers)}: {why}" for why, numbers in games.items()]
        return {"games cut": "; ".join(said)} if said else {}

    def _which(self, numbers: Sequence[int]) -> str:
        if len(numbers) == 1:
            return f"game {numbers[0]}"
        return "all" if len(numbers) == len(self.evaluation.episodes) else f"games {', '.join(map(str, numbers))}"
