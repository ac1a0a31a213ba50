"""Repeated points in Pong: does a trained agent lose the same point again and again?

    OMP_NUM_THREADS=1 python -m studies.pong.points --agents pong runs/my-run

In a game without chance, a greedy agent that sees the same pictures again loses the same point again. Each agent plays
whole games. The script counts the lost points that took exactly as many decisions as the last lost point of the same
game.
"""

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import tyro
from rich.console import Console
from rich.table import Column, Table

from rlvision.core.errors import RLVisionError
from rlvision.runs import builders
from rlvision.runs.run import Run

ENVS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The agents, and their games."""

    agents: tuple[str, ...]
    """Runs, exports, or bundled agents."""
    games: int = 24
    """Whole games of each agent, in eight parallel environments."""
    seed: int = 0
    """Seed of the games."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a game."""

    won: bool
    decisions: int


def play(run: Run, games: int, seed: int) -> Iterator[list[Point]]:
    """Yield the points of whole games, environment by environment."""
    with closing(builders.make_env(run.config, ENVS)) as env:
        for part in range(-(-games // ENVS)):
            env.reset(seed + part)
            points: list[list[Point]] = [[] for _ in range(ENVS)]
            since, over = np.zeros(ENVS, dtype=int), np.zeros(ENVS, dtype=bool)
            while not over.all():
                step = env.step(run.act(env.observation))
                since += 1
                for place in np.flatnonzero((step.reward != 0) & ~over):
                    points[place].append(Point(bool(step.reward[place] > 0), int(since[place])))
                    since[place] = 0
                over |= step.terminated | step.truncated
            yield from points[: games - part * ENVS]


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    table = Table(
        Column("agent", overflow="fold"), "mean score", "lowest", "points lost", "that took as long as the one before"
    )
    for agent in options.agents:
        try:
            run = Run(agent, device="cpu")
        except RLVisionError as error:
            sys.exit(str(error))
        games = list(play(run, options.games, options.seed))
        scores = [sum(1 if point.won else -1 for point in game) for game in games]
        lost = [[point.decisions for point in game if not point.won] for game in games]
        followers = [now == before for game in lost for before, now in pairwise(game)]
        again = f"{sum(followers)} of {len(followers)}"
        table.add_row(agent, f"{np.mean(scores):.1f}", f"{min(scores)}", str(sum(map(len, lost))), again)
    Console().print(table)


if __name__ == "__main__":
    main()
