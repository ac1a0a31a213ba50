import gc
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.image import imread

from rlvision.core.errors import CheckpointError
from rlvision.tracking.curve import draw_curve, learning_curve, running_mean
from rlvision.tracking.jsonl import JsonlTracker, each_row

ROWS: list[dict[str, float]] = [
    {"env_steps": 100, "episode/score": 10.0},
    {"env_steps": 150, "loss/td": 0.5, "q/mean": 1.0, "q/discounted_return": 2.0, "counters/frames": 600},
    {"env_steps": 200, "episode/score": 30.0},
    {"env_steps": 250, "evaluate/mean": 25.0, "evaluate/ci_low": 20.0, "evaluate/ci_high": 28.0},
    {"env_steps": 300, "loss/td": 0.25, "q/mean": 1.5},
]


def points(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    return {
        str(line.get_label()): list(zip(np.asarray(line.get_xdata()), np.asarray(line.get_ydata()), strict=True))
        for line in axes.lines
    }


def test_each_number_is_drawn_where_it_belongs() -> None:
    scores, loss, q_values = learning_curve(ROWS, "pong").axes
    assert points(scores) == {
        "training game": [(100, 10), (200, 30)],
        "mean of 20 games": [(100, 10), (200, 20)],
        "evaluation, 95 % interval": [(250, 25)],
    }
    [interval] = scores.collections
    assert isinstance(interval, LineCollection)  # a band over one evaluation would have no width
    assert (interval.get_datalim(scores.transData).ymin, interval.get_datalim(scores.transData).ymax) == (20, 28)
    assert points(loss) == {"loss": [(150, 0.5), (300, 0.25)]}
    assert points(q_values) == {"Q mean": [(150, 1.0), (300, 1.5)], "discounted return": [(150, 2.0)]}
    assert {axes.get_xlim() for axes in (scores, loss, q_values)} == {(0, 300)}


def test_emulator_frames_have_an_axis_where_they_differ_from_env_steps() -> None:
    figure = learning_curve(ROWS, "pong")
    figure.draw_without_rendering()
    [above] = figure.axes[0].child_axes
    assert above.get_xlim() == (0, 1200)
    same = [row | {"counters/frames": row["env_steps"]} for row in ROWS]
    assert not learning_curve(same, "cartpole").axes[0].child_axes


@pytest.mark.parametrize("window", [1, 3, 20])
def test_the_running_mean_agrees_with_a_slow_twin(window: int) -> None:
    values = np.random.default_rng(0).normal(size=30)
    slow = [values[max(0, end - window) : end].mean() for end in range(1, 31)]
    np.testing.assert_allclose(running_mean(values, window), slow, rtol=1e-12)


def test_the_running_mean_of_nothing_is_nothing() -> None:
    assert running_mean([], 20).shape == (0,)


def test_the_picture_is_written_over_the_one_before(tmp_path: Path) -> None:
    tracker = JsonlTracker(tmp_path)
    path = draw_curve(tmp_path)
    empty = imread(path)
    for row in ROWS:
        tracker.log({name: value for name, value in row.items() if name != "env_steps"}, int(row["env_steps"]))
    tracker.close()
    assert draw_curve(tmp_path, "pong") == path == tmp_path / "curve.png"
    assert imread(path).shape == empty.shape == (960, 1350, 4)
    assert not np.array_equal(imread(path), empty)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["curve.png", "metrics.jsonl"]


def test_a_loss_that_is_not_finite_does_not_spoil_the_picture(tmp_path: Path) -> None:
    figure = learning_curve([*ROWS, {"env_steps": 400, "loss/td": float("inf"), "q/mean": float("nan")}], "pong")
    figure.savefig(tmp_path / "curve.png")
    low, high = figure.axes[1].get_ylim()
    assert 0 < low < 0.25 < 0.5 < high < 1


def test_a_missing_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="expected a run folder"):
        draw_curve(tmp_path / "nowhere")


def test_a_picture_that_was_drawn_leaves_nothing_in_memory(tmp_path: Path) -> None:
    tracker = JsonlTracker(tmp_path)
    tracker.log({"episode/score": 3.0}, env_steps=5)
    tracker.close()
    gc.collect()
    gc.disable()  # a figure is a cycle of references: nobody else may come and clear it away
    try:
        draw_curve(tmp_path)
        assert [thing for thing in gc.get_objects() if type(thing) is Figure] == []
    finally:
        gc.enable()


def test_rows_are_read_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"env_steps": 1}\nnonsense\n{"env_steps": 2')
    rows = each_row(tmp_path)
    assert next(rows) == {"env_steps": 1}
    with pytest.raises(CheckpointError, match="line 2 of"):
        next(rows)
