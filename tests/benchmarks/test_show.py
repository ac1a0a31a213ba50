"""The numbers that are kept can all be shown again."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def show(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "show", raising=False)
    import show

    return show


def test_every_kept_file_is_shown(show, capsys):
    files = sorted((BENCHMARKS / "results").glob("*.json"))
    show.main(tuple(files))
    out = capsys.readouterr().out
    assert all(f"== {path}" in out for path in files)
    assert "rlvision / stable-baselines3: 1.53 (rounds: 1.49 to 1.53; by processor time: 1.51)" in out
    assert "+385 bytes a game (95 %: +180 to +591)" in out
    assert "acting alone" in out
    assert "test_update_by_normalisation[renorm-double]" in out
    assert max(path.stat().st_size for path in files) < 100_000, "they are kept without what nothing reads"


def test_the_page_of_tables_is_that_of_the_kept_numbers(show, capsys):
    show.main((BENCHMARKS / "results" / "scaling.json",))
    page = (BENCHMARKS / "scaling.md").read_text()
    assert page.strip() in capsys.readouterr().out


def test_another_file_is_refused(show, tmp_path):
    with pytest.raises(SystemExit, match=r"expected numbers of throughput, .*, got other\.json"):
        show.main((tmp_path / "other.json",))
