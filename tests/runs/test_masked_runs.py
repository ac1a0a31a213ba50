"""Runs in worlds where not all actions are legal: none is ever sent, whatever explores, learns, plays or shows."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rlvision.cli.main import main
from rlvision.core.action_masks import mask_of
from rlvision.core.errors import ConfigError
from rlvision.envs.screen import make_screen
from rlvision.runs.checkpoint import read_state, write_state
from rlvision.runs.media import InterruptiblePolicy
from rlvision.runs.run import Run
from rlvision.runs.training import train
from rlvision.watch.game_replay import RecordedActions
from rlvision.watch.rollout import Rollout
from rlvision.watch.web.human_policy import HumanPolicy
from tests.conftest import COUNTING

GATED = {**COUNTING, "env.game": "tests.own.masked_worlds:Gated", "env.max_restarts": 0}
"""A world in which an illegal action is an error, and any error ends the run."""
PQN = {"agent__name": "pqn", "agent__rollout_steps": 6, "agent__batch_size": 6}
NOISY = {"network__noisy": True, "network__hidden": 8, "exploration__kind": "noisy"}


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"exploration__kind": "ladder", "agent__double": False},
        {"exploration__kind": "softmax", "agent__name": "qr_dqn"},
        {"exploration__kind": "persistent", "replay__prioritised": True},
        {**NOISY, "network__norm": "joint"},
        PQN,
        {**PQN, **NOISY},
        {**PQN, "exploration__kind": "persistent"},
        {"env__frameskip": 3, "env__num_workers": 2},
    ],
    ids=["epsilon", "ladder", "softmax", "persistent", "noisy", "pqn", "pqn noisy", "pqn persistent", "frameskip"],
)
def test_no_illegal_action_is_sent_in_training_and_evaluation(tmp_path, watched, small, metrics, how):
    agent = watched.train(small(tmp_path, GATED, env_steps=96, evaluation__epsilon=0.5, **how))._agent
    assert agent.learner.updates > 0
    rows = metrics(tmp_path)
    assert sum("evaluate/score_mean" in row for row in rows) or any("evaluate/best" in row for row in rows)


@pytest.mark.parametrize("how", [{"exploration__kind": "persistent"}, PQN], ids=["replay", "rollout"])
def test_a_continued_run_equals_the_undisturbed_one(
    tmp_path, monkeypatch, watched, differences, everything, small, stop_at, how
):
    undisturbed = everything(watched.train(small(tmp_path / "undisturbed", GATED, **how)))
    for env_steps in (33, 107):
        stop_at(monkeypatch, env_steps)
        watched.train(small(tmp_path / "continued", GATED, **how))
    assert differences(undisturbed, everything(watched.train(small(tmp_path / "continued", GATED, **how)))) == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory, small):
    folder = tmp_path_factory.mktemp("masked") / "run"
    train(small(folder, GATED, env_steps=120, tracking__video_every=1, tracking__video_steps=8))
    return folder


def test_games_are_evaluated_watched_and_replayed(trained, tmp_path):
    run = Run(trained, device="cpu", trust_imports=True)
    assert len(run.evaluate(games=5, epsilon=0.7, num_envs=3).episodes) == 5
    assert run.watch(html=tmp_path / "game.html", epsilon=0.7)[0].over
    for episode in ("best", "worst", 1):
        assert run.replay(episode, html=tmp_path / f"{episode}.html").outcome.startswith("the game of training")


def test_the_videos_of_a_training_respect_masks_too():
    policy = SimpleNamespace(act=lambda *seen, mask=None: (seen, mask))
    recording = InterruptiblePolicy(policy, lambda: None)
    assert recording.act(1, 2, 3, mask=4) == ((1, 2, 3), 4)
    assert recording.act(1, 2, 3) == ((1, 2, 3), None)


def test_actions_of_a_run_are_legal_by_an_optional_mask(trained):
    run = Run(trained, device="cpu", trust_imports=True)
    env = run._make_env(run.config, 5)
    observation = env.reset(seed=3)
    mask = mask_of(env)
    q_values = torch.from_numpy(run.q_values(observation))
    assert run.act(observation).tolist() == q_values.argmax(1).tolist()
    legal = q_values.masked_fill(~torch.from_numpy(mask), -torch.inf).argmax(1)
    assert run.act(observation, mask=mask).tolist() == legal.tolist()
    for _ in range(12):
        env.step(run.act(env.observation, mask_of(env)))
    env.close()


def test_an_illegal_action_is_shown_as_one(trained):
    run = Run(trained, device="cpu", trust_imports=True)
    env, masks = run._make_env(run.config, 1), []
    policy = run._policy(0.5, seed=1)
    noting = SimpleNamespace(act=lambda *seen, mask: masks.append(mask[0]) or policy.act(*seen, mask=mask))
    steps = list(Rollout(env, make_screen(env), run.q_values, noting, seed=2, games=1))
    env.close()
    for step, mask in zip(steps, masks, strict=False):
        assert ((step.q_values == -np.inf) == ~mask).all()
        assert mask[step.action]


def test_another_game_than_the_recorded_one_is_told_from_it(trained):
    """The recorded actions are illegal in a game that has gone another way."""
    run = Run(trained, device="cpu", trust_imports=True)
    env = run._make_env(run.config, 1)
    policy = RecordedActions([0, 1, 2, 3] * 3)
    env.reset(seed=8)
    for step in range(12):
        mask = mask_of(env)
        action = policy.act(env.observation, env.first, step, mask=mask)
        assert mask[0, action[0]]
        env.step(action)
    env.close()


def test_an_illegal_key_of_a_person_does_not_end_the_game(trained):
    run = Run(trained, device="cpu", trust_imports=True)
    env = run._make_env(run.config, 1)
    person = HumanPolicy(run._policy(0.5, 1), env.spec.action_meanings)
    env.reset(seed=8)
    for step in range(20):
        person.take_over(1) if step % 3 else person.release()
        person.hold(step % 4)
        mask = mask_of(env)
        action = person.act(env.observation, env.first, step, mask=mask)
        assert mask[0, action[0]]
        env.step(action)
    env.close()


def test_check_says_that_the_world_gives_masks(tmp_path, capsys):
    assert main(["check", "tests.own.masked_worlds:Gated", f"--out={tmp_path / 'check.png'}", "--decisions=60"]) == 0
    assert "which actions are legal (info['action_mask'])" in " ".join(
        capsys.readouterr().out.replace("│", " ").split()
    )


def test_an_agent_of_ones_own_with_its_own_memory_is_refused_by_name(tmp_path, small):
    own = {"agent__name": "own_agents:Online"}
    with pytest.raises(ConfigError, match=r"got own_agents:Online, whose policy Sticky does not say that it does"):
        train(small(tmp_path, GATED, **own))


def test_a_run_from_before_the_masks_is_not_continued_but_played(tmp_path, watched, small, trained):
    folder = tmp_path / "run"
    watched.train(small(folder, GATED, env_steps=40))
    for path in (folder / "checkpoints").glob("*.ckpt"):
        state = read_state(path)
        assert state["spec"].pop("mask_size") == 4
        write_state(path, state)
    assert Run(folder, device="cpu", trust_imports=True).evaluate(games=1).episodes
    with pytest.raises(ConfigError, match=r"expected an environment without action masks, as when .* network=dict"):
        train(small(folder, GATED, env_steps=80))
    fresh = small(tmp_path / "fresh", GATED, env_steps=40, network__init=str(folder))
    assert train(fresh).env_steps == 40


def test_an_agent_learns_what_is_legal_to_do(tmp_path, small):
    """Of six doors two are open; a closed one costs 100. With masks no game falls, in training or after it."""
    world = {**COUNTING, "env.game": "tests.own.masked_worlds:Trapdoor", "env.width": 48, "env.stack": 1}
    run = train(small(tmp_path, world, env_steps=300, evaluate_every=0, agent__n_step=1, evaluation__games=3))
    assert min(game.score for game in run.games()) >= 0
    assert min(game.score for game in run.evaluate(games=10, epsilon=0.5).episodes) >= 0
