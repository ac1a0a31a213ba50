"""Add a finished run to the table of a study, so that its folder need not be kept.

    python -m studies.fold learning runs/pong-seed1 --name pong-84-seed1
    python -m studies.fold pong runs/my-trial

The table (``studies/STUDY/data/runs.json.gz``) gets the run's settings, the command that trains it again, versions,
games, evaluations, and the metrics that pages and figures need, to seven digits. A run of the same name is replaced.
Further games are read from the files ``evaluation*.json`` in the run folder (`rlvision evaluate RUN --json=FILE`).
"""

import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import tyro

from rlvision.config.field_types import format_value
from rlvision.config.loading import flatten_used, load_config
from rlvision.config.presets import known_presets
from rlvision.config.schema import Config
from rlvision.core.errors import RLVisionError
from rlvision.envs.game_archive import GAMES_FOLDER, read_games
from rlvision.runs import history
from rlvision.runs.run_folder import RunFolder
from rlvision.tracking.jsonl import read_metrics
from studies.table import EVALUATIONS, GAMES, ROWS, STUDIES, RunRecord, read_table, table_path, write_table

NOT_KEPT = ("out", "wandb", "tracking.")
"""Settings of a run's outputs, which do not change its results."""
DIGITS = 7
"""Digits of the metrics in `ROWS`; scores are stored exactly."""
SESSION = ("env_steps", "changed", "with", "ended")


def fold_run(folder: Path) -> RunRecord:
    """Return the record of a run folder.

    Raises:
        RLVisionError: there is no run, or its files are damaged.
    """
    config, rows = RunFolder(folder).config(), read_metrics(folder)
    games = [row for row in rows if "episode/score" in row]
    evaluations = [row for row in rows if "evaluate/mean" in row]
    others = [row for row in rows if "episode/score" not in row and "evaluate/mean" not in row]
    return RunRecord(
        settings=_kept(config),
        command=command_of(config),
        sessions=[{key: line[key] for key in SESSION if key in line} for line in history.read(folder)],
        env_steps=int(rows[-1]["env_steps"]) if rows else 0,
        games={**_columns(games, GAMES), **_environments(folder, games)},
        evaluations=_columns(evaluations, EVALUATIONS),
        rows={
            name: [_short(value) if name != "env_steps" else value for value in values]
            for name, values in _columns(others, ROWS).items()
        },
        played=[json.loads(path.read_text()) for path in sorted(folder.glob("evaluation*.json"))],
    )


def command_of(config: Config) -> str:
    """Return the shortest command that trains with these settings, from a preset or a YAML file of a study."""
    files = (str(path.relative_to(STUDIES.parent)) for path in sorted(STUDIES.glob("*/*.yaml")))
    starts = [*(preset.name for preset in known_presets()), *files]
    changes = {start: _changes(config, start) for start in starts}
    nearest = min(starts, key=lambda start: ("env.game" in changes[start], len(changes[start])))
    options = (f"--{name.replace('_', '-')}={format_value(value)}" for name, value in changes[nearest].items())
    return shlex.join(["rlvision", "train", nearest, *options])


def _changes(config: Config, start: str) -> dict[str, Any]:
    """Return the settings that differ from a preset; found in two passes, as some settings follow from others.

    Unset sizes follow from the run in ``out``, so the presets are loaded for a folder without one.
    """
    preset, wanted = str(STUDIES.parent / start) if "/" in start else start, _kept(config)
    changes: dict[str, Any] = {}
    for _ in range(2):
        given = _kept(load_config(preset, {**changes, "out": str(STUDIES)}))
        changes |= {name: value for name, value in wanted.items() if name in given and given[name] != value}
    return changes


def _kept(config: Config) -> dict[str, Any]:
    return {name: value for name, value in flatten_used(config).items() if not name.startswith(NOT_KEPT)}


def _columns(rows: Sequence[Mapping[str, float]], metrics: Mapping[str, str]) -> dict[str, list[float | None]]:
    names = {"env_steps": "env_steps", **metrics}
    there = {name: metric for name, metric in names.items() if any(metric in row for row in rows)}
    return {name: [_whole(row.get(metric)) for row in rows] for name, metric in there.items()}


def _environments(folder: Path, games: Sequence[Mapping[str, float]]) -> dict[str, list[float | None]]:
    """Return the environment that played each game, if the run recorded it."""
    taped = read_games(folder / GAMES_FOLDER)
    played: list[float | None] = [None] * len(games)
    for game in taped:
        row = games[game.number - 1]
        if (row["env_steps"], row["episode/score"]) != (game.env_steps, game.score):
            sys.exit(f"expected game {game.number} of {folder} in its metrics, got another: fold an undamaged run")
        played[game.number - 1] = game.env
    return {"env": played} if taped else {}


def _whole(value: float | None) -> float | None:
    """Return whole numbers without their ``.0``."""
    return int(value) if value is not None and float(value).is_integer() else value


def _short(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else _whole(float(f"{value:.{DIGITS}g}"))


def fold(path: Path, runs: Iterable[tuple[str, Path]]) -> list[str]:
    """Add runs, each with its name, to the table at ``path``, and return their names."""
    records = {name: fold_run(folder) for name, folder in runs}
    if records:
        write_table(path, read_table(path) | records)
    return list(records)


def main(
    study: tyro.conf.Positional[Literal["batchnorm", "pong", "learning"]],
    run: tyro.conf.Positional[Path],
    name: str | None = None,
) -> None:
    """Add a finished run to the table of a study, so that its folder need not be kept.

    Args:
        study: Name of the study.
        run: The run folder.
        name: Its name in the table; the folder's name if unset.
    """
    try:
        (folded,) = fold(table_path(study), [(name or run.name, run)])
    except RLVisionError as error:
        sys.exit(str(error))
    print(f"{folded}: {table_path(study)}")


if __name__ == "__main__":
    tyro.cli(main)
