"""Growth of cost with one number; run each row in its own process, so that its memory is measured alone."""

import itertools
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from contenders.rlvision_dqn import RLVisionLoop, settings
from contenders.work import Work
from measure.rounds import Case, by_turns

from rlvision.core.memory import keep_freed_memory, resident_bytes
from rlvision.core.types import Batch, EnvSpec, EnvStep, Transition
from rlvision.learning.schedules import Constant
from rlvision.replay.buffer import ReplayBuffer, required_bytes
from rlvision.replay.settings import ReplaySettings
from rlvision.runs import builders

Row = dict[str, float]
"""Column -> number; the first column is the number that varies."""

SPEC = EnvSpec(8, (4, 84, 84), 1, tuple("abcdef"), 4)
FRAME, SMALL_FRAME = (1, 84, 84), (1, 8, 8)
GAMES_SIDE_BY_SIDE, GAME = 64, 800


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """The length of a measurement."""

    rounds: int
    seconds: float  # at least, of a turn
    threads: int
    full: bool  # replays of real frames


def of_environments(number: int, effort: Effort) -> Row:
    """Measure env steps per second with ``number`` environments: stepping, with acting, with learning; and memory."""
    torch.set_num_threads(effort.threads)
    before, rows = resident_bytes(), max(64, 256 // number)
    loop = RLVisionLoop(
        Work(num_envs=number, capacity=rows * number, prefill=8 * number, precision="auto"), double=True, norm="renorm"
    )
    while not loop.updates:  # the first update also calibrates
        loop.train(number)
    random, actions = np.random.default_rng(0), loop.env.spec.num_actions
    cases = {
        "environments alone": lambda: loop.env.step(random.integers(actions, size=number)),
        "acting": lambda: loop.env.step(loop.agent.policy.act(loop.env.observation, loop.env.first, 10**9)),
        "learning": loop.trainer.step,
    }
    seconds = timed(cases, effort)
    memory = resident_bytes() - before
    loop.close()
    rates = {f"{name}, env steps/s": number / each for name, each in seconds.items()}
    return {"environments": number, **rates, "memory, MB": memory / 1e6}


def of_batch(size: int, effort: Effort) -> Row:
    """Measure milliseconds of an update of DN with Double and a batch of ``size``, and its memory besides the agent."""
    torch.set_num_threads(effort.threads)
    keep_freed_memory()
    learner = builders.make_agent(
        settings(Work(capacity=1_000, precision="auto"), double=True, norm="renorm"), SPEC
    ).learner
    learner.updates = 1  # skips calibration, since the replay is empty
    before, batch = resident_bytes(), noise(size)
    seconds = timed({"update": lambda: learner.update(batch)}, effort)["update"]
    return {
        "batch": size,
        "update, ms": 1e3 * seconds,
        "a transition of it, ms": 1e3 * seconds / size,
        "memory, MB": (most_resident_bytes() - before) / 1e6,
    }


def of_replay(size: int, effort: Effort) -> Row:
    """Measure microseconds to sample 32 transitions from a replay of ``size``, and to add those of 64 games.

    The frames are small unless the effort is full: only the search for transitions might grow.
    """
    torch.set_num_threads(effort.threads)
    frame = FRAME if effort.full else SMALL_FRAME
    uniform, prioritised = (filled(size, frame, prioritised=kind) for kind in (False, True))
    steps = game_steps(frame)
    cases = {
        "sample, uniform": uniform.sample,
        "sample, prioritised": prioritised.sample,
        "add, prioritised": lambda: prioritised.add(next(steps)),
    }
    settings = [ReplaySettings(capacity=size, prioritised=kind) for kind in (False, True)]
    reckoned = [required_bytes(each, spec_of(FRAME)) / 1e6 for each in settings]
    return {
        "transitions": size,
        **{f"{name}, µs": 1e6 * each for name, each in timed(cases, effort).items()},
        "memory with 84x84 frames, MB": reckoned[0],
        "prioritised, MB": reckoned[1],
    }


def noise(size: int) -> Batch:
    """Return a batch of transitions of noise."""
    observation, after = torch.randint(256, (2, size, *SPEC.observation_shape), dtype=torch.uint8)
    action, reward = torch.randint(SPEC.num_actions, (size,)), torch.rand(size)
    transition = Transition(observation, action, reward, torch.full((size,), 0.9), after)
    return Batch(transition, torch.arange(size), torch.ones(size))


def filled(size: int, frame: tuple[int, int, int], *, prioritised: bool) -> ReplayBuffer:
    """Return a full replay of games of 800 steps; a prioritised one has had some updates."""
    settings = ReplaySettings(
        capacity=size, batch_size=32, samples_per_env_step=1, learning_starts=0, prioritised=prioritised
    )
    replay = ReplayBuffer(
        settings,
        spec_of(frame),
        n_step=Constant(3),
        gamma=Constant(0.99),
        beta=Constant(0.4),
        generator=torch.Generator().manual_seed(0),
    )
    steps = game_steps(frame)
    for _ in range(size // GAMES_SIDE_BY_SIDE + 1):
        replay.add(next(steps))
    for _ in range(256):
        batch = replay.sample()
        replay.update_priorities(batch.index, torch.rand(32))
    return replay


def spec_of(frame: tuple[int, int, int]) -> EnvSpec:
    """Return the spec of parallel games with frames of that shape."""
    channels, height, width = frame
    shape = (SPEC.stack * channels, height, width)
    return EnvSpec(GAMES_SIDE_BY_SIDE, shape, channels, SPEC.action_meanings, SPEC.frameskip)


def game_steps(frame: tuple[int, int, int]) -> Iterator[EnvStep]:
    """Yield the rows of consecutive games."""
    number = GAMES_SIDE_BY_SIDE
    observation = np.full((number, SPEC.stack * frame[0], *frame[1:]), 7, np.uint8)
    no, yes = np.zeros(number, np.bool_), np.ones(number, np.bool_)
    action, reward = np.zeros(number, np.int64), np.ones(number, np.float32)
    for row in itertools.count():
        place = row % (GAME + 1)
        yield EnvStep(observation, action, reward, yes if place == GAME else no, no, yes if place == 0 else no)


def timed(cases: dict[str, Callable[[], object]], effort: Effort) -> dict[str, float]:
    """Return the median seconds of one call of each case; the cases take turns."""
    rates = by_turns({name: counted(call) for name, call in cases.items()}, effort.rounds, effort.seconds)
    return {name: rate.seconds for name, rate in rates.items()}


def counted(call: Callable[[], object]) -> Case:
    """Return a case whose unit is one call."""

    def once() -> float:
        call()
        return 1.0

    return once


def most_resident_bytes() -> int:
    """Return the peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
