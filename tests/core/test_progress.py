"""What is said of games that are being played, and of those that somebody interrupts."""

import io
from functools import partial

import pytest
from rich.console import Console

from rlvision.core import progress
from rlvision.core.progress import count_games, show_steps
from rlvision.core.types import Episode


@pytest.fixture
def screen(monkeypatch):
    """What a terminal would get."""
    monkeypatch.setenv("TERM", "xterm")  # rich draws nothing on a dumb one
    written = io.StringIO()
    terminal = partial(Console, file=written, force_terminal=True, width=80)
    monkeypatch.setattr(progress, "Console", lambda stderr, quiet: terminal(quiet=quiet))
    return written


def episode(score: float) -> Episode:
    return Episode(score=score, length=10, frames=40, seed=1)


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ((), "before the first of 30 games ended"),
        ((20.0, 21.0), "after 2 of 30 games, mean score 20.5; these scores are not saved"),
        ((1000.0,), "after 1 of 30 games, mean score 1,000.0; these scores are not saved"),
    ],
)
def test_an_interruption_says_what_the_games_came_to_that_were_over(scores, words, capsys):
    def play():
        with count_games(30) as on_episode:
            for score in scores:
                on_episode(episode(score))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play()
    assert capsys.readouterr().err == f"interrupted {words}\n"


def test_without_a_terminal_there_is_a_line_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    with count_games(30) as count:
        count.step(50)
        count(episode(3.0))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("playing: 0 of 30 games, 50 decisions (")
    assert lines[1].startswith("playing: 1 of 30 games, mean score 3.0, 50 decisions (")


def test_a_terminal_shows_the_decisions_of_a_game_under_way(monkeypatch, screen):
    monkeypatch.setattr(progress, "BAR_SECONDS", 0.0)
    with count_games(30) as count:
        count.step(50)
    assert "50 decisions (" in screen.getvalue()
    assert "0/30" in screen.getvalue()


def test_games_played_to_the_end_need_no_word(capsys):
    with count_games(1) as on_episode:
        on_episode(episode(3.0))
    assert capsys.readouterr() == ("", "")


def test_what_takes_long_says_how_far_it_is(monkeypatch, screen):
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    with show_steps("reading the replay") as report:
        report(32, 70)
    assert "reading the replay" in screen.getvalue()
    assert "32/70" in screen.getvalue()


def test_what_is_soon_done_says_nothing(screen):
    with show_steps("reading the replay") as report:
        report(70, 70)
    assert "reading" not in screen.getvalue()
