"""Draw the part of a Pong frame that DN sees, at 84x84 and at 77x77, for the page on the network.

    python -m studies.seen --out docs/seen.png

Pixels without a path to the output are shaded; `rlvision.nn.field_of_view` counts them.
"""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tyro

from rlvision.analysis.plot_style import paper_style
from rlvision.core.types import UInt8Array
from rlvision.envs import EnvSettings, make
from rlvision.nn.dn import DNEncoder
from rlvision.nn.field_of_view import seen_pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZES = (84, 77)
SHADE = "#D55E00"


def frame(size: int, decisions: int = 46, seed: int = 4) -> UInt8Array:
    """Return the frame [size, size] of a Pong game after some random decisions, the same for every size."""
    draws = np.random.default_rng(seed)
    with closing(make(EnvSettings(game="pong", height=size, width=size), 1)) as env:
        env.reset(seed)
        for action in draws.integers(env.spec.num_actions, size=decisions):
            env.step(np.array([action]))
        return env.observation[0, -1].copy()


def seen(size: int) -> int:
    """Return the number of rows, and of columns, of a frame that have a path to DN's output."""
    return seen_pixels(size, DNEncoder(1, size, size).windows or ())


def draw(axes: "Axes", size: int) -> None:
    """Draw a frame, with what DN does not see of it shaded."""
    from matplotlib.patches import Rectangle

    end = seen(size)
    axes.imshow(frame(size), cmap="gray", vmin=0, vmax=255, extent=(0, size, size, 0))
    for corner, width, height in (((end, 0), size - end, size), ((0, end), end, size - end)):
        axes.add_patch(Rectangle(corner, width, height, color=SHADE, alpha=0.55, linewidth=0))
    axes.set_title(f"{size}x{size} pixels: DN sees {end}x{end}")
    axes.set(xlim=(0, max(SIZES)), ylim=(max(SIZES), 0), xticks=(0, end), yticks=(0, end), frame_on=False)


def main(out: Path = Path("docs/seen.png")) -> None:
    """Draw both frames side by side, at one scale.

    Args:
        out: Picture to write, a .png.
    """
    from matplotlib.figure import Figure

    with paper_style():
        figure = Figure(figsize=(7, 3.8), layout="constrained", facecolor="white")
        for axes, size in zip(figure.subplots(1, len(SIZES)), SIZES, strict=True):
            draw(axes, size)
        figure.savefig(out, format="png", dpi=130)


if __name__ == "__main__":
    tyro.cli(main)
