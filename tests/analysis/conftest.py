"""Run folders as training leaves them, with numbers of a test's own, and without any training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rlvision.config.loading import load_config, save_config
from rlvision.tracking.jsonl import JsonlTracker

Points = Sequence[tuple[int, float]]
"""(env steps, score)."""


@pytest.fixture(scope="session")
def store_run():
    """A run folder with these evaluations, training games and hours."""
    return _store_run


def _store_run(
    folder: Path,
    *,
    game: str = "pong",
    seed: int = 1,
    evaluations: Points = (),
    games: Points = (),
    hours: Points = (),
    settings: Mapping[str, Any] | None = None,
    preset: str | None = None,
) -> Path:
    folder.mkdir(parents=True)
    usual = "cartpole-dqn" if game == "CartPole-v1" else "atari"
    config = load_config(preset or usual, {"out": str(folder), "env.game": game, "seed": seed, **(settings or {})})
    save_config(config, folder / "config.yaml")
    tracker = JsonlTracker(folder)
    rows = [(at, {"evaluate/mean": score, "evaluate/games": 10.0}) for at, score in evaluations]
    rows += [(at, {"episode/score": score}) for at, score in games]
    rows += [(at, {"time/hours": passed}) for at, passed in hours]
    for at, row in sorted(rows, key=lambda pair: pair[0]):
        tracker.log(row, at)
    tracker.close()
    return folder
