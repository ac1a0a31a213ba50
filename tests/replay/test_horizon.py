"""n, γ and β that change over a run: when they do, by what counter, and over a continuation."""

import pytest
import torch

from rlvision.core.errors import ConfigError
from rlvision.learning.schedules import Linear

ROWS = 20


def play(replay, history, rows):
    """Rows of one long game; the batches that were owed after each."""
    batches = []
    for _ in range(rows):
        replay.add(history.step([0] * history.num_envs))
        batches.append(list(replay.batches()))
    return batches


@pytest.fixture
def replay_of(make_replay, frame_size):
    """A replay of two environments."""

    def made(**changes):
        usual = {"capacity": 2 * ROWS, "num_envs": 2, "stack": 2, "batch_size": 4, "samples_per_env_step": 2}
        return make_replay(frame_shape=(1, *frame_size), **usual | changes)

    return made


@pytest.fixture
def history(make_history):
    return make_history(2, 1, 2)


def test_the_horizon_is_set_when_the_schedule_says_and_not_before(replay_of, history, monkeypatch):
    replay = replay_of(n_step=lambda env_steps: 4 if env_steps < 10 else 2, gamma=0.5)
    told, set_horizon = [], replay.set_horizon
    monkeypatch.setattr(
        replay, "set_horizon", lambda *horizon: told.append((replay.env_steps, *horizon)) or set_horizon(*horizon)
    )
    play(replay, history, 10)
    assert told == [(10, 2, 0.5)]
    assert (replay.n_step, replay.gamma) == (2, 0.5)


def test_n_is_rounded(replay_of, history):
    replay, seen = replay_of(n_step=Linear(4.0, 1.0, 12)), []
    for _ in range(8):
        play(replay, history, 1)
        seen.append(replay.n_step)
    assert seen == [round(4 - 3 * env_steps / 12) if env_steps <= 12 else 1 for env_steps in range(2, 18, 2)]
    assert len(set(seen)) == 4


def test_batches_are_of_the_horizon_of_the_moment(replay_of, history):
    """In one long game without an end each discount is γ^n, and each return has n rewards."""
    n_step = lambda env_steps: 3 if env_steps < 20 else 1  # noqa: E731
    gamma = lambda env_steps: 0.5 if env_steps < 28 else 0.25  # noqa: E731
    replay = replay_of(n_step=n_step, gamma=gamma)
    reward = {cell: cell * 5 % 11 - 4 for cell in range(200)}  # of the history
    for row, batches in enumerate(play(replay, history, 18), 1):
        n, g = n_step(2 * row), gamma(2 * row)
        for batch in batches:
            assert set(batch.transition.discount.tolist()) == {g**n}
            expected = [sum(g**k * reward[int(cell) + 2 * k] for k in range(n)) for cell in batch.index]
            assert batch.transition.reward.tolist() == expected
    assert any(batches)


def test_transitions_that_the_shorter_horizon_makes_whole_can_be_drawn_at_once(replay_of, history):
    replay = replay_of(n_step=lambda env_steps: 5 if env_steps < 12 else 1, samples_per_env_step=4)
    *_, before, after = play(replay, history, 6)
    assert replay.size == 2 * 5  # rows 0 .. 4, and no more the first alone
    assert {int(index) // 2 for batch in before for index in batch.index} <= {0}
    assert max(int(index) // 2 for batch in after for index in batch.index) > 0


def test_metrics_say_where_the_schedules_stand(replay_of, history):
    replay = replay_of(n_step=Linear(4.0, 2.0, 8), gamma=Linear(0.5, 0.75, 8), beta=Linear(0.4, 1.0, 10))
    play(replay, history, 2)
    assert replay.metrics() == {"replay/size": 0.0, "replay/n_step": 3.0, "replay/gamma": 0.625}
    ranked = replay_of(prioritised=True, beta=Linear(0.4, 1.0, 10))
    play(ranked, history, 2)
    assert ranked.metrics()["replay/beta"] == pytest.approx(0.4 + 0.6 * 4 / 10)


@pytest.mark.parametrize("saves_rows", [True, False])
def test_a_continued_replay_counts_env_steps_from_where_it_was(replay_of, history, tmp_path, saves_rows):
    """So β, n and γ go on; without its rows it gathers new ones first, and the counter does not start anew."""
    schedules = {
        "prioritised": True,
        "beta": Linear(0.4, 1.0, 100),
        "n_step": Linear(5.0, 1.0, 80),
        "gamma": Linear(0.5, 0.9, 80),
        "learning_starts": 8,
    }
    replay = replay_of(**schedules)
    play(replay, history, 15)
    assert replay.env_steps == 30
    fresh = replay_of(**schedules)
    if saves_rows:
        fresh.load_rows(tmp_path, replay.save_rows(tmp_path))
    fresh.load_state_dict(replay.state_dict())
    assert fresh.env_steps == 30
    assert fresh.metrics()["replay/beta"] == pytest.approx(0.4 + 0.6 * 0.3)
    assert (fresh.n_step, fresh.gamma) == (replay.n_step, replay.gamma)
    made = [len(batches) for batches in play(fresh, history, 5)]
    assert fresh.env_steps == 40
    assert fresh.metrics()["replay/beta"] == pytest.approx(0.4 + 0.6 * 0.4)
    assert (fresh.n_step, fresh.gamma) == (3, pytest.approx(0.7))
    assert made == ([1] * 5 if saves_rows else [0, 0, 0, 0, 1])
    again = replay_of(**schedules)  # and once more, without the rows of either
    again.load_state_dict(fresh.state_dict())
    assert again.env_steps == 40


@pytest.mark.parametrize("prioritised", [False, True])
@pytest.mark.parametrize("rows", [7, 15, 26])
def test_a_resumed_replay_draws_what_the_undisturbed_one_does(replay_of, make_history, tmp_path, prioritised, rows):
    schedules = {"prioritised": prioritised, "n_step": Linear(5.0, 1.0, 60), "gamma": Linear(0.5, 0.9, 60)}
    undisturbed, first, second = (replay_of(**schedules) for _ in range(3))
    expected = play(undisturbed, make_history(2, 1, 2), 34)
    history = make_history(2, 1, 2)
    drawn = play(first, history, rows)
    second.load_rows(tmp_path, first.save_rows(tmp_path))
    second.load_state_dict(first.state_dict())
    drawn += play(second, history, 34 - rows)
    for mine, theirs in zip(drawn, expected, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            assert torch.equal(one.index, other.index)
            for field in ("reward", "discount", "next_observation"):
                assert torch.equal(getattr(one.transition, field), getattr(other.transition, field))


def test_another_horizon_than_the_first_one_must_fit_too(replay_of, history):
    replay = replay_of(capacity=12, n_step=lambda env_steps: 2 if env_steps < 6 else 30)
    with pytest.raises(ConfigError, match=r"that is 32 rows, got 6 rows: raise replay\.capacity"):
        play(replay, history, 4)
