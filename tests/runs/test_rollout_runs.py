"""Runs of an agent that learns between rollouts: in halves or in turn, interrupted or killed, they are the same run."""

import json
import random
import signal
from dataclasses import replace
from importlib import import_module

import pytest
import torch
import yaml

from rlvision.analysis.study import read_run_info
from rlvision.cli.main import main
from rlvision.config.loading import load_config, read_config
from rlvision.core.errors import ConfigError, EnvError, MemoryBudgetError
from rlvision.envs.atari_env import AtariEnv
from rlvision.envs.split_env import SplitEnv
from rlvision.learning.learner import QLearner
from rlvision.replay.settings import ReplaySettings
from rlvision.runs import builders, session
from rlvision.runs.checkpoint import read_state
from rlvision.runs.memory_estimate import estimate_memory
from rlvision.runs.run import Run
from rlvision.runs.run_trackers import make_console, make_trackers
from rlvision.runs.training import train
from rlvision.tracking.console import ConsoleTracker
from rlvision.training.collector import Collector
from tests.conftest import BREAKOUT, CARTPOLE, COUNTING, PONG
from tests.runs.test_kills import Process

END = 200
PQN = {
    "env_steps": END,
    "evaluate_every": 120,
    "agent__name": "pqn",
    "agent__rollout_steps": 6,
    "agent__batch_size": 8,
    "env__num_envs": 4,
    "optimiser__name": "radam",
    "optimiser__schedule": "linear",
}
WORLDS = {
    "atari, both halves": (PONG, {}),
    "atari, lost lives, a ladder, BatchNorm": (
        BREAKOUT,
        {"exploration__kind": "ladder", "network__norm": "running", "agent__augmentation": "shift"},
    ),
    "rendered, LayerNorm": (
        CARTPOLE,
        {"network__norm": "layer", "env__num_envs": 2, "agent__batch_size": 6, "network__dropout": 0.3},
    ),
    "counting, random actions last": (COUNTING, {"exploration__kind": "persistent"}),
    "atari, noise explores": (PONG, {"network__noisy": True, "network__hidden": 8, "exploration__kind": "noisy"}),
}


@pytest.mark.parametrize("name", WORLDS)
def test_a_continued_run_equals_the_undisturbed_one(
    tmp_path, monkeypatch, watched, name, differences, everything, small, stop_at
):
    world, settings = WORLDS[name]
    settings = {**PQN, **settings}
    session = watched.train(small(tmp_path / "undisturbed", world, **settings))
    undisturbed, is_atari = everything(session), "atari" in name
    assert isinstance(session._env, SplitEnv) == is_atari
    monkeypatch.setattr("rlvision.training.trainer.MAX_ROWS", 2)
    config = small(tmp_path / "continued", world, **settings)
    left = []
    for env_steps in (33, 107):
        stop_at(monkeypatch, env_steps)
        stopped = watched.train(config)
        assert env_steps <= stopped._trainer._collector.env_steps < env_steps + 2 * config.env.num_envs
        left.append(stopped._agent.memory.rows_until_due())
    assert 0 < min(left) < config.agent.rollout_steps  # in the middle of a rollout
    assert differences(undisturbed, everything(watched.train(config))) == []


def test_halves_that_step_while_the_other_acts_equal_halves_that_step_in_turn(
    tmp_path, monkeypatch, watched, differences, everything, small
):
    def in_turn(self, rows):
        for _ in range(rows):
            parts, acts = self.env.parts, self._acting_in_turn()
            actions = [acts(half, part.observation, part.first) for half, part in enumerate(parts)]
            yield self._add(self.env.step(numpy_cat(actions)))

    def numpy_cat(actions):
        return torch.cat([torch.from_numpy(action) for action in actions]).numpy()

    settings = {**PQN, "exploration__end": 0.01, "exploration__decay_env_steps": 50}  # it changes within a rollout
    overlapped = everything(watched.train(small(tmp_path / "overlapped", PONG, **settings)))
    monkeypatch.setattr(Collector, "collect", in_turn)
    assert differences(overlapped, everything(watched.train(small(tmp_path / "in turn", PONG, **settings)))) == []


@pytest.mark.parametrize("kills", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_killed_again_and_again(own_code, tmp_path, kills, differences, everything, small, watched):
    fatal, rng = import_module("fatal"), random.Random(kills)
    settings = {**PQN, "tracking__log_every": 10}
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed", PONG, **settings)))
    config = small(tmp_path / "killed", PONG, **settings)
    places = [
        "half a checkpoint",
        *rng.choices(["an update", "a step of the environments", "an evaluation"], k=kills - 1),
    ]
    statuses = [Process(config, fatal.train_until, place, rng.randint(1, 4)).finish() for place in places]
    assert -signal.SIGKILL in statuses
    assert differences(undisturbed, everything(watched.train(config))) == []


def test_updates_come_between_rollouts_in_the_order_of_the_paper(tmp_path, monkeypatch, watched, small):
    """Rows 0 to 6 are the first rollout of 6 steps; then come 2 epochs of 3 minibatches, and so on every 6 rows."""
    events = []
    add, update = Collector._add, QLearner.update
    monkeypatch.setattr(Collector, "_add", lambda self, step: events.append("row") or add(self, step))
    monkeypatch.setattr(QLearner, "update", lambda self, batch: events.append("update") or update(self, batch))
    watched.train(small(tmp_path / "run", PONG, **PQN))
    rows = END // 4
    wanted = ["row"] * 7 + (["update"] * 6 + ["row"] * 6) * ((rows - 7) // 6) + ["update"] * 6
    assert events[: len(wanted)] == wanted
    assert events[len(wanted) :] == ["row"] * ((rows - 7) % 6)


def test_one_thread_acts_and_all_of_them_learn(tmp_path, monkeypatch, watched, small):
    threads = {"row": set(), "update": set()}
    add, update = Collector._add, QLearner.update

    def note(what, function):
        def noted(self, given):
            threads[what].add(torch.get_num_threads())
            return function(self, given)

        return noted

    monkeypatch.setattr(Collector, "_add", note("row", add))
    monkeypatch.setattr(QLearner, "update", note("update", update))
    try:
        watched.train(small(tmp_path / "run", PONG, **PQN, threads=2))
    finally:
        torch.set_num_threads(1)
    assert threads == {"row": {1}, "update": {2}}


def test_a_target_score_ends_a_run_between_rollouts_also_after_an_interruption(
    tmp_path, monkeypatch, watched, differences, everything, small, stop_at
):
    short = {**PONG, "env.max_episode_frames": 80}
    settings = {**PQN, "env_steps": 4000, "evaluation__target_score": -30.0, "evaluate_every": 0, "checkpoint_every": 0}
    session = watched.train(small(tmp_path / "undisturbed", short, **settings))
    ended = session._trainer._collector.env_steps
    assert 400 <= ended < 4000
    assert ended % 24 == 4  # a rollout of 6 steps of 4 environments, after the first row
    config = small(tmp_path / "continued", short, **settings)
    monkeypatch.setattr("rlvision.training.trainer.MAX_ROWS", 1)
    stop_at(monkeypatch, ended - 8)
    assert watched.train(config)._trainer._collector.env_steps == ended - 8
    assert differences(everything(session), everything(watched.train(config))) == []


@pytest.mark.parametrize("half", [0, 1])
def test_a_half_that_fails_names_its_error_and_the_last_checkpoint_continues(
    tmp_path, monkeypatch, watched, half, differences, everything, small
):
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed", PONG, **PQN)))
    config, finish, steps = small(tmp_path / "continued", PONG, **PQN), AtariEnv._finish, []

    def failing(self):
        steps.append(self)
        if len(steps) > 30 and self is steps[half]:
            raise EnvError("the emulator is gone")
        return finish(self)

    monkeypatch.setattr(AtariEnv, "_finish", failing)
    with pytest.raises(EnvError, match="the emulator is gone"):
        watched.train(config)
    monkeypatch.setattr(AtariEnv, "_finish", finish)
    assert [int(path.stem) for path in sorted((tmp_path / "continued" / "checkpoints").glob("*[0-9].ckpt"))] == [40]
    assert differences(undisturbed, everything(watched.train(config))) == []


def test_nothing_speaks_of_a_replay(tmp_path, watched, capsys, small):
    config = small(tmp_path / "run", **PQN)
    watched.train(config)
    assert "replay" not in capsys.readouterr().out
    text = (tmp_path / "run" / "config.yaml").read_text()
    assert "\nreplay:" not in text
    assert read_config(tmp_path / "run" / "config.yaml") == config
    names = [part.name for part in estimate_memory(config).parts]
    assert "rollout" in names
    assert "replay" not in names
    state = read_state(tmp_path / "run" / "checkpoints" / f"{END:012d}.ckpt")
    assert state["replay"] == []
    assert "target" not in state["trainer"]["agent"]["learner"]
    assert "replay" not in yaml.safe_load(text)["checkpoint"]
    Run(tmp_path / "run").export(tmp_path / "export")
    assert "replay" not in json.loads((tmp_path / "export" / "export.json").read_text())["training"]
    assert not [name for name in read_run_info(tmp_path / "run").settings if "replay" in name]
    main(["train", "quick", "--help"])
    shown = capsys.readouterr().out
    assert "--agent.rollout-steps" in shown
    assert "--checkpoint.keep" in shown
    assert "replay" not in shown.replace("rlvision replay", "").replace("a replay;", "").lower()
    main(["train", "cartpole-dqn", "--help"])
    assert "--replay.capacity" in capsys.readouterr().out


def test_wandb_hears_of_no_replay(tmp_path, monkeypatch, small):
    heard = []
    monkeypatch.setattr(
        "rlvision.runs.run_trackers.WandbTracker", lambda mode, folder, config, *others, **named: heard.append(config)
    )
    for agent in ("pqn", "dqn"):
        config = small(tmp_path / agent, **(PQN if agent == "pqn" else {}))
        make_trackers(config, tmp_path / agent, ConsoleTracker(1, ""))
    pqn, dqn = heard
    assert "replay" not in pqn
    assert "replay" not in pqn["checkpoint"]
    assert dqn["replay"]["capacity"] == 96
    assert pqn["agent"]["rollout_steps"] == 6


def test_the_estimate_counts_the_rows_of_a_rollout(tmp_path, small):
    config = small(tmp_path / "run", PONG, **{**PQN, "agent__rollout_steps": 50})
    (rollout,) = [part for part in estimate_memory(config).parts if part.name == "rollout"]
    pixels = 2 * 36 * 36
    assert rollout.nbytes == 51 * 4 * (pixels + 18)
    assert rollout.remedy == "lower agent.rollout_steps (50)"


def test_a_trained_agent_is_evaluated_and_exported(tmp_path, watched, small):
    config = small(tmp_path / "run", PONG, **{**PQN, "env_steps": 60}, network__norm="running")
    watched.train(config)
    run = Run(tmp_path / "run")
    scores = run.evaluate(games=2).scores
    run.export(tmp_path / "export")
    assert Run(tmp_path / "export").evaluate(games=2).scores == scores
    spec = run.make_env(1).rows.spec
    assert builders.make_network(config, spec).matches_reference  # so the chapter's class loads what it learned


REFUSED = [
    (
        {"agent__batch_size": 7},
        r"agent.batch_size to divide agent.rollout_steps \* env.num_envs \(24\), got 7: set it to 6",
    ),
    ({"network__norm": "joint"}, "without a target network for pqn, which has none, got joint: choose running"),
    ({"network__norm": "batch"}, "got batch: choose running"),
    ({"network__norm": "recalibrated"}, "got recalibrated: choose running"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED, ids=lambda value: str(value)[:30])
def test_settings_that_it_cannot_have_are_refused(tmp_path, settings, message, small):
    with pytest.raises(ConfigError, match=message):
        small(tmp_path / "run", **{**PQN, **settings})


def test_settings_that_only_other_agents_have_are_named_and_have_no_effect(tmp_path, small, caplog):
    idle = {"replay__capacity": 500, "checkpoint__replay": False, "agent__n_step": 5, "agent__quantiles": 9}
    config = small(tmp_path / "run", **PQN, **idle)
    assert config == small(tmp_path / "run", **PQN)
    names = "agent.n_step, agent.quantiles, checkpoint.replay, replay.capacity"
    (said,) = [record.getMessage() for record in caplog.records]
    assert sorted(said.removeprefix("without effect: ").partition(", which agent")[0].split(", ")) == names.split(", ")
    assert said.endswith("which agent pqn does not have")
    with pytest.raises(ConfigError, match=r"agent.n_step in the overrides to be .*, got 'many'"):
        small(tmp_path / "run", **PQN, agent__n_step="many")
    with pytest.raises(ConfigError, match=r"got 'agent.n_stop'"):
        small(tmp_path / "run", **PQN, agent__n_stop=5)


@pytest.mark.parametrize(("settings", "gathered"), [(PQN, 0), ({}, 24)])
def test_the_pace_of_a_rollout_counts_from_the_start(tmp_path, small, monkeypatch, settings, gathered):
    """Measured after the first rollout alone it would be that of its updates, with hardly an env step beside them."""
    asked = []

    def made(config, folder, learning_starts):
        asked.append(learning_starts)
        return make_console(config, folder, learning_starts)

    monkeypatch.setattr(session, "make_console", made)
    train(small(tmp_path / "run", **{**settings, "env_steps": 40}))
    assert asked == [gathered]


def test_a_presets_replay_gives_way(tmp_path):
    config = load_config("pong", {"agent.name": "pqn", "out": str(tmp_path)})
    assert config.replay == ReplaySettings()
    assert load_config("pong", {"agent.name": "pqn", "agent.gamma": 0.5, "out": str(tmp_path)}).agent.gamma == 0.5


def test_a_configuration_made_by_hand_continues_its_own_run(tmp_path, watched, small):
    """Its replay is not the default one, which a file of settings then has."""
    by_hand = replace(small(tmp_path / "run"), agent=small(tmp_path / "other", **PQN).agent, env_steps=100)
    config = replace(by_hand, env=replace(by_hand.env, num_envs=4))
    assert config.replay.capacity == 96
    watched.train(config)
    longer = watched.train(replace(config, env_steps=200))
    assert longer._trainer._collector.env_steps == 200


def test_a_checkpoint_from_before_there_were_rollouts_continues(tmp_path, monkeypatch, watched, small, stop_at):
    stop_at(monkeypatch, 60)
    session = watched.train(small(tmp_path / "run"))
    (path,) = session._folder.checkpoints.paths()[-1:]
    state = read_state(path)
    del state["trainer"]["learned_at"]
    session._folder.checkpoints.save(state["env_steps"], state)
    assert watched.train(small(tmp_path / "run"))._trainer._collector.env_steps == 160


def test_an_evaluation_that_fails_between_rollouts_leaves_a_checkpoint(tmp_path, monkeypatch, watched, small):
    def failing(self, env_steps, interrupted):
        raise EnvError("the evaluation's emulator is gone")

    monkeypatch.setattr("rlvision.runs.session.Session._evaluate", failing)
    with pytest.raises(EnvError, match="emulator is gone"):
        watched.train(small(tmp_path / "run", PONG, **PQN, checkpoint_every=0))
    assert [int(path.stem) for path in (tmp_path / "run" / "checkpoints").glob("*[0-9].ckpt")] == [120]


@pytest.mark.parametrize(("env_steps", "updates"), [(24, 0), (28, 6), (48, 6), (49, 12), (52, 12), (101, 24)])
def test_the_updates_of_a_run_are_known_beforehand(tmp_path, watched, capsys, env_steps, updates, small):
    config = small(tmp_path / "run", **{**PQN, "env_steps": env_steps, "evaluate_every": 0, "checkpoint_every": 0})
    assert config.agent.updates(env_steps, 4) == updates
    assert watched.train(config)._agent.learner.updates == updates
    assert ("nothing will be learned" in capsys.readouterr().out) == (updates == 0)


def test_a_rollout_that_does_not_fit_is_refused_by_its_own_setting(tmp_path, monkeypatch, small):
    monkeypatch.setattr("rlvision.runs.memory_estimate.available_bytes", lambda device: 10**9)
    config = small(tmp_path / "run", PONG, **{**PQN, "agent__rollout_steps": 200_000})
    with pytest.raises(MemoryBudgetError, match=r"^expected .*: lower agent.rollout_steps \(200,000\)"):
        estimate_memory(config).check_available()
