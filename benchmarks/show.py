"""Print the tables of stored benchmark results.

    python benchmarks/show.py benchmarks/results/throughput*.json benchmarks/results/roofline.json
    python benchmarks/show.py benchmarks/results/micro.json benchmarks/results/soak.json

A file's name begins with that of its benchmark. The numbers of ``memory.py`` and ``tracking.py``, which print JSON, are
printed as JSON.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import agent_speed
import roofline
import scaling
import throughput
import tyro
from measure.machine import in_words

Report = dict[str, Any]


def micro(report: Report) -> None:
    """Print median and quartiles of every part."""
    print(in_words(report["machine_info"]) + f"\n\n{'':48}{'median, ms':>12}{'quartiles':>18}{'rounds':>8}")
    for one in report["benchmarks"]:
        stats = one["stats"]
        quartiles = f"{1e3 * stats['q1']:.3f} to {1e3 * stats['q3']:.3f}"
        print(f"{one['name']:48}{1e3 * stats['median']:12.3f}{quartiles:>18}{stats['rounds']:8}")


def soak(report: Report) -> None:
    """Print the bytes per game, and the memory at the end."""
    line = report["bytes_per_episode"]
    print(f"{in_words(report['machine'])}\n{report['episodes']:,} games in {report['minutes']:.1f} minutes; ", end="")
    print(f"settled after {report['settled_after']:,}; at most {report['peak_bytes'] / 1e6:.1f} MB")
    print(f"{line['per_x']:+.0f} bytes a game (95 %: {line['low']:+.0f} to {line['high']:+.0f})")


def as_json(report: Report) -> None:
    """Print everything as JSON."""
    print(json.dumps(report, indent=1))


SHOWN: dict[str, Callable[[Report], None]] = {
    "throughput": throughput.show,
    "roofline": roofline.show,
    "scaling": lambda report: print(scaling.as_page(report)),
    "micro": micro,
    "soak": soak,
    "memory": as_json,
    "tracking": as_json,
    "agent_speed": agent_speed.show,
}


def main(files: tyro.conf.Positional[tuple[Path, ...]]) -> None:
    """Print the tables of stored benchmark results.

    Args:
        files: Files that the benchmarks wrote with --json.
    """
    for path in files:
        name = path.stem.split("-")[0]
        if name not in SHOWN:
            sys.exit(f"expected numbers of {', '.join(SHOWN)}, got {path.name}: name a file that one of them wrote")
        print(f"== {path}")
        SHOWN[name](json.loads(path.read_text()))
        print()


if __name__ == "__main__":
    tyro.cli(main)
