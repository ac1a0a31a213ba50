"""Learning curves: which points are drawn, and what is shaded."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from rlvision.analysis import statistics
from rlvision.analysis.curve_plots import band_edges, learning_curves
from rlvision.analysis.curves import POINTS, read_curves
from rlvision.analysis.grouping import group
from rlvision.analysis.study import plot_runs, read_run_info
from rlvision.core.errors import CheckpointError, ConfigError


@pytest.fixture
def seeds(tmp_path, store_run):
    """Two seeds that are measured at other times."""
    first = store_run(tmp_path / "a", seed=1, evaluations=[(0, 0.0), (100, 10.0), (200, 20.0)])
    second = store_run(tmp_path / "b", seed=2, evaluations=[(50, 6.0), (150, 8.0), (300, 99.0)])
    return [first, second]


def curves_of(places, what="evaluations", unit="env_steps"):
    return [read_curves(one, what, unit) for one in group([read_run_info(place) for place in places])]


def test_seeds_are_brought_onto_the_points_that_all_have_reached(seeds):
    [curves] = curves_of(seeds)
    assert curves.x.tolist() == [50, 100, 150, 200]
    assert curves.scores.T.tolist() == [[5, 10, 15, 20], [6, 7, 8, pytest.approx(8 + 91 / 3)]]
    assert curves.mean[:3].tolist() == [5.5, 8.5, 11.5]


def test_frames_are_env_steps_times_the_frameskip(seeds):
    [curves] = curves_of(seeds, unit="frames")
    assert curves.x.tolist() == [200, 400, 600, 800]


def test_hours_lie_between_the_rows_that_tell_them(tmp_path, store_run):
    place = store_run(tmp_path / "a", evaluations=[(50, 1.0), (150, 2.0)], hours=[(100, 1.0), (200, 4.0)])
    [curves] = curves_of([place], unit="hours")
    assert curves.x.tolist() == [0.5, 2.5]
    with pytest.raises(CheckpointError, match=r"expected time/hours in the metrics of .*, got none yet: use env_steps"):
        curves_of([store_run(tmp_path / "b", evaluations=[(50, 1.0)])], unit="hours")


def test_training_scores_are_the_mean_of_20_games_thinned_out(tmp_path, store_run):
    scores = np.random.default_rng(0).normal(size=500)
    place = store_run(tmp_path / "a", games=[(10 * (game + 1), float(score)) for game, score in enumerate(scores)])
    [curves] = curves_of([place], what="training")
    assert len(curves.x) == POINTS
    assert (curves.x[0], curves.x[-1]) == (10, 5_000)
    assert curves.scores[-1, 0] == pytest.approx(scores[-20:].mean())


def test_the_band_is_the_range_or_the_interval_of_the_mean(seeds, tmp_path):
    [curves] = curves_of(seeds)
    low, high = band_edges(curves, "range")
    assert (low[:3].tolist(), high[:3].tolist()) == ([5, 7, 8], [6, 10, 15])
    np.testing.assert_array_equal(band_edges(curves, "interval"), statistics.interval([curves.scores], statistics.mean))
    assert all(band_edges(one, "range") is None for one in curves_of(seeds[:1]))


@pytest.mark.parametrize(("band", "said"), [("range", "lowest to highest seed"), ("interval", "95 % interval")])
def test_a_panel_a_game_a_line_an_agent_and_a_legend_for_all(seeds, tmp_path, band, said, store_run):
    layer = {"network.norm": "layer"}
    other = store_run(tmp_path / "c", evaluations=[(0, 1.0), (100, 2.0)], settings=layer)
    breakout = store_run(tmp_path / "d", game="breakout", evaluations=[(0, 3.0), (100, 4.0)], settings=layer)
    figure = learning_curves(curves_of([*seeds, other, breakout]), "evaluations", "env_steps", band)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["pong", "breakout"]
    lines = [{line.get_label(): line for line in axes.lines} for axes in figure.axes]
    assert [list(each) for each in lines] == [["dn-renorm n=3", "dn-layer n=3"], ["dn-layer n=3"]]
    assert lines[1]["dn-layer n=3"].get_ydata().tolist() == [3.0, 4.0]
    assert lines[0]["dn-layer n=3"].get_color() == lines[1]["dn-layer n=3"].get_color()
    assert [len(axes.collections) for axes in figure.axes] == [1, 0]  # one seed has no band
    first, second, last = [text.get_text() for text in figure.legends[0].get_texts()]
    assert (first, second) == ("dn-renorm n=3 (mean of 2 seeds)", "dn-layer n=3 (1 seed)")
    assert said in last


def test_nothing_is_drawn_outside_the_picture(seeds):
    figure = learning_curves(curves_of(seeds), "evaluations", "env_steps", "interval")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    whole = figure.bbox
    for part in (*figure.axes, *figure.legends):
        box = part.get_tightbbox(canvas.get_renderer())
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("new/a.SVG", b"<?xml")])
def test_the_suffix_chooses_the_format(seeds, tmp_path, name, start):
    path = plot_runs(seeds, tmp_path / name, what="evaluations")
    assert path == tmp_path / name
    assert path.read_bytes().startswith(start)


def test_what_cannot_be_drawn_is_refused_and_nothing_is_made(seeds, tmp_path, store_run):
    with pytest.raises(ConfigError, match=r"expected a picture \(.png or .svg\) in out, got .*a.pdf: name one"):
        plot_runs(seeds, tmp_path / "new" / "a.pdf")
    with pytest.raises(CheckpointError, match=r"expected episode/score in .*, got none yet: --y=evaluations shows"):
        plot_runs(seeds, tmp_path / "a.png")
    with pytest.raises(CheckpointError, match="expected a run folder, got the export pong: it has no learning curve"):
        plot_runs(["pong"], tmp_path / "a.png")
    late = store_run(tmp_path / "late", seed=3, evaluations=[(900, 1.0)])
    with pytest.raises(CheckpointError, match=r"expected runs that reach the same env_steps, got .*late: compare them"):
        plot_runs([*seeds, late], tmp_path / "a.png", what="evaluations")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "late"]
