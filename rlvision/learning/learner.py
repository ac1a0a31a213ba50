"""The learner: one gradient step of Q-learning on one batch."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer

from rlvision.core.devices import Autocast
from rlvision.core.types import Batch, QOutput, State, Transition, Update
from rlvision.learning.finite_checks import diverged
from rlvision.learning.losses import TDRule
from rlvision.learning.schedules import Schedule
from rlvision.learning.targets import Bootstrap
from rlvision.nn.cuda_graphs import Captured, Record
from rlvision.nn.diagnostics import diagnose
from rlvision.nn.target_network import Views

_CLIP_EPSILON = 2e-6
"""More than what torch adds to the norm before it divides: below the bound by this, the factor is exactly 1."""


class Found(NamedTuple):
    """What one gradient step finds out, all on the network's device and without gradient."""

    loss: Tensor  # []
    losses: Tensor  # [B]
    priority: Tensor  # [B], the absolute TD error
    q_values: Tensor  # [B, A] of s
    grad_norm: Tensor  # []


class QLearner:
    """Deep Q-learning (Mnih et al. 2015), whatever the network, the loss and the bootstrap.

    Args:
        views: online, target and actor.
        bootstrap: computes the values of both observations, and keeps the target network fresh.
        td_rule: one of `rlvision.learning.losses`.
        optimiser: over the online network's parameters.
        learning_rate: as a function of updates.
        max_grad_norm: gradients longer than this are scaled down; None, never.
        autocast: the precision of the encoder.
        sample: draws a batch for calibrating the running statistics before the first update.
        calibration_batches: how many; 0 for none.
        record: how the kernels of a step are taken down, to be launched as one (`rlvision.nn.cuda_graphs`); None: they are
            launched one by one.
    """

    def __init__(
        self,
        *,
        views: Views,
        bootstrap: Bootstrap,
        td_rule: TDRule,
        optimiser: Optimizer,
        learning_rate: Schedule,
        max_grad_norm: float | None,
        autocast: Autocast,
        sample: Callable[[], Batch],
        calibration_batches: int,
        record: Record | None = None,
    ) -> None:
        self.views = views
        self.updates = 0
        self._bootstrap = bootstrap
        self._td_rule = td_rule
        self._optimiser = optimiser
        self._learning_rate = learning_rate
        self._max_grad_norm = float("inf") if max_grad_norm is None else max_grad_norm
        self._autocast = autocast
        self._sample = sample
        self._calibration_batches = calibration_batches
        self._parameters = [p for group in optimiser.param_groups for p in group["params"]]
        self._last_observation: Tensor | None = None
        self._captured = None if record is None else Captured(self._step, record)
        self._may_ask = self._captured is None and self._parameters[0].device.type == "cpu"  # a GPU would be waited for
        self._prepare_optimiser()

    def update(self, batch: Batch) -> Update:
        """One gradient step.

        Raises:
            DivergedError: the loss or a gradient is not finite (a GPU does not ask); no weight has moved.
        """
        if self.updates == 0:
            self._calibrate()
        self._set_learning_rate()
        found = self._learn_from(batch)
        self.updates += 1
        with self._autocast():  # statistics measured anew are those of the precision in use
            self._bootstrap.refresh(self.updates)
        self._last_observation = batch.transition.observation
        return Update(found.loss, found.priority, _metrics(found))

    def diagnose(self) -> Mapping[str, Tensor]:
        """What BatchNorm and the weights look like on the last batch (`rlvision.nn.diagnostics`); changes nothing."""
        if self._last_observation is None:
            return {}
        with self._autocast():
            return diagnose(self.views, self._last_observation)

    def q_values(self) -> Tensor | None:
        """Q-values [B, A] of the last batch's observations as the agent acts by them; None before the first update."""
        if self._last_observation is None:
            return None
        with torch.no_grad(), self._autocast():
            output: QOutput = self.views.actor(self._last_observation)
        return output.q_values

    def metrics(self) -> dict[str, float]:
        """The learning rate of the next update."""
        return {"optimiser/learning_rate": self._learning_rate(self.updates)}

    def state_dict(self) -> State:
        """Both networks, the optimiser, the number of updates, and what `diagnose` looks at."""
        return {
            "updates": self.updates,
            "online": self.views.online.state_dict(),
            "target": self.views.target.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "last_observation": self._last_observation,
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from a saved state."""
        self.updates = state["updates"]
        self.views.online.load_state_dict(state["online"])
        self.views.target.load_state_dict(state["target"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._prepare_optimiser()
        seen = state["last_observation"]
        self._last_observation = None if seen is None else seen.to(self._parameters[0].device)

    def _calibrate(self) -> None:
        if self._calibration_batches and self.views.has_statistics:
            with self._autocast():
                self.views.calibrate(self._sample().transition.observation for _ in range(self._calibration_batches))

    def _learn_from(self, batch: Batch) -> Found:
        seen = batch.transition
        fields = (seen.observation, seen.action, seen.reward, seen.discount, seen.next_observation)
        if self._captured is not None:
            return Found(*self._captured(*fields, batch.importance_weight))
        found = self._differentiate(*fields, batch.importance_weight)
        if self._may_ask and not (math.isfinite(found.grad_norm.item()) and math.isfinite(found.loss.item())):
            raise diverged(batch, found.losses, found.q_values, found.grad_norm, self.updates)
        self._move_weights(found.grad_norm)
        return found

    def _step(self, *fields: Tensor) -> Found:
        """All that an update does on the device."""
        found = self._differentiate(*fields)
        self._move_weights(found.grad_norm)
        return found

    def _differentiate(self, *fields: Tensor) -> Found:
        """Put the gradient where the optimiser looks for it.

        Args:
            fields: those of a transition, and the importance weight.
        """
        *seen, importance_weight = fields
        transition = Transition(*seen)
        with self._autocast():
            q_tm1, q_t, selector_t = self._bootstrap.values(transition)
        td = self._td_rule(q_tm1, transition.action, transition.reward, transition.discount, q_t, selector_t)
        loss = (td.loss * importance_weight).mean()
        for parameter in self._parameters:  # what zero_grad does, at a tenth of its price
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        grad_norm = get_total_norm([parameter.grad for parameter in self._parameters if parameter.grad is not None])
        return Found(loss.detach(), td.loss.detach(), td.td_error.abs(), q_tm1.q_values.detach(), grad_norm)

    def _move_weights(self, grad_norm: Tensor) -> None:
        if not self._may_ask or grad_norm.item() + _CLIP_EPSILON > self._max_grad_norm:
            clip_grads_with_norm_(self._parameters, self._max_grad_norm, grad_norm)  # elsewhere it multiplies by 1
        self._optimiser.step()

    def _prepare_optimiser(self) -> None:
        """What its kernels depend on lies on the device where they are captured; its state may be new."""
        device = self._parameters[0].device
        for group in self._optimiser.param_groups:
            if "capturable" in group:
                group["capturable"] = self._captured is not None
            learning_rate = float(group["lr"])
            group["lr"] = learning_rate if self._captured is None else torch.tensor(learning_rate, device=device)
        if self._captured is not None:
            for state in self._optimiser.state.values():
                if "step" in state:
                    state["step"] = state["step"].to(device)
            self._captured.forget()

    def _set_learning_rate(self) -> None:
        learning_rate = self._learning_rate(self.updates)
        for group in self._optimiser.param_groups:
            if self._captured is None:
                group["lr"] = learning_rate
            else:
                group["lr"].fill_(learning_rate)


@torch.no_grad()
def _metrics(found: Found) -> dict[str, Tensor | float]:
    greedy = found.q_values.amax(dim=1)  # [B]
    return {
        "loss/td": found.loss,
        "td_error/mean_abs": found.priority.mean(),
        "q/mean": greedy.mean(),
        "q/max": greedy.max(),
        "optimiser/grad_norm": found.grad_norm,
    }
