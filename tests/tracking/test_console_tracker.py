import io
import logging
import math
import sys

import numpy as np
import pytest
from rich.console import Console

from rlvision.core.signals import StopReason
from rlvision.core.types import Episode
from rlvision.tracking.console import ConsoleTracker, PipeSafeConsole
from rlvision.tracking.dashboard import Dashboard, duration, line, number, screen, sparkline


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def plain(clock: Clock, total: int = 1000) -> tuple[ConsoleTracker, io.StringIO]:
    stream = io.StringIO()
    return ConsoleTracker(total, "quick", Console(file=stream, width=40), clock), stream


def drawn(dashboard: Dashboard, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(screen(dashboard, width))
    return console.export_text().splitlines()


def full_board() -> Dashboard:
    latest = {"loss/td": 0.0123, "q/mean": 12.5, "evaluate/mean": 203.4, "counters/frames": 987_654_321}
    dashboard = Dashboard("quick [CartPole-v1]", 50_000, env_steps=12_500, rate=1000.0, seconds=12.5, latest=latest)
    for score in (10.0, 500.0, 30.0):
        dashboard.add_score(score)
    return dashboard


def test_without_a_terminal_there_is_one_line_every_ten_seconds() -> None:
    clock = Clock()
    tracker, stream = plain(clock)
    for second in range(25):
        clock.now = 100.0 + second
        tracker.log({"loss/td": 0.5, "episode/score": float(second)}, 4 * second)
    lines = stream.getvalue().splitlines()
    assert lines == [
        "40/1,000 env steps (4%)  4/s  left 4:00  score 5 (best 10, 11 games)  loss 0.5",
        "80/1,000 env steps (8%)  4/s  left 3:50  score 10.5 (best 20, 21 games)  loss 0.5",
    ]


def test_all_games_of_the_run_are_counted_though_only_the_last_scores_are_kept() -> None:
    dashboard = Dashboard("quick", 100)
    dashboard.scores.extend([1.0] * 5_000)
    dashboard.latest["counters/episodes"] = 12_345.0
    assert ", 12,345 games)" in line(dashboard)
    assert any("12,345" in row for row in drawn(dashboard, 100))


def test_progress_alone_moves_the_display_and_close_shows_the_end_once() -> None:
    clock = Clock()
    tracker, stream = plain(clock)
    tracker.progress(0)
    clock.now += 5
    tracker.progress(500)
    assert stream.getvalue() == ""
    tracker.close()
    tracker.close()
    assert stream.getvalue() == "500/1,000 env steps (50%)  100/s  left 0:05\n"


def test_messages_and_evaluations_are_never_held_back() -> None:
    tracker, stream = plain(Clock())
    tracker.message("saved [step 10]")
    row = {"evaluate/mean": 20.25, "evaluate/ci_low": 18.0, "evaluate/ci_high": 21.0, "evaluate/games": 10}
    tracker.log(row, 30_000)
    assert stream.getvalue().splitlines() == [
        "saved [step 10]",
        "evaluation at 30,000 env steps: mean 20.25 (18 to 21) over 10 games",
    ]
    tracker.log({"evaluate/mean": 20.25, "evaluate/games": 1}, 30_000)
    assert stream.getvalue().endswith("mean 20.25 over 1 game\n")


def test_the_pace_is_that_of_late_and_of_this_process() -> None:
    clock = Clock()
    tracker, stream = plain(clock, 100_000)
    tracker.progress(50_000)  # a continued run
    for _ in range(3):
        clock.now += 60
        tracker.progress(56_000)
    clock.now += 60
    tracker.progress(68_000)
    rates = [text.split("  ")[1] for text in stream.getvalue().splitlines()]
    assert rates == ["100/s", "50/s", "0/s", "100/s"]


def lefts(stream: io.StringIO) -> list[str]:
    """The rates and the times left of the lines so far."""
    return [" ".join(text.split("  ")[1:3]) for text in stream.getvalue().splitlines() if "/s" in text]


def evaluating_run(clock: Clock, stream: io.StringIO) -> ConsoleTracker:
    console = Console(file=stream, width=40)
    return ConsoleTracker(10_000, "quick", console, clock, evaluate_every=1_000)


def test_evaluations_are_no_part_of_the_pace_and_those_to_come_are_part_of_the_time_left() -> None:
    clock, stream = Clock(), io.StringIO()
    tracker = evaluating_run(clock, stream)
    tracker.progress(0)
    clock.now += 10
    tracker.progress(1_000)
    for _ in range(2):  # the games, and the video of one
        with tracker.evaluating(10):
            clock.now += 150
    tracker.log({"evaluate/mean": 1.0}, 1_000)
    clock.now += 10
    tracker.progress(2_000)
    assert lefts(stream) == ["100/s left 1:30", "100/s left 46:30", "100/s left 41:20"]  # 9 and 8 of 5 minutes
    again, stream = evaluating_run(clock, stream), io.StringIO()
    again.load_state_dict(tracker.state_dict())
    assert again._dashboard.evaluation_seconds == 300


def test_an_evaluation_shows_how_far_it_is_every_ten_seconds_and_is_no_part_of_the_pace() -> None:
    clock, stream = Clock(), io.StringIO()
    tracker = evaluating_run(clock, stream)
    tracker.progress(0)
    clock.now += 5
    tracker.progress(500)
    with tracker.evaluating(3) as count:
        for second in range(1, 26):
            clock.now += 1
            count.step(40 * second)
            if second == 12:
                count(Episode(7.0, 480, 480, 0))
    clock.now += 5
    tracker.progress(1_000)
    assert stream.getvalue().splitlines() == [
        "500/10,000 env steps (5%)  evaluating: 0 of 3 games, 200 decisions (40/s)",
        "500/10,000 env steps (5%)  evaluating: 1 of 3 games, mean score 7.0, 600 decisions (40/s)",
        "500/10,000 env steps (5%)  evaluating: 1 of 3 games, mean score 7.0, 1,000 decisions (40/s)",
    ]
    clock.now += 5
    tracker.progress(1_500)
    assert lefts(stream)[-1].startswith("100/s")


def test_a_recording_counts_the_decisions_of_its_game() -> None:
    clock, stream = Clock(), io.StringIO()
    tracker = evaluating_run(clock, stream)

    def log_evaluation(env_steps: int, interrupted: StopReason, is_last: bool) -> None:
        assert (env_steps, is_last) == (500, True)
        for _ in range(15):
            clock.now += 1
            assert interrupted() == "stop"

    tracker.recording(log_evaluation)(500, lambda: "stop", True)
    assert stream.getvalue() == "0/10,000 env steps (0%)  recording a game: 10 decisions (1/s)\n"


@pytest.mark.parametrize("width", [60, 80])
def test_the_screen_shows_an_evaluation_in_one_line(width: int) -> None:
    board = full_board()
    board.activity = "evaluating: 3 of 10 games, mean score 12.5, 4,510 decisions (120/s)"
    lines = drawn(board, width)
    assert len(lines) == 10
    assert lines[-1].startswith("evaluating: 3 of 10 games")


@pytest.mark.parametrize(
    ("every", "total", "now", "left"), [(0, 100, 3, 1), (10, 100, 3, 10), (10, 100, 10, 9), (30, 100, 95, 1)]
)
def test_the_evaluations_to_come(every: int, total: int, now: int, left: int) -> None:
    assert Dashboard("", total, 0, every, env_steps=now)._evaluations_left == left


def test_another_load_is_followed_within_minutes() -> None:
    clock, stream = Clock(), io.StringIO()
    tracker, stream = plain(clock, 1_000_000)
    tracker.progress(0)
    for second in range(10, 610, 10):
        clock.now = 100.0 + second
        tracker.progress(min(second, 300) * 100 + max(0, second - 300) * 10)
    assert lefts(stream)[29].startswith("100/s")
    assert lefts(stream)[-1].startswith("10/s")


def test_a_continued_run_shows_the_numbers_of_before() -> None:
    before, _ = plain(Clock())
    for score in (7.0, 9.0, 5.0):
        before.log({"episode/score": score, "loss/td": score / 10}, 1)
    after, stream = plain(Clock())
    after.load_state_dict(before.state_dict())
    after.progress(1)
    after.close()
    assert "score 7 (best 9, 3 games)  loss 0.5" in stream.getvalue()


def test_its_state_is_plain_whatever_it_was_told() -> None:
    tracker, _ = plain(Clock())
    tracker.log({"loss/td": np.float64(0.5), "counters/updates": 3}, 1)
    assert {type(value) for value in tracker.state_dict()["latest"].values()} == {float}  # as checkpoints are read


@pytest.mark.parametrize("terminal", [False, True])
def test_where_no_step_was_made_nothing_is_drawn(terminal: bool) -> None:
    stream = io.StringIO()
    tracker = ConsoleTracker(1000, "quick", Console(file=stream, width=80, force_terminal=terminal), Clock())
    tracker.message("all 1,000 env steps are done")
    tracker.close()
    assert stream.getvalue() == "all 1,000 env steps are done\n"


def test_while_the_replay_fills_there_is_no_time_left_and_its_pace_counts_no_longer_afterwards() -> None:
    clock, stream = Clock(), io.StringIO()
    tracker = ConsoleTracker(1000, "quick", Console(file=stream, width=40), clock, learning_starts=400)
    tracker.progress(0)
    for second, env_steps in ((10, 300), (11, 400), (20, 490)):
        clock.now = 100.0 + second
        tracker.progress(env_steps)
    assert stream.getvalue().splitlines() == [
        "300/1,000 env steps (30%)  30/s  gathering until 400",
        "490/1,000 env steps (49%)  10/s  left 0:51",
    ]
    assert "0:05 gone, gathering until 400" in drawn(Dashboard("quick", 1000, 400, env_steps=300, seconds=5.0), 80)[0]


def test_a_run_that_ends_when_learning_starts_keeps_the_rate_of_gathering() -> None:
    clock, stream = Clock(), io.StringIO()
    tracker = ConsoleTracker(400, "quick", Console(file=stream, width=40), clock, learning_starts=400)
    tracker.progress(0)
    for second, env_steps in ((4, 200), (8, 400)):
        clock.now = 100.0 + second
        tracker.progress(env_steps)
    tracker.close()
    assert "25/s" in stream.getvalue().splitlines()[-1]


def test_a_run_without_its_replay_gathers_once_more() -> None:
    tracker, stream = plain(Clock())
    tracker.set_learning_starts(700)
    tracker.progress(500)
    tracker.close()
    assert "gathering until 700" in stream.getvalue()


@pytest.mark.parametrize("width", [60, 80])
def test_an_interruption_has_room_after_the_last_line(width: int) -> None:
    dashboard = full_board()
    for score in range(500):
        dashboard.add_score(float(score % 37))
    assert len(drawn(dashboard, width)[-1].rstrip() + "^C") == width


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_fills_its_width_and_never_overflows_it(width: int) -> None:
    lines = drawn(full_board(), width)
    assert len(lines) == 10
    assert all(len(text) <= width for text in lines)
    assert {len(text.rstrip()) for text in lines[2:9]} == {width}


def test_the_screen_names_the_numbers() -> None:
    text = "\n".join(drawn(full_board(), 80))
    for expected in ("quick [CartPole-v1]", "0:12 gone, 0:38 left", "25%", "12,500 of 50,000", "987,654,321"):
        assert expected in text
    assert "▁█▁ 10 to 500" in text
    assert [text.split() for text in drawn(full_board(), 80)[3:5]] == [
        ["│", "last", "20", "180", "││", "loss", "0.0123", "││", "env", "steps/s", "1,000", "│"],
        ["│", "best", "500", "││", "|TD", "error|", "-", "││", "updates/s", "-", "│"],
    ]


def test_the_screen_stands_before_the_first_number() -> None:
    assert "no game finished yet" in drawn(Dashboard("quick", 100), 80)[-1]
    assert line(Dashboard("quick", 9)) == "0/9 env steps (0%)  0/s  left -:--"


def test_at_the_end_no_time_is_left_whatever_the_pace() -> None:
    assert "left 0:00" in line(Dashboard("quick", 9, env_steps=10))


def test_in_a_terminal_what_is_written_meanwhile_appears_above_the_board(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    clock = Clock()
    tracker = ConsoleTracker(1000, "quick", Console(file=terminal, width=80, force_terminal=True), clock)
    try:
        clock.now += 1
        tracker.progress(10)
        before = len(terminal.getvalue())
        logging.getLogger("rlvision").warning("take care")
        sys.stderr.write("a word\n")
        written = terminal.getvalue()[before:]
    finally:
        tracker.close()
        logging.getLogger().removeHandler(handler)
    up, clear = "\x1b[1A", "\x1b[2K"
    for words in ("take care", "a word"):
        above, _, below = written.partition(words)
        assert above.endswith(up + clear)  # the board is wiped before the words
        assert "rlvision" in below  # and drawn again below them
        written = below
    assert (sys.stdout, sys.stderr, handler.stream) == (terminal, terminal, terminal)


class SlowTerminal(Terminal):
    """A terminal on which a drawing takes its time."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self.clock, self.seconds = clock, seconds

    def write(self, text: str) -> int:
        self.clock.now += self.seconds * text.count(" gone")
        return super().write(text)


@pytest.mark.parametrize(("drawing", "drawings"), [(0.0, 40), (0.005, 20), (0.05, 2)])
def test_drawing_takes_a_hundredth_of_the_time_at_most(drawing: float, drawings: int) -> None:
    clock = Clock()
    terminal = SlowTerminal(clock, drawing)
    tracker = ConsoleTracker(1000, "quick", Console(file=terminal, width=80, force_terminal=True), clock)
    for tick in range(161):  # ten seconds
        clock.now = 100.0 + tick / 16
        tracker.progress(tick)
    assert terminal.getvalue().count(" gone") == drawings
    tracker.close()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0"),
        (-21.0, "-21"),
        (1234567.8, "1,234,568"),
        (0.012345, "0.01235"),
        (0.00001234, "1.2e-05"),
        (math.nan, "nan"),
        (math.inf, "inf"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


def test_durations() -> None:
    assert [duration(seconds) for seconds in (None, 0.4, 59.6, 725, 12_000)] == [
        "-:--",
        "0:00",
        "1:00",
        "12:05",
        "3:20:00",
    ]


def test_sparklines() -> None:
    assert sparkline([], 10) == ""
    assert sparkline([3.0, 3.0], 10) == "▁▁"
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 10) == "▁▂▃▄▅▆▇█"
    assert sparkline([0, 2, 10, 10, 15, 13], 3) == "▁▆█"  # means 1, 10, 14


class Full(io.StringIO):
    """A stream onto a full disk."""

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


class Left(io.StringIO):
    """A stream whose reader has left."""

    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


def test_output_that_fails_is_said_once_and_training_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    tracker = ConsoleTracker(1000, "quick", Console(file=Full()), clock)
    for second in range(0, 60, 15):
        clock.now = 100.0 + second
        tracker.log({"evaluate/mean": 1.0}, second)
    tracker.close()
    assert caplog.messages == ["expected to show the progress, got No space left on device: training goes on"]


def test_a_reader_that_leaves_ends_no_training() -> None:
    clock = Clock()
    console = PipeSafeConsole(file=Left())
    tracker = ConsoleTracker(1000, "quick", console, clock)
    for second in range(0, 60, 15):
        clock.now = 100.0 + second
        tracker.log({"evaluate/mean": 1.0}, second)
    tracker.close()
    assert console.quiet
