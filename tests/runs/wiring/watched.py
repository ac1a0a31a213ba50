"""Runs of a world whose rewards are chosen, and what they leave behind."""

import io
import json
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import gymnasium
import numpy as np
import pytest
import torch
import wandb

import rlvision.runs.media
import rlvision.runs.training
from rlvision.config.schema import Config
from rlvision.envs.counting_env import draw
from rlvision.envs.game_archive import GameArchive
from rlvision.evaluation.result import Evaluation
from rlvision.runs.checkpoint import read_state
from rlvision.runs.session import Session


class ScriptedEnv(gymnasium.Env):
    """Games whose rewards are chosen, and which count the actions that are not the first.

    Args:
        length: steps of a game.
        rises: whether the n-th game's first step brings n, instead of 1 a step.
        rewarded: steps of a game that bring a reward.
    """

    observation_space = gymnasium.spaces.Box(0, 255, (32, 34, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(3)
    others = 0

    def __init__(self, length: int = 5, rises: bool = False, rewarded: int = 10**9) -> None:
        self.length, self.rises, self.rewarded = length, rises, rewarded
        self.games = self.now = 0

    def reset(self, **options: Any) -> Any:
        super().reset(**options)
        self.games, self.now = self.games + 1, 0
        return self._picture(), {}

    def step(self, action: Any) -> Any:
        self.now += 1
        ScriptedEnv.others += int(action > 0)
        reward = float(self.games) if self.rises else float(self.now <= self.rewarded)
        return self._picture(), reward, self.now >= self.length, False, {}

    def _picture(self) -> Any:
        return np.ascontiguousarray(np.resize(draw(self.games, self.now, 34), (32, 34, 3)))


@dataclass
class Observed:
    """What a run leaves behind, and what it did on the way."""

    folder: Path
    rows: list[dict[str, float]] = field(default_factory=list)
    wandb: dict[str, Any] = field(default_factory=dict)
    artifacts: int = 0
    tapes: int = 0
    threads: int = 0
    deterministic: bool = False
    evaluations: list[Evaluation] = field(default_factory=list)
    returns: Any = None
    memory: Any = None
    printed: str = ""

    def after(self, name: str) -> list[int]:
        """The env steps of the rows that have a metric."""
        return [int(row["env_steps"]) for row in self.rows if name in row]

    @property
    def checkpoints(self) -> list[Path]:
        return sorted((self.folder / "checkpoints").glob("[0-9]*.ckpt"))

    @property
    def state(self) -> dict[str, Any]:
        """Of the last checkpoint."""
        return read_state(self.checkpoints[-1])


def observed(config: Config) -> Observed:
    """Train, and watch; runs of the same folder are made once."""
    return _trained(_Key(config))


class _Key:
    """A configuration by its folder."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def __hash__(self) -> int:
        return hash(self.config.out)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.config == other.config


@cache
def _trained(key: _Key) -> Observed:
    config = key.config
    seen = Observed(Path(str(config.out)))
    threads, run = torch.get_num_threads(), MagicMock(id="abc")
    evaluate, work, archive = Session._evaluate, Session._work, GameArchive.__init__

    def begin(**about: Any) -> Any:
        seen.wandb = about
        (about["dir"] / "wandb").mkdir(exist_ok=True)
        return run

    def play(session: Session, *args: Any) -> Evaluation:
        seen.evaluations.append(evaluate(session, *args))
        return seen.evaluations[-1]

    def begin_work(session: Session, *args: Any) -> str:
        seen.threads = torch.get_num_threads()
        seen.deterministic = torch.are_deterministic_algorithms_enabled()
        seen.memory = session._agent.memory
        seen.returns = session._trainer._collector._returns
        return work(session, *args)

    def open_archive(self: GameArchive, folder: Path, limit: int) -> None:
        seen.tapes = limit
        archive(self, folder, limit)

    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as output:
        patch.setattr(wandb, "init", begin)
        patch.setattr(wandb, "teardown", lambda: None)
        patch.setattr(Session, "_evaluate", play)
        patch.setattr(Session, "_work", begin_work)
        patch.setattr(GameArchive, "__init__", open_archive)
        patch.setattr(rlvision.runs.media, "draw_curve", lambda folder: folder / "curve.png")  # half a second each
        try:
            rlvision.runs.training.train(config)
        finally:
            torch.set_num_threads(threads)
    seen.rows = [json.loads(line) for line in (seen.folder / "metrics.jsonl").read_text().splitlines()]
    seen.printed = output.getvalue()
    seen.artifacts = run.log_artifact.call_count
    return seen
