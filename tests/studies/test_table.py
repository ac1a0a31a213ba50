"""The table of a study's runs: what a run folder says is in it, its commands train the same, its bytes do not move."""

import gzip
import json
import re
import shlex
from pathlib import Path

import pytest

from rlvision.config.field_types import parse
from rlvision.config.fields import flatten, settings_of
from rlvision.config.loading import load_config, save_config, settings_for
from rlvision.runs.run_folder import RunFolder
from rlvision.tracking.jsonl import read_metrics

ROOT = Path(__file__).parents[2]
STUDIES = ("batchnorm", "learning", "pong")
ROWS = [
    {"env_steps": 8, "episode/score": 3.5, "episode/length": 4.0, "episode/seed": 7.0},
    {"env_steps": 16, "counters/updates": 2.0, "loss/td": 0.123456789, "system/memory_gb": 1.0},
    {"env_steps": 16, "episode/score": -1.0, "episode/length": 6.0},
    {"env_steps": 24, "counters/updates": 4.0, "loss/td": 2.0, "bn/gap": 0.25},
    {"env_steps": 24, "evaluate/mean": 2.5, "evaluate/ci_low": 1.0, "evaluate/ci_high": 4.0, "evaluate/games": 2.0},
]


@pytest.fixture
def run(tmp_path):
    """A run folder of a few rows."""
    folder = tmp_path / "run"
    folder.mkdir()
    save_config(
        load_config("quick", {"seed": 5, "network.norm": "layer"}),
        folder / "config.yaml",
    )
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    session = {"when": "2026-01-01", "env_steps": 0, "changed": {}, "with": {"torch": "2.13"}, "ended": "done"}
    (folder / "history.jsonl").write_text(json.dumps(session) + "\n")
    (folder / "evaluation.json").write_text(json.dumps({"protocol": "nature", "scores": [1.0, 2.0]}))
    return folder


def test_a_folded_run_says_what_its_folder_says(run):
    from studies.fold import fold_run

    record = fold_run(run)
    assert record.games == {"env_steps": [8, 16], "score": [3.5, -1], "length": [4, 6]}
    assert record.evaluations == {"env_steps": [24], "mean": [2.5], "low": [1], "high": [4], "games": [2]}
    assert record.rows == {"env_steps": [16, 24], "updates": [2, 4], "loss": [0.1234568, 2], "gap": [None, 0.25]}
    assert record.pairs("gap") == [(24, 0.25)]
    assert record.pairs("clipped") == []
    assert record.env_steps == 24
    assert record.sessions == [{"env_steps": 0, "changed": {}, "with": {"torch": "2.13"}, "ended": "done"}]
    assert record.played == [{"protocol": "nature", "scores": [1.0, 2.0]}]
    assert record.command == "rlvision train quick --seed=5 --network.norm=layer --network.momentum=0.1"
    assert record.config().network == RunFolder(run).config().network


def test_the_rows_come_back_under_the_names_of_their_metrics(run):
    from studies.fold import fold_run

    got, raw = list(fold_run(run).metrics()), read_metrics(run)
    for row, wanted in zip(got, [raw[i] for i in (0, 2, 1, 3, 4)], strict=True):  # of one env step, games first
        kept = {name: value for name, value in wanted.items() if name not in ("episode/seed", "system/memory_gb")}
        assert row == pytest.approx(kept, rel=1e-6)


def test_a_table_reads_back_whatever_is_folded_and_the_same_records_give_the_same_bytes(run, tmp_path):
    from studies.fold import fold
    from studies.table import read_table, write_table

    path = tmp_path / "data" / "runs.json.gz"
    assert read_table(path) == {}
    assert fold(path, [("b", run), ("a", run)]) == ["b", "a"]
    save_config(load_config("pong"), run / "config.yaml")
    fold(path, [("b", run)])
    records, before = read_table(path), path.read_bytes()
    assert list(records) == ["a", "b"]
    assert (records["a"].settings["seed"], records["b"].settings["env.game"]) == (5, "pong")
    write_table(path, dict(reversed(records.items())))
    assert path.read_bytes() == before
    assert before[4:8] == bytes(4), "no time in the file"


def test_only_settings_that_differ_are_written_for_each_run(run, tmp_path):
    from studies.fold import fold

    path = tmp_path / "runs.json.gz"
    fold(path, [("a", run), ("b", run)])
    save_config(
        load_config("quick", {"seed": 6, "network.norm": "layer"}),
        run / "config.yaml",
    )
    fold(path, [("c", run)])
    runs = json.loads(gzip.decompress(path.read_bytes()))["runs"]
    assert {name: one["settings"] for name, one in runs.items()} == {"a": {}, "b": {}, "c": {"seed": 6}}


@pytest.mark.parametrize("study", STUDIES)
def test_the_command_of_every_run_gives_its_settings(study, monkeypatch):
    from studies.table import read_table, table_path

    monkeypatch.chdir(ROOT)
    tables = {}
    for name, record in read_table(table_path(study)).items():
        _, _, preset, *arguments = shlex.split(record.command)
        values = {key.replace("-", "_"): text for key, text in (it[2:].split("=", 1) for it in arguments)}
        chosen = preset, values.get("agent.name")
        table = tables.setdefault(chosen, settings_of(settings_for(*chosen)))
        config = load_config(preset, {key: parse(text, table[key].hint) for key, text in values.items()})
        assert {key: value for key, value in flatten(config).items() if key in record.settings} == {
            key: value for key, value in flatten(record.config()).items() if key in record.settings
        }, name


def test_a_command_does_not_depend_on_the_runs_of_this_machine(tmp_path, monkeypatch):
    from studies.fold import command_of

    monkeypatch.chdir(tmp_path)
    old = load_config("pong", {"env.height": 84, "env.width": 84})
    Path(str(old.out)).mkdir(parents=True)
    save_config(old, Path(str(old.out)) / "config.yaml")
    assert command_of(old) == "rlvision train pong --env.height=84 --env.width=84"


@pytest.mark.parametrize("study", STUDIES)
def test_columns_are_of_equal_length_and_in_order(study):
    from studies.table import read_table, table_path

    for name, record in read_table(table_path(study)).items():
        for columns in (record.games, record.evaluations, record.rows):
            assert len({len(column) for column in columns.values()}) <= 1, name
            assert list(columns.get("env_steps", ())) == sorted(columns.get("env_steps", ())), name


def test_a_run_of_the_table_is_printed(run, tmp_path, monkeypatch, capsys):
    from studies import show
    from studies.fold import fold

    path = tmp_path / "runs.json.gz"
    played = {"protocol": "nature", "games": 2, "mean": 1.5, "interval": [1, 2]}
    (run / "evaluation.json").write_text(json.dumps(played))
    fold(path, [("mine-seed1", run), ("other", run)])
    monkeypatch.setattr(show, "table_path", lambda study: path)
    show.main("learning", ("mine-*",), at=(8, 30), settings=True)
    out = capsys.readouterr().out
    assert "| mine-seed1 | 24 | 4 |  | 3.5 |  | 1.2 | 2.5 (1.0 to 4.0) | 0.250 (0.250) |" in out
    assert "rlvision train quick --seed=5" in out
    assert "2 games by the protocol nature: 1.50 (1.00 to 2.00)" in out
    assert "other" not in out
    with pytest.raises(SystemExit, match="expected a run of the table, got nobody"):
        show.main("learning", ("nobody",))


def test_what_is_no_run_is_one_line(tmp_path):
    from studies import fold

    with pytest.raises(SystemExit, match=r"nothing-here.*config\.yaml"):
        fold.main("learning", tmp_path / "nothing-here")


def test_the_curves_of_the_page_are_drawn_from_the_table(tmp_path):
    from studies.learning import curves

    curves.main(runs=("pong-84-seed1",), out=tmp_path)
    assert (tmp_path / "pong-84-seed1.png").read_bytes().startswith(b"\x89PNG")
    page = (ROOT / "studies" / "learning" / "README.md").read_text()
    for name in curves.ON_THE_PAGE:
        assert f"({name}.png)" in page
        assert (ROOT / "studies" / "learning" / f"{name}.png").exists()


@pytest.mark.parametrize("pages", ["*.md", "docs/**/*.md", "studies/**/*.md"])
def test_links_lead_somewhere(pages):
    for page in ROOT.glob(pages):
        for path in re.findall(r"\]\(((?!http|#)[^)#]+)[^)]*\)", page.read_text()):
            assert (page.parent / path).exists(), (page, path)


@pytest.mark.parametrize("folder", ["studies", "benchmarks", "docs"])
def test_what_is_kept_is_small(folder):
    sizes = {path: path.stat().st_size for path in (ROOT / folder).rglob("*") if path.is_file()}
    assert max(sizes.values()) < 1_000_000
    assert sum(sizes.values()) < 5_000_000
