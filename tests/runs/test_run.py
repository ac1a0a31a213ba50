"""What people do with a run folder: act, evaluate, continue it with other settings, or be refused."""

import json
import os
import shutil
import socket
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch

import rlvision
from rlvision.config.loading import load_config, read_config
from rlvision.core.errors import CheckpointError, ConfigError, RLVisionError
from rlvision.envs.preprocessing import frame_size
from rlvision.envs.settings import EnvSettings
from rlvision.replay.prioritised_sampler import PrioritisedSampler
from rlvision.runs import builders
from rlvision.runs.checkpoint import read_state
from rlvision.runs.eval_protocol import count_envs
from rlvision.runs.run import Run
from rlvision.runs.run_folder import RunFolder
from rlvision.runs.training import Session, resume, train
from tests.conftest import COUNTING, END, PONG, PRIORITISED


@pytest.fixture(scope="module")
def finished(tmp_path_factory, small, watch_runs):
    """A run whose best weights are not its last: its learning rate makes sure of it."""
    out = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as monkeypatch:
        watch_runs(monkeypatch).train(small(out, network__dueling=True, evaluation__games=3))
    return out


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def observations(count=5):
    return np.random.default_rng(0).integers(0, 256, (count, 2, 32, 32), dtype=np.uint8)


@pytest.mark.parametrize("weights", ["best", "last"])
def test_a_run_acts_greedily_by_the_weights_asked_for(finished, weights):
    run = Run(finished, weights=weights, device="cpu")
    state = read_state(finished / "checkpoints" / ("best.ckpt" if weights == "best" else f"{END:012d}.ckpt"))
    assert run.env_steps == state["env_steps"]
    for name, tensor in run.network.state_dict().items():
        assert tensor.equal(state["online"][name])
    q_values = run.q_values(observations())
    assert q_values.shape == (5, 4)
    assert q_values.dtype == np.float32
    assert run.act(observations()).tolist() == q_values.argmax(axis=1).tolist()


def test_a_run_stands_for_its_folder_where_a_path_is_expected(finished):
    assert rlvision.load(Run(finished)).folder.path == finished


def test_q_values_do_not_depend_on_the_other_observations(finished):
    run = Run(finished, device="cpu")
    alone = np.concatenate([run.q_values(observation[None]) for observation in observations()])
    np.testing.assert_allclose(run.q_values(observations()), alone, atol=1e-5)


def test_an_evaluation_is_repeatable_and_follows_its_arguments(finished):
    run = Run(finished, device="cpu")
    one, same, other = (run.evaluate(games=4, epsilon=0.5, seed=seed) for seed in (3, 3, 4))
    assert one == same
    assert one.scores != other.scores
    assert len(one.episodes) == 4
    low, high = one.interval
    assert low <= one.mean <= high


def test_the_public_names_are_these(finished):
    assert isinstance(rlvision.Run(finished), Run)
    assert {rlvision.train, rlvision.load_config} == {train, rlvision.load_config}
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        rlvision.trian  # noqa: B018


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda folder: Run(folder / "none"), CheckpointError, "without a config.yaml"),
        (lambda folder: resume(folder / "none"), CheckpointError, "without a config.yaml"),
        (lambda folder: Run(folder, weights="bset"), ConfigError, "expected the weights best or last, got 'bset'"),
        (lambda folder: Run(folder, device="gpu"), ConfigError, "expected a device"),
        (lambda folder: train(rlvision.Config()), ConfigError, "expected a run folder"),
        (lambda folder: Run(folder).evaluate(games=0), RLVisionError, "got"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(finished, make, error, message):
    with pytest.raises(error, match=message):
        make(finished)


def test_a_run_without_a_checkpoint_yet_says_so(tmp_path, finished):
    (tmp_path / "config.yaml").write_bytes((finished / "config.yaml").read_bytes())
    with pytest.raises(CheckpointError, match="got none: train first, or wait for the first one"):
        Run(tmp_path)


@pytest.mark.parametrize("place", ["/proc/nowhere", "file"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch, place, small):
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"expected to write to the run folder .*: set out to another"):
        train(small(Path(place) / "run"))


def test_a_file_is_no_run_folder(tmp_path, small):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"expected a run folder in out, got the file .*file: name another"):
        train(small(tmp_path / "file"))


@pytest.mark.parametrize("left", ["metrics.jsonl", "checkpoints/000000000040.ckpt"])
def test_what_a_run_left_without_its_settings_is_not_written_over(tmp_path, left, small):
    (tmp_path / left).parent.mkdir(exist_ok=True)
    (tmp_path / left).write_text("{}\n")
    with pytest.raises(ConfigError, match=f"with {Path(left).name} and without the config.yaml .*: put the file back"):
        train(small(tmp_path))
    assert content(tmp_path) == {tmp_path / left: b"{}\n"}


def test_a_folder_that_may_not_be_looked_into_is_refused(tmp_path, monkeypatch):
    def refused(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_dir", refused)
    with pytest.raises(ConfigError, match=r"expected to write to the run folder .*, got Permission denied: set out"):
        RunFolder(tmp_path).check_writable()


def test_other_files_are_no_hindrance(tmp_path, small):
    (tmp_path / "job.log").write_text("begins\n")
    (tmp_path / "checkpoints").mkdir()  # as where they go to another disk
    train(small(tmp_path, env_steps=30))
    assert (tmp_path / "job.log").read_text() == "begins\n"


def test_a_run_that_has_come_further_than_a_new_plan_stays_as_it_is(finished, tmp_path, capsys, small):
    shutil.copytree(finished, tmp_path / "run")
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"env_steps": 162}\n')  # of a session that was killed, after its last checkpoint
    before = content(tmp_path / "run")
    train(small(tmp_path / "run", env_steps=100, network__dueling=True, evaluation__games=3))
    assert "run is finished: all 160 env steps are done" in capsys.readouterr().out
    assert content(tmp_path / "run") == before


@pytest.mark.parametrize(("env_steps", "updates"), [(20, 0), (32, 0), (33, 1)])
def test_a_run_too_short_to_learn_says_so(tmp_path, capsys, env_steps, updates, small, watched):
    session = watched.train(small(tmp_path, env_steps=env_steps))
    assert session._agent.learner.updates == updates
    said = "nothing will be learned: the run ends before its first update"
    assert (said in capsys.readouterr().out.splitlines()) == (updates == 0)


def test_the_display_knows_when_learning_begins(tmp_path, monkeypatch, capsys, small, stop_at):
    stop_at(monkeypatch, 10)
    train(small(tmp_path, checkpoint__replay=False))
    assert "gathering until 24" in capsys.readouterr().out
    stop_at(monkeypatch, 20)
    train(small(tmp_path, checkpoint__replay=False))
    assert "gathering until 34" in capsys.readouterr().out  # 24 more


def test_settings_without_effect_are_named(tmp_path, capsys, small):
    train(small(tmp_path, env_steps=4, replay__alpha=0.9))
    assert "without effect: replay.alpha needs replay.prioritised" in capsys.readouterr().out.splitlines()


def test_a_finished_run_started_again_says_that_it_is_finished_and_shows_no_progress(finished, capsys, small):
    train(small(finished, network__dueling=True, evaluation__games=3))
    said = capsys.readouterr().out
    assert f"all {END} env steps are done" in said
    assert "(0%)" not in said


def test_two_processes_do_not_train_in_one_folder(tmp_path, monkeypatch, note_calls, small, watched):
    owner = rf"process {os.getpid()} on {socket.gethostname()} since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"

    def train_here_too(*_):
        before = content(tmp_path)
        with pytest.raises(CheckpointError, match=rf"expected no other process in .*, got {owner}: let it end, or"):
            train(small(tmp_path))
        assert content(tmp_path) == before
        watched.sessions.pop()

    note_calls(monkeypatch, Session, "_evaluate", train_here_too)
    watched.train(small(tmp_path, env_steps=40))
    assert not (tmp_path / ".owner").exists()
    monkeypatch.undo()
    train(small(tmp_path, env_steps=44))  # nobody is there any more


def test_a_refusal_names_some_of_many_settings(finished, small):
    other = small(finished, agent__n_step=1, agent__gamma=0.5, network__norm="layer", network__hidden=8, env__stack=1)
    with pytest.raises(ConfigError, match=r"agent.gamma was 0.98, is 0.5.*; and \d more\): use them") as refusal:
        train(replace(other, agent=replace(other.agent, double=False, target_period=9, reward_scale=2.0)))
    assert str(refusal.value).count(" was ") == 6


def test_settings_that_were_not_loaded_get_what_follows_from_others(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("rlvision.runs.training.Session", lambda config, *_: seen.append(config) or 1 / 0)
    env = EnvSettings(game=COUNTING["env.game"], height=40)
    with pytest.raises(ZeroDivisionError):
        train(rlvision.Config(out=str(tmp_path / "run"), env=env, device="cpu", wandb="disabled"))
    assert (frame_size(seen[0].env), seen[0].network.momentum) == ((40, 77), 0.1)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"seed": 2}, "seed was 1, is 2"),
        ({"agent__n_step": 1}, "agent.n_step was 2, is 1"),
        ({"network__norm": "layer", "env__stack": 1}, "env.stack was 2, is 1; network.norm was 'renorm', is 'layer'"),
    ],
)
def test_a_run_of_other_settings_is_refused_and_nothing_changes(finished, change, difference, small):
    before = content(finished)
    settings = {"network__dueling": True, "evaluation__games": 3} | change
    with pytest.raises(ConfigError) as refusal:
        train(small(finished, **settings))
    assert difference in str(refusal.value)
    assert "use them, or another out" in str(refusal.value)
    assert content(finished) == before


def test_settings_that_do_not_change_what_is_learned_may_change_and_are_kept(
    tmp_path, monkeypatch, small, stop_at, watched
):
    stop_at(monkeypatch, 50)
    watched.train(small(tmp_path / "run"))
    harmless = {"env_steps": 90, "evaluate_every": 30, "checkpoint__keep": 1, "tracking__log_every": 10}
    session = watched.train(small(tmp_path / "run", evaluation__epsilon=0.5, **harmless))
    assert watched.collector.env_steps == 90
    assert [int(path.stem) for path in session._folder.checkpoints.paths()] == [90]
    stored = read_config(tmp_path / "run" / "config.yaml")
    assert (stored.env_steps, stored.checkpoint.keep, stored.evaluation.epsilon) == (90, 1, 0.5)


def test_an_evaluation_of_training_lasts_as_long_as_one_afterwards(tmp_path, monkeypatch, small, watched):
    """An episode limit above the protocol's cap on a game moves that cap, in training as in `rlvision evaluate`."""
    made = []
    make_env = builders.make_env
    monkeypatch.setattr(
        builders, "make_env", lambda config, *args, **how: made.append(config) or make_env(config, *args, **how)
    )
    longer = {"env__max_episode_frames": None, "evaluation__max_frames": 200_000, "env_steps": 30, "evaluate_every": 20}
    watched.train(small(tmp_path, PONG, **longer, evaluation__max_idle_frames=40))
    training, *evaluations = [config.env.max_episode_frames for config in made]
    assert (training, set(evaluations)) == (None, {200_000})


def history(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_every_session_leaves_a_line_of_what_it_changed_and_computed_with_and_why_it_ended(
    tmp_path, monkeypatch, capsys, small, stop_at, watched
):
    stop_at(monkeypatch, 50)
    over_the_run = {"optimiser__schedule": "linear", "exploration__final": 0.1, "exploration__decay_env_steps": 40}
    over_the_run |= {"agent__final_n_step": 4, "agent__final_gamma": 0.995, **PRIORITISED}
    watched.train(small(tmp_path, **over_the_run))
    assert "accepted" not in capsys.readouterr().out
    changes = {"env_steps": 90, "tracking__project": "other", "device": "auto"}
    monkeypatch.setattr("rlvision.runs.history.version", lambda name: "9.9" if name == "torch" else version(name))
    watched.train(small(tmp_path, **over_the_run, **changes))
    first, second = history(tmp_path)
    assert first["ended"] == "interrupted by SIGTERM; the same command continues"
    assert second["ended"] == "all 90 env steps are done"
    assert (first["env_steps"], first["changed"]) == (0, {})
    assert (second["env_steps"], second["changed"]) == (
        50,
        {"env_steps": [160, 90], "device": ["cpu", "auto"], "tracking.project": [None, "other"]},
    )
    assert (first["with"]["torch"], second["with"]["torch"]) == (version("torch"), "9.9")
    assert (first["with"]["threads"], first["with"]["precision"], first["with"]["ale-py"]) == (
        "1",
        "float32",
        version("ale-py"),
    )
    said = capsys.readouterr().out
    assert "accepted: env_steps was 160, is 90; device was 'cpu', is 'auto'; tracking.project was" in said
    schedules = "optimiser.schedule, replay.beta, exploration.final, agent.final_gamma, agent.final_n_step"
    assert f"schedules over the whole run ({schedules}) now end at 90 env steps" in said
    assert f"results may differ in bits from an uninterrupted run: torch was '{version('torch')}', is '9.9'\n" in said


def test_a_run_of_a_release_with_other_settings_says_so(tmp_path, finished):
    for name in ("config.yaml", "history.jsonl"):
        text = (finished / name).read_text().replace("seed: 1\n", "seed: 1\nsleep: 3\n")
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=r"expected a setting in .*config.yaml, got 'sleep'"):
        resume(tmp_path)
    (tmp_path / "history.jsonl").write_text(text.replace(f'"rlvision": "{version("rlvision")}"', '"rlvision": "7.0"'))
    with pytest.raises(CheckpointError, match=r"got one of 7.0 \(expected a setting .*'sleep'.*\): use that rel"):
        resume(tmp_path)


def test_a_damaged_history_names_its_file(tmp_path, finished):
    (tmp_path / "config.yaml").write_bytes((finished / "config.yaml").read_bytes())
    (tmp_path / "history.jsonl").write_text("{")
    with pytest.raises(CheckpointError, match=r"expected one JSON object per line in .*history.jsonl, got .*: delete"):
        resume(tmp_path)


def test_a_longer_run_stretches_what_changes_over_the_whole_run(
    tmp_path, monkeypatch, metrics, note_calls, small, watched
):
    """Which then stands where it would stand in a run that was that long from the start."""
    settings = {"optimiser__schedule": "linear", "evaluate_every": 0, **PRIORITISED}
    watched.train(small(tmp_path, env_steps=104, **settings))
    betas = []
    note_calls(monkeypatch, PrioritisedSampler, "sample", lambda sampler, size, beta, draws: betas.append(beta))
    agent = watched.train(small(tmp_path, env_steps=184, **settings))._agent
    rows = [row for row in metrics(tmp_path) if "counters/updates" in row]
    start = small(tmp_path, **settings).optimiser.learning_rate
    ends = {True: 10, False: 20}  # updates: (104 - 24) / 8 and (184 - 24) / 8
    for row in rows:
        share = row["counters/updates"] / ends[row["env_steps"] <= 104]
        assert row["optimiser/learning_rate"] == pytest.approx(start * (1 - share))
    assert [row["env_steps"] for row in rows] == [30, 60, 90, 120, 150, 180]
    assert betas[-1] == pytest.approx(0.5 + 0.5 * 176 / 184)  # of the last update, 8 env steps before the end
    assert agent.memory._beta(182) == pytest.approx(0.5 + 0.5 * 182 / 184)  # of one after the last step


def test_a_run_may_be_moved_and_resumed_from_where_it_is(tmp_path, monkeypatch, small, stop_at, watched):
    stop_at(monkeypatch, 50)
    watched.train(small(tmp_path / "run", env_steps=80))
    (tmp_path / "run").rename(tmp_path / "moved")
    assert resume(tmp_path / "moved").folder.path == tmp_path / "moved"
    assert watched.collector.env_steps == 80
    assert read_config(tmp_path / "moved" / "config.yaml").out == str(tmp_path / "moved")
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_other_environments_is_refused(tmp_path, small, watched):
    """As when a new version of a library changes the actions of a game."""
    watched.train(small(tmp_path, env_steps=40, env__kwargs={"actions": 4}))
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text().replace("actions: 4", "actions: 5"))
    with pytest.raises(
        CheckpointError,
        match=r"expected environments .* choose a world with as many actions",
    ):
        train(small(tmp_path, env_steps=80, env__kwargs={"actions": 5}))


def test_determinism_holds_while_a_run_trains_and_changes_nothing_on_the_cpu(tmp_path, monkeypatch, small):
    inside, run = [], Session.run
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    monkeypatch.setattr(
        Session, "run", lambda self: (inside.append(torch.are_deterministic_algorithms_enabled()), run(self))[1]
    )
    runs = [train(small(tmp_path / name, deterministic=name == "strict")) for name in ("strict", "usual")]
    assert inside == [True, False]
    assert not torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"  # the user's own
    strict, usual = (run.network.state_dict() for run in runs)
    assert all(torch.equal(strict[name], usual[name]) for name in usual)


@pytest.mark.parametrize("name", ["config.yaml", "history.jsonl"])
def test_a_file_larger_than_any_of_its_kind_is_not_read(tmp_path, finished, name):
    run = shutil.copytree(finished, tmp_path / "run")
    os.truncate(run / name, 2**40)
    with pytest.raises(CheckpointError, match=rf"{name}, got 1,099,511,627,776: rlvision did not write this file"):
        resume(run)


def test_what_a_kill_left_half_way_goes_as_the_next_session_begins(tmp_path, finished):
    run = shutil.copytree(finished, tmp_path / "run")
    left = [
        run / folder / f".{name}.0123456789abcdef.part"
        for folder, name in {".": "config.yaml", "checkpoints/replay": "1-2", "videos": "000000000160.mp4"}.items()
    ]
    (run / "videos").mkdir()
    for path in left:
        path.touch()
    Run(run)  # who only reads may do so while it trains
    assert all(path.exists() for path in left)
    resume(run, env_steps=164)
    assert not list(run.rglob("*.part"))


def test_a_link_in_the_run_folder_is_refused_before_anything_is_made(tmp_path, finished, monkeypatch):
    run = shutil.copytree(finished, tmp_path / "run")
    (run / "videos").symlink_to(tmp_path)
    monkeypatch.setattr(builders, "make_env", lambda *_, **how: pytest.fail("an environment was made"))
    with pytest.raises(CheckpointError, match=r"expected a folder at .*videos, got a symbolic link"):
        train(replace(RunFolder(run).config(), out=str(run)))


@pytest.mark.parametrize(
    ("preset", "games", "most", "count"),
    [
        ("pong", 1, 16, 1),
        ("pong", 4, 16, 4),
        ("pong", 5, 16, 6),  # an odd number would not come in halves
        ("pong", 20, 16, 10),  # two games each
        ("pong", 30, 16, 16),
        ("pong", 16, 5, 4),  # four games each
        ("pong", 15, 5, 5),  # never more than asked for
        ("pong", 0, 16, 0),
        ("cartpole-dqn", 5, 16, 5),
    ],
)
def test_an_evaluation_has_as_many_environments_as_are_busy(preset, games, most, count):
    assert count_envs(load_config(preset), games, most) == count
