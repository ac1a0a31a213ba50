import numpy as np
import pytest

from rlvision.envs.action_log import ActionLog, episode_seed


def test_seeds_are_a_fixed_function_so_that_old_tapes_keep_their_meaning():
    seeds = [episode_seed(0, 0, 0), episode_seed(0, 0, 1), episode_seed(0, 1, 0), episode_seed(7, 3, 2)]
    assert seeds == [2044266242, 1790637272, 1976665982, 2007262694]


def test_seeds_fit_an_emulator_and_do_not_repeat():
    seeds = [episode_seed(seed, env, count) for seed in range(5) for env in range(20) for count in range(20)]
    assert len(set(seeds)) == len(seeds)
    assert 0 <= min(seeds) < 2**28
    assert 2**31 - 2**28 < max(seeds) < 2**31


def test_seeds_of_an_environment_do_not_depend_on_the_others():
    action_logs = [ActionLog(5, index, 4) for index in range(3)]
    action_logs[0].restart()
    action_logs[0].restart()
    assert [action_log.seed for action_log in action_logs] == [
        episode_seed(5, 0, 2),
        episode_seed(5, 1, 0),
        episode_seed(5, 2, 0),
    ]


def test_a_tape_promises_the_seed_it_restarts_with():
    action_log = ActionLog(1, 0, 4)
    action_log.append(3)
    promised = action_log.next_seed
    action_log.restart()
    assert (action_log.seed, len(action_log), action_log.count) == (promised, 0, 1)


@pytest.mark.parametrize(("num_actions", "dtype"), [(256, np.uint8), (257, np.int32)])
def test_an_action_takes_a_byte_where_it_fits(num_actions, dtype):
    action_log = ActionLog(0, 0, num_actions)
    action_log.append(num_actions - 1)
    assert action_log.to_numpy().dtype == dtype
    assert action_log.to_numpy().tolist() == [num_actions - 1]
