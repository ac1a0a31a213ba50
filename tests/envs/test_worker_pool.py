import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

COUNTING = "rlvision.envs.counting_env:CountingEnv"


@pytest.mark.parametrize(("name", "num_workers"), [("CartPole-v1", 2), (COUNTING, 5)])
def test_the_number_of_workers_changes_nothing(name, num_workers, assert_same, column, play, rendered):
    """Shares of two and one, and more workers than there are environments."""
    runs = []
    for workers in (0, num_workers):
        env = rendered(name, 3, height=16, width=16, num_workers=workers)
        env.reset(8)
        runs.append(play(env, 40))
        env.close()
    assert_same(*runs)
    assert column(runs[0], "first")[1:].any()


def test_send_returns_while_the_worker_steps(tmp_path, rendered):
    """The step ends only when the file is there, and the file is written after send has returned."""
    env = rendered("odd_worlds:Waiting", 1, num_workers=1, kwargs={"path": str(tmp_path / "go")})
    env.reset(0)
    env.send(np.array([2]))
    (tmp_path / "go").touch()
    assert env.recv().reward.tolist() == [2.0]
    env.close()


def test_signals_to_the_whole_process_group_do_not_end_a_worker(play, rendered):
    env = rendered("odd_worlds:Odd", 1, num_workers=1)
    env.reset(0)
    (worker,) = multiprocessing.active_children()
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(worker.pid, number)
        assert play(env, 1)[0].reward.shape == (1,)
    env.close()
    assert not multiprocessing.active_children()


def shared_memory(pid):
    """The files of a process of ours in the machine's shared memory; other tests have theirs at the same time."""
    return sorted(path.name for path in Path("/dev/shm").glob(f"pym-{pid}-*"))  # noqa: S108 - looked at, not written to


def is_running(pid):
    """Is it there, and no zombie that init has not reaped yet?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def open_files():
    gc.collect()
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts file descriptors by Linux's /proc")
def test_close_leaves_nothing_behind_even_in_mid_step(rendered):
    rendered("odd_worlds:Odd", 2, num_workers=2).close()  # what multiprocessing keeps for good is open now
    before = open_files()
    env = rendered("odd_worlds:Odd", 2, num_workers=2)
    env.reset(0)
    env.send(np.zeros(2, dtype=np.int64))
    env.close()
    env.close()
    assert not multiprocessing.active_children()
    del env
    assert open_files() == before


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts file descriptors by Linux's /proc")
def test_a_worker_that_is_replaced_leaves_nothing_behind(play, rendered):
    rendered("odd_worlds:Odd", 2, num_workers=2).close()
    before, shared = open_files(), shared_memory(os.getpid())
    env = rendered("odd_worlds:Mortal", 2, num_workers=2)
    env.reset(0)
    play(env, 3)  # in the third step both die
    assert len(multiprocessing.active_children()) == 2
    assert shared_memory(os.getpid()) == shared
    env.close()
    assert not multiprocessing.active_children()
    del env
    assert open_files() == before


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks processes up in Linux's /proc")
@pytest.mark.parametrize("waiting", [True, False])
def test_workers_leave_when_their_parent_is_killed(tmp_path, own_code, waiting):
    """One idle, or both in the middle of a step that never ends."""
    program = f"""
        import multiprocessing, sys, time
        import numpy as np
        from rlvision.envs.gymnasium_env import GymnasiumEnv
        from rlvision.envs.settings import EnvSettings
        sys.path.append({str(own_code)!r})

        if __name__ == "__main__":
            path = {str(tmp_path / "never")!r}
            env = GymnasiumEnv(EnvSettings(game="odd_worlds:Hurried", num_workers=2, kwargs={{"path": path}}), 2)
            env.reset(0)
            if {waiting}:
                env.send(np.zeros(2, dtype=np.int64))
            print(*[child.pid for child in multiprocessing.active_children()], flush=True)
            time.sleep(600)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    ) as parent:
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert len(workers) == 2
        assert all(map(is_running, workers))
        parent.kill()
    while any(map(is_running, workers)):
        time.sleep(0.02)  # for ever, if need be: then the test is ended from without
    assert not [name for pid in (parent.pid, *workers) for name in shared_memory(pid)]


def test_a_program_that_forgets_to_close_ends_all_the_same():
    program = """
        import numpy as np
        from rlvision.envs.gymnasium_env import GymnasiumEnv
        from rlvision.envs.settings import EnvSettings

        if __name__ == "__main__":
            settings = EnvSettings(game="rlvision.envs.counting_env:CountingEnv", num_workers=2)
            env = GymnasiumEnv(settings, 2)
            env.reset(0)
            env.step(np.zeros(2, dtype=np.int64))
            print("played")
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, timeout=60, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "played\n", "")


def test_workers_need_no_torch():
    modules = "rlvision.envs.worker_pool, rlvision.envs.env_group, rlvision.envs.counting_env"
    program = f"import sys, {modules}; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
