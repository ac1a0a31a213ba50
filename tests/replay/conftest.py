"""A replay as slow and plain as its definition, and the histories that it and the real one are told."""

import numpy as np
import pytest

from rlvision.core.types import EnvStep

SIZE = (1, 2)  # H, W: a frame is the number of its cell, in two bytes


def frame(number, channels):
    """The frame of cell ``number``; cell -1 is the blank before a game."""
    values = [(number + 1) * channels + k if number >= 0 else 0 for k in range(channels)]
    return [[[value // 256, value % 256]] for value in values]  # [c, H, W]


class NaiveReplay:
    """Remembers every row for ever and derives all else from the rows, with loops over lists."""

    def __init__(self, length, num_envs, channels, stack, n_step, gamma):
        self.length, self.num_envs, self.channels, self.stack = length, num_envs, channels, stack
        self.n_step, self.gamma = n_step, gamma
        self.rows = []
        self.starts, self.priority = [], {}
        self.largest = 1.0

    def add(self, step):
        self.rows.append(step)
        self.note_starts()

    def note_starts(self):
        """Who became a start enters with the largest priority; who is none any more loses its own."""
        cells = [(row, e) for row in range(self.oldest, len(self.rows)) for e in range(self.num_envs)]
        self.starts = [(row, e) for row, e in cells if self.is_start(row, e)]
        self.priority = {start: self.priority.get(start, self.largest) for start in self.starts}

    def update(self, starts, priorities):
        seen = {}
        for start, priority in zip(starts, priorities, strict=True):
            seen[start] = max(priority, seen.get(start, 0.0))
            self.largest = max(self.largest, priority)
        self.priority.update({start: value for start, value in seen.items() if start in self.priority})

    @property
    def oldest(self):
        return max(0, len(self.rows) - self.length)

    def is_first(self, row, e):
        return bool(self.rows[row].first[e])

    def is_start(self, row, e):
        if row + self.n_step >= len(self.rows) or self.is_first(row + 1, e):
            return False
        oldest = self.oldest
        return all(shown is None or shown >= oldest for shown in self.shown_rows(row, e))

    def shown_rows(self, row, e):
        """The rows of the stack that ends at ``row``, newest first: None before the game, negative before all rows."""
        shown = [row]
        while len(shown) < self.stack:
            last = shown[-1]
            game_began = last is None or (last >= 0 and self.is_first(last, e))
            shown.append(None if game_began else last - 1)
        return shown

    def observation(self, row, e):
        frames = [frame(-1 if r is None else r * self.num_envs + e, self.channels) for r in self.shown_rows(row, e)]
        return np.concatenate(frames[::-1])  # [stack * c, H, W]

    def transition(self, row, e):
        """(observation, action, return, discount, next observation)."""
        total, discount, at = 0.0, 1.0, row
        while True:
            step = self.rows[at]
            total += discount * float(step.reward[e])
            discount *= self.gamma
            at += 1
            if step.terminated[e]:
                return self._result(row, e, total, 0.0, at)
            if step.truncated[e] or at - row == self.n_step or self.is_first(at + 1, e):
                return self._result(row, e, total, discount, at)

    def _result(self, row, e, total, discount, at):
        return self.observation(row, e), int(self.rows[row].action[e]), total, discount, self.observation(at, e)


class Game:
    """One environment, told by bytes what happens: mostly nothing, sometimes all that may."""

    def __init__(self, in_progress):
        self.coming = [] if in_progress else ["first"]

    def flags(self, byte):
        """(terminated, truncated, first) of the next row."""
        event = self.coming.pop(0) if self.coming else "goes on"
        terminated, truncated = False, False
        if event != "dead":
            if 170 <= byte < 190:  # a lost life
                terminated = True
            elif 190 <= byte < 205:  # the end
                terminated, self.coming = True, ["dead", "first"]
            elif 205 <= byte < 220:  # a time limit
                truncated, self.coming = True, ["dead", "first"]
            elif 220 <= byte < 235:  # cut: its rows end in the middle of the game
                self.coming = ["first"]
        if byte >= 235:  # whatever
            return bool(byte & 1), bool(byte & 2), bool(byte & 4) or event == "first"
        return terminated, truncated, event == "first"


class History:
    """Turns bytes into EnvSteps whose pixels say where they belong."""

    def __init__(self, num_envs, channels, stack, in_progress=False):
        self.num_envs, self.channels, self.stack = num_envs, channels, stack
        self.games = [Game(in_progress) for _ in range(num_envs)]
        self.row = 0

    def step(self, bytes_):
        terminated, truncated, first = np.array([g.flags(b) for g, b in zip(self.games, bytes_, strict=True)]).T
        cells = self.row * self.num_envs + np.arange(self.num_envs)
        observation = np.full((self.num_envs, self.stack * self.channels, *SIZE), 99, np.uint8)  # old frames: ignored
        observation[:, -self.channels :] = [frame(cell, self.channels) for cell in cells]
        observation.flags.writeable = False
        self.row += 1
        return EnvStep(
            observation=observation,
            action=cells * 7 % 18,
            reward=(cells * 5 % 11 - 4).astype(np.float32),
            terminated=terminated,
            truncated=truncated,
            first=first,
        )


@pytest.fixture(scope="session")
def frame_size():
    """(H, W) of the frames of a history."""
    return SIZE


@pytest.fixture(scope="session")
def make_history():
    """(num_envs, channels, stack, in_progress) -> a history that turns bytes into rows."""
    return History


@pytest.fixture(scope="session")
def make_naive_replay():
    """(length, num_envs, channels, stack, n_step, gamma) -> the naive twin of a replay."""
    return NaiveReplay
