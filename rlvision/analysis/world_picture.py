"""The picture of a world: its screen, and the frames that the network gets of the same moment."""

from pathlib import Path
from typing import TYPE_CHECKING

from rlvision.analysis.plot_style import new_figure, paper_style, save
from rlvision.core.paths import AnyPath

if TYPE_CHECKING:
    from rlvision.runs.world_check import WorldReport

MOST_FRAMES = 4
"""Most channels of an observation that are drawn, the newest ones."""


def draw_world(report: "WorldReport", path: AnyPath) -> Path:
    """Draw the screen and the newest channels of the observation; return the path of the picture."""
    channels = report.observation[-MOST_FRAMES:]
    height, width = channels.shape[1:]
    ages = [f"channel {len(report.observation) - len(channels) + place}" for place in range(len(channels))]
    ages[-1] += " (newest)"
    with paper_style():
        figure, (screen, *frames) = new_figure(
            [f"{report.game}: screen {report.screen.shape[0]}x{report.screen.shape[1]}"]
            + [f"{age}, {height}x{width}" for age in ages],
            most_across=1 + len(channels),
        )
        screen.imshow(report.screen, interpolation="nearest")
        for axes, channel in zip(frames, channels, strict=True):
            axes.imshow(channel, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        for axes in (screen, *frames):
            axes.set_axis_off()
        return save(figure, path)
