"""What a replay costs, reckoned and real."""

import os
from pathlib import Path

import pytest
import torch

from rlvision.core import memory as budget
from rlvision.core.errors import ConfigError, MemoryBudgetError
from rlvision.core.memory import available_bytes, check_budget
from rlvision.core.types import EnvSpec
from rlvision.replay.buffer import required_bytes
from rlvision.replay.settings import ReplaySettings

ATARI = (1, 84, 84)
CPU = torch.device("cpu")


@pytest.fixture
def make(make_replay):
    """A replay of Atari's frames, or of others."""

    def of_capacity(capacity, frame_shape=ATARI, **settings):
        usual = {"num_envs": 8, "stack": 4, "n_step": 3, "gamma": 0.99, "batch_size": 32, "samples_per_env_step": 8}
        return make_replay(capacity=capacity, frame_shape=frame_shape, **usual, **settings)

    return of_capacity


def reckoned(capacity, num_envs, frame_shape, *, prioritised):
    channels, height, width = frame_shape
    spec = EnvSpec(num_envs, (4 * channels, height, width), channels, ("0",), frameskip=4)
    return required_bytes(ReplaySettings(capacity=capacity, prioritised=prioritised), spec)


def test_a_million_atari_transitions_by_hand():
    frames = 1_000_000 * 84 * 84
    assert frames == 7_056_000_000
    row = 8 + 4 + 3  # action, reward, terminated + truncated + first
    starts = 1 + 8 + 8  # first again, on the host; live rows before; queue
    assert reckoned(1_000_000, 8, ATARI, prioritised=False) == frames + 84 * 84 + 1_000_000 * (row + starts)


@pytest.mark.parametrize("prioritised", [False, True])
@pytest.mark.parametrize("num_envs", [1, 8, 128])
def test_all_but_the_frames_is_five_percent_at_most(prioritised, num_envs):
    assert reckoned(1_000_000, num_envs, ATARI, prioritised=prioritised) <= 1.05 * 7_056_000_000


@pytest.mark.parametrize("prioritised", [False, True])
def test_the_reckoning_is_what_is_allocated(make, prioritised):
    replay = make(1003, frame_shape=(3, 10, 12), prioritised=prioritised)
    assert reckoned(1003, 8, (3, 10, 12), prioritised=prioritised) == replay.nbytes


def test_priorities_are_refused_where_there_is_no_float64(make):
    with pytest.raises(ConfigError, match=r"float64 for prioritised replay, got mps, .* leave replay\.prioritised out"):
        make(1000, prioritised=True, device="mps")


def test_memory_is_touched_only_as_rows_arrive(make):
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    replay = make(60_000)
    assert replay.nbytes > 400e6
    assert resident() - before < 40e6


def test_too_much_is_refused_with_the_numbers_and_the_setting(make):
    message = r"expected 7088.\d\d GB on cpu for a replay of 1,000,000,000 transitions .*, got \d+.\d\d GB free: "
    with pytest.raises(MemoryBudgetError, match=message + "lower replay.capacity"):
        make(1_000_000_000)


def test_the_budget_is_what_is_free(monkeypatch):
    monkeypatch.setattr(budget, "available_bytes", lambda device: 1000)
    check_budget(1000, CPU, "it", "less")
    with pytest.raises(MemoryBudgetError):
        check_budget(1001, CPU, "it", "less")


def test_this_machine_has_some_memory_free():
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 1e8 < available_bytes(CPU) <= total


def test_a_machine_says_what_is_available(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       16384 kB\nMemFree:  100 kB\nMemAvailable:    2000 kB\n")
    assert budget._machine(meminfo) == 2000 * 1024


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)


def test_a_container_of_version_2_allows_what_its_tightest_group_allows(tmp_path):
    membership, mount = tmp_path / "cgroup", tmp_path / "mount"
    membership.write_text("0::/outer/inner\n")
    write(mount / "outer", memory__max="1000\n", memory__current="700\n", memory__stat="anon 1\ninactive_file 50\n")
    write(mount / "outer/inner", memory__max="max\n", memory__current="600\n", memory__stat="inactive_file 9\n")
    assert budget._container(membership, mount) == 1000 - 700 + 50


def test_a_container_of_version_1_counts_its_reclaimable_cache_as_free(tmp_path):
    membership, mount = tmp_path / "cgroup", tmp_path / "mount"
    membership.write_text("9:cpu:/job\n4:memory:/job\n0::/\n")
    stat = "inactive_file 1\ntotal_inactive_file 30\n"
    write(
        mount / "memory", memory__limit_in_bytes="5000", memory__usage_in_bytes="100", memory__stat=stat
    )  # as seen from inside, the container's own group is the mount's root
    assert budget._container(membership, mount) == 5000 - 100 + 30


def test_without_a_container_only_the_machine_counts(tmp_path):
    assert budget._container(tmp_path / "none", tmp_path) == 2**63
