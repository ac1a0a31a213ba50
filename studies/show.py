"""Print runs of a study's table as Markdown.

    python -m studies.show learning 'pong-84-*' --at 50000 100000 150000
    python -m studies.show pong 77x77-dueling --settings

Each line has the run's env steps, the mean raw score of its last 20 training games at each of ``--at`` and at its end,
the evaluation of its last weights with a 95 % interval, and the mean and largest gap between the training and the
acting forward. ``--settings`` adds the command that trains each run again, its versions, and scores of further games.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from statistics import fmean
from typing import Annotated, Literal

import tyro

from studies.table import RunRecord, read_table, table_path

LAST = 20
"""Games in a mean."""


def chosen(records: Mapping[str, RunRecord], patterns: Sequence[str]) -> dict[str, RunRecord]:
    """Return the records whose names match a pattern, such as ``pong-84-*``; exit if a pattern matches none."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in records):
            sys.exit(f"expected a run of the table, got {pattern}: choose out of {', '.join(records)}")
    return {name: one for name, one in records.items() if any(fnmatchcase(name, pattern) for pattern in patterns)}


def last_games(record: RunRecord, until: float) -> str:
    """Return the mean score of the last games that had ended by an env step; empty if the run is shorter."""
    steps, scores = record.games["env_steps"], record.games["score"]
    ended = [score for step, score in zip(steps, scores, strict=True) if step is not None and step <= until]
    return f"{fmean(score for score in ended[-LAST:] if score is not None):.1f}" if ended else ""


def line(name: str, record: RunRecord, marks: Sequence[int]) -> list[str]:
    """Return the cells of a run."""
    updates, hours, gaps = record.pairs("updates"), record.pairs("hours"), record.pairs("gap")
    return [
        name,
        f"{record.env_steps:,}",
        f"{updates[-1][1]:,.0f}" if updates else "",
        f"{60 * hours[-1][1]:.1f}" if hours else "",
        *(last_games(record, mark) if mark <= record.env_steps else "" for mark in marks),
        last_games(record, record.env_steps),
        evaluation(record),
        f"{fmean(gap for _, gap in gaps):.3f} ({max(gap for _, gap in gaps):.3f})" if gaps else "",
    ]


def evaluation(record: RunRecord) -> str:
    """Return the last evaluation with its interval."""
    last = {name: values[-1] for name, values in record.evaluations.items() if values}
    return f"{last['mean']:.1f} ({last['low']:.1f} to {last['high']:.1f})" if last else ""


def table(records: Mapping[str, RunRecord], marks: Sequence[int]) -> str:
    """Return a line of Markdown for every run."""
    head = ["run", "env steps", "updates", "minutes", *(f"at {mark:,}" for mark in marks)]
    head += ["at the end", "evaluation (95 %)", "gap, mean (largest)"]
    lines = [head, ["---"] * len(head), *(line(name, record, marks) for name, record in records.items())]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def details(record: RunRecord) -> Iterator[str]:
    """Yield the command, the versions and the further games of a run."""
    yield record.command
    for session in record.sessions:
        with_ = ", ".join(f"{name} {version}" for name, version in session["with"].items())
        changed = "".join(f"; {name} was {old}, is {new}" for name, (old, new) in session["changed"].items())
        yield f"from env step {session['env_steps']:,} with {with_}{changed}"
    for games in record.played:
        low, high = games["interval"]
        mean = f"{games['mean']:.2f} ({low:.2f} to {high:.2f})"
        yield f"{games['games']} games by the protocol {games['protocol']}: {mean}"


def main(
    study: tyro.conf.Positional[Literal["batchnorm", "pong", "learning"]],
    runs: tyro.conf.Positional[tuple[str, ...]] = ("*",),
    at: tuple[int, ...] = (),
    settings: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> None:
    """Print runs of a study's table as Markdown.

    Args:
        study: Name of the study.
        runs: Names of runs, or patterns of names.
        at: Env steps at which to print the mean of the last games.
        settings: Add command, versions and further games of each run.
    """
    records = chosen(read_table(table_path(study)), runs)
    print(table(records, at))
    for name, record in records.items() if settings else ():
        print("\n".join(["", f"{name}:", *(f"    {text}" for text in details(record))]))


if __name__ == "__main__":
    tyro.cli(main)
