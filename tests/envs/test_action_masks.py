"""Action masks on their way from a world to the rows: in this process, in workers, restored, and refused."""

import time
from dataclasses import fields

import numpy as np
import pytest
import torch

from rlvision.core.action_masks import MaskedStep, mask_of
from rlvision.core.errors import EnvError
from rlvision.envs.counting_env import read
from rlvision.envs.factory import make
from rlvision.envs.gymnasium_env import probe
from rlvision.envs.settings import EnvSettings
from tests.own.masked_worlds import NUM_ACTIONS, legal_actions

GATED = "tests.own.masked_worlds:Gated"
ALL_LEGAL = np.ones(NUM_ACTIONS, dtype=bool)


def gated(game=GATED, num_envs=3, **settings):
    shape = {"height": 32, "width": 32, "stack": 2, "frameskip": 1, "max_pool": False}
    return make(EnvSettings(game=game, max_restarts=0, **{**shape, **settings}), num_envs)


def odd(*, frameskip=1, **kwargs):
    return gated("tests.own.masked_worlds:Odd", 1, kwargs=kwargs, frameskip=frameskip)


def legal_draw(env, random):
    """An action for each environment, drawn from its legal ones."""
    return np.array([random.choice(np.flatnonzero(mask)) for mask in mask_of(env)])


def play(env, steps, seed=7):
    random = np.random.default_rng(seed)
    return [env.step(legal_draw(env, random)) for _ in range(steps)]


def same(one, other):
    return all((getattr(one, field.name) == getattr(other, field.name)).all() for field in fields(MaskedStep))


def test_a_world_with_masks_is_found_out_when_it_is_probed():
    spec, view, _ = probe(EnvSettings(game=GATED), 2)
    assert spec.mask_size == NUM_ACTIONS
    assert any("action_mask" in line for line in view.lines)
    spec, view, _ = probe(EnvSettings(game="rlvision.envs.counting_env:CountingEnv"), 2)
    assert spec.mask_size == 0
    assert not any("action_mask" in line for line in view.lines)


def test_a_row_has_the_mask_of_its_observation_and_after_a_real_end_all_actions():
    env, after_end = gated(), np.zeros(3, bool)
    env.reset(1)
    ended = 0
    for step in play(env, 60):
        for place in range(3):
            expected = ALL_LEGAL if after_end[place] else legal_actions(*read(step.observation[place, -1]))
            assert (step.mask[place] == expected).all()
        after_end = step.terminated
        ended += int(step.terminated.sum())
    assert ended > 3
    env.close()


def test_a_world_without_masks_has_plain_rows():
    env = gated("rlvision.envs.counting_env:CountingEnv")
    env.reset(1)
    step = env.step(np.zeros(3, np.int64))
    assert mask_of(env) is None
    assert not hasattr(step, "mask")
    env.close()


def test_workers_pass_the_same_masks():
    local, workers = gated(), gated(num_workers=2)
    local.reset(1)
    workers.reset(1)
    assert (mask_of(local) == mask_of(workers)).all()
    assert all(same(one, other) for one, other in zip(play(local, 25), play(workers, 25), strict=True))
    local.close()
    workers.close()


def test_the_mask_stays_that_of_the_observation_while_a_step_is_under_way():
    env = gated(num_workers=1)
    env.reset(1)
    before = mask_of(env)
    env.send(legal_draw(env, np.random.default_rng(0)))
    patience = 500
    while (env._backend.action_mask() == before).all() and patience:  # until the worker has made the step
        time.sleep(0.01)
        patience -= 1
    assert (mask_of(env) == before).all()
    assert (env.recv().mask == before).all()
    assert (mask_of(env) != before).any()
    env.close()


@pytest.mark.parametrize("num_workers", [0, 2])
def test_restored_environments_have_their_masks(num_workers):
    env, again = gated(), gated(num_workers=num_workers)
    env.reset(1)
    play(env, 13)
    again.load_state_dict(env.state_dict())
    assert (mask_of(again) == mask_of(env)).all()
    assert all(same(one, other) for one, other in zip(play(env, 20), play(again, 20), strict=True))
    env.close()
    again.close()


def test_games_that_begin_by_a_seed_have_their_masks():
    env = gated()
    env.reset(1)
    play(env, 4)
    before = mask_of(env)
    env.begin_games({1: 77})
    assert (mask_of(env)[1] == legal_actions(77, 0)).all()
    assert (mask_of(env)[[0, 2]] == before[[0, 2]]).all()
    env.close()


def test_an_action_that_is_not_legal_is_refused_by_name_and_nothing_is_sent():
    env = gated()
    env.reset(1)
    legal = legal_draw(env, np.random.default_rng(0))
    illegal = legal.copy()
    illegal[2] = np.flatnonzero(~mask_of(env)[2])[0]
    with pytest.raises(EnvError, match=rf"a legal action in environment 2 \(.*\), got {illegal[2]}: choose among"):
        env.send(illegal)
    env.step(legal)
    env.close()


def test_an_action_is_repeated_only_while_it_is_legal_and_the_mask_is_the_last_frames():
    env = gated("tests.own.masked_worlds:LongGated", 1, frameskip=4)
    env.reset(1)
    steps = [0]
    for row in play(env, 9):
        game, step = read(row.observation[0, -1])
        steps.append(step)
        assert (row.mask[0] == legal_actions(game, step)).all()
    assert set(np.diff(steps[1:])) == {1, 2}  # no action is legal for more than two steps on end
    env.close()


@pytest.mark.parametrize(
    "mask",
    [
        [True, False, True, True],
        (1, 0, 1, 1),
        np.array([1, 0, 1, 1], np.int8),
        np.array([5, 0, 5, 5]) > 1,
        torch.tensor([1, 0, 1, 1]),
    ],
    ids=["a list", "a tuple", "int8", "bool", "a tensor"],
)
def test_a_mask_may_be_any_array_of_booleans_or_of_zeros_and_ones(mask):
    env = odd(at_reset=mask, later=mask)
    env.reset(1)
    assert mask_of(env).tolist() == [[True, False, True, True]]
    env.close()


@pytest.mark.parametrize(
    ("mask", "got"),
    [
        ([1, 0], r"int64 \[2\] of \[1, 0\]"),
        ([[1, 0, 1, 1]], r"int64 \[1, 4\]"),
        (np.array([0.2, 1, 1, 1]), r"float64 \[4\]"),
        ([1, 0, 2, 1], r"of \[1, 0, 2, 1\]"),
        ([[1], [1, 0], 1, 1], "of type list"),
        ("1011", "'1011' of type str"),
        ({0, 2}, "of type set"),
    ],
)
def test_any_other_mask_is_one_clear_error(mask, got):
    with pytest.raises(EnvError, match=rf"info\['action_mask'\] as a one-dimensional array of 4 .*, got .*{got}"):
        odd(at_reset=mask)


def test_a_state_that_is_not_the_end_needs_a_legal_action():
    with pytest.raises(EnvError, match="expected a legal action in a state that is not the end of the game"):
        odd(at_reset=[0, 0, 0, 0])
    env = odd(at_reset=[1, 1, 1, 1], later=[0, 0, 0, 0])
    env.reset(1)
    with pytest.raises(EnvError, match=r"not the end of the game.*return terminated=True.*step 1 of the game"):
        env.step(np.zeros(1, np.int64))
    env.close()
    env = odd(at_reset=[0, 1, 0, 0], later=[0, 0, 0, 0], terminates=True)
    env.reset(1)
    env.step(np.ones(1, np.int64))
    assert mask_of(env).all()
    env.close()


@pytest.mark.parametrize("num_workers", [0, 1])
def test_masks_come_always_or_never(num_workers):
    for kwargs in ({"at_reset": [1, 1, 1, 1]}, {"later": [1, 1, 1, 1]}):
        env = gated("tests.own.masked_worlds:Odd", 2, kwargs=kwargs, num_workers=num_workers)
        env.reset(1)
        with pytest.raises(EnvError, match=r"info\['action_mask'\] from every reset and step.*always, or never"):
            env.step(np.zeros(2, np.int64))
        env.close()
