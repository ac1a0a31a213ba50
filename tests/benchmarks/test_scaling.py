"""How cost grows: what is measured is what the columns say, and the page says what was measured."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def effort():
    from measure.growth import Effort

    return Effort(rounds=1, seconds=0.0, threads=torch.get_num_threads(), full=False)


def test_a_filled_replay_is_full_of_whole_games():
    from measure.growth import GAME, GAMES_SIDE_BY_SIDE, filled

    rows = GAME + 40  # the ring holds the seam between two games
    replay = filled(rows * GAMES_SIDE_BY_SIDE, (1, 8, 8), prioritised=True)
    newest, oldest, last_of_the_game = replay.n_step, 3, 1  # without window, without stack, without decision
    assert replay.size == (rows - newest - oldest - last_of_the_game) * GAMES_SIDE_BY_SIDE
    returns = replay.sample().transition.reward
    assert returns.max() == pytest.approx(1 + 0.99 + 0.99**2)


def test_rows_of_batch_and_replay_are_consistent():
    from measure.growth import of_batch, of_replay

    batch = of_batch(4, effort())
    assert batch["a transition of it, ms"] == pytest.approx(batch["update, ms"] / 4)
    replay = of_replay(6_400, effort())
    assert replay["memory with 84x84 frames, MB"] == pytest.approx(6_400 * (84 * 84 + 8 + 4 + 3 + 17) / 1e6, rel=1e-2)
    assert replay["prioritised, MB"] > replay["memory with 84x84 frames, MB"]


def test_the_page_and_the_picture_show_the_rows(tmp_path):
    from measure.machine import machine
    from scaling import as_page, draw

    tables = {
        "Batch": [{"batch": 32, "update, ms": 20.125}, {"batch": 1024, "update, ms": 12_345.6}],
        "Replay": [{"transitions": 1e6, "sample, µs": 3.0, "memory, MB": 7.0}],
    }
    page = as_page({"tables": tables, "machine": machine(), "precision": "bfloat16", "full": False})
    assert "## Batch\n\n| batch | update, ms |\n| --- | --- |\n| 32 | 20.12 |\n| 1,024 | 12,346 |" in page
    assert "| 1,000,000 | 3 | 7 |" in page
    assert "threads, bfloat16. Replays hold 8x8 frames." in page
    draw(tables, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_script_writes_all_three(tmp_path):
    sizes = ["--environments", "1", "2", "--batches", "4", "8", "--replays", "6400", "--rounds", "1", "--seconds", "0"]
    places = ["--out", str(tmp_path), "--json", str(tmp_path / "numbers.json")]
    command = [sys.executable, str(BENCHMARKS / "scaling.py"), *sizes, *places]
    result = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"scaling.md", "scaling.png", "numbers.json"}
    assert (tmp_path / "scaling.md").read_text().strip() == result.stdout.strip()


@pytest.mark.slow
def test_the_micro_benchmarks_run():
    pytest.importorskip("pytest_benchmark")
    command = [sys.executable, "-m", "pytest", "-q", str(BENCHMARKS / "micro"), "--benchmark-disable"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=BENCHMARKS.parent)
    assert result.returncode == 0, result.stdout
    assert "9 passed" in result.stdout
