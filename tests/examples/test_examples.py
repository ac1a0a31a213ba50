"""Every example runs, and what a reader has to load to follow the first of them stays small."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
MOST_FILES, MOST_LINES = 25, 3_600

PROFILED = """
import inspect, runpy, sys, threading
from pathlib import Path

import rlvision

home = Path(rlvision.__file__).resolve().parent
homes = [(home / name).resolve() for name in (".", "agents", "envs", "configs")]
seen = set()

def note(frame, event, _):
    if event == "call" and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        seen.add(frame.f_code.co_filename)

sys.argv = sys.argv[1:]
threading.setprofile(note)
sys.setprofile(note)
runpy.run_path(sys.argv[0], run_name="__main__")
sys.setprofile(None)
paths = {Path(name).resolve() for name in seen}
read = [path for path in paths if path.is_file() and any(home in path.parents for home in homes)]
print("READ", len(read), sum(path.read_text().count("\\n") for path in read))
"""


@pytest.fixture
def run(run_program):
    """Return what a Python program prints, in the folder of the examples or another."""

    def printed(arguments: list[str], folder: Path) -> str:
        environment = {"WANDB_MODE": "offline", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PATH": ""}
        environment |= {"HOME": str(folder), "PYTHONPATH": str(ROOT)}
        done = run_program(arguments, folder, environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return printed


def test_these_are_the_examples():
    assert EXAMPLES == ["dqn", "own_agent", "own_environment", "own_network"]


def test_dqn_in_one_file_trains_and_draws(tmp_path, run):
    """Learning starts after 1,000 env steps, so there are updates in it."""
    said = run([str(ROOT / "examples" / "dqn.py"), "--env-steps=2008", f"--plot={tmp_path / 'dqn.png'}"], tmp_path)
    line = next(line for line in said.splitlines() if line.lstrip().startswith("2,000 env steps"))
    updates = int(line.split(" updates")[0].split(",", 2)[2].replace(",", ""))
    assert updates == (2_000 - 1_000) * 8 // 32 + 2  # and those of the step that was under way
    assert (tmp_path / "dqn.png").read_bytes()[1:4] == b"PNG"


def test_what_a_reader_of_dqn_has_to_load_is_small(tmp_path, run):
    (tmp_path / "read.py").write_text(PROFILED)
    example = str(ROOT / "examples" / "dqn.py")
    said = run(["read.py", example, "--env-steps=600", f"--plot={tmp_path / 'dqn.png'}"], tmp_path)
    files, lines = map(int, said.split("READ ")[1].split())
    assert 10 < files <= MOST_FILES
    assert 1_000 < lines <= MOST_LINES


@pytest.mark.parametrize(
    ("name", "score"), [("own_agent", "of 10 games"), ("own_environment", "of 20"), ("own_network", "of 10")]
)
def test_an_example_of_ones_own_trains_and_is_evaluated(tmp_path, run, name, score):
    """As its docstring says: in the folder of the file, where its name can be imported."""
    (tmp_path / f"{name}.py").write_text((ROOT / "examples" / f"{name}.py").read_text())
    said = run([f"{name}.py", "--env-steps=1040", "--out=run"], tmp_path)
    assert score in said.splitlines()[-1]
    assert (tmp_path / "run" / "config.yaml").exists()
    assert f"{name}:" in (tmp_path / "run" / "config.yaml").read_text()


@pytest.mark.slow
def test_dqn_in_one_file_learns(tmp_path, run):
    """From 20 to over 80 in 24,000 env steps, with a seed that was not used to choose its numbers."""
    example = str(ROOT / "examples" / "dqn.py")
    said = run([example, "--seed=7", f"--plot={tmp_path / 'dqn.png'}"], tmp_path)
    last = next(line for line in reversed(said.splitlines()) if "mean score" in line)
    assert float(last.split("games")[1]) > 80
