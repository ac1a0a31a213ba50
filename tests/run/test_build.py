"""Settings that would do nothing are refused; building leaves the caller's random numbers alone."""

import pytest
import torch

from rlvision import build, cli
from rlvision.errors import ConfigError
from rlvision.protocols import EnvSpec
from rlvision.settings.store import load_config


@pytest.mark.parametrize(
    ("preset", "overrides", "name"),
    [
        ("pong", {"env.num_workers": 2}, "num_workers"),
        ("pong", {"env.kwargs": {"a": 1}}, "kwargs"),
        ("pong", {"env.max_episode_steps": 5}, "max_episode_steps"),
        ("quick", {"env.sticky": 0.25}, "sticky"),
        ("quick", {"env.protocol": "machado"}, "protocol"),
        ("quick", {"env.reseed_after": 3}, "reseed_after"),
    ],
)
def test_settings_of_the_other_kind_are_refused_by_their_own_name(preset, overrides, name):
    with pytest.raises(ConfigError, match=f"expected env.{name} unset for .*, got .*: leave it out"):
        build.make_env(load_config(preset, overrides), 1)


def test_a_time_limit_truncates():
    env = build.make_env(load_config("quick", {"env.max_episode_steps": 6}), 1)
    env.reset(seed=0)
    steps = [env.step(env_action()) for _ in range(4)]
    env.close()
    assert [bool(step.truncated[0]) for step in steps] == [False, False, True, False]  # two steps a decision


def env_action():
    return torch.zeros(1, dtype=torch.int64).numpy()


def test_building_a_network_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build.make_network(load_config("pong"), EnvSpec(1, (4, 84, 84), 1, ("a", "b"), 4))
    assert torch.equal(torch.rand(3), expected)


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_played(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert cli.main(["evaluate", "nothing", f"--json={tmp_path}/taken/scores.json"]) == 2
    assert "expected a file to write in --json" in capsys.readouterr().err
