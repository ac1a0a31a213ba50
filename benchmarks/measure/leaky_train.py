"""``rlvision train`` with a deliberate leak of a number of bytes per game; 0 for none.

python -m measure.leaky_train 1000 cartpole-dqn --env-steps=20000
"""

import sys
from typing import Any

from rlvision.cli.main import main
from rlvision.training.collector import Collector

LOST: list[bytes] = []


def lose_with_every_game(nbytes: int) -> None:
    recv = Collector.recv

    def leaking_recv(self: Collector) -> Any:
        episodes = recv(self)
        LOST.extend(b"x" * nbytes for _ in episodes)
        return episodes

    Collector.recv = leaking_recv  # type: ignore[method-assign]


if __name__ == "__main__":
    leak, *arguments = sys.argv[1:]
    if int(leak):
        lose_with_every_game(int(leak))
    sys.exit(main(["train", *arguments]))
