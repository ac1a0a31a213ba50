"""Training in the kernel of a notebook, interrupted as its stop button does."""

from pathlib import Path

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

TRAIN = """
import os, signal, threading, time, warnings
from pathlib import Path
import rlvision

def interrupt():
    while not Path("runs/a/metrics.jsonl").exists():
        time.sleep(0.05)
    warnings.warn("a warning of a library")
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
settings = {"tracking.log_every": 200, "tracking.video_every": 0, "evaluation.games": 1, "replay.learning_starts": 400}
try:
    rlvision.train("cartpole-dqn", settings, env_steps=1_000_000, out="runs/a", wandb="offline")
except KeyboardInterrupt:
    run = rlvision.load("runs/a")
"""
TRAIN_AGAIN = """
print(run.env_steps < 1_000_000)
run = rlvision.train("cartpole-dqn", settings, env_steps=run.env_steps + 20, out="runs/a", wandb="offline")
"""


def test_an_interrupted_cell_saves_and_says_so_in_its_one_output_and_runs_again(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    book = new_notebook(cells=[new_code_cell(TRAIN), new_code_cell(TRAIN_AGAIN)])
    NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    (board,) = book.cells[0].outputs
    assert "interrupted by SIGINT" in board.data["text/html"]
    assert "UserWarning: a warning of a library" in board.data["text/html"]
    printed, again = book.cells[1].outputs
    assert printed.text == "True\n"
    assert "continuing " in again.data["text/html"]
    assert list(tmp_path.glob("runs/a/wandb/offline-run-*"))
