"""What a run will need is reckoned from its settings: by hand, as torch has it, and before anything is made."""

import re
from dataclasses import replace

import pytest
import torch
from torch import nn

import rlvision.learning.agent as learning_agent
import rlvision.runs.training
from rlvision.cli import main as cli
from rlvision.config.loading import load_config
from rlvision.core.errors import ConfigError, MemoryBudgetError
from rlvision.core.types import EnvSpec
from rlvision.learning.optimisers import OPTIMISERS, STATES, make_optimiser
from rlvision.learning.settings import OptimiserSettings
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.registry import make_q_network
from rlvision.replay.buffer import required_bytes
from rlvision.replay.settings import ReplaySettings
from rlvision.runs import builders, memory_estimate
from rlvision.runs.memory_estimate import Footprint, MemoryEstimate, MemoryItem, expected_spec, footprint
from tests.conftest import COUNTING

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
GB = 1_000_000_000


def part(config, name):
    (found,) = [part for part in memory_estimate.estimate_memory(config).parts if part.name == name]
    return found


def test_a_network_by_hand():
    convolution, activation = nn.Conv2d(2, 3, 4, stride=2), nn.ReLU()
    encoder = nn.Sequential(Scaled(), convolution, nn.Identity(), activation, nn.Flatten())
    network = QNetwork(encoder, nn.Linear(3 * 3 * 4, 5)).to("meta")
    weights = (3 * 2 * 16 + 3) + (36 * 5 + 5)
    scaled, layer = 2 * 8 * 10, 3 * 3 * 4  # the picture scaled; convolution, activation, and as one row
    assert footprint(network, (2, 8, 10)) == Footprint(
        weights=4 * weights, kept=4 * (scaled + 3 * layer + 5), largest=4 * scaled, quantiles=1
    )


class Scaled(nn.Module):
    def forward(self, observation):
        return 2 * observation


@pytest.mark.parametrize("name", OPTIMISERS)
def test_what_an_optimiser_keeps_is_what_it_keeps(name):
    weight = nn.Parameter(torch.ones(50))
    settings = OptimiserSettings(name=name, learning_rate=0.1, epsilon=1e-3, momentum=0.9)
    optimiser = make_optimiser(settings, [{"params": [weight]}])
    weight.sum().backward()
    optimiser.step()
    assert sum(tensor.numel() == 50 for tensor in optimiser.state[weight].values()) == STATES[name]


def test_the_parts_of_pong_by_hand():
    config = load_config("pong-dqn", {"device": "cpu", "wandb": "disabled", "agent.name": "dqn"})
    assert part(config, "replay").nbytes == required_bytes(
        ReplaySettings(capacity=100_000), EnvSpec(8, (4, 77, 77), 1, ("0",), frameskip=4)
    )
    at_once = 8 + 10 + 1  # of the 20 games of an evaluation, 10 go side by side
    assert part(config, "emulators").nbytes == at_once * (1_900_000 + 4 * 4 * 77 * 77)
    with torch.device("meta"):
        network = make_q_network(config.network, expected_spec(config))
    weights = sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))
    assert part(config, "network").nbytes == weights * (7 + 2)  # Adam's two
    maps = (16 * 37 * 37, 32 * 17 * 17, 32 * 7 * 7)
    kept = sum(2 * each for each in maps) + 18  # convolution and normalisation, in whose place ReLU writes; actions
    assert part(config, "batch").nbytes == 32 * (2 * 4 * 77 * 77 * 5 + 4 * kept + 2 * 4 * maps[0])


def test_settings_add_what_they_cost():
    config = load_config("pong-dqn", {"device": "cpu", "wandb": "disabled"})
    without, with_wandb = part(config, "libraries").nbytes, part(replace(config, wandb="offline"), "libraries").nbytes
    assert with_wandb - without >= memory_estimate.WANDB_BYTES
    assert part(load_config("pong-dqn", {"network.norm": "joint"}), "batch").nbytes > part(config, "batch").nbytes * 1.3
    plain = part(load_config("pong-dqn", {"agent.name": "dqn"}), "batch")
    of_quantiles = part(load_config("pong-dqn", {"agent.quantiles": 200}), "batch")
    assert of_quantiles.nbytes - plain.nbytes > 32 * 200 * 200 * 5 * 4
    assert of_quantiles.remedy == "lower replay.batch_size (32) or the quantiles of the agent (200)"
    packed = part(load_config("pong-dqn", {"replay.compression": "lz4", "device": "cpu"}), "replay")
    assert packed.nbytes < 0.32 * part(config, "replay").nbytes
    assert packed.remedy == "lower replay.capacity (100,000)"
    games = {"evaluation.games": 1, "env.num_envs": 8}
    without, workers = (load_config("cartpole-dqn", {**games, "env.num_workers": count}) for count in (0, 4))
    added = part(workers, "emulators").nbytes - part(without, "emulators").nbytes
    assert added == (4 + 1 + 1) * memory_estimate.WORKER_BYTES  # of training, the evaluation and the video


@pytest.mark.parametrize("preset", ["quick", "pong", "pong-dqn"])
def test_the_environments_are_what_was_expected(preset):
    config = load_config(preset, {"env.num_envs": 2})
    env = builders.make_env(config, 2)
    env.close()
    expected = expected_spec(config)
    assert len(env.spec.action_meanings) <= len(expected.action_meanings)
    assert replace(expected, action_meanings=env.spec.action_meanings) == env.spec


@pytest.mark.parametrize("encoder", ["Particular", "MoreParticular"])
def test_a_network_that_cannot_be_counted_is_said_to_be_missing(tmp_path, encoder, small):
    config = small(tmp_path, COUNTING, network__encoder=f"own_networks:{encoder}", network__norm="renorm")
    names = [part.name for part in memory_estimate.estimate_memory(config).parts]
    assert "batch (its layers not counted)" in names


def test_a_network_that_cannot_be_built_is_refused_as_ever(tmp_path, small):
    with pytest.raises(ConfigError, match="expected frames of at least 29x29"):
        memory_estimate.estimate_memory(small(tmp_path, COUNTING, env__height=20))


def test_packed_frames_on_a_gpu_are_refused(tmp_path, monkeypatch, small):
    monkeypatch.setattr(memory_estimate, "resolve_device", lambda name: GPU)
    with pytest.raises(ConfigError, match=r"expected replay.compression=none on cuda:0"):
        memory_estimate.estimate_memory(small(tmp_path, replay__compression="lz4"))


def free(monkeypatch, machine, gpu=0):
    monkeypatch.setattr(
        "rlvision.runs.memory_estimate.available_bytes", lambda device: machine if device == CPU else gpu
    )


PARTS = (
    MemoryItem("libraries", 400_000_000, "free some"),
    MemoryItem("replay", 7 * GB, "lower replay.capacity", on_device=True),
    MemoryItem("dust", 4_999_999, "sweep"),
)


def test_what_is_held_already_is_not_needed_again(monkeypatch):
    estimate = MemoryEstimate(PARTS, CPU, resident=300_000_000)
    free(monkeypatch, 7_104_999_999)
    estimate.check_available()
    assert estimate.summary() == "needs about 7.40 GB of 7.4 GB: replay 7.00, libraries 0.40"
    free(monkeypatch, 7_104_999_998)
    with pytest.raises(
        MemoryBudgetError,
        match=r"expected 7.40 GB on cpu for this run \(replay 7.00, libraries 0.40\), got 7.40 GB: lower replay.capa",
    ):
        estimate.check_available()


def test_a_gpu_has_a_budget_of_its_own(monkeypatch):
    estimate = MemoryEstimate(PARTS, GPU, resident=300_000_000)
    free(monkeypatch, 104_999_999, 7 * GB)
    estimate.check_available()
    assert (
        estimate.summary() == "needs about 0.40 GB of 0.4 GB: libraries 0.40; on cuda:0 7.00 GB of 7.0 GB: replay 7.00"
    )
    free(monkeypatch, 104_999_999, 7 * GB - 1)
    with pytest.raises(MemoryBudgetError, match=r"7.00 GB on cuda:0 .* lower replay.capacity"):
        estimate.check_available()
    free(monkeypatch, 104_999_998, 7 * GB)
    with pytest.raises(MemoryBudgetError, match=r"0.40 GB on cpu .* free some"):
        estimate.check_available()


def test_a_gpu_holds_what_lies_where_the_network_does(tmp_path, monkeypatch, small):
    monkeypatch.setattr(memory_estimate, "resolve_device", lambda name: GPU)
    estimate = memory_estimate.estimate_memory(small(tmp_path))
    assert {part.name for part in estimate.located(on_gpu=True)} == {"replay", "network", "batch", "GPU's libraries"}
    assert {part.name for part in estimate.located(on_gpu=False)} == {"libraries", "emulators", "checkpoint"}


def test_too_much_is_refused_before_anything_is_made(tmp_path, monkeypatch, capsys):
    made, make_network = [], learning_agent.make_network
    for owner, maker in ((builders, "make_env"), (builders, "make_agent"), (learning_agent, "make_replay")):
        monkeypatch.setattr(owner, maker, lambda *_, maker=maker: made.append(maker))

    def without_memory(setup, **options):
        made.extend(["make_network"] if setup.device.type != "meta" else [])
        return make_network(setup, **options)

    monkeypatch.setattr(learning_agent, "make_network", without_memory)
    out = tmp_path / "run"
    status = cli.main(["train", "atari", "--replay.capacity=1000000000", "--device=cpu", f"--out={out}"])
    said = capsys.readouterr().err
    assert (status, made, out.exists()) == (2, [], False)
    assert said.startswith("rlvision: expected 59")
    assert "for this run (replay 5961.00, libraries " in said
    assert said.endswith("lower replay.capacity (1,000,000,000), or set replay.compression=lz4\n")


def test_a_run_begins_by_saying_what_it_needs(tmp_path, capsys, small):
    rlvision.runs.training.train(small(tmp_path / "run", env_steps=4))
    memory, seen, view, *_ = capsys.readouterr().out.splitlines()
    assert re.match(r"needs about \d+\.\d+ GB of \d+", memory)
    assert seen == "the agent sees its observation (uint8 [32, 32, 3]), in gray"
    assert view.startswith("the network sees 29x29 of 32x32 pixels (82 %)")
