"""What a trained agent shows of itself: its curve, its games as a video, its name."""

import subprocess
import sys
from pathlib import Path

import pytest

from rlvision.core.errors import ConfigError
from rlvision.runs.loading import load
from rlvision.runs.training import train
from rlvision.tracking.inline_figure import InlineFigure


@pytest.fixture(scope="module")
def run(small, tmp_path_factory):
    return train(small(tmp_path_factory.mktemp("runs") / "counting"))


def test_the_curve_is_a_figure_that_a_notebook_shows(run, tmp_path):
    figure = run.plot()
    assert isinstance(figure, InlineFigure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    scores = figure.axes[0]
    labels = [line.get_label() for line in scores.lines]
    assert labels[:3] == ["training game", "mean of 20 games", "evaluation, 95 % interval"]
    assert figure.get_suptitle() == "counting"


def test_an_agent_without_metrics_says_so():
    with pytest.raises(ConfigError, match="expected a run folder, got the export"):
        load("pong").plot()


def test_a_curve_needs_no_backend():
    code = (
        "import sys, matplotlib; before = dict.get(matplotlib.rcParams, 'backend');"
        "from rlvision.tracking.curve import learning_curve;"
        "learning_curve([{'env_steps': 1, 'episode/score': 2.0}], 'a')._repr_png_();"
        "sys.exit('matplotlib.pyplot' in sys.modules or dict.get(matplotlib.rcParams, 'backend') is not before)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_video_is_written_where_it_was_wanted_or_is_named_after_the_agent(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recording = run.video(max_steps=3)
    assert recording.path == Path("counting.mp4")
    assert [game.length for game in recording.games] == [3]
    assert "data:video/mp4;base64," in recording._repr_html_()
    assert run.video(str(tmp_path / "b.gif"), max_steps=3).path.exists()


def test_watching_takes_paths_as_text(run, tmp_path):
    run.watch(html=str(tmp_path / "a.html"), max_steps=3)
    run.replay("last", video=str(tmp_path / "a.mp4"), max_steps=3)
    assert {path.name for path in tmp_path.iterdir()} == {"a.html", "a.mp4"}


def test_an_agent_says_what_it_is(run):
    assert repr(run).startswith(f"Run('{run.folder.path}': dqn in rlvision.envs.counting_env:CountingEnv, ")
