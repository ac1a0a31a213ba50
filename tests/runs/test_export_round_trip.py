"""What is exported is what is loaded: weights, settings, and the words of the card."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import rlvision
from rlvision.cli import main as cli
from rlvision.core.errors import ConfigError
from rlvision.core.types import EnvSpec
from rlvision.evaluation.episode_limits import EpisodeLimits
from rlvision.nn.noisy import noisy_layers, resample_noise, switch_noise
from rlvision.runs.builders import playing_config
from rlvision.runs.export_manifest import NOT_EXPORTED, exported_settings
from rlvision.runs.run import Run
from rlvision.runs.training import resume
from tests.runs.conftest import ENV_STEPS, SPEC, Chapter

NETWORKS = [
    {},
    {"network__norm": "batch", "network__dropout": 0.5},
    {"network__dueling": True},
    {"network__hidden": 16},
    {"network__activation": "leaky_relu"},
    {"network__max_pool": True, "env__height": 48, "env__width": 48, "env__crop": None},
    {"network__norm": "layer"},
    {"network__encoder": "mlp", "network__kwargs": {"hidden": [8]}, "network__dueling": True},
]


def snippet(card: str, beginning: str) -> str:
    """The Python block of a card that begins so."""
    blocks = [part.split("\n```")[0] for part in card.split("```python\n")[1:]]
    return next(block for block in blocks if block.startswith(beginning))


@pytest.mark.parametrize("changes", NETWORKS)
def test_the_network_comes_back_bit_for_bit(tmp_path, changes, observations, settings, small_export):
    config = settings(**changes)
    spec = EnvSpec(1, (2, config.env.height, config.env.width), 1, ("0", "1"), frameskip=4)
    network = small_export(tmp_path / "it", config, spec)
    run = Run(tmp_path / "it", device="cpu")
    assert list(run.network.state_dict()) == list(network.state_dict())
    for name, tensor in network.state_dict().items():
        assert run.network.state_dict()[name].equal(tensor)
    seen = observations(3, spec)
    with torch.no_grad():
        assert run.network(seen).q_values.equal(network(seen).q_values)
    assert (run.env_steps, run.spec) == (ENV_STEPS, spec)


def test_the_settings_to_play_with_come_back_and_those_of_training_do_not(tmp_path, settings, small_export):
    given = {
        "network__norm": "frozen", "env__gray": True, "env__protocol": "nature", "env__max_episode_steps": 77,
        "env__num_envs": 3, "env__kwargs": {"sutton_barto_reward": True}, "evaluation__epsilon": 0.25,
        "evaluation__max_idle_frames": None, "seed": 9, "agent__n_step": 7,
    }  # fmt: skip
    config = settings(**given)
    network = small_export(tmp_path / "it", config)
    loaded = Run(tmp_path / "it").config
    assert exported_settings(loaded) == exported_settings(playing_config(config, SPEC, network))
    assert not set(exported_settings(config)) & set(NOT_EXPORTED)
    assert (loaded.env.num_envs, loaded.agent.n_step) == (
        rlvision.Config().env.num_envs,
        rlvision.Config().agent.n_step,
    )
    training = json.loads((tmp_path / "it" / "export.json").read_text())["training"]
    assert (training["seed"], training["agent"]["n_step"], training["frames"]) == (9, 7, 4 * ENV_STEPS)


@pytest.mark.parametrize("norm", ["renorm", "batch", "joint", "fixed", "frozen", "running", "recalibrated"])
def test_the_weights_load_into_the_chapters_class_and_give_the_same_q_values(
    tmp_path, norm, observations, settings, small_export
):
    network = small_export(tmp_path / "it", settings(network__norm=norm))
    chapter = Chapter(32, 40, 2, in_channels=2).eval()
    chapter.load_state_dict(load_file(tmp_path / "it" / "model.safetensors"))  # strictly: no key too many or too few
    seen = observations(4)
    with torch.no_grad():
        torch.testing.assert_close(chapter(seen / 255), network(seen).q_values, rtol=1e-5, atol=1e-6)
        network.to(memory_format=torch.contiguous_format)  # else other kernels compute the same, with other last bits
        assert chapter(seen / 255).equal(network(seen).q_values)
    assert chapter.bn1.num_batches_tracked == 7


@pytest.mark.parametrize("dueling", [False, True])
def test_an_agent_of_quantiles_plays_and_is_given_away_as_their_means(
    tmp_path, dueling, observations, settings, small_run
):
    config = settings(agent__name="qr_dqn", network__dueling=dueling)
    network = small_run(tmp_path / "run", config)
    assert network.head.quantiles == config.agent.quantiles
    trained = Run(tmp_path / "run", device="cpu")
    trained.export(tmp_path / "it", games=0)
    run = Run(tmp_path / "it", device="cpu")
    assert trained.network(observations(4)).q_values.equal(run.network(observations(4)).q_values)
    seen = observations(4)
    with torch.no_grad():
        torch.testing.assert_close(run.network(seen).q_values, network(seen).q_values, rtol=1e-5, atol=1e-5)
    manifest = json.loads((tmp_path / "it" / "export.json").read_text())
    assert manifest["training"]["agent"]["name"] == "qr_dqn"
    assert manifest["weights"]["layout"] == ("network" if dueling else "chapter")
    if not dueling:
        chapter = Chapter(32, 40, 2, in_channels=2).eval()
        chapter.load_state_dict(load_file(tmp_path / "it" / "model.safetensors"))


@pytest.mark.parametrize("changes", [{}, {"network__dueling": True, "agent__name": "qr_dqn"}])
def test_an_agent_that_explored_by_noise_plays_and_is_given_away_without(
    tmp_path, changes, observations, settings, small_run
):
    network = small_run(tmp_path / "run", settings(network__noisy=True, exploration__kind="noisy", **changes))
    resample_noise(network, torch.Generator().manual_seed(0))
    trained = Run(tmp_path / "run", device="cpu")
    trained.export(tmp_path / "it", games=0)
    run, seen = Run(tmp_path / "it", device="cpu"), observations(4)
    with torch.no_grad():
        noise = network(seen).q_values
        switch_noise(network, on=False)
        torch.testing.assert_close(run.network(seen).q_values, network(seen).q_values, rtol=1e-5, atol=1e-5)
    assert (run.network(seen).q_values - noise).abs().max() > 1e-3
    assert run.network(seen).q_values.equal(trained.network(seen).q_values)
    assert not run.config.network.noisy
    assert (noisy_layers(run.network), noisy_layers(trained.network)) == ([], [])


def test_the_card_runs_in_plain_torch(tmp_path, monkeypatch, small_export):
    network = small_export(tmp_path / "it")
    code = snippet((tmp_path / "it" / "README.md").read_text(), "import torch")
    assert "rlvision" not in code
    monkeypatch.chdir(tmp_path / "it")
    names: dict = {}
    exec(code, names)  # noqa: S102 - our own card
    assert names["observation"].shape == (1, *SPEC.observation_shape)
    with torch.no_grad():
        expected = network(names["observation"]).q_values
    torch.testing.assert_close(names["q_values"], expected, rtol=1e-5, atol=1e-6)


def test_the_card_runs_in_rlvision(tmp_path, small_export):
    small_export(tmp_path / "it")
    names: dict = {}
    exec(snippet((tmp_path / "it" / "README.md").read_text(), "import rlvision"), names)  # noqa: S102 - our own card
    names["env"].close()
    assert names["action"].shape == ()


@pytest.mark.parametrize("changes", NETWORKS[2:6])
def test_what_the_chapters_class_would_not_compute_is_not_offered_to_it(tmp_path, changes, settings, small_export):
    config = settings(**changes)
    spec = EnvSpec(1, (2, config.env.height, config.env.width), 1, ("0", "1"), frameskip=4)
    small_export(tmp_path / "it", config, spec)
    assert "plain PyTorch" not in (tmp_path / "it" / "README.md").read_text()
    assert json.loads((tmp_path / "it" / "export.json").read_text())["weights"]["layout"] == "network"


def test_a_run_is_exported_evaluated_and_played_alike(tmp_path, monkeypatch, capsys, observations, settings, small_run):
    """By the command line, as a user would; the card's own command gives the card's score."""
    monkeypatch.chdir(tmp_path)
    network = small_run(Path("mine"), settings(env__max_episode_steps=40))
    assert cli.main(["export", "mine", "--games=3", "--seed=4", "--device=cpu"]) == 0
    assert sorted(path.name for path in Path("exports/mine").iterdir()) == [
        "README.md",
        "export.json",
        "model.safetensors",
    ]
    said = json.loads(Path("exports/mine/export.json").read_text())["scores"]
    card = Path("exports/mine/README.md").read_text()
    command = next(line for line in card.splitlines() if line.startswith("rlvision evaluate exports/mine --games"))
    assert cli.main([*command.split()[1:], "--json=again.json", "--device=cpu", "--num-envs=2"]) == 0
    again = json.loads(Path("again.json").read_text())
    assert [{name: again[name] for name in said[0]}] == said
    assert (again["run"], again["env_steps"], len(again["scores"])) == ("exports/mine", ENV_STEPS, 3)
    of_the_run = Run("mine", device="cpu").measure(games=3, seed=4)
    assert of_the_run.to_dict() == said[0]
    assert f"| mean | {of_the_run.evaluation.mean:,.2f} |" in card
    low, high = of_the_run.evaluation.interval
    assert f"| 95 % interval | {low:,.2f} to {high:,.2f} |" in card
    assert "1,234 decisions (4,936 frames), seed 1" in card
    run = Run("exports/mine", device="cpu")
    assert run.act(observations(5).numpy()).tolist() == network(observations(5)).q_values.argmax(1).tolist()
    assert "written to exports/mine" in capsys.readouterr().out


def test_an_atari_export_is_scored_by_both_books_with_the_actions_it_has(tmp_path, settings, small_export):
    config = settings(env__game="pong", env__crop=None, env__max_episode_frames=80, env__frameskip=4)
    names = ("NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE")
    spec = EnvSpec(1, (2, 32, 40), 1, names, frameskip=4)
    small_export(tmp_path / "it", config, spec)
    run = Run(tmp_path / "it", device="cpu")
    limits = EpisodeLimits(max_frames=120)
    reports = [run.measure(games=1, protocol=book, epsilon=0.0, limits=limits) for book in (None, "machado")]
    assert [report.conditions.protocol for report in reports] == [
        "nature (max_episode_frames 80)",
        "machado (full_action_space false)",
    ]
    assert [report.conditions.settings["sticky"] for report in reports] == [0.0, 0.25]
    frames = [report.evaluation.episodes[0].frames for report in reports]
    assert (frames[0] <= 80, frames[1], list(reports[1].evaluation.cut)) == (True, 120, [0])


@pytest.mark.parametrize("occupied", [True, False])
def test_an_export_takes_no_place_that_is_taken(tmp_path, occupied, small_run):
    small_run(tmp_path / "run")
    out = tmp_path / "out"
    out.mkdir()
    if occupied:
        (out / "mine.txt").touch()
        with pytest.raises(ConfigError, match=r"expected a new folder in out, got .*, which is there: name another"):
            Run(tmp_path / "run").export(out, games=0)
        assert [path.name for path in out.iterdir()] == ["mine.txt"]
    else:
        Run(tmp_path / "run").export(out, games=0)
        assert len(list(out.iterdir())) == 3
        assert "Not measured yet. `rlvision evaluate" in (out / "README.md").read_text()


def test_a_full_disk_leaves_nothing_half_made(tmp_path, monkeypatch, small_run):
    small_run(tmp_path / "run")

    def fail(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rlvision.runs.export_writer.write_atomically", fail)
    with pytest.raises(ConfigError, match=r"expected to write .*, got No space left on device: free some space"):
        Run(tmp_path / "run").export(tmp_path / "out", games=0)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_place_that_cannot_be_written_is_refused_before_a_game_is_played(tmp_path, monkeypatch, small_run):
    small_run(tmp_path / "run")
    (tmp_path / "file").touch()
    monkeypatch.setattr(Run, "measure", lambda *_, **__: pytest.fail("it plays"))
    with pytest.raises(ConfigError, match="expected a folder to write in out"):
        Run(tmp_path / "run").export(tmp_path / "file" / "out")


def test_an_export_is_neither_exported_again_nor_chosen_from_nor_resumed(tmp_path, small_export):
    small_export(tmp_path / "it")
    with pytest.raises(ConfigError, match="expected a run to export, got the export"):
        Run(tmp_path / "it").export(tmp_path / "again")
    with pytest.raises(ConfigError, match="expected no choice of weights for an export, got 'last'"):
        Run(tmp_path / "it", weights="last")
    with pytest.raises(ConfigError, match=r"expected a run folder, got the export .*: use rlvision watch or evaluate"):
        resume(tmp_path / "it")
