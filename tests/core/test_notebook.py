import subprocess
import sys
from types import SimpleNamespace

import pytest

from rlvision.core import progress
from rlvision.core.notebook import SECONDS, LiveOutput, in_notebook
from rlvision.core.progress import count_games, show_steps
from rlvision.core.types import Episode


class Clock:
    """A clock that stands still unless it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def episode(score: float) -> Episode:
    return Episode(score=score, length=10, frames=40, seed=1)


@pytest.mark.parametrize("shell", [None, SimpleNamespace()])
def test_a_program_and_ipython_in_a_terminal_are_no_notebook(monkeypatch, shell):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert not in_notebook()


def test_the_kernel_of_a_notebook_is_one(notebook):
    assert in_notebook()


def test_ipython_is_never_imported_for_it():
    code = "import sys, rlvision.core.notebook as n; n.in_notebook(); sys.exit('IPython' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_an_output_changes_in_place_every_half_second_at_most(notebook):
    clock = Clock()
    output = LiveOutput(clock)
    for step in range(10):
        clock.now = 100.0 + step * SECONDS / 4
        output.put("board", f"<b>{step}</b>", str(step))
    assert notebook.drawings == 3  # at 0, 4 and 8 quarters
    output.close()
    (page,) = notebook.pages
    assert "<b>9</b>" in page


def test_parts_stand_in_their_order_whichever_came_first(notebook):
    output = LiveOutput()
    output.put("lines", "below", "below")
    output.put("board", "above", "above")
    output.close()
    (shown,) = notebook.outputs.values()
    assert shown["text/plain"] == "above\nbelow"


def test_games_are_counted_in_one_output_that_is_empty_at_the_end(notebook, monkeypatch):
    monkeypatch.setattr("rlvision.core.notebook.SECONDS", 0.0)
    monkeypatch.setattr(progress, "BAR_SECONDS", 0.0)
    seen = []
    with count_games(2) as on_episode:
        for score in (20.0, 21.0):
            on_episode(episode(score))
            seen.extend(notebook.pages)
    assert "mean score 20.0" in seen[0]
    assert "1 of 2" in seen[0]
    assert "width: 50.0%" in seen[0]
    assert "mean score 20.5" in seen[1]
    assert len(notebook.outputs) == 1
    assert "score" not in notebook.pages[0]


def test_a_bar_is_drawn_in_the_output_of_the_training_that_it_belongs_to(notebook, monkeypatch):
    monkeypatch.setattr("rlvision.core.notebook.SECONDS", 0.0)
    monkeypatch.setattr(progress, "BAR_SECONDS", 0.0)
    training = LiveOutput()
    training.begin()
    training.put("board", "the board", "the board")
    with count_games(2) as on_episode:
        on_episode(episode(3.0))
        (page,) = notebook.pages
        assert page.index("the board") < page.index("mean score 3.0")
    training.close()
    (page,) = notebook.pages
    assert "mean score" not in page
    with count_games(2):
        assert len(notebook.outputs) == 2


def test_slow_work_shows_its_bar_only_once_it_is_slow(notebook, monkeypatch):
    with show_steps("reading the replay") as report:
        report(32, 70)
        assert notebook.outputs == {}
        monkeypatch.setattr(progress, "PATIENCE", -1.0)
        report(35, 70)
        assert "reading the replay" in notebook.pages[0]
        assert "width: 50.0%" in notebook.pages[0]
