import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from rich.console import Console

from rlvision.core.errors import ConfigError
from rlvision.envs.counting_env import draw, read
from rlvision.watch.drawing.overlay import MARGIN
from rlvision.watch.record import record
from rlvision.watch.rollout import Game, Rollout, RolloutStep

SCALE = 8  # 32 pixels are enlarged to 256


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_the_video_shows_the_games_that_were_played(tmp_path: Path, suffix: str, counting_rollout) -> None:
    path = tmp_path / f"games{suffix}"
    games = record(counting_rollout(3, 5, games=2, seed=4), path, title="Counting", fps=30)
    rollout_steps = list(counting_rollout(3, 5, games=2, seed=4))
    assert games == [
        Game(rollout_step.score, rollout_step.length, seed, over=True)
        for rollout_step, seed in zip(
            [rollout_step for rollout_step in rollout_steps if rollout_step.over], (4, 5), strict=True
        )
    ]
    shown = [frame for rollout_step in rollout_steps for frame in rollout_step.frames]
    assert len(shown) == sum(game.length for game in games) + 2  # every step, and an opening each

    with av.open(path) as container:
        pictures = [np.asarray(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    assert len(pictures) == len(shown)
    for picture, screen in zip(pictures, shown, strict=True):
        assert picture.shape == (670, 676, 3)  # 630 high, 256 and 360 wide, and their margins
        top = 206  # in the middle, at an even row
        game = picture[top : top + 256, MARGIN : MARGIN + 256]
        middles = game[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE].astype(int)
        assert np.abs(middles - screen).mean() < 6
        number, step = read(screen[:, :, 0])
        assert np.array_equal(screen, draw(number, step, 32))


def test_a_game_that_is_cut_short_is_told_so(tmp_path: Path, counting_rollout) -> None:
    [game] = record(counting_rollout(50, max_steps=4), tmp_path / "cut.mp4", title="Counting", fps=30)
    assert (game.length, game.over) == (4, False)


def test_a_terminal_is_told_how_far_the_recording_is_and_a_file_is_not(tmp_path: Path, counting_rollout) -> None:
    for terminal in (True, False):
        console = Console(file=io.StringIO(), width=100, force_terminal=terminal)
        record(counting_rollout(6), tmp_path / "told.mp4", title="Counting", fps=30, console=console)
        output = console.file
        assert isinstance(output, io.StringIO)
        assert ("told.mp4: game 1, decision 6" in output.getvalue()) == terminal


def test_nothing_is_played_for_a_file_that_cannot_be_written(tmp_path: Path, counting_rollout) -> None:
    rollout = counting_rollout(3)
    with pytest.raises(ConfigError, match=r"ends in \.mp4, \.webm or \.gif"):
        record(rollout, tmp_path / "games.avi", title="Counting", fps=30)
    assert len(list(rollout)) == 3


class StopReason:
    """The first steps of a rollout, and then Ctrl-C."""

    def __init__(self, rollout: Rollout, rollout_steps: int) -> None:
        self.spec = rollout.spec
        self._rollout, self._moments = rollout, rollout_steps

    def __iter__(self) -> Iterator[RolloutStep]:
        yield from islice(self._rollout, self._moments)
        raise KeyboardInterrupt


def test_an_interruption_writes_no_video_and_says_how_far_it_was(tmp_path: Path, capsys, counting_rollout) -> None:
    with pytest.raises(KeyboardInterrupt):
        record(StopReason(counting_rollout(6), 3), tmp_path / "game.mp4", title="Counting", fps=30)
    assert list(tmp_path.iterdir()) == []
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("interrupted in game 1, decision 3, score ")
    assert line.endswith("; the video is not written")
