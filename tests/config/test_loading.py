from dataclasses import replace
from pathlib import Path

import pytest

from rlvision.agents.qr_dqn import QRDQNSettings
from rlvision.config import strict_yaml
from rlvision.config.fields import named_values, settings_of
from rlvision.config.loading import differences, load_config, read_config, save_config
from rlvision.config.presets import find_preset, known_presets
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.envs.preprocessing import frame_size
from rlvision.envs.settings import EnvSettings
from rlvision.nn.settings import NetworkSettings

PRESETS = [preset.name for preset in known_presets()]


def test_the_presets_there_are():
    assert PRESETS == ["atari", "breakout", "cartpole", "cartpole-dqn", "pixels", "pong", "pong-dqn", "quick"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_being_stored(name, tmp_path):
    config = load_config(name, {"env.kwargs": {"gain": 1e-4, "mode": "on"}, "tracking.tags": ["1e-4", "null"]})
    save_config(config, tmp_path / "config.yaml")
    assert read_config(tmp_path / "config.yaml") == config
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_holds_only_what_differs_and_says_what_it_is(name):
    preset = find_preset(name)
    values = named_values(strict_yaml.parse(preset.text, name), settings_of(load_config(name)), name)
    same = set(values) - set(differences(Config(), load_config(name)))
    assert same <= {"env.game"}  # a preset may name its game even where it is the default
    assert preset.trains
    assert preset.takes


def test_overrides_change_the_preset_and_the_preset_the_defaults():
    config = load_config("pong-dqn", {"env_steps": 1000, "agent.double": True})
    agent = QRDQNSettings(name="qr_dqn", gamma=0.98, n_step=20, double=True, target_period=200, reward_clip=1.0)
    assert (config.env.game, config.env_steps, config.agent) == ("pong", 1000, agent)


@pytest.mark.parametrize("overrides", [{"network.encoder": "nature"}, {"network": {"encoder": "nature"}}])
def test_what_a_preset_says_of_the_inside_of_its_encoder_is_meant_for_that_one(overrides, tmp_path):
    preset = tmp_path / "mine.yaml"
    preset.write_text("network: {norm: layer, activation: tanh, dropout: 0.1, dueling: true, hidden: 64}")
    same, other = (
        load_config(str(preset), {"network.encoder": "dn"}).network,
        load_config(str(preset), overrides).network,
    )
    assert (same.norm, same.activation, same.dropout, same.dueling, same.hidden) == ("layer", "tanh", 0.1, True, 64)
    assert other == NetworkSettings(encoder="nature", momentum=0.1, dueling=True, hidden=64)


def test_arguments_of_an_encoder_are_not_another_ones(tmp_path):
    preset = tmp_path / "mine.yaml"
    preset.write_text("network: {encoder: impala, kwargs: {width_multiplier: 2}}")
    assert load_config(str(preset)).network.kwargs == {"width_multiplier": 2}
    assert load_config(str(preset), {"network.encoder": "nature"}).network.kwargs == {}


@pytest.mark.parametrize(
    ("preset", "overrides", "momentum"),
    [
        ("breakout", {}, 0.1),
        ("cartpole", {"network.norm": "renorm"}, 0.1),
        ("cartpole", {}, 0.9),
        ("pong-dqn", {}, 0.1),
        ("pong-dqn", {"network.norm": "running"}, 0.9),
        ("pong-dqn", {"network.norm": "running", "network.momentum": 0.1}, 0.1),
        ("pong-dqn", {"network.momentum": None}, 0.1),
    ],
)
def test_a_norm_brings_its_momentum_unless_another_is_chosen(preset, overrides, momentum, tmp_path):
    config = load_config(preset, overrides)
    assert config.network.momentum == momentum
    save_config(config, tmp_path / "config.yaml")
    assert f"momentum: {momentum}\n" in (tmp_path / "config.yaml").read_text()


def test_a_file_without_a_momentum_is_read_with_the_norms(tmp_path):
    (tmp_path / "config.yaml").write_text("network: {norm: running}")
    assert read_config(tmp_path / "config.yaml").network.momentum == 0.9


@pytest.mark.parametrize(
    ("preset", "overrides", "size"),
    [
        ("pong", {}, (77, 77)),
        ("atari", {}, (77, 77)),
        ("pong-dqn", {}, (77, 77)),
        ("breakout", {}, (77, 77)),
        ("pong", {"network.encoder": "nature"}, (84, 84)),
        ("pong-dqn", {"network.encoder": "mine:Net"}, (84, 84)),
        ("pong", {"network.max_pool": True}, (84, 84)),
        ("pong", {"env.height": 60}, (60, 77)),
        ("pong", {"env.width": 60}, (77, 60)),
        ("quick", {"env.height": None, "env.width": None}, (77, 77)),
    ],
)
def test_an_encoder_brings_its_size_unless_another_is_chosen(preset, overrides, size, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load_config(preset, overrides)
    assert (config.env.height, config.env.width) == size
    save_config(config, tmp_path / "config.yaml")
    assert "height: {}\n  width: {}\n".format(*size) in (tmp_path / "config.yaml").read_text()


def test_a_file_without_a_size_is_read_with_the_encoders(tmp_path):
    (tmp_path / "config.yaml").write_text("network: {encoder: nature}\nenv: {width: 50}")
    assert frame_size(read_config(tmp_path / "config.yaml").env) == (84, 50)


@pytest.mark.parametrize(
    ("overrides", "size"), [({}, (84, 90)), ({"env.height": 77}, (77, 90)), ({"env.width": 77}, (84, 77))]
)
def test_an_unset_size_is_that_of_the_run_in_the_folder(overrides, size, tmp_path):
    old = load_config("pong", {"env.height": 84, "env.width": 90, "out": tmp_path})
    save_config(old, tmp_path / "config.yaml")
    config = load_config("pong", {"out": tmp_path, **overrides})
    assert frame_size(config.env) == size
    assert set(differences(old, config)) == set(overrides)


def test_the_run_in_the_usual_folder_counts_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "pong-seed2").mkdir(parents=True)
    save_config(load_config("pong", {"env.height": 84}), tmp_path / "runs" / "pong-seed2" / "config.yaml")
    assert [load_config("pong", {"seed": seed}).env.height for seed in (1, 2)] == [77, 84]


def test_a_damaged_run_decides_no_size(tmp_path):
    (tmp_path / "config.yaml").write_text("env: {height: high}")
    assert frame_size(load_config("pong", {"out": tmp_path}).env) == (77, 77)


@pytest.mark.parametrize(
    "overrides",
    [{"agent.n_step": 5}, {"agent": {"n_step": 5}}, {"agent.n-step": 5}, {"agent": {"n-step": 5.0}}],
)
def test_the_ways_to_name_a_setting(overrides):
    assert load_config("cartpole-dqn", overrides).agent.n_step == 5


def test_the_run_folder_is_named_after_preset_and_seed(tmp_path):
    (tmp_path / "mine.yaml").write_text("seed: 7\n")
    assert load_config("pong", {"seed": 3}).out == "runs/pong-seed3"
    assert load_config(str(tmp_path / "mine.yaml")).out == "runs/mine-seed7"
    assert load_config("pong", {"out": tmp_path}).out == str(tmp_path)


def test_an_empty_preset_is_all_defaults(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    network, env = NetworkSettings(momentum=0.1), EnvSettings(height=77, width=77, frameskip=1, max_pool=False)
    expected = replace(Config(), out="runs/empty-seed1", network=network, env=env)
    assert load_config(str(tmp_path / "empty.yaml")) == expected


def test_a_mapping_valued_setting_is_replaced_not_merged(tmp_path):
    (tmp_path / "mine.yaml").write_text("env: {kwargs: {a: 1}}\n")
    assert load_config(str(tmp_path / "mine.yaml"), {"env.kwargs": {"b": 2}}).env.kwargs == {"b": 2}


def test_differences_are_named():
    old = load_config("pong")
    new = load_config("pong", {"agent.gamma": 0.9, "env_steps": 5, "env.kwargs": {"a": 1}})
    assert differences(old, old) == {}
    assert differences(old, new) == {
        "env_steps": (800_000, 5),
        "env.kwargs": ({}, {"a": 1}),
        "agent.gamma": (0.98, 0.9),
    }


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"agent.duoble": 1}, "expected a setting in the overrides, got 'agent.duoble': did you mean agent.double?"),
        ({"double": 1}, "expected a setting in the overrides, got 'double': did you mean agent.double?"),
        ({3: 4}, "expected a setting in the overrides, got '3': rlvision train --help lists all settings"),
        ({"agent": 1}, "expected agent to be a group, got 1: name a setting, such as agent.name"),
        ({"agent": None}, "expected agent to be a group, got None: name a setting, such as agent.name"),
        ({"seed": 1, "se-ed": 2}, "expected a setting in the overrides, got 'se_ed': did you mean seed?"),
        ({"env-steps": 1, "env_steps": 2}, "expected env_steps once in the overrides, got it twice: keep one of them"),
        (
            {"agent.gamma": 1.5},
            "expected agent.gamma in the overrides to be a number of at least 0 and at most 1, got 1.5: "
            "set another value, the default is 0.98",
        ),
        (
            {"optimiser.schedule": "linera"},
            "expected optimiser.schedule in the overrides to be one of constant, linear, cosine, got 'linera': "
            "did you mean linear?",
        ),
    ],
)
def test_a_mistake_is_one_line(overrides, message):
    with pytest.raises(ConfigError) as refused:
        load_config("pong-dqn", overrides)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\nseed: 2", "the key 'seed' twice"),
        ("agent: {n_step: 1, n-step: 2}", "expected agent.n_step once"),
        ("optimiser: {learning_rate: '1e-4'}", "a number above 0, got '1e-4'"),
        ("- seed", "to be a mapping of settings, got ['seed']"),
        ("just words", "to be a mapping of settings, got 'just words'"),
        ("env: {game: pong, sed: 3}", "got 'env.sed': "),
        ("wandb: off", "expected wandb in preset"),
    ],
)
def test_a_mistake_in_a_file_names_the_file(text, message, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_config(str(path))
    assert message in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("pogn", "did you mean pong?"),
        ("zzz", "rlvision presets describes them"),
        ("", "rlvision presets describes them"),
        ("nowhere/x.yaml", "check the path"),
        ("a\0b.yaml", "check the path"),
        (str(Path(__file__).parent) + "/", "check the path"),
    ],
)
def test_a_preset_that_is_not_there(name, remedy):
    with pytest.raises(ConfigError, match=r"^expected .*, got .*: ") as refused:
        load_config(name)
    assert str(refused.value).endswith(remedy)


def test_a_file_that_is_not_text(tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00seed")
    with pytest.raises(ConfigError, match="expected a readable YAML file"):
        read_config(tmp_path / "config.yaml")
