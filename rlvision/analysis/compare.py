"""Comparing and plotting runs, from their folders to what is written.

Example::

    comparison = compare_runs(["runs/pong-seed1", "runs/pong-seed2"])
    print(comparison.aggregates()["dn-renorm n=10"]["iqm"])
    write_pictures(comparison, Path("pictures"))
    plot_runs(["runs/pong-seed1", "runs/pong-seed2"], Path("curves.svg"), unit="frames")
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from rlvision.analysis import plot_style
from rlvision.analysis.aggregate_plots import aggregates, performance_profiles
from rlvision.analysis.comparison import Comparison, compare
from rlvision.analysis.curve_plots import Band, learning_curves
from rlvision.analysis.curves import Unit, What, read_curves
from rlvision.analysis.efficiency_plots import sample_efficiency
from rlvision.analysis.grouping import group
from rlvision.analysis.scores import played_score, read_source, stored_score
from rlvision.evaluation.atari_scores import USUAL, published_agents
from rlvision.runs.eval_protocol import HowToPlay

PICTURES = {
    "aggregates": aggregates,
    "performance-profiles": performance_profiles,
    "sample-efficiency": sample_efficiency,
}
"""Of a comparison, by the name of their files."""


def compare_runs(
    runs: Sequence[str | Path],
    *,
    games: int | None = None,
    beside: Sequence[str] = USUAL,
    checkpoint: str = "last",
    device: str = "auto",
    trust_imports: bool = False,
    **how: Unpack[HowToPlay],
) -> Comparison:
    """Group runs and exports by game and agent, and put their scores side by side.

    Args:
        runs: folders of runs or exports, or names of agents that come along.
        games: whole games to play now with each; None: the last evaluation of a run, the card of an export.
        beside: published agents, by the keys of `rlvision.evaluation.atari_scores.tables`.
        checkpoint: whose weights play, ``last`` or ``best``; an export has one set.
        device: as in the configuration.
        trust_imports: as of `rlvision.runs.run.Run`.
        how: to play; see `rlvision.runs.eval_protocol.HowToPlay`.

    Raises:
        CheckpointError: there is no run, or it was never evaluated.
        ConfigError: the same run is there twice, or there is no such published agent.
    """
    groups = group([read_source(Path(run)) for run in runs])
    published = published_agents(list(dict.fromkeys(one.game for one in groups)), beside)
    scores = [
        [
            stored_score(source)
            if games is None
            else played_score(source, games, checkpoint=checkpoint, device=device, trust_imports=trust_imports, **how)
            for source in one.members
        ]
        for one in groups
    ]
    return compare(groups, scores, published)


def write_pictures(comparison: Comparison, out: Path) -> list[Path]:
    """Draw what can be compared, each as PNG and SVG, and return their paths.

    Args:
        comparison: as `compare_runs` gives it.
        out: a folder, made where it is missing.

    Raises:
        ConfigError: nothing can be written there.
    """
    plot_style.require_folder(out)
    drawn = {name: figure for name, draw in PICTURES.items() if (figure := draw(comparison)) is not None}
    return [
        plot_style.save(figure, out / f"{name}{suffix}")
        for name, figure in drawn.items()
        for suffix in plot_style.SUFFIXES
    ]


def plot_runs(
    runs: Sequence[str | Path],
    out: Path,
    *,
    what: What = "training",
    unit: Unit = "env_steps",
    band: Band = "range",
) -> Path:
    """Draw learning curves, a line an agent with its seeds shaded, and return the path of the picture.

    Args:
        runs: run folders.
        out: a .png or .svg file.
        what: ``training``, the mean of the last 20 games of training, or ``evaluations``.
        unit: ``env_steps``, ``frames`` or ``hours``.
        band: ``range`` shades from the lowest to the highest seed, ``interval`` the 95 % interval of their mean.

    Raises:
        CheckpointError: there is no run, or it has no such scores.
        ConfigError: the same run is there twice, or ``out`` cannot be written.
    """
    plot_style.require_picture(out)
    curves = [read_curves(one, what, unit) for one in group([read_source(Path(run)) for run in runs])]
    return plot_style.save(learning_curves(curves, what, unit, band), out)
