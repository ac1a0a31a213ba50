"""Limits of the machine, each measured alone: emulators, copies of frames, the network, matrix products."""

import numpy as np
import torch
from contenders.rlvision_dqn import RLVisionLoop
from contenders.work import Work
from measure.rounds import Case

from rlvision.core.devices import one_thread
from rlvision.core.types import BoolArray, IntArray, UInt8Array
from rlvision.envs.atari_env import AtariEnv, make_native
from rlvision.envs.factory import make
from rlvision.envs.settings import EnvSettings
from rlvision.envs.split_env import SplitEnv, play_double_buffered

SIZE, STACK = (84, 84), 4
FRAME = SIZE[0] * SIZE[1]


VECTOR_STEPS = 16
"""Steps of all environments in one call of an acting case."""


def emulators(work: Work) -> Case:
    """Return a case of ale-py's own vector environment with random actions and nothing else; in env steps."""
    settings = EnvSettings(game=work.game, height=SIZE[0], width=SIZE[1])
    wrapped = AtariEnv(settings, 1)
    native = make_native(settings, work.num_envs, SIZE, STACK)
    actions = np.random.default_rng(0).integers(wrapped.spec.num_actions, size=(1024, work.num_envs))
    wrapped.close()
    native.reset(seed=1)
    turn = 0

    def step() -> float:
        nonlocal turn
        turn = (turn + 1) % len(actions)
        native.send(actions[turn])
        native.recv()
        return work.num_envs

    return step


def acting_in_turn(loop: RLVisionLoop, num_envs: int) -> Case:
    """Return a case in which the network acts and the emulators step by turns, with torch's own threads."""
    env = make(EnvSettings(game=loop.work.game), num_envs)
    env.reset(seed=1)

    def play() -> float:
        for _ in range(VECTOR_STEPS):
            env.step(loop.agent.policy.act(env.observation, env.first, 0))
        return VECTOR_STEPS * num_envs

    return play


def acting_double_buffered(loop: RLVisionLoop, num_envs: int) -> Case:
    """Return a case in which the network acts, with one thread, for one half of the emulators while the other steps."""
    env = make(EnvSettings(game=loop.work.game), num_envs, split=True)
    if not isinstance(env, SplitEnv):
        raise SystemExit(f"expected an even number of Atari games, 4 or more, to act for, got {num_envs}")
    env.reset(seed=1)

    def play() -> float:
        with one_thread():
            return sum(len(row.action) for row in play_double_buffered(env, act, VECTOR_STEPS))

    def act(half: int, observation: UInt8Array, first: BoolArray) -> IntArray:
        return loop.agent.policy.act(observation, first, 0)

    return play


def copies(work: Work, device: torch.device) -> Case:
    """Return a case that gathers the frames of a batch from random places in a replay; in bytes."""
    frames = torch.randint(256, (work.capacity, FRAME), dtype=torch.uint8, device=device)
    wanted = 2 * STACK * work.batch_size
    index = torch.randint(work.capacity, (64, wanted), device=device)
    turn = 0

    def gather() -> float:
        nonlocal turn
        turn = (turn + 1) % len(index)
        return frames.index_select(0, index[turn]).nbytes

    return gather


def copied_bytes(work: Work) -> int:
    """Return the bytes of frames that one env step moves: one frame into the replay, s and s' of every sample out."""
    return FRAME * (1 + work.samples_per_env_step * 2 * STACK)


def forward(loop: RLVisionLoop) -> Case:
    """Return a case of the acting network on the newest observations; in observations."""
    observation, q_function = loop.env.observation, loop.agent.q_function

    def act() -> float:
        return len(q_function(observation))

    return act


def training_step(loop: RLVisionLoop) -> Case:
    """Return a case of one update on an existing batch; in updates."""
    batch, learn = loop.agent.memory.sample(), loop.agent.learner.update

    def update() -> float:
        learn(batch)
        return 1

    return update


def matrix_product(device: torch.device, dtype: torch.dtype) -> Case:
    """Return a case of a large square matrix product, the machine's peak of arithmetic; in operations."""
    size = 8192 if device.type == "cuda" else 1024
    left, right = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
    product = torch.empty_like(left)

    def multiply() -> float:
        torch.mm(left, right, out=product)
        return 2 * size**3

    return multiply


def training(loop: RLVisionLoop, vector_steps: int) -> Case:
    """Return a case of the whole loop; in env steps."""
    env_steps = vector_steps * loop.env.spec.num_envs

    def train() -> float:
        loop.train(env_steps)
        return env_steps

    return train
