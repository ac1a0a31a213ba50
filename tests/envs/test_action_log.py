import numpy as np
import pytest

from rlvision.envs.action_log import Tape, episode_seed


def test_seeds_are_a_fixed_function_so_that_old_tapes_keep_their_meaning():
    seeds = [episode_seed(0, 0, 0), episode_seed(0, 0, 1), episode_seed(0, 1, 0), episode_seed(7, 3, 2)]
    assert seeds == [2044266242, 1790637272, 1976665982, 2007262694]


def test_seeds_fit_an_emulator_and_do_not_repeat():
    seeds = [episode_seed(seed, env, count) for seed in range(5) for env in range(20) for count in range(20)]
    assert len(set(seeds)) == len(seeds)
    assert 0 <= min(seeds) < 2**28
    assert 2**31 - 2**28 < max(seeds) < 2**31


def test_seeds_of_an_environment_do_not_depend_on_the_others():
    tapes = [Tape(5, index, 4) for index in range(3)]
    tapes[0].restart()
    tapes[0].restart()
    assert [tape.seed for tape in tapes] == [episode_seed(5, 0, 2), episode_seed(5, 1, 0), episode_seed(5, 2, 0)]


def test_a_tape_promises_the_seed_it_restarts_with():
    tape = Tape(1, 0, 4)
    tape.append(3)
    promised = tape.next_seed
    tape.restart()
    assert (tape.seed, len(tape), tape.count) == (promised, 0, 1)


@pytest.mark.parametrize(("num_actions", "dtype"), [(256, np.uint8), (257, np.int32)])
def test_an_action_takes_a_byte_where_it_fits(num_actions, dtype):
    tape = Tape(0, 0, num_actions)
    tape.append(num_actions - 1)
    assert tape.to_numpy().dtype == dtype
    assert tape.to_numpy().tolist() == [num_actions - 1]
