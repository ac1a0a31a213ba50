"""A trained agent's own games, as studies look at them: it acts on what it sees, and its points are counted."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from rlvision.runs import builders

ENVS = 8


class Clock:
    """Eight environments that show how many steps were taken; ``points`` has the rewards of each, by step."""

    def __init__(self, points=()):
        self.spec = SimpleNamespace(num_envs=ENVS, num_actions=3)
        self.points, self.now, self.actions = points, 0, []

    @property
    def observation(self):
        return np.full((ENVS, 1, 2, 2), self.now, dtype=np.uint8)

    def reset(self, seed):
        self.now = 0
        return self.observation

    def step(self, action):
        self.actions.append(action)
        self.now += 1
        reward, over = np.zeros(ENVS, dtype=np.float32), np.zeros(ENVS, dtype=bool)
        for i, points in enumerate(self.points):
            reward[i] = points.get(self.now, 0)
            over[i] = self.now == max(points)
        return SimpleNamespace(reward=reward, terminated=over, truncated=np.zeros(ENVS, dtype=bool))

    def close(self):
        self.now = -1


class Player:
    """Takes the number that it sees, by three."""

    config = "the run's"

    def __init__(self, env, monkeypatch):
        self.env, self.spec = env, env.spec
        monkeypatch.setattr(builders, "make_env", self.make_env)

    def make_env(self, config, num_envs):
        assert (config, num_envs) == (self.config, ENVS)
        return self.env

    def act(self, observation):
        return observation[:, 0, 0, 0].astype(int) % 3


def test_the_agent_acts_on_what_it_sees(monkeypatch):
    from studies.batchnorm.observing import observe

    player = Player(Clock(), monkeypatch)
    seen = observe(player, 20, seed=1, random_actions=0.0)
    assert [row[0] for row in player.env.actions] == [0, 1, 2, 0, 1, 2]
    assert seen.shape == (20, 1, 2, 2)
    assert seen[:, 0, 0, 0].tolist() == [0] * 8 + [2] * 8 + [4] * 4
    assert player.env.now == -1, "it is closed"


def test_some_actions_are_random_and_those_of_the_seed(monkeypatch):
    from studies.batchnorm.observing import observe

    def actions(seed, share):
        player = Player(Clock(), monkeypatch)
        observe(player, 400, seed, share)
        return np.stack(player.env.actions)

    assert np.array_equal(actions(1, 0.3), actions(1, 0.3))
    assert not np.array_equal(actions(1, 0.3), actions(2, 0.3))
    assert np.mean(actions(1, 0.3) != actions(1, 0.0)) == pytest.approx(0.2, abs=0.05)  # a third of them hit it


def test_points_of_a_game(monkeypatch):
    from studies.pong import points as pong_points

    losing, winning = {2: -1, 4: -1, 7: 1}, {3: 1, 5: -1}
    player = Player(Clock([losing, winning] + [winning] * 6), monkeypatch)
    first, second, third = pong_points.play(player, games=3, seed=0)
    assert [(point.won, point.decisions) for point in first] == [(False, 2), (False, 2), (True, 3)]
    assert [(point.won, point.decisions) for point in second] == [(True, 3), (False, 2)]
    assert third == second
    assert [row[0] for row in player.env.actions] == [0, 1, 2, 0, 1, 2, 0], "it acts on what it sees"


def test_more_games_than_environments(monkeypatch):
    from studies.pong import points as pong_points

    assert len(list(pong_points.play(Player(Clock([{1: -1}] * 8), monkeypatch), games=11, seed=0))) == 11


def test_the_table_of_points(monkeypatch, capsys):
    from studies.pong import points as pong_points

    points = [{2: -1, 4: -1, 7: 1, 9: -1}] + [{1: -1}] * 7
    monkeypatch.setattr(pong_points, "Run", lambda *_, **__: Player(Clock(points), monkeypatch))
    monkeypatch.setattr(sys, "argv", ["points.py", "--agents", "anyone", "--games=2"])
    pong_points.main()
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "anyone" in line]
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["anyone", "-1.5", "-2", "4", "2 of 2"]


def test_no_agent_is_one_line(monkeypatch):
    from studies.pong import points as pong_points

    monkeypatch.setattr(sys, "argv", ["points.py", "--agents", "nobody-here"])
    with pytest.raises(SystemExit, match="nobody-here"):
        pong_points.main()
