"""Kernels launched as one make the bits that kernels launched one by one make."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rlvision.config.schema import Config
from rlvision.core.devices import make_autocast
from rlvision.core.errors import ConfigError
from rlvision.core.types import EnvStep, Transition
from rlvision.learning.learner import QLearner
from rlvision.learning.policies import make_q_function
from rlvision.learning.schedules import Linear
from rlvision.nn.cuda_graphs import WARM_UP, GraphedByShape, GraphedFunction
from rlvision.nn.fusion import fuse_conv_bn
from rlvision.nn.norm_variants import NORM_VARIANTS
from rlvision.replay.buffer import ReplayBuffer
from rlvision.runs import builders

UPDATES = 300
CPU = torch.device("cpu")


@pytest.fixture
def history(batch):
    """Loss, priorities and gradient norm of every update."""

    def updated(agent: QLearner, updates: int = UPDATES, first: int = 0) -> list[tuple[float, list[float], float]]:
        made = [agent.update(batch(seed % 50)) for seed in range(first, first + updates)]
        return [
            (update.loss.item(), update.priority.tolist(), float(update.metrics["optimiser/grad_norm"]))
            for update in made
        ]

    return updated


@pytest.fixture
def both(learner, capture):
    """A learner whose kernels are launched one by one, and one whose kernels are launched as one."""

    def made(**settings: Any) -> tuple[QLearner, QLearner]:
        usual = {"target_period": 7, "learning_rate": Linear(0.01, 0.001, UPDATES), "calibration_batches": 2}
        return learner(**usual | settings), learner(**usual | settings, capture=capture)

    return made


@pytest.mark.parametrize("variant", NORM_VARIANTS)
def test_updates_are_the_same_bit_for_bit(snapshot, equal, history, both, variant: str) -> None:
    """Statistics of BatchNorm, priorities, target copies and a learning rate that falls are all among them."""
    plain, captured = both(variant=variant)
    updates = UPDATES if variant == "renorm" else 40
    assert history(plain, updates) == history(captured, updates)
    assert equal(snapshot(plain.networks.online), snapshot(captured.networks.online))
    assert equal(snapshot(plain.networks.target), snapshot(captured.networks.target))


@pytest.mark.parametrize(
    "settings",
    [
        {"optimiser": "sgd"},
        {"optimiser": "adamw", "weight_decay": 0.1},
        {"double": False, "loss": "mse"},
        {"agent": "qr_dqn"},
        {"agent": "qr_dqn", "variant": "joint"},
        {"target_tau": 0.05},
        {"max_grad_norm": 0.1},
        {"max_grad_norm": None},
    ],
    ids=str,
)
def test_so_are_they_with_other_settings(snapshot, equal, history, both, settings: dict[str, Any]) -> None:
    plain, captured = both(**settings)
    assert history(plain, 60) == history(captured, 60)
    assert equal(snapshot(plain.networks.online), snapshot(captured.networks.online))


def test_what_was_loaded_is_what_is_trained(snapshot, equal, history, both) -> None:
    """The optimiser's tensors are others then: their kernels are taken down anew."""
    plain, captured = both()
    history(plain, 20), history(captured, 20)
    other, _ = both(seed=1)
    history(other, 30)
    for agent in (plain, captured):
        agent.load_state_dict(copy.deepcopy(other.state_dict()))
    assert history(plain, 20) == history(captured, 20)
    assert equal(snapshot(plain.networks.online), snapshot(captured.networks.online))


def test_a_captured_run_goes_on_uncaptured_and_back(capture, learner, snapshot, equal, history) -> None:
    one, other, captured = learner(), learner(), learner(capture=capture)
    history(one, 30)
    history(captured, 10)
    other.load_state_dict(copy.deepcopy(captured.state_dict()))
    history(other, 10, first=10)
    captured.load_state_dict(copy.deepcopy(other.state_dict()))
    history(captured, 10, first=20)
    assert equal(snapshot(one.networks.online), snapshot(captured.networks.online))


def test_what_an_update_returned_stays_as_it_was(capture, batch, learner, history) -> None:
    captured = learner(capture=capture)
    history(captured, WARM_UP)
    update = captured.update(batch(1))
    kept = update.priority.clone(), update.loss.clone(), float(update.metrics["q/mean"])
    history(captured, 3)
    assert torch.equal(update.priority, kept[0])
    assert (update.loss, float(update.metrics["q/mean"])) == kept[1:]


def test_a_captured_actor_follows_the_weights_and_takes_any_number_of_games(capture, frames, network) -> None:
    net = network()
    net.pin_mode(training=False)
    plain, captured = (
        make_q_function(fuse_conv_bn(net), CPU, make_autocast("float32", CPU), how) for how in (None, capture)
    )
    for call in range(3 * WARM_UP):
        for rows in (2, 5):
            seen = frames(call, rows).numpy()
            assert torch.equal(plain(seen), captured(seen))
        with torch.no_grad():
            net.encoder.conv1.weight.add_(0.01)
            net.encoder.bn1.running_mean.add_(0.01)


@pytest.fixture
def full_replays(make_replay):
    """Two prioritised replays of the same rows."""
    shape = {"capacity": 40, "num_envs": 2, "frame_shape": (1, 4, 4), "stack": 2, "n_step": 3, "gamma": 0.9}
    return [filled(make_replay(**shape, batch_size=6, prioritised=True)) for _ in range(2)]


def filled(replay: ReplayBuffer) -> ReplayBuffer:
    rng = np.random.default_rng(0)
    for row in range(30):
        replay.add(
            EnvStep(
                observation=rng.integers(256, size=(2, 2, 4, 4), dtype=np.uint8),
                action=rng.integers(3, size=2),
                reward=rng.normal(size=2).astype(np.float32),
                terminated=np.array([row % 7 == 5, False]),
                truncated=np.array([False, False]),
                first=np.array([row % 7 == 0, row == 0]),
            )
        )
    return replay


def test_reading_and_ranking_transitions_never_waits_for_the_device(capture, full_replays) -> None:
    """On a GPU a prioritised batch is assembled, and its priorities are written, by kernels alone."""
    taken, plain = full_replays
    read = GraphedFunction(lambda index: fields(taken._assembler.gather(index)), capture)
    rank = GraphedFunction(lambda index, priority: taken.update_priorities(index, priority) or (index,), capture)
    for draw in range(WARM_UP + 3):
        batches = [replay.sample() for replay in (taken, plain)]
        assert torch.equal(batches[0].index, batches[1].index)
        assert all(map(torch.equal, read(batches[0].index), fields(batches[1].transition)))
        priority = torch.rand(6, generator=torch.Generator().manual_seed(draw))
        rank(batches[0].index, priority)
        plain.update_priorities(batches[1].index, priority)


def fields(transition: Transition) -> tuple[Tensor, ...]:
    return tuple(getattr(transition, name) for name in transition.__slots__)


def test_a_function_that_waits_for_its_device_is_refused(capture) -> None:
    waits = GraphedFunction(lambda x: (x * x.sum().item(),), capture)
    for _ in range(WARM_UP):
        waits(torch.ones(2))
    with pytest.raises(RuntimeError, match="waits for the device"):
        waits(torch.ones(2))


def test_each_shape_has_its_own(capture) -> None:
    shapes = []
    double = GraphedByShape(lambda x: (shapes.append(x.shape) or 2 * x,), capture)
    for _ in range(WARM_UP + 3):
        for rows in (1, 3):
            assert torch.equal(double(torch.ones(rows))[0], torch.full((rows,), 2.0))
    assert len(shapes) == 2 * (WARM_UP + 1)  # Python runs no more after that


def test_graphs_on_a_device_without_them_are_refused() -> None:
    with pytest.raises(
        ConfigError, match="expected --device=cuda for cuda_graphs=True, got cpu: leave cuda_graphs out"
    ):
        builders.make_capture(Config(device="cpu", cuda_graphs=True))
    assert builders.make_capture(Config(device="cpu")) is None
