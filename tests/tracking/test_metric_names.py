import re
from pathlib import Path

import rlvision
from rlvision.tracking.foreign_metrics import WORDS
from rlvision.tracking.metrics import MEDIA, METRICS

PACKAGE = Path(rlvision.__file__).parent
FOLDERS = [PACKAGE, *(path for path in PACKAGE.iterdir() if path.is_symlink())]  # agents and envs, in a checkout
GROUPS = {name.partition("/")[0] for name in METRICS}
NAME = re.compile(rf'"((?:{"|".join(sorted(GROUPS))})/[a-z_0-9]+)"')


def test_every_metric_in_the_code_is_in_the_table() -> None:
    files = [path for folder in FOLDERS for path in folder.rglob("*.py")]
    used = {(path.name, name) for path in files for name in NAME.findall(path.read_text())}
    assert ("curve.py", "loss/td") in used
    theirs = {word for words in WORDS.values() for word in words.values()}
    assert {(file, name) for file, name in used if name not in {*METRICS, *MEDIA, *theirs}} == set()


def test_the_documented_table_is_the_one_in_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", text, re.MULTILINE)
    assert {name: meaning.replace("&#124;", "|") for name, meaning in rows} == METRICS | MEDIA
    assert len(rows) == len(METRICS | MEDIA)
