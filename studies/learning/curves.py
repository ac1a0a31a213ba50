"""Draw the learning curves of the study's page from the table of its runs.

python -m studies.learning.curves
python -m studies.learning.curves --runs cartpole-seed1 --out /tmp
"""

from pathlib import Path

import tyro

from rlvision.tracking.curve import learning_curve
from studies.show import chosen
from studies.table import read_table, table_path

ON_THE_PAGE = ("pong-84-seed1", "pong-fast-seed2", "breakout-fixed-seed1", "breakout-seed1")


def main(runs: tuple[str, ...] = ON_THE_PAGE, out: Path = Path(__file__).parent) -> None:
    """Draw a picture for each run.

    Args:
        runs: Names of runs of the table, or patterns of names.
        out: The folder to draw into.
    """
    for name, record in chosen(read_table(table_path("learning")), runs).items():
        path = out / f"{name.replace('/', '-')}.png"
        learning_curve(record.metrics(), name).savefig(path, format="png")
        print(path)


if __name__ == "__main__":
    tyro.cli(main)
