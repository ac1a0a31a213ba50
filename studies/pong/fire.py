"""Effect of FIRE in Pong: with the button held, the racket returns the ball faster.

    python -m studies.pong.fire --games 5

A scripted player follows the ball, aims slightly off its middle, and plays whole games with each set of three actions.
The table has the speed of its returns, in screen pixels per frame. Without FIRE every return has the lowest speed.

RAM bytes: Anand et al. 2019, "Unsupervised State Representation Learning in Atari" (49 and 54 are the ball's
column and row, 51 the player's row).
"""

import random
from collections import Counter
from dataclasses import dataclass

import ale_py
import tyro
from ale_py import Action, ALEInterface, roms

BALL_X, BALL_Y, PLAYER_Y = 49, 54, 51
REACH = 2  # pixels from its aim within which the player stands still
A_SERVE = 10  # pixels per frame: no return is as fast; a faster ball was moved to the middle for a serve
AIMS = (-8, -5, -2, 2, 5, 8)  # pixels from the ball's middle, so that returns leave at every angle

ACTIONS = {
    "NOOP, RIGHT, LEFT": (Action.NOOP, Action.RIGHT, Action.LEFT),
    "NOOP, RIGHTFIRE, LEFTFIRE": (Action.NOOP, Action.RIGHTFIRE, Action.LEFTFIRE),
    "FIRE, RIGHTFIRE, LEFTFIRE": (Action.FIRE, Action.RIGHTFIRE, Action.LEFTFIRE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The number of games."""

    games: int = 5
    """Games with each set of actions."""


def play(actions: tuple[Action, Action, Action], seed: int) -> Counter[int]:
    """Count the speeds of the returns in one whole game of the scripted player with (stay, up, down)."""
    stay, up, down = actions
    rom = roms.get_rom_path("pong")
    assert rom is not None, "ale-py comes with Pong"
    ale = ALEInterface()
    ale.setInt("random_seed", seed)
    ale.setFloat("repeat_action_probability", 0.0)
    ale.loadROM(rom)
    choose = random.Random(seed)
    speeds: Counter[int] = Counter()
    before = velocity = aim = 0
    while not ale.game_over():
        ram = ale.getRAM()
        ball, row, player = (int(ram[byte]) for byte in (BALL_X, BALL_Y, PLAYER_Y))
        now = ball - before if before and ball else 0
        if velocity > 0 > now > -A_SERVE:  # the ball came towards the player, and now leaves
            speeds[-now] += 1
            aim = choose.choice(AIMS)
        before, velocity = ball, now or velocity
        gap = player - row - aim
        ale.act(stay if abs(gap) <= REACH else up if gap > 0 else down)
    return speeds


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    print("| actions | returns | at 1, 2, 3, 4 pixels per frame |\n|---|---|---|")
    for name, actions in ACTIONS.items():
        speeds = sum((play(actions, seed) for seed in range(options.games)), Counter[int]())
        shares = ", ".join(f"{speeds[speed] / speeds.total():.0%}" for speed in (1, 2, 3, 4))
        print(f"| {name} | {speeds.total()} | {shares} |")


if __name__ == "__main__":
    main()
