"""What goes wrong while training is one clear error, and what was saved before stays good."""

import math

import pytest
import torch

from rlvision.cli import main as cli
from rlvision.core.errors import DivergedError, MemoryBudgetError
from rlvision.core.memory import explain_oom
from rlvision.learning.learner import QLearner
from rlvision.runs.checkpoint import read_state
from rlvision.runs.session import Session
from rlvision.runs.training import train

CUDA = (
    "CUDA out of memory. Tried to allocate 2.25 GiB. GPU 0 has a total capacity of 79.10 GiB of which 1.06 GiB is "
    "free. Process 7 has 78.02 GiB memory in use."
)


def checkpoints(folder):
    return [int(path.stem) for path in sorted((folder / "checkpoints").glob("[0-9]*.ckpt"))]


# Learning that diverges


def test_a_run_that_diverges_ends_with_its_last_good_checkpoint(tmp_path, watched, small):
    settings = {"optimiser__name": "sgd", "optimiser__learning_rate": 1e30, "optimiser__max_grad_norm": None}
    with pytest.raises(DivergedError) as refused:
        train(small(tmp_path, replay__learning_starts=60, evaluate_every=0, **settings))
    assert "8 of 8 transitions without a finite loss" in str(refused.value)
    assert watched.collector.env_steps < 80
    assert checkpoints(tmp_path) == [40]
    online = read_state(tmp_path / "checkpoints" / f"{40:012d}.ckpt")["online"]
    assert all(tensor.isfinite().all() for tensor in online.values())


@pytest.mark.parametrize("hook", ["_save", "_evaluate"])
def test_weights_that_diverged_unseen_as_on_a_gpu_are_never_saved(
    tmp_path, monkeypatch, watched, hook, differences, everything, note_calls, small
):
    """A GPU is not asked after every update, so that they may be NaN when it is time to save."""

    def poison(session, env_steps, _):
        if env_steps == 120:
            with torch.no_grad():
                next(session._agent.learner.networks.online.parameters())[0] = math.nan

    undisturbed = everything(watched.train(small(tmp_path / "undisturbed")))
    with monkeypatch.context() as patch:
        note_calls(patch, Session, hook, poison)
        with pytest.raises(DivergedError, match=r"expected finite weights after 11 updates, got NaN or inf"):
            train(small(tmp_path / "run"))
    assert checkpoints(tmp_path / "run") == [40, 80]
    for path in (tmp_path / "run" / "checkpoints").glob("*.ckpt"):
        assert all(tensor.isfinite().all() for tensor in read_state(path)["online"].values()), path
    assert differences(undisturbed, everything(watched.train(small(tmp_path / "run")))) == []


# Memory that runs out


def test_a_gpu_that_is_full_while_learning_is_one_line_with_the_number_and_the_setting(
    tmp_path, monkeypatch, watched, capsys, small
):
    watched.train(small(tmp_path, env_steps=80))

    def update(*_):
        raise torch.OutOfMemoryError(CUDA)

    monkeypatch.setattr(QLearner, "update", update)
    assert cli.main(["train", str(tmp_path / "config.yaml"), f"--out={tmp_path}", "--env-steps=160"]) == 2
    assert capsys.readouterr().err == (
        "rlvision: expected 2.25 GiB more memory, got 1.06 GiB free: lower replay.batch_size (8) or replay.capacity "
        "(96, 0.00 GB) in another run; --device=cpu continues this one\n"
    )
    assert checkpoints(tmp_path)[-1] == 80


def test_a_gpu_that_is_full_while_the_agent_is_made_names_the_replay(tmp_path, monkeypatch, small):
    def make(*_, **__):
        raise torch.OutOfMemoryError(CUDA)

    monkeypatch.setattr("rlvision.learning.agent.ReplayBuffer", make)
    with pytest.raises(MemoryBudgetError, match=r"1.06 GiB free: lower replay.capacity \(20,000, 0.02 GB\)"):
        train(small(tmp_path / "run", replay__capacity=20_000))
    assert not (tmp_path / "run").exists()


def test_the_machines_own_memory_is_spoken_of_alike():
    with (
        pytest.raises(MemoryBudgetError, match=r"expected 4\d+ bytes more memory, got less free: lower it"),
        explain_oom("lower it"),
    ):
        torch.empty(4 * 10**17, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError("Unable to allocate 6.60 GiB for an array with shape (7, 3)"), "expected 6.60 GiB more memory"),
        (MemoryError(), "expected more memory, got less free: lower it"),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be"), "expected more memory, got less free"),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), "expected more memory, got less free"),
    ],
)
def test_memory_is_spoken_of_alike_whoever_lacks_it(error, said):
    with pytest.raises(MemoryBudgetError, match=said), explain_oom("lower it"):
        raise error


def test_errors_of_another_kind_stay_what_they_are():
    with pytest.raises(RuntimeError, match="sizes differ"), explain_oom("less"):
        raise RuntimeError("sizes differ")
