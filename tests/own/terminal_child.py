"""What runs in the terminal of a test: games that count, drawn until somebody leaves."""

import sys

from rlvision.watch.outputs import show_live
from rlvision.watch.terminal.viewer import open_terminal
from tests.watch.conftest import count_games


class BreakageError(Exception):
    """Something goes wrong in the middle."""


def breaking(rollout: object) -> object:
    """A rollout whose third step fails."""
    for number, rollout_step in enumerate(rollout):  # type: ignore[call-overload]
        if number == 3:
            raise BreakageError
        yield rollout_step


if __name__ == "__main__":
    what, fps = sys.argv[1], float(sys.argv[2])
    rollout = count_games(4, 6, games=2) if what == "short" else count_games(100_000, games=None)
    if what == "broken":
        rollout_steps, rollout = breaking(rollout), type("Rollout", (), {"spec": rollout.spec})()  # type: ignore[assignment]
        type(rollout).__iter__ = lambda self: rollout_steps
    games = show_live(open_terminal, rollout, title="Counting", fps=fps)
    sys.stdout.write(f"games {[(game.length, game.over) for game in games]}\n")
