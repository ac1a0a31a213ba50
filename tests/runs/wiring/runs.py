"""Settings found in runs: in their files, in their evaluations, in what other programs are asked for."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import av
import gymnasium
import numpy as np
import pytest
import torch
import wandb

import rlvision.runs.media
import rlvision.runs.run
import rlvision.runs.session
from rlvision.config.schema import Config
from rlvision.core.seeding import derive
from rlvision.envs.counting_env import draw
from rlvision.envs.game_archive import TapeArchive
from rlvision.evaluation.evaluate import Evaluation
from rlvision.runs.checkpoint import read_state
from rlvision.runs.run import Run
from rlvision.runs.session import Session
from wiring import Finder, Table
from wiring.agents import BASE as OF_AGENTS

BASE = {
    **OF_AGENTS,
    "env_steps": 132,
    "evaluate_every": 30,
    "checkpoint_every": 28,
    "wandb": "offline",
    "env.game": "wiring.runs:World",
    "env.num_envs": 2,
    "env.crop": None,
    "env.height": 32,
    "env.width": 34,
    "env.stack": 10,
    "env.frameskip": 1,
    "env.max_pool": False,
    "network.zero_head": True,  # the greedy action is the first
    "network.norm": "none",
    "network.calibration_batches": 50,
    "network.momentum": None,
    "network.r_max": 3.0,
    "network.d_max": 5.0,
    "exploration.decay_env_steps": 110,
    "evaluation.games": 13,
    "evaluation.epsilon": 0.2,
    "checkpoint.keep": 15,
    "checkpoint.tapes": 12,
    "tracking.log_every": 22,
    "tracking.project": "p",
    "tracking.entity": "e",
    "tracking.name": "n",
    "tracking.group": "g",
    "tracking.tags": ("t", "u"),
    "tracking.job_type": "j",
    "tracking.notes": "o",
    "tracking.video_every": 0,
    "tracking.artifacts": False,
}
UNTAUGHT = {"env_steps": 40, "evaluation.games": 1, "evaluate_every": 0, "checkpoint_every": 0}
"""A run that ends before its first update."""

table = Table(BASE)
finds = table.finds


class World(gymnasium.Env):
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
        World.others += int(action > 0)
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
    evaluate, work, archive = Session._evaluate, Session._work, TapeArchive.__init__

    def begin(**about: Any) -> Any:
        seen.wandb = about
        (about["dir"] / "wandb").mkdir()
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

    def open_archive(self: TapeArchive, folder: Path, limit: int) -> None:
        seen.tapes = limit
        archive(self, folder, limit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wandb, "init", begin)
        patch.setattr(wandb, "teardown", lambda: None)
        patch.setattr(Session, "_evaluate", play)
        patch.setattr(Session, "_work", begin_work)
        patch.setattr(TapeArchive, "__init__", open_archive)
        patch.setattr(rlvision.runs.media, "draw_curve", lambda folder: folder / "curve.png")  # half a second each
        try:
            rlvision.runs.run.train(config)
        finally:
            torch.set_num_threads(threads)
    seen.rows = [json.loads(line) for line in (seen.folder / "metrics.jsonl").read_text().splitlines()]
    seen.artifacts = run.log_artifact.call_count
    return seen


# the run as a whole


@finds("out")
def folder_of_the_run(config: Config) -> str:
    seen = observed(config)
    return str(seen.folder) if (seen.folder / "config.yaml").exists() and seen.checkpoints else "elsewhere"


@finds("seed")
def seed_of_the_environments(config: Config) -> int:
    seed = observed(config).state["trainer"]["collector"]["env"]["seed"]
    return [derive(number, "environments") for number in range(30)].index(seed)


@finds("env_steps")
def env_steps_that_were_made(config: Config) -> int:
    return observed(config).state["env_steps"]


@finds("threads", {**UNTAUGHT, "threads": 3})
def threads_of_torch(config: Config) -> int:
    return observed(config).threads


@finds("deterministic", UNTAUGHT, each=(True, False))
def whether_torch_is_deterministic(config: Config) -> bool:
    return observed(config).deterministic


@finds("evaluate_every")
def env_steps_of_the_first_evaluation(config: Config) -> int:
    return observed(config).after("evaluate/mean")[0]


@finds("checkpoint_every")
def env_steps_of_the_first_checkpoint(config: Config) -> int:
    return int(observed(config).checkpoints[0].stem)


@finds("env.num_envs")
def environments_of_the_training(config: Config) -> int:
    return observed(config).state["spec"]["num_envs"]


@finds("checkpoint.keep", {"checkpoint.keep": 3})
def checkpoints_that_are_left(config: Config) -> int:
    return len(observed(config).checkpoints)


@finds("checkpoint.replay", UNTAUGHT, each=(True, False))
def whether_a_checkpoint_has_a_replay(config: Config) -> bool:
    return observed(config).state["replay"] is not None


@finds("checkpoint.tapes")
def megabytes_of_the_archive(config: Config) -> float:
    return observed(config).tapes / 2**20


@finds("agent.gamma")
def gamma_of_the_returns_that_are_reported(config: Config) -> float:
    return observed(config).returns._gamma(0)


@finds("agent.reward_scale")
def factor_of_the_rewards_that_are_reported(config: Config) -> float:
    return float(observed(config).returns._transform(torch.tensor(1.0)))


# the evaluations


@finds("evaluation.games")
def games_of_an_evaluation(config: Config) -> int:
    (games,) = {len(evaluation.episodes) for evaluation in observed(config).evaluations}
    return games


LONG = {**UNTAUGHT, "evaluation.games": 6, "env.kwargs": {"length": 400}}
GREEDY = {"exploration.start": 0.0, "exploration.end": 0.0}


def share_of_random_actions(evaluation: Evaluation) -> float:
    """By counting those that are not greedy."""
    return round(World.others / sum(episode.length for episode in evaluation.episodes) * 3 / 2, 1)


@finds("evaluation.epsilon", {**LONG, **GREEDY})
def random_actions_of_an_evaluation(config: Config) -> float:
    World.others = 0
    (evaluation,) = observed(config).evaluations
    return share_of_random_actions(evaluation)


@finds("evaluation.epsilon", LONG)
def random_actions_of_an_evaluation_afterwards(config: Config) -> float:
    observed(config)
    World.others = 0
    return share_of_random_actions(Run(str(config.out), trust_imports=True).evaluate(games=6))


ENDLESS = {**UNTAUGHT, "env.frameskip": 2, "env.kwargs": {"length": 10**6}}


@finds("evaluation.max_frames", {**ENDLESS, "evaluation.max_frames": 64})
def frames_of_a_game_that_never_ends(config: Config) -> int:
    (evaluation,) = observed(config).evaluations
    return evaluation.episodes[0].frames


@finds(
    "evaluation.max_idle_frames",
    {**ENDLESS, "evaluation.max_idle_frames": 36, "env.kwargs": {"length": 10**6, "rewarded": 0}},
)
def frames_of_a_game_without_rewards(config: Config) -> int:
    (evaluation,) = observed(config).evaluations
    return evaluation.episodes[0].frames


@finds("evaluation.patience", {"evaluation.patience": 2, "evaluate_every": 8})
def evaluations_after_the_best(config: Config) -> int:
    return len(observed(config).evaluations) - 1


@finds(
    "evaluation.target_score",
    {"evaluation.target_score": 13.5, "env.num_envs": 1, "env.kwargs": {"length": 1, "rises": True}},
)
def mean_score_at_the_end(config: Config) -> float:
    return [row["episode/score_mean_20"] for row in observed(config).rows if "episode/score_mean_20" in row][-1]


# tracking


@finds("wandb", UNTAUGHT, each=("offline", "disabled"))
def mode_of_wandb(config: Config) -> str:
    return observed(config).wandb.get("mode", "disabled")


def told_to_wandb(argument: str) -> Finder:
    """A finder of what W&B's ``init`` is told."""

    def argument_of_wandb(config: Config) -> Any:
        return observed(config).wandb[argument]

    return argument_of_wandb


for argument in ("project", "entity", "name", "group", "tags", "job_type", "notes"):
    finds(f"tracking.{argument}")(told_to_wandb(argument))


@finds("tracking.log_every")
def env_steps_of_the_first_row(config: Config) -> int:
    return observed(config).after("counters/updates")[0]


FILMED = {"env_steps": 36, "evaluate_every": 8, "evaluation.games": 1, "tracking.video_every": 3}


@finds("tracking.video_every", {**FILMED, "tracking.video_steps": 4})
def evaluations_until_the_first_video(config: Config) -> float:
    return int(min((observed(config).folder / "videos").glob("*.mp4")).stem) / 8


@finds("tracking.video_steps", {**FILMED, "tracking.video_steps": 4})
def decisions_of_a_video(config: Config) -> int:
    with av.open(str(min((observed(config).folder / "videos").glob("*.mp4")))) as video:
        return sum(1 for _ in video.decode(video=0)) - 1  # the first shows what the game began with


@finds("tracking.artifacts", each=(True, False))
def whether_checkpoints_go_to_wandb(config: Config) -> bool:
    return observed(config).artifacts > 0


@finds("tracking.tensorboard", UNTAUGHT, each=(True, False))
def whether_there_are_files_of_tensorboard(config: Config) -> bool:
    return (observed(config).folder / "tensorboard").exists()
