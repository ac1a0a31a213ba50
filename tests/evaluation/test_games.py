"""Evaluation: whole games, raw scores, the same games whatever is played beside them, and an honest interval."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from hashlib import blake2b
from itertools import chain, repeat
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rlvision.core.errors import ConfigError, EnvError
from rlvision.core.types import BoolArray, EnvSpec, EnvStep, Episode, IntArray, UInt8Array
from rlvision.envs.counting_env import game_length, read, reward
from rlvision.evaluation.episode_limits import EpisodeLimits
from rlvision.evaluation.games import EvaluationCancelled, evaluate
from rlvision.evaluation.result import Evaluation
from rlvision.evaluation.scheduler import ROWS, game_seed, q_values
from rlvision.evaluation.settings import EvaluationSettings
from tests.conftest import AS_DRAWN, COUNTING_ENV

ACTIONS = 4
SEED = 5
PATIENCE = 3_000
Game = tuple[Sequence[float], str]
"""Rewards, and how they end: "T" terminated, "t" truncated, "!" lost; a life is lost at every reward of 0.5."""


class ScriptedEnv:
    """Plays game i of a script where it is reset by the seed of game i; notes what it was asked."""

    def __init__(self, num_envs: int, *script: Game) -> None:
        self.spec = EnvSpec(num_envs, (1, 1, 1), 1, tuple("abcd"), frameskip=3)
        self._script = {game_seed(SEED, number): game for number, game in enumerate(script)}
        self._rows: list[Any] = []
        self._next: list[Any] = []
        self.begun: list[int] = []
        self.actions: list[list[int]] = []
        self.fails_at: dict[int, int] = {}  # game -> how often another begins instead, as where a reset fails
        self._seeds = [0] * num_envs

    @property
    def observation(self) -> UInt8Array:
        return np.full((self.spec.num_envs, 1, 1, 1), len(self.actions) % 256, np.uint8)

    @property
    def first(self) -> BoolArray:
        return np.array([row[3] for row in self._next])

    def rewind(self, seeds: Sequence[int]) -> UInt8Array:
        self._rows, self._next = [None] * len(seeds), [None] * len(seeds)
        return self.begin_games(dict(enumerate(seeds)))

    def begin_games(self, seeds: Mapping[int, int]) -> UInt8Array:
        self.begun += seeds.values()
        for place, wanted in seeds.items():
            seed = self._begin(wanted)
            self._seeds[place] = seed
            self._rows[place] = rows(self._script.get(seed, ([1.0], "T")))
            self._next[place] = next(self._rows[place])
        return self.observation

    def seeds(self) -> tuple[int, ...]:
        return tuple(self._seeds)

    def _begin(self, seed: int) -> int:
        if self.fails_at.get(seed, 0) == 0:
            return seed
        self.fails_at[seed] -= 1
        return seed + 1

    def send(self, action: IntArray) -> None:
        if len(self.actions) == PATIENCE:
            raise RuntimeError("the evaluation does not end")
        self.actions.append(action.tolist())

    def recv(self) -> EnvStep:
        action = np.array(self.actions[-1])
        value, terminated, truncated, first = (np.array(column) for column in zip(*self._next, strict=True))
        self._next = [next(rows) for rows in self._rows]
        return EnvStep(self.observation, action, value.astype(np.float32), terminated, truncated, first)


def rows(game: Game) -> Any:
    """(reward, terminated, truncated, first) for ever; an ended game's last observation makes a row of its own."""
    for rewards, ending in chain([game], repeat(([1.0], "T"))):
        for t, value in enumerate(rewards):
            last = t == len(rewards) - 1
            yield value, (last and ending == "T") or value == 0.5, last and ending == "t", t == 0
        if ending != "!":
            yield 0.0, False, False, False


def q_function(observation: UInt8Array) -> Tensor:
    """The best action follows the time."""
    return torch.eye(ACTIONS)[torch.from_numpy(observation[:, 0, 0, 0]).long() % ACTIONS]


def played(env: Any, games: int, *, epsilon: float = 0.0, seed: int = SEED, **how: Any) -> Evaluation:
    return evaluate(env, q_function, EvaluationSettings(games=games, epsilon=epsilon), seed=seed, **how)


def scores(*values: float) -> Evaluation:
    return Evaluation(tuple(Episode(value, 1, 1, 0) for value in values))


@pytest.fixture
def counting(made):
    def _counting(num_envs: int, **settings: Any) -> Any:
        kwargs = {"lengths": (5, 1, 9), "ending": "alternate"}
        return made(COUNTING_ENV, num_envs, stack=2, kwargs=kwargs, **AS_DRAWN, **settings)

    return _counting


# Scores.


@pytest.mark.parametrize("num_envs", [1, 2, 5])
def test_scores_are_raw_sums_of_whole_games(num_envs: int) -> None:
    """Lost lives end no game, rewards are not clipped, and a truncated game counts like any other."""
    script = [([9.0, 0.5, -3.0, 0.5, 100.0], "T"), ([-21.0, 0.25], "t"), ([0.5, 0.5, 7.0], "t"), ([0.5], "T")]
    games = played(ScriptedEnv(num_envs, *script), 4).episodes
    assert [(game.score, game.length, game.frames) for game in games] == [
        (107.0, 5, 15),
        (-20.75, 2, 6),
        (8.0, 3, 9),
        (0.5, 1, 3),
    ]
    assert [game.seed for game in games] == [game_seed(SEED, number) for number in range(4)]


def test_short_games_are_not_favoured() -> None:
    """Game i counts, not the i-th to be over; and every environment is given the next as soon as it has none."""
    long, short = ([1.0] * 40, "T"), ([2.0], "T")
    env = ScriptedEnv(2, long, *[short] * 19)
    assert played(env, 20).scores == [40.0, *[2.0] * 19]
    assert sorted(env.begun) == sorted(game_seed(SEED, number) for number in range(20))
    assert len(env.actions) == 41  # 19 short games take 2 rows each: never is one waited for


def test_environments_without_a_game_are_played_along_and_left_out() -> None:
    env = ScriptedEnv(3, ([1.0] * 9, "T"), ([2.0], "T"), ([3.0] * 4, "T"))
    assert played(env, 2).scores == [9.0, 2.0]


def test_no_game_is_no_evaluation() -> None:
    with pytest.raises(ConfigError, match="expected at least 1 game to evaluate, got 0"):
        played(ScriptedEnv(1), 0)


@pytest.mark.parametrize("num_envs", [1, 3])
def test_real_games_are_whole_and_begin_with_their_seed(num_envs: int, counting) -> None:
    """The pictures say what was played: the games asked for, from start to end."""
    env, seen = counting(num_envs), []

    def watching(observation: UInt8Array) -> Tensor:
        seen.extend(read(frames[-1:]) for frames in observation)
        return torch.zeros(ROWS, ACTIONS)

    games = evaluate(env, watching, EvaluationSettings(games=9, epsilon=0.0), seed=3).episodes
    env.close()
    assert [game.seed for game in games] == [game_seed(3, number) for number in range(9)]
    for game in games:
        length = game_length(game.seed, (5, 1, 9))
        assert (game.length, game.frames) == (length, length)
        assert game.score == sum(reward(game.seed, step) for step in range(1, length + 1))
        assert [step for number, step in seen if number == game.seed] == list(range(length + 1))
    assert {game.length for game in games} == {1, 5, 9}
    assert {game.seed % 2 for game in games} == {0, 1}  # some terminated, some were truncated


# The same games, whatever is played beside them.


def test_seeds_are_a_fixed_function_so_that_old_evaluations_can_be_repeated() -> None:
    assert [game_seed(0, 0), game_seed(0, 1), game_seed(7, 0)] == [606772354, 2007558462, 530660317]
    assert len({game_seed(seed, number) for seed in range(20) for number in range(50)}) == 1_000


def test_games_do_not_depend_on_the_number_of_environments_nor_of_games(counting) -> None:
    whole = played(counting(1), 11, epsilon=0.4)
    for num_envs, games, workers in ((2, 11, 0), (5, 11, 2), (11, 11, 0), (16, 11, 0), (4, 6, 0), (1, 3, 0)):
        env = counting(num_envs, num_workers=workers)
        assert played(env, games, epsilon=0.4).episodes == whole.episodes[:games]
        env.close()


def fingerprints(env: Any, games: int, spec: EnvSpec) -> tuple[Evaluation, list[str]]:
    """What a linear policy saw and did in each of at most `ROWS` games: row i of a batch is that of game i."""
    weights = torch.randn(int(np.prod(spec.observation_shape)), spec.num_actions, generator=torch.manual_seed(2))
    seen = [blake2b() for _ in range(games)]

    def watching(observation: UInt8Array) -> Tensor:
        for game, frames in zip(seen, observation, strict=False):
            if frames.any():  # a blank row is that of a game not on
                game.update(frames.tobytes())
        return torch.from_numpy(observation).flatten(1).float() @ weights

    evaluation = evaluate(
        env, watching, EvaluationSettings(games=games, epsilon=0.2), seed=1, limits=EpisodeLimits(max_frames=100)
    )
    env.close()
    return evaluation, [game.hexdigest() for game in seen]


@pytest.mark.parametrize(
    ("game", "settings"),
    [
        ("breakout", {"sticky": 0.25, "life_loss": True, "max_episode_frames": 80}),
        ("pong", {"noop_max": 30, "crop": (34, 194, 0, 160), "sticky": 0.25}),
    ],
)
def test_every_pixel_of_an_atari_game_is_the_same_in_any_number_of_environments(game: str, settings: Any, made) -> None:
    def fingerprints_of(num_envs: int) -> tuple[Evaluation, list[str]]:
        env = made(game, num_envs, split=True, height=36, width=36, stack=2, **settings)
        return fingerprints(env, 5, env.spec)

    alone, beside, in_halves = fingerprints_of(1), fingerprints_of(3), fingerprints_of(4)
    assert alone == beside == in_halves
    assert len(set(alone[1])) == 5


def test_scores_are_the_same_in_halves_and_whole_whatever_the_number_of_environments(made) -> None:
    def evaluation_of(num_envs: int, split: bool) -> Evaluation:
        env = made("breakout", num_envs, split=split, height=36, width=36, stack=2, sticky=0.25)
        weights = torch.randn(2 * 36 * 36, env.spec.num_actions, generator=torch.manual_seed(2))
        settings = EvaluationSettings(games=7, epsilon=0.3)
        with closing(env):
            return evaluate(
                env,
                lambda observation: torch.from_numpy(observation).flatten(1).float() @ weights,
                settings,
                seed=3,
                limits=EpisodeLimits(max_frames=240),
            )

    whole = evaluation_of(1, False)
    assert len(set(whole.scores)) > 1
    for num_envs, split in ((2, True), (5, True), (16, True)):
        assert evaluation_of(num_envs, split) == whole


class Halves:
    """Two halves that write on one tape what they do."""

    def __init__(self, tape: list[str], *halves: ScriptedEnv) -> None:
        self.parts = [Taped(name, half, tape) for name, half in zip("ab", halves, strict=True)]
        self.spec = replace(halves[0].spec, num_envs=sum(half.spec.num_envs for half in halves))


class Taped:
    """A half, which says when it is stepping."""

    def __init__(self, name: str, env: ScriptedEnv, tape: list[str]) -> None:
        self._name, self._env, self._tape = name, env, tape

    def __getattr__(self, name: str) -> Any:
        return getattr(self._env, name)

    def send(self, action: IntArray) -> None:
        self._tape.append(f"send {self._name}")
        self._env.send(action)

    def recv(self) -> EnvStep:
        self._tape.append(f"recv {self._name}")
        return self._env.recv()


def test_while_one_half_steps_the_network_acts_for_the_other() -> None:
    tape: list[str] = []
    script = [([1.0] * 2, "T"), ([2.0], "T"), ([3.0] * 2, "T")]
    env = Halves(tape, ScriptedEnv(1, *script), ScriptedEnv(1, *script))

    def acting(observation: UInt8Array) -> Tensor:
        tape.append("act")
        return q_function(observation)

    assert evaluate(env, acting, EvaluationSettings(games=3, epsilon=0.0), seed=SEED).scores == [2.0, 2.0, 6.0]  # type: ignore[arg-type]
    in_both = ["act", "send a", "act", "send b", "recv a", "act", "send a", "recv b", "act", "send b", "recv a"]
    assert tape[: len(in_both)] == in_both
    assert tape.count("recv a") == tape.count("send a") == 3  # and game 2 where game 1 was, as that one was over first
    assert tape.count("recv b") == tape.count("send b") == 5


def test_an_abandoned_evaluation_leaves_no_half_in_a_step() -> None:
    tape: list[str] = []
    script = [([1.0] * 9, "T")] * 2
    env = Halves(tape, ScriptedEnv(1, *script), ScriptedEnv(1, *script))
    settings = EvaluationSettings(games=2, epsilon=0.0)
    with pytest.raises(EvaluationCancelled):
        evaluate(env, q_function, settings, seed=SEED, interrupted=lambda: len(tape) > 4)  # type: ignore[arg-type]
    assert tape.count("send a") == tape.count("recv a") > 0
    assert tape.count("send b") == tape.count("recv b") > 0


def test_a_free_place_gets_a_game_whose_row_of_the_batch_is_free() -> None:
    """Game 8 shares its row with game 0, which is long: games 9 to 11 begin before it."""
    batches: list[int] = []
    long, short = ([1.0] * 20, "T"), ([2.0], "T")
    env = ScriptedEnv(8, long, *[short] * 11)

    def counting_batches(observation: UInt8Array) -> Tensor:
        batches.append(len(env.actions))
        return q_function(observation)

    evaluate(env, counting_batches, EvaluationSettings(games=12, epsilon=0.0), seed=SEED)
    assert env.begun[8:] == [game_seed(SEED, number) for number in (9, 10, 11, 8)]
    assert [batches.count(step) for step in range(5)] == [1, 1, 2, 2, 1]  # only game 8 needs a batch of its own


def test_torch_computes_with_one_thread_in_an_evaluation_and_as_before_after_it() -> None:
    threads: list[int] = []

    def noting(observation: UInt8Array) -> Tensor:
        threads.append(torch.get_num_threads())
        return q_function(observation)

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        evaluate(ScriptedEnv(1, ([1.0], "T")), noting, EvaluationSettings(games=1), seed=SEED)  # type: ignore[arg-type]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert set(threads) == {1}


def test_the_observation_of_a_game_has_its_own_row_in_batches_of_one_size() -> None:
    asked: list[list[int]] = []

    def noting(observation: UInt8Array) -> Tensor:
        asked.append(observation[:, 0, 0, 0].tolist())
        return torch.from_numpy(observation[:, 0, 0, :1]).float() * 10

    numbers = [0, 11, 3, 8, 19]
    observation = np.array([50, 61, 53, 58, 69], np.uint8).reshape(5, 1, 1, 1)
    assert ROWS == 8
    assert q_values(noting, observation, numbers).squeeze(1).tolist() == [500, 610, 530, 580, 690]
    assert asked == [[50, 0, 0, 61, 0, 0, 0, 0], [58, 0, 0, 53, 0, 0, 0, 0], [0, 0, 0, 69, 0, 0, 0, 0]]


def test_games_and_exploration_repeat_with_the_seed_and_change_with_it(counting) -> None:
    env = counting(2)
    first = played(env, 3, epsilon=0.3)
    other = played(env, 3, epsilon=0.3, seed=6)
    assert played(env, 3, epsilon=0.3) == first
    assert {game.seed for game in other.episodes}.isdisjoint({game.seed for game in first.episodes})
    env.close()


def test_every_game_explores_in_its_own_way() -> None:
    """Game 1 acts alike, alone or beside others; game 0 acts otherwise."""
    long = ([1.0] * 60, "T")
    beside, alone = ScriptedEnv(2, long, long), ScriptedEnv(1, ([1.0], "T"), long)
    played(beside, 2, epsilon=1.0)
    played(alone, 2, epsilon=1.0)
    game_0, game_1 = np.array(beside.actions)[:60].T.tolist()
    assert game_1 == np.array(alone.actions)[2:62, 0].tolist()
    assert game_0 != game_1


@pytest.mark.parametrize(("epsilon", "greedy"), [(0.0, 1.0), (0.5, 0.625), (1.0, 0.25)])
def test_epsilon_is_the_share_of_random_actions(epsilon: float, greedy: float) -> None:
    env = ScriptedEnv(2, ([1.0] * 400, "T"), ([1.0] * 400, "T"))
    played(env, 2, epsilon=epsilon)
    best = np.arange(len(env.actions))[:, None] % 256 % ACTIONS
    share = (np.array(env.actions) == best).mean()
    assert share == pytest.approx(greedy, abs=4 * np.sqrt(greedy * (1 - greedy) / (2 * len(env.actions))))


# Games that do not end.


@pytest.mark.parametrize("num_envs", [1, 2, 3])
def test_a_game_that_another_began_in_place_of_is_played_again_and_then_another(num_envs: int) -> None:
    """Game 0 cannot be begun once, game 1 never: game 3 stands in for it. Where they are played changes nothing."""
    env = ScriptedEnv(num_envs, *(([float(number)], "T") for number in range(4)))
    env.fails_at = {game_seed(SEED, 0): 1, game_seed(SEED, 1): 2}
    evaluation = played(env, 3)
    assert [episode.score for episode in evaluation.episodes] == [0.0, 2.0, 3.0]
    assert [episode.seed for episode in evaluation.episodes] == [game_seed(SEED, number) for number in (0, 2, 3)]


def test_a_game_truncated_by_its_environment_at_the_cap_is_said_to_be_cut() -> None:
    env = ScriptedEnv(1, ([1.0] * 10, "t"), ([1.0] * 10, "T"))  # three frames a decision
    evaluation = played(env, 2, limits=EpisodeLimits(max_frames=30))
    assert evaluation.cut == {0: "not over after 30 frames"}
    assert evaluation.scores == [10.0, 10.0]


def test_a_game_that_never_ends_is_cut_and_counts_with_the_score_it_has() -> None:
    env = ScriptedEnv(2, ([1.0] * 2_000, "T"), ([2.0, 2.0], "T"), ([3.0] * 7, "T"))
    evaluation = played(env, 3, limits=EpisodeLimits(max_frames=30))  # ten decisions of three frames
    assert [(game.score, game.length, game.frames) for game in evaluation.episodes] == [
        (10.0, 10, 30),
        (4.0, 2, 6),
        (21.0, 7, 21),
    ]
    assert evaluation.cut == {0: "not over after 30 frames"}
    assert env.begun == [game_seed(SEED, number) for number in range(3)]  # the place of a game cut is free at once
    assert len(env.actions) == 11  # game 2 begins after three rows and takes eight


def test_the_decisions_of_a_game_have_a_limit_whatever_their_frames() -> None:
    evaluation = played(ScriptedEnv(1, ([1.0] * 99, "T")), 1, limits=EpisodeLimits(max_decisions=7))
    assert (evaluation.episodes[0].length, evaluation.cut) == (7, {0: "not over after 7 decisions"})


def test_a_game_that_no_longer_scores_is_cut() -> None:
    script = [([0.0] * 9 + [1.0] + [0.0] * 9 + [-1.0] + [0.0] * 500, "T"), ([0.0] * 9, "T"), ([0.0] * 20, "T")]
    evaluation = played(ScriptedEnv(1, *script), 3, limits=EpisodeLimits(max_idle_frames=30))
    assert [(game.score, game.length) for game in evaluation.episodes] == [(0.0, 30), (0.0, 9), (0.0, 10)]
    assert evaluation.cut == dict.fromkeys([0, 2], "no reward for 30 frames")
    assert played(ScriptedEnv(1, *script), 3, limits=EpisodeLimits(max_idle_frames=None)).cut == {}


def test_the_settings_of_an_evaluation_act_in_its_games() -> None:
    settings = EvaluationSettings(games=3, epsilon=1.0, max_frames=60, max_idle_frames=30)
    script = [([1.0] * 50, "T"), ([1.0, *[0.0] * 40], "T"), ([1.0] * 5, "T"), ([1.0], "T")]
    env = ScriptedEnv(1, *script)
    evaluation = evaluate(env, q_function, settings, seed=SEED)
    assert [game.length for game in evaluation.episodes] == [20, 11, 5]
    assert evaluation.cut == {0: "not over after 60 frames", 1: "no reward for 30 frames"}
    taken = [actions[0] for actions in env.actions]
    greedy = [time % ACTIONS for time in range(len(taken))]
    assert sum(a == b for a, b in zip(taken, greedy, strict=True)) < len(taken) / 2  # a fourth, by chance


@pytest.mark.parametrize("rewards", [[0.0] * 10, [1.0] * 9 + [0.5]])
def test_a_game_over_just_in_time_is_not_cut(rewards: Sequence[float]) -> None:
    """Nor is one that loses a life then: the next row shows whether that was the last one."""
    env = ScriptedEnv(1, (rewards, "T"))
    evaluation = played(env, 1, limits=EpisodeLimits(max_frames=30, max_idle_frames=30))
    assert (evaluation.episodes[0].length, evaluation.cut) == (10, {})


def test_a_life_lost_at_the_limit_delays_the_cut_by_one_decision() -> None:
    evaluation = played(ScriptedEnv(1, ([1.0] * 9 + [0.5] + [1.0] * 90, "T")), 1, limits=EpisodeLimits(max_frames=30))
    assert (evaluation.episodes[0].length, list(evaluation.cut)) == (11, [0])


def test_a_game_lost_with_its_environment_is_played_again_and_lost_twice_another_in_its_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Unlucky(ScriptedEnv):
        """Loses the first game after three rows, the first time."""

        def begin_games(self, seeds: Mapping[int, int]) -> UInt8Array:
            lost = len(self.begun) == 0
            self._script[game_seed(SEED, 0)] = ([7.0] * 3, "!") if lost else ([1.0] * 6, "T")
            return super().begin_games(seeds)

    assert played(Unlucky(1), 1).scores == [6.0]
    assert not caplog.records
    lost, whole = ([7.0] * 3, "!"), ([1.0] * 6, "T")
    env = ScriptedEnv(1, whole, lost, ([2.0] * 40, "T"), whole)
    evaluation = played(env, 3, limits=EpisodeLimits(max_frames=90))
    assert env.begun == [game_seed(SEED, number) for number in (0, 1, 1, 3, 2)]
    assert evaluation.scores == [6.0, 60.0, 6.0]  # of games 0, 2 and 3
    assert list(evaluation.cut) == [1]
    assert f"game 1 of the evaluation (its seed is {game_seed(SEED, 1)}) was lost" in caplog.text
    with pytest.raises(
        EnvError, match=r"expected 2 games to be played to their end, got too many lost .*: fix the env"
    ):
        played(ScriptedEnv(1, lost, lost, lost), 2)


# Who is told, and who may stop it.


def test_exactly_the_games_that_count_are_told_when_they_are_over() -> None:
    told: list[tuple[int, float]] = []
    env = ScriptedEnv(2, ([1.0], "T"), ([2.0] * 3, "T"), ([5.0], "T"), ([2.0] * 4, "T"))
    evaluation = played(env, 4, on_episode=lambda episode: told.append((len(env.actions), episode.score)))
    # a game of L rewards is known to be over after L + 1 rows: its last observation has one of its own
    assert told == [(2, 1.0), (4, 6.0), (4, 5.0), (9, 8.0)]
    assert sorted(score for _, score in told) == sorted(evaluation.scores)


def test_the_decisions_of_all_games_are_told_after_every_step() -> None:
    told: list[int] = []
    played(ScriptedEnv(2, ([1.0] * 3, "T"), ([2.0], "T")), 2, on_step=told.append)
    assert told == [2, 3, 4, 4]  # of both games, then of the longer one; the last row shows that it is over


def test_an_interrupted_evaluation_is_abandoned_before_its_next_step() -> None:
    env, told = ScriptedEnv(1, *[([1.0], "T")] * 10), []
    with pytest.raises(EvaluationCancelled):
        played(env, 10, on_episode=told.append, interrupted=lambda: len(env.actions) == 6)
    assert len(env.actions) == 6
    assert len(told) == 3


def test_what_is_not_true_interrupts_nothing() -> None:
    assert played(ScriptedEnv(1, *[([1.0], "T")] * 2), 2, interrupted=lambda: 0).scores == [1.0, 1.0]


# What the scores say.


def test_mean_median_and_metrics() -> None:
    evaluation = scores(-21.0, 3.0, 4.0, 30.0)
    low, high = evaluation.interval
    # deviations -25, -1, 0 and 26: 1302 / 3 is the variance, and four games halve its root
    assert evaluation.standard_error == pytest.approx(np.sqrt(434) / 2)
    assert evaluation.metrics() == {
        "evaluate/mean": 4.0,
        "evaluate/median": 3.5,
        "evaluate/ci_low": low,
        "evaluate/ci_high": high,
        "evaluate/games": 4.0,
    }


def test_the_interval_is_a_naive_bootstraps() -> None:
    values = np.random.default_rng(1).exponential(10, size=25)
    naive = np.random.default_rng(7)
    means = sorted(np.mean([values[naive.integers(25)] for _ in values]) for _ in range(4_000))
    low, high = scores(*values).interval
    assert low < values.mean() < high
    width = means[3_900] - means[99]
    assert low == pytest.approx(means[99], abs=0.05 * width)
    assert high == pytest.approx(means[3_900], abs=0.05 * width)
    assert scores(*values).interval == (low, high)  # always the same resamples


def test_two_games_of_zero_and_one_by_hand() -> None:
    """Means of resamples are 0, 1/2 and 1 with probabilities 1/4, 1/2 and 1/4: both tails are wider than 2.5 %."""
    assert scores(0.0, 1.0).interval == (0.0, 1.0)


@pytest.mark.parametrize("values", [[7.0], [-3.0] * 5])
def test_equal_scores_leave_no_interval(values: list[float]) -> None:
    assert scores(*values).interval == (values[0], values[0])


def test_one_game_has_no_standard_error() -> None:
    assert scores(3.0).standard_error is None
    assert scores(3.0, 3.0).standard_error == 0.0
