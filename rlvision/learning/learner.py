"""The learner, which makes gradient steps of Q-learning on batches."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from rlvision.core.action_masks import MaskedTransition
from rlvision.core.devices import Autocast
from rlvision.core.types import Batch, QOutput, Schedule, State, Update
from rlvision.learning.augmentation import Augmentation
from rlvision.learning.finite_checks import divergence_error
from rlvision.learning.legal_values import transition_of, values_of_legal
from rlvision.learning.losses import TDRule, checked_loss
from rlvision.learning.optimisers import decay_groups, make_optimiser
from rlvision.learning.settings import OptimiserSettings
from rlvision.learning.targets import TargetEstimator
from rlvision.nn.cuda_graphs import CaptureFn, GraphedFunction
from rlvision.nn.diagnostics import diagnose
from rlvision.nn.target_network import OnlineActor

_CLIP_EPSILON = 2e-6
"""A margin above the epsilon that torch adds to the norm: norms below the bound by this much need no clipping."""


class StepResult(NamedTuple):
    """The results of one gradient step, on the network's device and without gradient."""

    loss: Tensor  # []
    losses: Tensor  # [B]
    priority: Tensor  # [B], the absolute TD error
    q_values: Tensor  # [B, A] of s
    grad_norm: Tensor  # []


class QLearner:
    """Deep Q-learning (Mnih et al. 2015) for any network, loss and targets.

    Args:
        networks: online and actor, and a target if there is one.
        targets: computes the values of s and s', and updates the target network.
        td_rule: the loss of a batch, from these values.
        settings: of the optimiser of the online network's parameters.
        learning_rate: as a function of updates.
        autocast: the precision of the encoder.
        sample: draws observations [B, C, H, W], to measure the running statistics on before the first update.
        calibration_batches: number of such batches; 0 for none.
        augmentation: changes the observations of a batch before the loss; None for no change.
        capture: captures the kernels of a step to launch them at once (`rlvision.nn.cuda_graphs`); None launches them
            one by one.

    Attributes:
        networks: as given.
        optimiser: of the online network's parameters.
        updates: gradient steps so far.
        last_states: observations [B, C, H, W] of the last batch, and their masks [B, A] or None; None before the first.
    """

    respects_masks = True

    def __init__(
        self,
        *,
        networks: OnlineActor,
        targets: TargetEstimator,
        td_rule: TDRule,
        settings: OptimiserSettings,
        learning_rate: Schedule,
        autocast: Autocast,
        sample: Callable[[], Tensor],
        calibration_batches: int,
        augmentation: Augmentation | None = None,
        capture: CaptureFn | None = None,
    ) -> None:
        self.networks = networks
        self.updates = 0
        self._targets = targets
        self._td_rule = td_rule
        self.optimiser = make_optimiser(settings, decay_groups(networks.online, settings.weight_decay))
        self._learning_rate = learning_rate
        self._max_grad_norm = float("inf") if settings.max_grad_norm is None else settings.max_grad_norm
        self._autocast = autocast
        self._sample = sample
        self._calibration_batches = calibration_batches
        self._augmentation = augmentation
        self._parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        self.last_states: tuple[Tensor, Tensor | None] | None = None
        self._graphed = None if capture is None else GraphedFunction(self._step, capture)
        self._can_sync = self._graphed is None and self._parameters[0].device.type == "cpu"  # a GPU would have to wait
        self._prepare_optimiser()

    def update(self, batch: Batch) -> Update:
        """Make one gradient step.

        Raises:
            DivergedError: the loss or a gradient is not finite (on a CPU only); no weight has changed.
        """
        if self.updates == 0:
            self._calibrate()
        self._set_learning_rate()
        self.networks.resample_noise()
        result = self._learn_from(batch)
        self.updates += 1
        self._targets.update_target(self.updates)
        seen = batch.transition
        self.last_states = seen.observation, seen.mask if isinstance(seen, MaskedTransition) else None
        return Update(result.loss, result.priority, _metrics(result))

    def diagnose(self) -> Mapping[str, Tensor]:
        """Return diagnostics of BatchNorm and the weights on the last batch (`rlvision.nn.diagnostics`)."""
        if self.last_states is None:
            return {}
        with self._autocast():
            return diagnose(self.networks, *self.last_states)

    def distributions(self) -> Mapping[str, Tensor]:
        """Return the acting network's Q-values of the last batch, [B, A], or with masks those of legal actions, [n]."""
        if self.last_states is None:
            return {}
        observation, mask = self.last_states
        with torch.no_grad(), self._autocast():
            output: QOutput = self.networks.actor(observation)
        return {"q/values": output.q_values if mask is None else output.q_values[mask]}

    def metrics(self) -> dict[str, float]:
        """Return the learning rate of the next update."""
        return {"optimiser/learning_rate": self._learning_rate(self.updates)}

    def state_dict(self) -> State:
        """Return the state of networks, optimiser, updates and generators, and the observations for `diagnose`."""
        observation, mask = self.last_states or (None, None)
        return {
            "updates": self.updates,
            **self.networks.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "augmentation": None if self._augmentation is None else self._augmentation.state_dict(),
            "last_observation": observation,
            "last_mask": mask,
        }

    def load_state_dict(self, state: State) -> None:
        """Restore a saved state."""
        self.updates = state["updates"]
        self.networks.load_state_dict(state)
        self.optimiser.load_state_dict(state["optimiser"])
        if self._augmentation is not None:
            self._augmentation.load_state_dict(state["augmentation"])
        self._prepare_optimiser()
        device = self._parameters[0].device
        seen, mask = state["last_observation"], state.get("last_mask")  # older checkpoints have no mask
        self.last_states = None if seen is None else (seen.to(device), None if mask is None else mask.to(device))

    def _calibrate(self) -> None:
        if self._calibration_batches and self.networks.has_statistics:
            with self._autocast():
                self.networks.calibrate(self._sample() for _ in range(self._calibration_batches))

    def _learn_from(self, batch: Batch) -> StepResult:
        transition = batch.transition if self._augmentation is None else self._augmentation(batch.transition)
        seen = (transition.observation, transition.action, transition.reward, transition.discount)
        masks = (transition.mask, transition.next_mask) if isinstance(transition, MaskedTransition) else ()
        fields = (*seen, transition.next_observation, *masks, batch.importance_weight)
        if self._graphed is not None:
            return StepResult(*self._graphed(*fields))
        result = self._compute_gradients(*fields)
        if self._can_sync and not (math.isfinite(result.grad_norm.item()) and math.isfinite(result.loss.item())):
            raise divergence_error(batch, result.losses, result.q_values, result.grad_norm, self.updates)
        self._optimizer_step(result.grad_norm)
        return result

    def _step(self, *fields: Tensor) -> StepResult:
        """Do the whole device work of an update, without a check: the part that a CUDA graph captures."""
        result = self._compute_gradients(*fields)
        self._optimizer_step(result.grad_norm)
        return result

    def _compute_gradients(self, *fields: Tensor) -> StepResult:
        """Compute the gradients of the online network's parameters.

        Args:
            fields: the fields of a transition, then the importance weight.
        """
        *seen, importance_weight = fields
        transition = transition_of(seen)
        values = values_of_legal(self._targets.values(transition), transition)
        td = checked_loss(self._td_rule(values, transition), len(importance_weight))
        loss = (td.loss * importance_weight).mean()
        for parameter in self._parameters:  # the effect of zero_grad in a tenth of its time
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        grad_norm = get_total_norm([parameter.grad for parameter in self._parameters if parameter.grad is not None])
        q_values = values.online_tm1.q_values.detach()
        return StepResult(loss.detach(), td.loss.detach(), td.td_error.abs(), q_values, grad_norm)

    def _optimizer_step(self, grad_norm: Tensor) -> None:
        if not self._can_sync or grad_norm.item() + _CLIP_EPSILON > self._max_grad_norm:
            clip_grads_with_norm_(self._parameters, self._max_grad_norm, grad_norm)  # else it would multiply by 1
        self.optimiser.step()

    def _prepare_optimiser(self) -> None:
        """Move learning rate and step counts to the device for captured kernels; call it after a new state too."""
        device = self._parameters[0].device
        for group in self.optimiser.param_groups:
            if "capturable" in group:
                group["capturable"] = self._graphed is not None
            learning_rate = float(group["lr"])
            group["lr"] = learning_rate if self._graphed is None else torch.tensor(learning_rate, device=device)
        if self._graphed is not None:
            for state in self.optimiser.state.values():
                if "step" in state:
                    state["step"] = state["step"].to(device)
            self._graphed.reset()

    def _set_learning_rate(self) -> None:
        learning_rate = self._learning_rate(self.updates)
        for group in self.optimiser.param_groups:
            if self._graphed is None:
                group["lr"] = learning_rate
            else:
                group["lr"].fill_(learning_rate)


@torch.no_grad()
def _metrics(result: StepResult) -> dict[str, Tensor | float]:
    greedy = result.q_values.amax(dim=1)  # [B]
    return {
        "loss/td": result.loss,
        "td_error/mean_abs": result.priority.mean(),
        "q/mean": greedy.mean(),
        "q/max": greedy.max(),
        "optimiser/grad_norm": result.grad_norm,
    }
