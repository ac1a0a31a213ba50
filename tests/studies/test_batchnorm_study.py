"""The study of BatchNorm: every cell is a run that could begin, and what it reports is what the rows say."""

import json
import sys
from pathlib import Path

import pytest

from rlvision.config.loading import load_config, save_config


def all_cells():
    from studies.batchnorm.plan import ARMS, EXPERIMENTS, WORLDS, cells

    return list(cells(tuple(WORLDS), (*ARMS, *EXPERIMENTS), (1,)))


def test_the_settings_of_every_cell_are_settings():
    from studies.batchnorm.plan import WORLDS

    for cell in all_cells():
        load_config(WORLDS[cell.world].preset, dict(cell.overrides) | {"out": "somewhere"})


@pytest.mark.parametrize("world", ["catch", "cartpole", "pong", "breakout"])
def test_kept_runs_are_those_of_the_plan(world):
    """A preset that moves on must not take the study with it."""
    from studies.batchnorm.plan import ARMS, EXPERIMENTS, WORLDS, cells
    from studies.table import read_table, table_path

    kept, records = 0, read_table(table_path("batchnorm"))
    for cell in cells((world,), (*ARMS, *EXPERIMENTS), range(1, 6)):
        if cell.folder not in records:
            continue
        kept += 1
        ran, planned = records[cell.folder].config(), load_config(WORLDS[world].preset, dict(cell.overrides))
        for part in ("env_steps", "env", "network", "replay", "agent", "optimiser", "exploration"):
            assert getattr(ran, part) == getattr(planned, part), (cell.folder, part)
    assert kept


def test_no_two_cells_share_a_folder():
    folders = [cell.folder for cell in all_cells()]
    assert len(set(folders)) == len(folders)


def test_seeds_come_last_so_that_a_study_broken_off_has_compared_all_arms():
    from studies.batchnorm.plan import cells

    order = [(cell.seed, cell.name) for cell in cells(("catch",), ("renorm", "layer"), (1, 2))]
    assert order == [(1, "renorm"), (1, "layer"), (2, "renorm"), (2, "layer")]


def written(folder: Path, cell, scores: list[float], gaps: list[float]) -> None:
    rows = [{"env_steps": i + 1, "episode/score": score} for i, score in enumerate(scores)]
    rows += [
        {
            "env_steps": 100 * (i + 1),
            "counters/updates": 10 * (i + 1),
            "bn/gap": gap,
            "bn/greedy_disagreement": 0.5,
            "q/mean": 2.0,
            "q/discounted_return": 1.5,
        }
        for i, gap in enumerate(gaps)
    ]
    (folder / cell.folder).mkdir(parents=True)
    save_config(load_config("quick"), folder / cell.folder / "config.yaml")
    (folder / cell.folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def folded(folder: Path, cells) -> dict:
    """The table of the runs under a folder."""
    from studies.fold import fold_run

    return {cell.folder: fold_run(folder / cell.folder) for cell in cells}


def test_the_table_says_what_the_rows_say(tmp_path):
    from studies.batchnorm.plan import Cell
    from studies.batchnorm.report import read, summary, table

    first, second = Cell("catch", "running", 1), Cell("catch", "running", 2)
    written(tmp_path, first, [0.0] * 5 + [1.0] * 20, gaps=[0.1, 0.3, 0.4, 0.1, 0.5, 0.6, 0.7])
    written(tmp_path, second, [0.0] * 30, gaps=[0.0] * 7)
    results = read(folded(tmp_path, [first, second]), [first, Cell("catch", "layer", 1), second])

    assert [result.cell for result in results] == [first, second]
    lines = table(results).splitlines()
    assert "| 700 | 70 | 1.0 | 0.8 |" in lines[2]
    assert lines[2].endswith("| 0.386 (0.70) | 50.0% |  |  | 2.00, 1.50 | 50 |")  # wide for good from update 50
    assert lines[3].endswith("| never |")
    assert "| catch | running | 2 | 700 | **0.5** (1.0, 0.0) | 0.5 at 700 | 0.4 |" in summary(results)


def test_a_run_that_was_broken_off_is_compared_as_far_as_it_came(tmp_path):
    from studies.batchnorm.plan import Cell
    from studies.batchnorm.report import read, summary

    whole, short = Cell("catch", "running", 1), Cell("catch", "layer", 1)
    written(tmp_path, whole, [0.0] * 100 + [1.0] * 20, gaps=[0.1, 0.1])
    written(tmp_path, short, [0.5] * 100, gaps=[0.1])
    text = summary(read(folded(tmp_path, [whole, short]), [whole, short]))
    assert "| catch | running | 1 | 200 | **1.0** (1.0) | 0.0 at 100 |" in text
    assert "| catch | layer | 1 | 100 | **0.5** (0.5) | 0.5 at 100 |" in text


def test_what_is_there_is_not_run_again_unless_more_is_wanted(tmp_path):
    from studies.batchnorm.plan import Cell
    from studies.batchnorm.study import is_there

    folder = tmp_path / "catch" / "layer-seed1"
    assert not is_there(folder, None)
    written(tmp_path, Cell("catch", "layer", 1), [0.5], gaps=[0.1, 0.1])  # to 200
    save_config(load_config("quick", {"env_steps": 300}), folder / "config.yaml")
    assert [is_there(folder, until) for until in (150, 200, 201, None)] == [True, True, False, False]
    save_config(load_config("quick", {"env_steps": 200}), folder / "config.yaml")
    assert [is_there(folder, until) for until in (201, None)] == [True, True]


def test_what_is_in_the_table_is_not_run_again_unless_more_is_wanted(tmp_path):
    from studies.batchnorm.plan import Cell
    from studies.batchnorm.study import is_kept

    cell = Cell("catch", "layer", 1)
    assert not is_kept(None, None)
    written(tmp_path, cell, [0.5], gaps=[0.1, 0.1])  # to 200
    for planned, expected in ((300, [True, True, False, False]), (200, [True, True, True, True])):
        save_config(load_config("quick", {"env_steps": planned}), tmp_path / cell.folder / "config.yaml")
        record = folded(tmp_path, [cell])[cell.folder]
        assert [is_kept(record, until) for until in (150, 200, 201, None)] == expected


def test_the_report_folds_what_came_to_its_end(tmp_path, monkeypatch):
    from studies.batchnorm import study
    from studies.batchnorm.plan import Cell
    from studies.table import read_table

    ended, on_its_way = Cell("catch", "layer", 1), Cell("catch", "renorm", 1)
    for cell, planned in ((ended, 200), (on_its_way, 300)):
        written(tmp_path / "work", cell, [0.5], gaps=[0.1, 0.1])  # to 200
        save_config(load_config("quick", {"env_steps": planned}), tmp_path / "work" / cell.folder / "config.yaml")
    monkeypatch.setattr(study, "TABLE", tmp_path / "runs.json.gz")
    monkeypatch.setattr(study, "HERE", tmp_path)
    report = [f"--work={tmp_path / 'work'}", "--report"]
    for until, names in ((None, [ended.folder]), (150, [ended.folder, on_its_way.folder])):
        monkeypatch.setattr(sys, "argv", ["study.py", *report, *([f"--until={until}"] if until else [])])
        study.main()
        assert list(read_table(tmp_path / "runs.json.gz")) == names
    assert "| catch | layer | 1 | 200 | 20 | 0.5 |" in (tmp_path / "runs.md").read_text()
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_of_all_runs_is_that_of_the_table():
    from studies.batchnorm import study
    from studies.batchnorm.plan import ARMS, EXPERIMENTS, WORLDS, cells
    from studies.batchnorm.report import read, summary, table
    from studies.table import read_table

    results = read(read_table(study.TABLE), list(cells(tuple(WORLDS), (*ARMS, *EXPERIMENTS), study.ALL_SEEDS)))
    assert (study.HERE / "runs.md").read_text() == f"{study.HEADING}\n{summary(results)}\n{table(results)}"


def test_every_arm_has_a_colour_of_its_own():
    from studies.batchnorm.plan import ARMS
    from studies.batchnorm.report import COLOURS

    assert COLOURS.keys() == ARMS.keys()
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_a_run_that_was_broken_off_early_is_in_the_table_and_in_no_mean(tmp_path):
    from studies.batchnorm.plan import Cell
    from studies.batchnorm.report import furthest, read, summary

    cells = [Cell("catch", "running", seed) for seed in (1, 2, 3)]
    for cell, games in zip(cells, (100, 95, 30), strict=True):
        written(tmp_path, cell, scores=[float(cell.seed)] * games, gaps=[])
    results = read(folded(tmp_path, cells), cells)
    assert [result.cell.seed for result in furthest(results)] == [1, 2]
    assert "| catch | running | 2 | 95 | **1.5** (1.0, 2.0) | 1.5 at 30 | 1.5 |" in summary(results)


def test_the_figure_is_drawn_from_the_arms(tmp_path):
    from studies.batchnorm.plan import Cell
    from studies.batchnorm.report import draw, read

    cell = Cell("catch", "renorm", 1)
    written(tmp_path, cell, [0.0, 1.0], gaps=[0.0])
    draw(read(folded(tmp_path, [cell]), [cell]), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
