import logging
import warnings

import pytest

from rlvision.tracking.console import ConsoleTracker
from rlvision.tracking.notebook import NotebookView
from rlvision.tracking.small_curve import MOST_POINTS, Course, Mark, draw_svg


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def draw_at_once(monkeypatch):
    monkeypatch.setattr("rlvision.core.notebook.SECONDS", 0.0)


@pytest.fixture
def tracker(notebook):
    clock = Clock()
    tracker = ConsoleTracker(1000, "Catch <runs/catch>", clock=clock)
    tracker.clock = clock
    yield tracker
    tracker.close()


def test_a_training_is_one_output_with_its_bar_its_numbers_its_curve_and_its_lines(notebook, tracker):
    tracker.message("the agent sees <its observation>")
    for step in range(0, 500, 50):
        tracker.clock.now += 1.0
        tracker.log({"episode/score": step / 10, "loss/td": 0.25}, step)
    tracker.clock.now += 1.0
    tracker.log({"evaluate/mean": 40.0, "evaluate/ci_low": 35.0, "evaluate/ci_high": 44.0}, 500)
    tracker.close()
    (page,) = notebook.pages
    for words in ("500 of 1,000 env steps (50%)", "width: 50.0%", "50 env steps/s", "0.25", "<b>45</b>", "<b>40</b>"):
        assert words in page
    assert page.index("<svg") < page.index("the agent sees") < page.index("evaluation at 500 env steps: mean 40")
    assert "Catch &lt;runs/catch&gt;" in page
    assert "&lt;its observation&gt;" in page
    (shown,) = notebook.outputs.values()
    assert shown["text/plain"].startswith("500/1,000 env steps (50%)")


def test_warnings_of_rlvision_and_of_python_are_lines_while_it_trains(notebook, tracker, recwarn, capsys):
    tracker.message("begins")
    logging.getLogger("rlvision.runs").warning("the disk is %s", "full")
    warnings.showwarning(UserWarning("\033[33mWARN: old\033[0m"), UserWarning, "env.py", 3)
    (page,) = notebook.pages
    assert "warning: the disk is full" in page
    assert "UserWarning: WARN: old (env.py:3)" in page
    assert capsys.readouterr().err == ""


def test_after_it_warnings_go_where_they_went_before(notebook, tracker):
    before, handlers = warnings.showwarning, list(logging.getLogger("rlvision").handlers)
    tracker.message("begins")
    assert warnings.showwarning is not before
    tracker.close()
    assert warnings.showwarning is before
    assert logging.getLogger("rlvision").handlers == handlers


def test_without_a_line_or_a_step_nothing_is_shown(notebook):
    NotebookView().close()
    assert notebook.outputs == {}


def test_a_continued_run_has_the_curve_of_its_whole_training(notebook, tracker):
    tracker.log({"episode/score": 7.0}, 100)
    tracker.log({"evaluate/mean": 40.0}, 200)
    again = ConsoleTracker(1000, "quick")
    again.load_state_dict(tracker.state_dict())
    assert again._dashboard.course.points == [(100.0, 7.0)]
    assert again._dashboard.evaluations == [Mark(200, 40.0, 40.0, 40.0)]
    older = {name: value for name, value in tracker.state_dict().items() if name not in ("course", "evaluations")}
    again.load_state_dict(older)  # of a checkpoint from before there was a curve


def test_a_course_keeps_every_game_in_few_points():
    course = Course()
    for game in range(8 * MOST_POINTS):
        course.add(10.0 * game, float(game % 4))
    assert MOST_POINTS // 2 <= len(course.points) < MOST_POINTS
    assert course.games == 16
    assert course.points[0] == (75.0, 1.5)  # the mean of the first 16 games
    continued = Course()
    continued.restore(course.state())
    assert continued.points == course.points


def test_the_curve_is_drawn_to_scale():
    svg = draw_svg([(0.0, 0.0), (50.0, 10.0)], [Mark(100.0, 5.0, 4.0, 6.0)], 100.0)
    assert svg.count("<circle") == 3
    assert '<circle cx="56.0" cy="124.0" r="2"' in svg  # the left edge, the lowest score
    assert '<circle cx="384.0" cy="8.0" r="2"' in svg  # half the way, the highest
    assert 'points="56.0,124.0 384.0,66.0"' in svg  # the running mean: 0, 5
    assert "M712.0 77.6V54.4" in svg  # the interval, from 4 to 6
    assert "<script" not in svg


def test_an_evaluation_within_the_training_says_how_far_it_is(notebook, tracker):
    tracker.log({"episode/score": 7.0}, 100)
    with tracker.evaluating(10) as count:
        tracker.clock.now += 2.0
        count.step(50)
        assert "evaluating: 0 of 10 games, 50 decisions (25/s)" in notebook.pages[0]
    tracker.close()
    (page,) = notebook.pages
    assert "evaluating" not in page
