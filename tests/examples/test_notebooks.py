"""Every notebook of the examples runs, and shows what it says that it shows."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path.stem for path in (ROOT / "examples").glob("*.ipynb"))
SHORTER = {"ENV_STEPS": 608, "DECISIONS": 30}
"""The cells of parameters, with values for a test."""


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Execute a notebook of the examples with short parameters, in an empty folder; return its code cells."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("WANDB_MODE", "offline")

    def execute(name: str) -> list[NotebookNode]:
        book = shortened(read(name))
        NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
        return [cell for cell in book.cells if cell.cell_type == "code"]

    return execute


def read(name: str) -> NotebookNode:
    return nbformat.read(ROOT / "examples" / f"{name}.ipynb", as_version=4)


def shortened(book: NotebookNode) -> NotebookNode:
    for cell in book.cells:
        for name, value in SHORTER.items():
            cell.source = re.sub(rf"^{name} = \S+", f"{name} = {value}", cell.source)
        cell.source = cell.source.replace("max_steps=200", "max_steps=20")
    return book


def cell_with(cells: list[NotebookNode], words: str) -> NotebookNode:
    return next(cell for cell in cells if words in cell.source)


def pages(cell: NotebookNode) -> list[str]:
    """The outputs of a cell that are HTML and not the place of a bar that has ended."""
    shown = [output.data.get("text/html", "") for output in cell.outputs if "data" in output]
    return [page for page in shown if page and page != '<div style="max-width: 760px"></div>']


def streams(cells: list[NotebookNode]) -> list[str]:
    return [output.name for cell in cells for output in cell.outputs if output.output_type == "stream"]


def test_these_are_the_notebooks():
    assert NOTEBOOKS == ["inside_the_network", "train_and_watch", "your_own_game"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_stored_without_its_outputs(name):
    cells = [cell for cell in read(name).cells if cell.cell_type == "code"]
    assert cells
    assert not any(cell.outputs or cell.execution_count for cell in cells)


def test_train_and_watch_shows_one_live_display_a_curve_a_page_and_a_video(execute, tmp_path):
    cells = execute("train_and_watch")
    training = cell_with(cells, "rlvision.train")
    (board,) = pages(training)
    assert "608 of 608 env steps (100%)" in board
    assert "the agent sees" in board
    assert "<svg" in board
    assert "Run(" in training.outputs[-1].data["text/plain"]
    assert "image/png" in cell_with(cells, "run.plot").outputs[0].data
    (page,) = pages(cell_with(cells, "run.watch"))
    assert page.startswith("<iframe srcdoc=")
    (video,) = pages(cell_with(cells, "run.video"))
    assert 'src="data:video/mp4;base64,' in video
    assert (tmp_path / "notebook.mp4").read_bytes()[4:8] == b"ftyp"
    assert streams(cells) == ["stdout"]  # the print of the scores


def test_a_game_of_the_notebooks_own_is_trained_evaluated_and_watched(execute):
    cells = execute("your_own_game")
    (board,) = pages(cell_with(cells, "rlvision.train"))
    assert "the agent sees its observation (uint8 [45, 45, 3]), in gray" in board
    assert -1 <= float(cell_with(cells, "run.evaluate").outputs[-1].data["text/plain"]) <= 1
    assert len(pages(cell_with(cells, "run.watch"))) == 2
    assert streams(cells) == []


def test_inside_the_network_draws_every_step_and_shows_the_game(execute):
    cells = execute("inside_the_network")
    pictures = [output for cell in cells for output in cell.outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 5
    assert len(pages(cell_with(cells, "agent.watch"))) == 1
    assert streams(cells) == []
