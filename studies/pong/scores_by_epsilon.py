"""Cost of exploration in training games: their mean score for each epsilon of the ladder.

    python -m studies.pong.scores_by_epsilon '77x77-n20-2e-4-seed[123]*' --since 150_000
    python -m studies.pong.scores_by_epsilon runs/my-run

Every environment of a run with ``exploration.kind=ladder`` has its own epsilon, and the run's action logs record the
environment of every game. So the games show how much of the score exploration costs. Several runs can be combined if
they have the same ladder; the epsilons are those at ``--since``.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from rlvision.config.schema import Config
from rlvision.learning.policies import ladder_exponents
from rlvision.learning.schedules import exploration_schedule
from studies.fold import fold_run
from studies.show import chosen
from studies.table import RunRecord, read_table, table_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The games to use."""

    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Run folders with their action logs, or names of runs of the table, which may be patterns."""
    since: int = 0
    """Games that ended at this env step or later."""
    until: int | None = None
    """Games that ended before this env step; unset, all."""


@dataclass(frozen=True, slots=True)
class Game:
    """One training game and the environment that played it."""

    env: int
    env_steps: int
    score: float
    length: int


def records(runs: tuple[str, ...]) -> Iterator[RunRecord]:
    """Yield the runs of folders and of the table."""
    table = read_table(table_path("pong"))
    for run in runs:
        yield from [fold_run(Path(run))] if Path(run).is_dir() else chosen(table, [run]).values()


def games_of(record: RunRecord) -> list[Game]:
    """Return the games whose environment is known."""
    columns = [record.games.get(name, ()) for name in ("env", "env_steps", "score", "length")]
    return [Game(*game) for game in zip(*columns, strict=False) if None not in game]


def epsilons(config: Config, env_steps: int) -> list[float]:
    """Return the epsilons of the environments, largest first."""
    if config.exploration.kind != "ladder":
        sys.exit(f"expected a run with exploration.kind=ladder, got {config.exploration.kind}: choose another")
    exponents = ladder_exponents(config.env.num_envs, config.exploration.ladder_alpha)
    return (exploration_schedule(config.exploration, config.env_steps)(env_steps) ** exponents).tolist()


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    runs = list(records(options.runs))
    ladders = [epsilons(run.config(), options.since) for run in runs]
    if any(ladder != ladders[0] for ladder in ladders):
        sys.exit("expected runs with the same ladder of epsilons, got different ones: compare them one by one")
    games = [
        game
        for run in runs
        for game in games_of(run)
        if game.env_steps >= options.since and (options.until is None or game.env_steps < options.until)
    ]
    if not games:
        sys.exit("expected recorded games of these runs in that interval, got none: choose others")
    table = Table("environment", "epsilon", "games", "mean score", "mean decisions")
    for env, epsilon in enumerate(ladders[0]):
        own = [game for game in games if game.env == env]
        scores, lengths = [game.score for game in own], [game.length for game in own]
        means = (f"{np.mean(scores):.1f}", f"{np.mean(lengths):,.0f}") if own else ("", "")
        table.add_row(str(env), f"{epsilon:.4f}", str(len(own)), *means)
    Console().print(table)


if __name__ == "__main__":
    main()
