"""Settings that do nothing beside others are named, and no preset has any."""

import pytest

from rlvision.config.fields import flatten
from rlvision.config.loading import load_config
from rlvision.config.presets import known_presets
from rlvision.config.schema import Config
from rlvision.config.validation import REQUIREMENTS, unused_settings


@pytest.mark.parametrize("preset", [preset.name for preset in known_presets()])
def test_every_setting_of_a_preset_has_an_effect(preset):
    assert list(unused_settings(load_config(preset, {}))) == []


@pytest.mark.parametrize(
    ("settings", "phrases"),
    [
        ({"network.norm": "layer", "network.r_max": 2.0}, ["network.r_max needs network.norm=renorm"]),
        ({"network.norm": "renorm", "network.r_max": 2.0}, []),
        ({"network.norm": "layer"}, []),
        (
            {"network.norm": "fixed", "network.momentum": 0.01, "network.calibration_batches": 9},
            ["network.momentum needs a network.norm that updates running statistics"],
        ),
        (
            {"replay.alpha": 0.7, "replay.beta": 0.5},
            [f"replay.{name} needs replay.prioritised" for name in ("alpha", "beta")],
        ),
        ({"replay.alpha": 0.7, "replay.prioritised": True}, []),
        (
            {"optimiser.final_learning_rate": 1e-5},
            ["optimiser.final_learning_rate needs optimiser.schedule=linear or cosine"],
        ),
        (
            {"network.norm": "joint", "agent.double": False, "agent.target_period": 500},
            ["agent.double needs a target network (not network.norm=joint)"],
        ),
        ({"exploration.ladder_alpha": 2}, ["exploration.ladder_alpha needs exploration.kind=ladder"]),
        ({"exploration.persistence": 3}, ["exploration.persistence needs exploration.kind=persistent"]),
        ({"exploration.persistence": 3, "exploration.kind": "persistent"}, []),
        (
            {"exploration.kind": "noisy", "network.noisy": True, "exploration.end": 0.02},
            [f"exploration.{name} needs an exploration.kind other than noisy" for name in ("end", "decay_env_steps")],
        ),
    ],
)
def test_what_is_set_in_vain_is_named_with_what_it_needs(settings, phrases):
    assert list(unused_settings(load_config("atari", {"env.game": "pong", **settings}))) == phrases


def test_the_table_names_settings():
    assert {name for need in REQUIREMENTS for name in need.settings} <= set(flatten(Config()))
