"""Bundled agents: found by name, from anywhere, and as good as their cards say."""

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rlvision.cli import main as cli
from rlvision.core.errors import CheckpointError
from rlvision.envs.preprocessing import frame_size
from rlvision.evaluation.episode_limits import EpisodeLimits
from rlvision.runs.find import bundled_agents, find_agent
from rlvision.runs.own_code import imported_settings
from rlvision.runs.run import Run
from rlvision.runs.web_session import NewestWeights
from tests.runs.conftest import Chapter


def test_these_come_along():
    assert list(bundled_agents()) == ["breakout", "pong"]


@pytest.mark.parametrize("name", bundled_agents())
def test_a_shipped_agent_is_found_from_anywhere_and_names_no_code(name, tmp_path, monkeypatch, observations):
    monkeypatch.chdir(tmp_path)
    run = Run(name, device="cpu")
    assert imported_settings(run.config) == {}
    assert run.folder.path == bundled_agents()[name]
    assert repr(run).startswith(f"Run('{run.folder.path}': qr_dqn in {name}, weights of env step ")
    q_values = run.q_values(observations(4, run.spec).numpy())
    assert q_values.shape == (4, run.spec.num_actions)
    assert np.isfinite(q_values).all()
    size = (84, 84) if name == "pong" else (77, 77)  # as they were trained
    with closing(run.make_env()) as env:
        assert (frame_size(run.config.env), env.observation_space.shape) == (size, (4, *size))


@pytest.mark.parametrize("name", bundled_agents())
def test_the_card_says_what_was_measured(name):
    folder = bundled_agents()[name]
    card, manifest = (folder / "README.md").read_text(), json.loads((folder / "export.json").read_text())
    assert len(manifest["scores"]) == 2
    for score in manifest["scores"]:
        assert score["games"] == len(score["scores"]) >= 30
        assert score["mean"] == pytest.approx(np.mean(score["scores"]))
        low, high = score["interval"]
        for said in (
            f" {score['mean']:,.2f} ",
            f" {low:,.2f} to {high:,.2f} ",
            score["protocol"],
            f"(seed {score['seed']})",
        ):
            assert said in card
        asked = f"--protocol={score['protocol'].split()[0]} --epsilon={score['epsilon']:g} --seed={score['seed']}"
        assert f"rlvision evaluate {name} --games={score['games']} {asked}" in card
    assert f"{manifest['env_steps']:,} decisions ({manifest['training']['frames']:,} frames)" in card


@pytest.mark.parametrize("name", bundled_agents())
def test_it_loads_into_the_chapters_class_and_gives_the_same_q_values(name):
    run = Run(name, device="cpu")
    frames_of, height, width = run.spec.observation_shape
    chapter = Chapter(height, width, run.spec.num_actions, in_channels=frames_of).eval()
    chapter.load_state_dict(load_file(bundled_agents()[name] / "model.safetensors"))
    env = run.make_env(2)
    frames = [torch.from_numpy(env.reset(seed=1)[0])]
    for step in range(6):
        observation, *_ = env.step(np.array([step, step + 1]) % run.spec.num_actions)
        frames.append(torch.from_numpy(observation))
    env.close()
    seen = torch.cat(frames)  # [14, C, H, W]
    with torch.no_grad():
        q_values = chapter(seen / 255)
        assert q_values.equal(run.network.to(memory_format=torch.contiguous_format)(seen).q_values)
    np.testing.assert_allclose(run.q_values(seen.numpy()), q_values, rtol=1e-4, atol=1e-5)
    assert run.act(seen.numpy()).tolist() == q_values.argmax(dim=1).tolist()


def test_pong_holds_its_own_from_the_start():
    """In the first seventeen seconds of the card's first game, a random player loses four points."""
    report = Run("pong", device="cpu").measure(games=1, protocol="nature", limits=EpisodeLimits(max_frames=1_000))
    assert report.evaluation.scores[0] >= 0


def test_breakout_serves_and_hits_from_the_start():
    """In the first minute of the card's first game; a player who does not serve has no point."""
    report = Run("breakout", device="cpu").measure(games=1, protocol="nature", limits=EpisodeLimits(max_frames=3_600))
    assert report.evaluation.scores[0] >= 10


def test_a_folder_of_that_name_wins(tmp_path, monkeypatch, small_export):
    monkeypatch.chdir(tmp_path)
    small_export(Path("pong"))
    assert find_agent(Path("pong")).path == Path("pong")
    assert Run("pong", device="cpu").config.env.game == "CartPole-v1"


def test_an_empty_folder_of_that_name_is_no_agent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("pong").mkdir()
    with pytest.raises(CheckpointError, match=r"got pong without a config\.yaml or export\.json"):
        find_agent(Path("pong"))


def test_a_wrong_name_lists_the_right_ones(capsys):
    assert cli.main(["evaluate", "pnog"]) == 2
    said = capsys.readouterr().err
    assert "a bundled agent (breakout, pong)" in said
    assert said.endswith("did you mean pong?\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled_agents())
def test_the_card_can_be_repeated(name):
    said = json.loads((bundled_agents()[name] / "export.json").read_text())["scores"]
    for score in said:
        book = score["protocol"].split()[0]
        report = Run(name, device="cpu").measure(games=3, protocol=book, seed=score["seed"], epsilon=score["epsilon"])
        assert report.evaluation.scores == score["scores"][:3]  # of the kind of CPU that measured them


def test_a_page_plays_a_shipped_agent_and_does_not_look_for_newer_weights():
    run = Run("pong", device="cpu")
    load = NewestWeights(find_agent(Path("pong")), run.spec, None, "cpu")
    checkpoint = load()
    assert checkpoint is not None
    assert checkpoint.env_steps == run.env_steps
    assert load() is None


def test_an_installer_may_put_links_in_the_place_of_its_files(tmp_path, monkeypatch):
    """As some do, to their caches."""
    folder = tmp_path / "site-packages" / "pong"
    folder.mkdir(parents=True)
    for path in bundled_agents()["pong"].iterdir():
        (folder / path.name).symlink_to(path)
    monkeypatch.setattr("rlvision.runs.find.files", lambda package: folder.parent)
    monkeypatch.chdir(tmp_path)
    bundled_agents.cache_clear()
    try:
        assert Run("pong").env_steps > 0
    finally:
        monkeypatch.undo()
        bundled_agents.cache_clear()
