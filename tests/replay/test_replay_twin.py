"""The replay against its naive twin, over random histories of everything that may happen to it."""

import io
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ALPHA, BETA, EPSILON = 0.7, 0.5, 0.25
HORIZONS = [(1, 0.5), (2, 1.0), (3, 0.5), (4, 0.25), (5, 0.0)]  # n, γ: powers of two, so that sums are exact

shapes = st.fixed_dictionaries(
    {
        "num_envs": st.integers(1, 3),
        "channels": st.sampled_from([1, 3]),
        "stack": st.integers(1, 4),
        "horizon": st.sampled_from(HORIZONS),
        "slack": st.integers(5, 12),  # rows beyond stack: the longest n is 5
        "in_progress": st.booleans(),  # do the games begin before the replay does?
    }
)


class Pair:
    """A replay and its naive twin, told the same."""

    def __init__(self, parts, num_envs, channels, stack, horizon, slack, prioritised, compression, in_progress):
        self.make_replay, make_history, make_naive_replay, self.size = parts
        self.length = stack + slack
        self.history = make_history(num_envs, channels, stack, in_progress)
        self.naive = make_naive_replay(self.length, num_envs, channels, stack, *horizon)
        self.prioritised = prioritised
        self.compression = compression
        self.replay = self.make()
        self.index = torch.arange(4)  # of the last batch

    def make(self):
        naive = self.naive
        return self.make_replay(
            capacity=self.length * naive.num_envs,
            num_envs=naive.num_envs,
            frame_shape=(naive.channels, *self.size),
            stack=naive.stack,
            n_step=naive.n_step,
            gamma=naive.gamma,
            batch_size=4,
            beta=BETA,
            prioritised=self.prioritised,
            alpha=ALPHA,
            priority_epsilon=EPSILON,
            compression=self.compression,
        )

    def play(self, program):
        """Each row takes a byte of control and one per environment."""
        stride = 1 + self.naive.num_envs
        for at in range(0, len(program) - stride + 1, stride):
            control, *events = program[at : at + stride]
            self.intervene(control)
            step = self.history.step(events)
            self.naive.add(step)
            self.replay.add(step)
            self.check_starts()
            if control % 8 == 0:
                self.check_content()

    def intervene(self, control):
        if control >= 253 and self.naive.rows:
            self.save_and_load()
        elif control >= 235:
            self.set_horizon(*HORIZONS[control % 5])
        elif control >= 200 and self.replay.size:
            self.index = self.replay.sample().index
        elif control >= 150:
            self.update((torch.arange(4) * 7 + control) % 13 / 4)  # perhaps long after the batch was drawn

    def set_horizon(self, n_step, gamma):
        self.naive.n_step, self.naive.gamma = n_step, gamma
        self.naive.note_starts()
        self.replay.set_horizon(n_step, gamma)

    def update(self, priority):
        starts = [divmod(int(i), self.naive.num_envs) for i in self.index]
        self.naive.update(starts, [float(p) + EPSILON for p in priority])
        self.replay.update_priorities(self.index, priority)

    def save_and_load(self):
        """Go on with a new replay that was filled from a checkpoint; it must draw as the old one would have."""
        with tempfile.TemporaryDirectory() as folder:
            manifest = self.replay.save_rows(Path(folder))
            file = io.BytesIO()
            torch.save({"state": self.replay.state_dict(), "manifest": manifest}, file)
            file.seek(0)
            saved = torch.load(file, weights_only=True)
            fresh = self.make()
            fresh.load_rows(Path(folder), saved["manifest"])
            fresh.load_state_dict(saved["state"])
        if self.replay.size:
            old, new = self.replay.sample(), fresh.sample()
            assert torch.equal(old.index, new.index)
            assert torch.equal(old.importance_weight, new.importance_weight)
        self.replay = fresh

    def check_starts(self):
        """Each position of a uniform draw is another start, and all of them are there."""
        position = np.arange(self.replay.size)
        assert sorted(self.replay._starts.at(position).tolist()) == self.indices()

    def check_content(self):
        if self.naive.starts:
            self.check_transitions()
        if self.prioritised:
            self.check_priorities()

    def indices(self):
        return [row * self.naive.num_envs + e for row, e in self.naive.starts]

    def check_priorities(self):
        expected = torch.zeros(self.length * self.naive.num_envs, dtype=torch.float64)
        for (row, e), priority in self.naive.priority.items():
            expected[row % self.length * self.naive.num_envs + e] = priority**ALPHA
        torch.testing.assert_close(self.replay._sampler.mass, expected, rtol=1e-12, atol=0.0)

    def check_transitions(self):
        read = self.replay._assembler.gather(torch.tensor(self.indices()))
        fields = (read.observation, read.action, read.reward, read.discount, read.next_observation)
        twins = zip(*(self.naive.transition(*start) for start in self.naive.starts), strict=True)
        for field, twin in zip(fields, twins, strict=True):
            assert np.array_equal(field, np.array(twin))


@pytest.fixture(scope="session")
def agree(make_replay, make_history, make_naive_replay, frame_size):
    """Tell a replay and its naive twin a program, and compare what they make of it."""

    def compare(shape, program):
        pair = Pair((make_replay, make_history, make_naive_replay, frame_size), **shape)
        pair.play(program)
        pair.check_content()

    return compare


@pytest.fixture(autouse=True, scope="module")
def in_a_hurry():
    """What is saved need not survive a power cut here, and what fits needs no checking each time."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("os.fsync", lambda descriptor: None)
        monkeypatch.setattr("rlvision.replay.buffer.check_budget", lambda *_: None)
        monkeypatch.setattr("rlvision.replay.compression.check_budget", lambda *_: None)
        monkeypatch.setattr(
            "rlvision.replay.compression.CHUNK_BYTES", 64
        )  # of a few frames, so that each is filled often
        yield


@pytest.mark.parametrize("num_envs", [1, 2, 3])
@pytest.mark.parametrize("stack", [1, 2, 3, 4])
@pytest.mark.parametrize("horizon", HORIZONS)
@pytest.mark.parametrize("prioritised", [False, True])
def test_every_combination(agree, num_envs, stack, horizon, prioritised):
    """Round the ring several times, with lives, ends, time limits, cuts, other horizons, saves, and loads."""
    rng = random.Random(f"{num_envs} {stack} {horizon} {prioritised}")
    for in_progress, compression in ((False, "none"), (True, "none"), (True, "lz4")):
        shape = {"num_envs": num_envs, "channels": rng.choice([1, 3]), "stack": stack, "slack": rng.randint(5, 12)}
        rest = {"horizon": horizon, "prioritised": prioritised, "compression": compression}
        agree({**shape, **rest, "in_progress": in_progress}, rng.randbytes(50 * (1 + num_envs)))


@pytest.mark.parametrize("compression", ["none", "lz4"])
@pytest.mark.parametrize("prioritised", [False, True])
@given(shape=shapes, program=st.binary(min_size=30, max_size=120))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))  # 800 in all
def test_the_replay_is_its_naive_twin(agree, shape, program, prioritised, compression):
    agree({**shape, "prioritised": prioritised, "compression": compression}, program)


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["none", "lz4"])
@pytest.mark.parametrize("prioritised", [False, True])
@given(shape=shapes, program=st.binary(min_size=30, max_size=200))
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))  # 20,000 in all
def test_the_replay_is_its_naive_twin_in_very_many_histories(agree, shape, program, prioritised, compression):
    agree({**shape, "prioritised": prioritised, "compression": compression}, program)
