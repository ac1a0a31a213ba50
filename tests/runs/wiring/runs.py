"""Settings found in runs: in their files, in their evaluations, in what other programs are asked for."""

import atexit
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import av
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rlvision.config.schema import Config
from rlvision.core.seeding import derive
from rlvision.evaluation.result import Evaluation
from rlvision.runs.history import read
from rlvision.runs.run import Run
from rlvision.runs.training import train
from tests.runs.wiring import Finder, Table, parts
from tests.runs.wiring.watched import ScriptedEnv, observed

BASE = {
    **parts.BASE,
    "env_steps": 132,
    "evaluate_every": 30,
    "checkpoint_every": 28,
    "wandb": "offline",
    "env.game": "tests.runs.wiring.watched:ScriptedEnv",
    "env.num_envs": 2,
    "env.crop": None,
    "env.height": 32,
    "env.width": 34,
    "env.stack": 10,
    "env.frameskip": 1,
    "env.max_pool": False,
    "network.zero_init_head": True,  # the greedy action is the first
    "network.norm": "none",
    "network.calibration_batches": 50,
    "network.momentum": None,
    "network.r_max": 3.0,
    "network.d_max": 5.0,
    "exploration.decay_env_steps": 110,
    "evaluation.games": 13,
    "evaluation.epsilon": 0.2,
    "checkpoint.keep": 15,
    "checkpoint.game_archive_mb": 12,
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


_FOLDER = mkdtemp(prefix="rlvision-old-")
atexit.register(rmtree, _FOLDER, ignore_errors=True)
OLD = str(Path(_FOLDER, "old"))


@finds("network.init", {**UNTAUGHT, "network.init": OLD})
def place_of_the_weights_at_the_start(config: Config) -> str:
    if not Path(OLD, "config.yaml").exists():
        train(replace(config, out=OLD, network=replace(config.network, init=None)))
    return str(read(observed(config).folder)[0].get("from", {}).get("place"))


@finds("env.num_envs")
def environments_of_the_training(config: Config) -> int:
    return observed(config).state["spec"]["num_envs"]


@finds("checkpoint.keep", {"checkpoint.keep": 3})
def checkpoints_that_are_left(config: Config) -> int:
    return len(observed(config).checkpoints)


@finds("checkpoint.replay", UNTAUGHT, each=(True, False))
def whether_a_checkpoint_has_a_replay(config: Config) -> bool:
    return observed(config).state["replay"] is not None


@finds("checkpoint.game_archive_mb")
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
    return round(ScriptedEnv.others / sum(episode.length for episode in evaluation.episodes) * 3 / 2, 1)


@finds("evaluation.epsilon", {**LONG, **GREEDY})
def random_actions_of_an_evaluation(config: Config) -> float:
    ScriptedEnv.others = 0
    (evaluation,) = observed(config).evaluations
    return share_of_random_actions(evaluation)


@finds("evaluation.epsilon", LONG)
def random_actions_of_an_evaluation_afterwards(config: Config) -> float:
    observed(config)
    ScriptedEnv.others = 0
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


RISING = {"env.num_envs": 1, "env.kwargs": {"length": 1, "rises": True}}


@finds("evaluation.target_score", {**RISING, "evaluation.target_score": 5.0, "evaluation.promising_score": 1e6})
def evaluation_at_the_end(config: Config) -> float:
    return [row["evaluate/mean"] for row in observed(config).rows if "evaluate/mean" in row][-1]


@finds("evaluation.promising_score", {**RISING, "evaluation.promising_score": 13.5, "evaluate_every": 0})
def mean_score_that_brings_an_evaluation(config: Config) -> float:
    rows = observed(config).rows
    before = next(place for place, row in enumerate(rows) if "evaluate/mean" in row)
    return [row["episode/score_mean_20"] for row in rows[:before] if "episode/score_mean_20" in row][-1]


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


@finds("tracking.console", UNTAUGHT, each=(True, False))
def whether_the_run_prints_anything(config: Config) -> bool:
    return bool(observed(config).printed)


@finds("tracking.artifacts", each=(True, False))
def whether_checkpoints_go_to_wandb(config: Config) -> bool:
    return observed(config).artifacts > 0


@finds("tracking.also", {**UNTAUGHT, "tracking.also": ("own_trackers:Lines",)})
def trackers_that_were_told(config: Config) -> tuple[str, ...]:
    return ("own_trackers:Lines",) if (observed(config).folder / "lines.txt").exists() else ()


@finds("tracking.names", {**UNTAUGHT, "tracking.tensorboard": True}, each=("cleanrl", "sb3"))
def words_in_tensorboard(config: Config) -> str:
    events = EventAccumulator(str(observed(config).folder / "tensorboard"))
    events.Reload()
    words = {"charts/SPS": "cleanrl", "time/fps": "sb3"}
    return next(words[tag] for tag in events.Tags()["scalars"] if tag in words)


@finds("tracking.tensorboard", UNTAUGHT, each=(True, False))
def whether_there_are_files_of_tensorboard(config: Config) -> bool:
    return (observed(config).folder / "tensorboard").exists()
