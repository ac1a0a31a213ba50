"""A leak of a kilobyte a game is seen, and none is seen where there is none, whatever else memory does."""

import os
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
GAMES = 1_000
PAGE = 4096


@pytest.fixture(autouse=True)
def _benchmarks_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def samples(leak, *, seed=0, warm=0.0):
    """What a soak notes twice a second: a process that settles, is busy, and loses some bytes with every game."""
    from soak import Sample

    random = np.random.default_rng(seed)
    games = np.sort(random.integers(0, GAMES + 1, 600))
    busy = 300_000 * (random.random(600) < 0.1)  # a checkpoint is being put together
    settling = warm * (1 - np.exp(-games / 60))
    resident = 500_000_000 + leak * games + busy + settling
    pages = (resident // PAGE * PAGE).astype(int)
    return [Sample(at / 2, int(game), int(held)) for at, (game, held) in enumerate(zip(games, pages, strict=True))]


def found(samples):
    from measure.slope import slope

    return slope([sample.episodes for sample in samples], [sample.nbytes for sample in samples])


@pytest.mark.parametrize("seed", range(5))
def test_a_leak_of_a_kilobyte_a_game_is_seen(seed):
    line = found(samples(1_000, seed=seed))
    assert line.low > 0
    assert line.per_x == pytest.approx(1_000, abs=50)


@pytest.mark.parametrize("seed", range(5))
def test_no_leak_is_seen_where_there_is_none(seed):
    line = found(samples(0, seed=seed))
    assert -100 < line.low <= line.high < 100  # bytes: a kilobyte is ruled out


def test_what_comes_and_goes_is_no_leak():
    from measure.slope import slope

    everything = samples(0)
    held = [sample.nbytes + (60_000_000 if at > 560 and at % 3 == 0 else 0) for at, sample in enumerate(everything)]
    line = slope([sample.episodes for sample in everything], held)  # videos are made towards the end
    assert -100 < line.low <= line.high < 100


def test_settling_is_left_out():
    from soak import settle

    everything = samples(0, warm=40e6)
    assert found(everything).per_x > 10_000  # would look like a leak
    settled = settle(everything, 0.4)
    assert min(sample.episodes for sample in settled) >= 0.4 * everything[-1].episodes
    assert found(settled).high < 1_000


def test_a_line_by_hand():
    from measure.slope import slope

    x = list(range(20))
    line = slope(x, [3 * each + 7 for each in x])
    assert (line.per_x, line.at_zero) == pytest.approx((3, 7))
    assert line.low == pytest.approx(3)
    wavy = slope(x, [3 * each + (1 if each // 2 % 2 else -1) for each in x])  # stretches of two: -1, 1, -1, …
    centred = [2 * each + 0.5 - 9.5 for each in range(10)]
    sign = [-1 if each % 2 == 0 else 1 for each in range(10)]
    spread = sum(c * c for c in centred)
    tilt = sum(c * s for c, s in zip(centred, sign, strict=True)) / spread
    left = sum((s - tilt * c) ** 2 for c, s in zip(centred, sign, strict=True))
    assert wavy.per_x == pytest.approx(3 + tilt)
    assert wavy.high - wavy.per_x == pytest.approx(2.306 * (left / 8 / spread) ** 0.5)


def test_games_are_counted_while_the_file_grows(tmp_path):
    from soak import Games

    path = tmp_path / "metrics.jsonl"
    games = Games(path)
    assert games.look() == 0
    path.write_text('{"env_steps": 5, "episode/score": 1.0}\n{"env_steps": 6, "loss/td": 1.0}\n')
    assert games.look() == 1
    with path.open("a") as file:
        file.write('{"env_steps": 7, "episode/score": 2.0}\n')
    assert games.look() == 2
    assert games.look() == 2


def test_the_memory_of_a_process_is_read_and_of_one_that_ended_is_none():
    from measure.processes import resident, resident_of_tree

    assert 1e7 < resident(os.getpid()) <= resident_of_tree(os.getpid())
    assert resident(2**22 + 1) == 0
