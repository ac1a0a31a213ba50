"""The command check: a world, before anything is trained in it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlvision.cli.output import echo
from rlvision.core.ranges import PositiveInt, Seed

if TYPE_CHECKING:
    from rich.table import Table

    from rlvision.runs.world_check import WorldReport

MOST_ACTIONS = 18
"""Most actions that the screen lists."""


def check(world: str, /, *, out: Path = Path("check.png"), decisions: PositiveInt = 2_000, seed: Seed = 0) -> None:
    """Play a world at random, and show what an agent will see and do there, and what is wrong with it.

    Settings of the world and the network may follow, as after rlvision train: --env.kwargs='{size: 7}'.

    Args:
        world: Name of the world, such as MiniGrid-Empty-5x5-v0, ALE/Pong-v5 or mine:World; or a preset or a YAML file.
        out: Picture to write, .png or .svg: the screen, and what the network gets of it.
        decisions: Number of random decisions.
        seed: Seed of the first game and of the decisions.
    """
    check_with({}, world, out=out, decisions=decisions, seed=seed)


def check_with(
    settings: Mapping[str, Any],
    world: str,
    *,
    out: Path = Path("check.png"),
    decisions: PositiveInt = 2_000,
    seed: Seed = 0,
) -> None:
    """Check a world as `check` does, with settings of the world and the network by dotted name."""
    from rlvision.analysis.plot_style import require_picture
    from rlvision.analysis.world_picture import draw_world
    from rlvision.config.loading import compose_config
    from rlvision.runs.world_check import check_world
    from rlvision.tracking.console import PipeSafeConsole

    require_picture(out)
    report = check_world(compose_config(world, settings), decisions, seed)
    PipeSafeConsole(highlight=False).print(_table(report))
    for problem in report.problems:
        echo(f"! {problem}")
    if not report.problems:
        echo("nothing is wrong with it")
    echo(f"{draw_world(report, out)}")


def _table(report: "WorldReport") -> "Table":
    from rich.box import ROUNDED
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=ROUNDED, border_style="dim", show_header=False)
    for name, value in _rows(report).items():
        table.add_row(f"[bold]{name}[/]", escape(value))
    return table


def _rows(report: "WorldReport") -> dict[str, str]:
    actions, rewards, games = report.actions, report.rewards, report.episodes
    shown = ", ".join(actions[:MOST_ACTIONS]) + (", ..." if len(actions) > MOST_ACTIONS else "")
    paid = sum(reward != 0 for reward in rewards)
    height, width, _ = report.screen.shape
    lengths = f"{_span(game.length for game in games)} decisions" if games else "none ended"
    scores = f", scores {_span(game.score for game in games)}" if games else ""
    by_another = f"another seed gives {'the same' if report.ignores_seed else 'another'} game"
    seeds = f"the same seed gives the same game, {by_another}" if report.repeats else "the same seed gives another game"
    return {
        "world": report.game,
        "screen": f"{height}x{width}",
        "observation": "x".join(map(str, report.observation.shape)) + " (channels, height, width)",
        "seen": "\n".join(report.seen),
        "actions": f"{len(actions)}: {shown}",
        "rewards": f"{_span(rewards)}, other than 0 in {paid:,} of {len(rewards):,} decisions",
        "games": f"{len(games)} of {lengths}{scores}" if games else lengths,
        "seeds": seeds,
        "speed": f"{report.decisions_per_second:,.0f} decisions a second in one environment",
    }


def _span(values: Iterable[float]) -> str:
    """Return the least and the greatest value, or the only one."""
    known = sorted(set(values))
    return f"{known[0]:g} to {known[-1]:g}" if len(known) > 1 else f"{known[0]:g}"
