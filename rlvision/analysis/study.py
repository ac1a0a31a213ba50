"""Studies of many runs: read their folders, compare their scores, and draw the plots.

Example::

    comparison = compare_runs(["runs/pong-seed1", "runs/pong-seed2"])
    print(comparison.aggregates()["dn-renorm n=10"]["iqm"])
    write_pictures(comparison, Path("pictures"))
    plot_runs(["runs/pong-seed1", "runs/pong-seed2"], Path("curves.svg"), unit="frames")
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from rlvision.analysis import plot_style
from rlvision.analysis.aggregate_plots import aggregates, performance_profiles
from rlvision.analysis.comparison import Comparison, compare
from rlvision.analysis.curve_plots import Band, learning_curves
from rlvision.analysis.curves import ScoreKind, Unit, read_curves
from rlvision.analysis.efficiency_plots import sample_efficiency
from rlvision.analysis.grouping import group
from rlvision.analysis.run_info import Card, RunInfo, Score, stored_score
from rlvision.config.loading import flatten_used
from rlvision.core.paths import AnyPath, as_path
from rlvision.envs.factory import is_atari
from rlvision.envs.preprocessing import frames_per_decision
from rlvision.evaluation.atari_scores import DEFAULT_BASELINES, published_agents
from rlvision.runs.eval_protocol import EvalOptions, eval_conditions
from rlvision.runs.export_folder import ExportFolder
from rlvision.runs.export_manifest import Manifest, exported_settings
from rlvision.runs.find import find_agent, stored_settings
from rlvision.runs.run import Run

PICTURES = {
    "aggregates": aggregates,
    "performance-profiles": performance_profiles,
    "sample-efficiency": sample_efficiency,
}
"""File name -> function that draws this plot of a comparison."""


def compare_runs(
    runs: Sequence[AnyPath],
    *,
    games: int | None = None,
    baselines: Sequence[str] = DEFAULT_BASELINES,
    checkpoint: str = "last",
    device: str = "auto",
    trust_imports: bool = False,
    **options: Unpack[EvalOptions],
) -> Comparison:
    """Group runs and exports by game and agent, and compare their scores.

    Args:
        runs: folders of runs or exports, or names of bundled agents.
        games: whole games to play now with each; None: the last evaluation of a run, the card of an export.
        baselines: published agents, by the keys of `rlvision.evaluation.atari_scores.tables`.
        checkpoint: the weights that play, ``last`` or ``best``; an export has one set.
        device: as in the configuration.
        trust_imports: as in `rlvision.runs.run.Run`.
        options: to play; see `rlvision.runs.eval_protocol.EvalOptions`.

    Raises:
        CheckpointError: there is no run, or it was never evaluated.
        ConfigError: a run occurs twice, or there is no such published agent.
    """
    groups = group([read_run_info(run) for run in runs])
    published = published_agents(list(dict.fromkeys(one.game for one in groups)), baselines)
    scores = [
        [
            stored_score(info)
            if games is None
            else _played_score(
                info, games, checkpoint=checkpoint, device=device, trust_imports=trust_imports, **options
            )
            for info in one.members
        ]
        for one in groups
    ]
    return compare(groups, scores, published)


def write_pictures(comparison: Comparison, out: AnyPath) -> list[Path]:
    """Draw all plots that the comparison allows, each as PNG and SVG, and return their paths.

    Args:
        comparison: the result of `compare_runs`.
        out: a folder, made if it is missing.

    Raises:
        ConfigError: nothing can be written there.
    """
    out = as_path(out)
    plot_style.require_folder(out)
    drawn = {name: figure for name, draw in PICTURES.items() if (figure := draw(comparison)) is not None}
    return [
        plot_style.save(figure, out / f"{name}{suffix}")
        for name, figure in drawn.items()
        for suffix in plot_style.SUFFIXES
    ]


def plot_runs(
    runs: Sequence[AnyPath],
    out: AnyPath,
    *,
    what: ScoreKind = "training",
    unit: Unit = "env_steps",
    band: Band = "range",
) -> Path:
    """Draw learning curves, one line per agent with its seeds shaded, and return the path of the picture.

    Args:
        runs: run folders.
        out: a .png or .svg file.
        what: ``training``, the mean of the last 20 games of training, or ``evaluations``.
        unit: ``env_steps``, ``frames`` or ``hours``.
        band: ``range`` shades from the lowest to the highest seed, ``interval`` the 95 % interval of their mean.

    Raises:
        CheckpointError: there is no run, or it has no such scores.
        ConfigError: a run occurs twice, or ``out`` cannot be written.
    """
    out = as_path(out)
    plot_style.require_picture(out)
    curves = [read_curves(one, what, unit) for one in group([read_run_info(run) for run in runs])]
    return plot_style.save(learning_curves(curves, what, unit, band), out)


def read_run_info(place: AnyPath) -> RunInfo:
    """Read the description of a run folder or an export, without loading or playing the agent.

    Args:
        place: folder of a run or of an export, or the name of a bundled agent.

    Raises:
        CheckpointError: there is none of these, or it is damaged.
        ConfigError: its settings cannot be used.
    """
    place = as_path(place)
    folder = find_agent(place, trust_imports=True)  # safe: only text is read, and nothing that it names is imported
    config = stored_settings(folder)
    manifest = folder.manifest if isinstance(folder, ExportFolder) else None
    settings = flatten_used(config) if manifest is None else _export_settings(manifest)
    about = eval_conditions(config, config.evaluation.epsilon, 0)
    return RunInfo(
        place=place,
        folder=folder.path,
        card=None if manifest is None else Card(tuple(manifest.scores), manifest.env_steps),
        game=about.game,
        protocol=about.protocol,
        epsilon=about.epsilon,
        seed=settings["seed"],
        frameskip=frames_per_decision(config.env, is_atari=is_atari(config.env.game)),
        settings=settings,
    )


def _export_settings(manifest: Manifest) -> dict[str, Any]:
    return {**exported_settings(manifest.config), **_leaves(manifest.training)}


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by dotted name."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        name = prefix + key
        leaves |= _leaves(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return leaves


def _played_score(
    info: RunInfo, games: int, *, checkpoint: str, device: str, trust_imports: bool, **options: Unpack[EvalOptions]
) -> Score:
    """Play whole games now; see `compare_runs` and `rlvision.runs.run.Run.measure`."""
    weights = checkpoint if info.card is None else "best"
    agent = Run(info.place, weights=weights, device=device, trust_imports=trust_imports)
    report = agent.measure(games=games, **options)
    about = report.conditions
    return Score(report.evaluation.mean, games, agent.env_steps, about.protocol, about.epsilon)
