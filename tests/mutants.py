"""Break one line at a time and see that some test fails: a test that no broken line fails proves nothing.

    python tests/mutants.py                   all mutants, about half an hour on one core
    python tests/mutants.py --only=discount   those whose name has this in it
    python tests/mutants.py --list            their names

The mutants stand in ``tests/mutants/*.txt``: the lines behind ``-`` are replaced by those behind ``+`` in one file, and
the tests named must fail. Each is put into a copy of the tree. The exit status is 1 if one survives, if the text that
it replaces is not there exactly once, or if the tests fail without it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LISTS = ROOT / "tests" / "mutants"
SECONDS = 300
"""For the tests of one mutant; a test that hangs notices it, too."""
SURVIVED = "SURVIVED"


@dataclass(frozen=True)
class Mutant:
    """A line that is broken, and the tests that must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def read(path: Path) -> Iterator[Mutant]:
    """The mutants of a list."""
    for block in path.read_text().split("\n\n"):
        fields: dict[str, list[str]] = {"-": [], "+": []}
        for line in block.splitlines():
            key, _, text = line.partition(" ")
            fields.setdefault(key.rstrip(":"), []).append(text)
        if "mutant" in fields:
            (name,), (file,), (tests,) = fields["mutant"], fields["file"], fields["tests"]
            selection = tuple(word.strip('"') for word in re.findall(r'"[^"]*"|\S+', tests))
            yield Mutant(name, file, "\n".join(fields["-"]), "\n".join(fields["+"]), selection)


def copy_of_the_tree(place: Path) -> Path:
    """The tracked and the new files, links as links."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.rstrip("\0").split("\0"):
        if os.path.lexists(ROOT / name):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name, follow_symlinks=False)
    return place


def failure(tree: Path, tests: Sequence[str]) -> str | None:
    """The first test that fails in a tree, or None."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "-p", "no:cacheprovider", *tests]
    settings = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}  # no stale bytecode
    try:
        done = subprocess.run(
            command, cwd=tree, env={**os.environ, **settings}, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"not over after {SECONDS} s"
    if done.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) \S*?([^/\s]+::.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if done.returncode != 1 or found is None:
        raise RuntimeError(f"expected tests that pass or fail, got: {done.stdout[-2_000:]}{done.stderr[-2_000:]}")
    return found[1]


def verdict(tree: Path, mutant: Mutant) -> str:
    """The test that notices a mutant, or why none does."""
    path = tree / mutant.file
    text = path.read_text()
    if (times := text.count(mutant.old)) != 1:
        return f"NOT APPLIED: its text is there {times} times"
    path.write_text(text.replace(mutant.old, mutant.new))
    try:
        return failure(tree, mutant.tests) or SURVIVED
    except RuntimeError as error:
        return f"NOT TESTED: {str(error)[:500]}"
    finally:
        path.write_text(text)


def healthy_tests(mutants: Sequence[Mutant]) -> list[tuple[str, ...]]:
    """What must pass without any mutant: the selections of a few, of many the whole files."""
    selections = dict.fromkeys(mutant.tests for mutant in mutants)
    return list(selections) if len(selections) < 9 else list(dict.fromkeys(tests[:1] for tests in selections))


def main() -> int:
    """Print a line a mutant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="NAME")
    parser.add_argument("--list", action="store_true")
    asked = parser.parse_args()
    mutants = [m for path in sorted(LISTS.glob("*.txt")) for m in read(path) if asked.only in m.name]
    if asked.list:
        print("\n".join(mutant.name for mutant in mutants))
        return 0
    noticed = 0
    with tempfile.TemporaryDirectory() as place:
        tree = copy_of_the_tree(Path(place))
        for selection in healthy_tests(mutants):
            if (failed := failure(tree, selection)) is not None:
                print(f"expected tests that pass in the tree as it is, got {failed}")
                return 1
        print("| mutant | file | killed by |\n|---|---|---|")
        for mutant in mutants:
            said = verdict(tree, mutant)
            noticed += "::" in said or said.startswith("not over")
            print(f"| {mutant.name} | `{mutant.file}` | {said} |", flush=True)
    print(f"\n{noticed} of {len(mutants)} killed")
    return 0 if mutants and noticed == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
