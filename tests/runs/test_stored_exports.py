"""Exports that were made once and are never made again: what reads them must go on doing so.

Where one of these fails, the format has changed: give it a new schema, and the old one a way in
`rlvision.runs.export_manifest`. The files under ``stored/`` stay as they are.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from rlvision.core.types import EnvSpec
from rlvision.runs.export_folder import digest
from rlvision.runs.export_manifest import NAMES_OF_SCHEMA_1, read_manifest
from rlvision.runs.run import Run
from tests.runs.conftest import ENV_STEPS

STORED = Path(__file__).parent / "stored"
Q_VALUES = {
    "schema-1-chapter": [[3.355196, 10.768641], [3.730320, 11.034293], [3.507885, 10.923810]],
    "schema-1-network": [[-2.407253, -2.234280], [-2.862929, -2.241055], [-2.735508, -2.423163]],
}
SPECS = {
    "schema-1-chapter": EnvSpec(1, (2, 32, 40), 1, ("0", "1"), frameskip=4),
    "schema-1-network": EnvSpec(1, (2, 16, 20), 1, ("0", "1"), frameskip=4),
}


@pytest.mark.parametrize("name", Q_VALUES)
def test_an_old_export_plays_as_it_did(name, observations):
    run = Run(STORED / name, device="cpu")
    seen = observations(3, SPECS[name]).numpy()
    np.testing.assert_allclose(run.q_values(seen), Q_VALUES[name], rtol=1e-4, atol=1e-5)
    assert (run.env_steps, run.spec) == (ENV_STEPS, SPECS[name])
    env = run.make_env(2)
    assert env.reset(seed=0)[0].shape == (2, *SPECS[name].observation_shape)
    env.close()


def test_the_settings_of_an_old_export_mean_what_they_did():
    config = Run(STORED / "schema-1-network", device="cpu").config
    env, network = config.env, config.network
    assert (env.game, env.height, env.width, env.crop, env.stack) == ("CartPole-v1", 16, 20, (160, 320, 0, 600), 2)
    assert (env.gray, env.frameskip, env.max_pool, env.max_episode_steps) == (True, 4, False, 60)
    assert env.kwargs == {"sutton_barto_reward": False}
    assert (network.encoder, network.kwargs, network.dueling, network.hidden) == ("mlp", {"hidden": [4]}, True, 0)
    assert (config.evaluation.epsilon, config.evaluation.max_idle_frames) == (0.05, 18_000)


def test_what_an_old_export_says_of_itself_is_read():
    manifest = read_manifest(STORED / "schema-1-chapter" / "export.json")
    assert manifest.layout == "chapter"
    assert [(score["mean"], score["games"], score["scores"]) for score in manifest.scores] == [(9.5, 2, [10.0, 9.0])]
    assert (manifest.training["seed"], manifest.training["frames"]) == (1, 4 * ENV_STEPS)
    assert {"rlvision", "torch"} <= set(manifest.versions)


def test_the_stored_weights_are_those_that_were_stored():
    digests = {name: digest((STORED / name / "model.safetensors").read_bytes())[:16] for name in Q_VALUES}
    assert digests == {"schema-1-chapter": "b433c42f4a9332ce", "schema-1-network": "316202fc0da143c0"}


@pytest.mark.parametrize("name", Q_VALUES)
def test_an_export_of_today_says_all_that_the_old_one_did(tmp_path, name, settings, small_export):
    small_export(tmp_path / "it", settings())
    old, new = (json.loads((folder / "export.json").read_text()) for folder in (STORED / name, tmp_path / "it"))
    assert list(old) == [key for key in new if key != "agent"]  # which schema 2 added
    for group in ("spec", "weights"):
        assert list(old[group]) == list(new[group])
    for group in ("env", "network", "evaluation"):
        assert {NAMES_OF_SCHEMA_1.get(name, name) for name in old[group]} <= set(new[group])
