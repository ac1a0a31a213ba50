"""A training game played again is the game of training, bit for bit, wherever on its action log it lies."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlvision.core.errors import CheckpointError
from rlvision.core.types import BoolArray, EnvStep, FloatArray, IntArray, UInt8Array
from rlvision.envs.game_archive import GameArchive, GameRecorder, RecordedGame, read_games
from rlvision.envs.screen import make_screen
from rlvision.envs.vector_env import ReplayableVectorEnv
from rlvision.learning.schedules import Constant
from rlvision.training.collector import Collector, DiscountedReturns
from rlvision.watch.game_replay import GameReplay, choose_game
from rlvision.watch.rollout import RolloutStep, game_of

SMALL: dict[str, Any] = {"height": 36, "width": 36, "stack": 2}
PONG = ("pong", {**SMALL, "sticky": 0.25, "max_episode_frames": 120, "fire_on_reset": False})
NEVER_RESEEDED = ("pong", {**SMALL, "max_episode_frames": 100, "noop_max": 30})
BREAKOUT = ("breakout", {**SMALL, "life_loss": True, "fire_on_reset": True, "reseed_after": 60})
CARTPOLE = ("CartPole-v1", {**SMALL, "crop": (160, 320, 0, 600)})
DRIFTING = ("small_worlds:Drifting", {"height": 32, "width": 32, "stack": 1, "kwargs": {"lengths": (9,)}})


class Recall:
    """A memory of every row, to be compared with."""

    def __init__(self) -> None:
        self.rows: list[EnvStep] = []

    def add(self, step: EnvStep) -> None:
        self.rows.append(step)

    def games(self) -> list[list[UInt8Array]]:
        """The observations acted on, game by game, as the games ended."""
        games: list[list[UInt8Array]] = []
        on: list[list[UInt8Array]] = [[] for _ in self.rows[0].action]  # of each environment, the game that is on
        for row in self.rows:
            for i in np.flatnonzero(row.first).tolist():
                games += [on[i]] if on[i] else []
                on[i] = []
            for game, observation in zip(on, row.observation, strict=True):
                game.append(observation)
        return games


class Fumbling:
    """Random actions, FIRE more often than not."""

    def __init__(self, actions: int) -> None:
        self.rng, self.actions = np.random.default_rng(1), actions

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        chosen = self.rng.integers(0, self.actions, len(observation))
        return np.where(self.rng.random(len(observation)) < 0.4, 1, chosen)


def no_thoughts(env: ReplayableVectorEnv) -> Any:
    def q_values(observation: UInt8Array) -> FloatArray:
        return np.zeros((len(observation), env.spec.num_actions), dtype=np.float32)

    return q_values


@pytest.fixture
def train(made):
    def _train(folder: Path, world: tuple[str, dict[str, Any]], rows: int, num_envs: int = 2) -> Recall:
        name, settings = world
        env, memory = made(name, num_envs, split=True, **settings), Recall()
        recorder = GameRecorder(env, GameArchive(folder, 2**20))
        returns = DiscountedReturns(num_envs, Constant(0.9), None)
        collector = Collector(env, Fumbling(env.spec.num_actions), memory, returns, recorder)  # type: ignore[arg-type]
        env.reset(5)
        for _ in range(rows):
            collector.send()
            collector.recv()
        recorder.close()
        env.close()
        return memory

    return _train


@pytest.fixture
def play_again(made):
    def _play_again(
        games: list[RecordedGame], game: RecordedGame, world: tuple[str, dict[str, Any]], **how: Any
    ) -> tuple[list[RolloutStep], GameReplay]:
        name, settings = world
        env = made(name, 1, **settings)
        replay = GameReplay(game, games, env, make_screen(env), no_thoughts(env), **how)
        rollout_steps = list(replay.rollout)
        env.close()
        return rollout_steps, replay

    return _play_again


def outcome(rollout_steps: list[RolloutStep], replay: GameReplay) -> str:
    return replay.outcome([game_of(rollout_step) for rollout_step in rollout_steps if rollout_step.last])


@pytest.mark.parametrize(
    ("world", "rows", "which", "num_envs"),
    [
        (PONG, 130, (0, 5), 2),
        (NEVER_RESEEDED, 110, (0, 6), 2),
        (BREAKOUT, 330, (0, -1), 2),
        (BREAKOUT, 330, (2, -1), 4),
        (CARTPOLE, 120, (0, 7), 2),
    ],
    ids=["sticky actions", "many games on an action log", "lives, FIRE, new seeds", "in two halves", "CartPole"],
)
def test_a_replay_shows_what_the_training_saw_bit_for_bit(
    tmp_path: Path,
    world: tuple[str, dict[str, Any]],
    rows: int,
    which: tuple[int, int],
    num_envs: int,
    play_again,
    train,
) -> None:
    memory = train(tmp_path, world, rows, num_envs)
    games, seen = read_games(tmp_path), memory.games()
    assert len(games) == len(seen) > 2
    for index in which:
        rollout_steps, replay = play_again(games, games[index], world)
        observed = [rollout_step.observation for rollout_step in rollout_steps]
        np.testing.assert_array_equal(observed, seen[index][:-1])  # the last of a game is acted on by nobody
        assert outcome(rollout_steps, replay).startswith("the game of training")
        assert [rollout_step.action for rollout_step in rollout_steps] == list(games[index].actions[:-1])
        assert rollout_steps[-1].score == games[index].score
    if world is NEVER_RESEEDED:
        assert games[which[1]].start > 60
    if world is BREAKOUT:
        assert {rollout_step.lives for rollout_step in rollout_steps} >= {5, 4, 3}
        assert len({game.seed for game in games}) > 2


def test_a_game_in_the_middle_of_a_tape_opens_with_its_own_first_picture(tmp_path: Path, play_again, train) -> None:
    world = ("pong", {**NEVER_RESEEDED[1], "height": 210, "width": 160, "gray": False, "stack": 1})
    memory = train(tmp_path, world, 60)
    games = read_games(tmp_path)
    index = next(index for index, game in enumerate(games) if game.start > 0)
    rollout_steps, _ = play_again(games, games[index], world)
    np.testing.assert_array_equal(rollout_steps[0].frames[0], memory.games()[index][0].transpose(1, 2, 0))


def test_a_recording_of_another_game_is_not_taken_for_it(tmp_path: Path, play_again, train) -> None:
    train(tmp_path, CARTPOLE, 60)
    games = read_games(tmp_path)
    first, other = games[0], next(game for game in games if game.length != games[0].length)
    mixed = RecordedGame(**{name: getattr(first, name) for name in RecordedGame.__slots__} | {"seed": other.seed})
    rollout_steps, replay = play_again([mixed], mixed, CARTPOLE)
    assert "NOT" in outcome(rollout_steps, replay)
    wrong_score = RecordedGame(**{name: getattr(first, name) for name in RecordedGame.__slots__} | {"score": 99.0})
    rollout_steps, replay = play_again([wrong_score], wrong_score, CARTPOLE)
    said = outcome(rollout_steps, replay)
    assert said.startswith(f"NOT the game of training: recorded are score 99 and {first.length} decisions")
    assert "does not repeat itself" in said


def test_a_world_that_does_not_repeat_itself_is_told(tmp_path: Path, play_again, train) -> None:
    train(tmp_path, DRIFTING, 30)
    games = read_games(tmp_path)
    rollout_steps, replay = play_again(games, games[0], DRIFTING)
    assert outcome(rollout_steps, replay) == (
        "the recorded score, but NOT the recorded pictures: the environment does not repeat itself exactly"
    )


def test_a_replay_that_is_cut_short_claims_nothing(tmp_path: Path, play_again, train) -> None:
    train(tmp_path, CARTPOLE, 60)
    games = read_games(tmp_path)
    rollout_steps, replay = play_again(games, games[0], CARTPOLE, max_steps=3)
    assert len(rollout_steps) == 3
    assert outcome(rollout_steps, replay).startswith("cut short")
    assert replay.outcome([]).startswith("cut short")  # the viewer left


def test_games_are_chosen_by_score_or_number(tmp_path: Path, train) -> None:
    train(tmp_path, CARTPOLE, 150)
    games = read_games(tmp_path)
    scores = [game.score for game in games]
    assert choose_game(games, "best").number == 1 + scores.index(max(scores))
    assert choose_game(games, "worst").number == 1 + scores.index(min(scores))
    assert choose_game(games, "last") is games[-1]
    assert choose_game(games, "2") is games[1]
    with pytest.raises(CheckpointError, match=rf"best, worst, last or a number from 1 to {len(games)}, got '0'"):
        choose_game(games, "0")
    with pytest.raises(CheckpointError, match="expected recorded training games in the run folder, got none"):
        choose_game([], "best")
