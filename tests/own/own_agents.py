"""An agent whose memory, policy, learner and head are its own: what a stranger may write in one file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rlvision.core.agent import Agent
from rlvision.core.devices import make_autocast
from rlvision.core.seeding import derive, generator
from rlvision.core.types import (
    Batch,
    BoolArray,
    EnvStep,
    IntArray,
    QOutput,
    State,
    Transition,
    UInt8Array,
    Update,
)
from rlvision.learning.policies import make_q_function
from rlvision.learning.settings import AgentSettings
from rlvision.nn.qnetwork import QNetwork


@dataclass(frozen=True, kw_only=True)
class OnlineSettings(AgentSettings):
    """What is learned."""

    step_size: float = 0.01
    """Step size of the gradient descent."""
    discount: float = 0.9
    """Discount per env step."""
    stickiness: float = 0.5
    """Probability that an action is that of the step before."""


class MeanEncoder(nn.Module):
    """The mean of each frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = channels

    def forward(self, observation: Tensor) -> Tensor:
        return observation.mean(dim=(2, 3))


class BilinearHead(nn.Module):
    """Q-values of the features and their squares: a head that nothing else has."""

    def __init__(self, features: int, actions: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(actions, 2 * features) * 0.1)

    def forward(self, features: Tensor) -> QOutput:
        return QOutput(torch.cat([features, features.square()], 1).float() @ self.weight.T)


class LastStep:
    """One batch a step: the transitions that the last row completed; then it forgets."""

    def __init__(self, discount: float) -> None:
        self._discount = discount
        self._before: EnvStep | None = None
        self._batch: Batch | None = None
        self.told: list[tuple[list[int], list[float]]] = []

    def add(self, step: EnvStep) -> None:
        before, self._before = self._before, step
        rows = np.flatnonzero(~step.first) if before is not None else np.zeros(0, np.int64)
        if before is None or not len(rows):
            return
        discount = self._discount * ~before.terminated[rows]
        transition = Transition(
            torch.from_numpy(before.observation[rows]),
            torch.from_numpy(before.action[rows]),
            torch.from_numpy(before.reward[rows]),
            torch.from_numpy(discount.astype(np.float32)),
            torch.from_numpy(step.observation[rows]),
        )
        self._batch = Batch(transition, torch.from_numpy(rows), torch.ones(len(rows)))

    def batches(self) -> Iterator[Batch]:
        batch, self._batch = self._batch, None
        if batch is not None:
            yield batch

    def update_priorities(self, index: Tensor, priority: Tensor) -> None:
        self.told.append((index.tolist(), priority.tolist()))

    def metrics(self) -> Mapping[str, float]:
        return {"replay/size": 0.0 if self._batch is None else float(len(self._batch.index))}

    def save_rows(self, folder: Path) -> list[State]:
        return []

    def load_rows(self, folder: Path, rows: list[State], progress: object) -> None:
        """There are none."""

    def state_dict(self) -> State:
        fields = EnvStep.__dataclass_fields__
        before = self._before and {name: torch.from_numpy(np.array(getattr(self._before, name))) for name in fields}
        batch = self._batch and {
            **{name: getattr(self._batch.transition, name) for name in Transition.__dataclass_fields__},
            "index": self._batch.index,
        }
        return {"before": before, "batch": batch}

    def load_state_dict(self, state: State) -> None:
        before, batch = state["before"], state["batch"]
        self._before = before and EnvStep(**{name: tensor.numpy() for name, tensor in before.items()})
        if batch:
            index = batch.pop("index")
            self._batch = Batch(Transition(**batch), index, torch.ones(len(index)))


class Sticky:
    """A random action, or that of the step before, which a new game forgets."""

    def __init__(self, num_actions: int, stickiness: float, draws: torch.Generator) -> None:
        self._num_actions, self._stickiness, self._draws = num_actions, stickiness, draws
        self.carry = torch.zeros(0, dtype=torch.int64)

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        count = len(observation)
        drawn = torch.randint(self._num_actions, (count,), generator=self._draws)
        sticks = torch.rand(count, generator=self._draws) < self._stickiness
        if len(self.carry) == count:
            drawn = torch.where(sticks & ~torch.from_numpy(first), self.carry, drawn)
        self.carry = drawn
        return drawn.numpy().copy()

    def metrics(self, env_steps: int) -> Mapping[str, float]:
        return {"policy/stickiness": self._stickiness}

    def state_dict(self) -> State:
        return {"draws": self._draws.get_state(), "carry": self.carry}

    def load_state_dict(self, state: State) -> None:
        self._draws.set_state(state["draws"])
        self.carry = state["carry"]


class GradientDescent:
    """Semi-gradient Q-learning without a target network."""

    def __init__(self, network: QNetwork, step_size: float) -> None:
        self._network, self._step_size, self.updates = network, step_size, 0

    def update(self, batch: Batch) -> Update:
        seen = batch.transition
        with torch.no_grad():
            target = seen.reward + seen.discount * self._network(seen.next_observation).q_values.amax(1)
        prediction = self._network(seen.observation).q_values.gather(1, seen.action[:, None])[:, 0]
        error = target - prediction
        loss = error.square().mean()
        (gradient,) = torch.autograd.grad(loss, [self._network.head.weight])
        with torch.no_grad():
            self._network.head.weight -= self._step_size * gradient
        self.updates += 1
        return Update(loss.detach(), error.detach().abs(), {"loss/td": loss.detach()})

    def metrics(self) -> Mapping[str, float]:
        return {"optimiser/learning_rate": self._step_size}

    def diagnose(self) -> Mapping[str, Tensor]:
        return {}

    def distributions(self) -> Mapping[str, Tensor]:
        return {}

    def state_dict(self) -> State:
        return {"updates": self.updates, "network": self._network.state_dict()}

    def load_state_dict(self, state: State) -> None:
        self.updates = state["updates"]
        self._network.load_state_dict(state["network"])


class Online:
    """Q-learning on each step as it comes."""

    Settings = OnlineSettings

    def __init__(self, settings: OnlineSettings) -> None:
        self.settings = settings

    def make_network(self, setup) -> QNetwork:  # type: ignore[no-untyped-def] - as a stranger may write it
        channels, *_ = setup.spec.observation_shape
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(setup.seed, "network"))
            network = QNetwork(MeanEncoder(channels), BilinearHead(channels, setup.spec.num_actions))
        return network.to(setup.device)

    def make_agent(self, setup) -> Agent:  # type: ignore[no-untyped-def]
        network, settings = self.make_network(setup), self.settings
        return Agent(
            policy=Sticky(setup.spec.num_actions, settings.stickiness, generator(setup.seed, "exploration")),
            memory=LastStep(settings.discount),
            learner=GradientDescent(network, settings.step_size),
            network=network,
            q_function=make_q_function(network, setup.device, make_autocast("float32", setup.device)),
            gamma=lambda env_steps: settings.discount,
            reward_transform=None,
        )
