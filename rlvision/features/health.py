"""Health of a Q-network that learns: does it still use its units, and do its values tell actions apart?

==================================  =========================================================================
metric                              formula, on at most `STATES` states of the last batch, by the acting network
==================================  =========================================================================
``health/dormant``                  share of units with s ≤ 0.025; s = mean |h| of the unit over the mean of its
                                    layer (Sokar et al. 2023, definition 3.1)
``health/dormant/<module>``         the same in one layer of activations
``health/weak_gradients``           share of units with g ≤ 0.025; g = root mean square gradient of its weights over
                                    the mean of its layer, from the optimiser's running averages
``health/weak_gradients/<module>``  the same in one layer of weights
``health/saturated``                share of activations at a bound: ReLU at 0, |tanh| > 0.99, sigmoid < 0.01 or > 0.99
``health/effective_rank``           smallest k whose largest k singular values of the features [B, F] make 99 % of their
                                    sum (Kumar et al. 2021, section 3); at most B
``health/churn``                    share of states whose greedy action is another than the target network's
                                    (Schaul et al. 2022)
``health/action_gap``               mean over the states of the best minus the second best Q-value (Bellemare et al.
                                    2016)
``health/q_range``                  mean over the states of the best minus the worst Q-value
``health/distance``                 Euclidean distance of the weights from their first values, over the norm of those
==================================  =========================================================================

A unit is a channel of a map, or a number of a dense layer. Only legal actions count.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from rlvision.core.action_masks import legal_values
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.target_network import OnlineActor, OnlineTargetActor

STATES = 32
"""Largest number of states to look at, so that the cost does not grow with the batch."""
DORMANT = 0.025
"""Largest score of a dormant unit (Sokar et al. 2023)."""
RANK_SHARE = 0.99
"""Share of the singular values that the effective rank keeps (Kumar et al. 2021)."""
BOUND = 0.01
"""Distance from its bound within which a tanh or a sigmoid is saturated."""
SLOPES = nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid
"""Activations that are looked at."""
SQUARED_GRADIENTS = ("exp_avg_sq", "square_avg", "sum")
"""Names under which the optimisers of torch keep averages or sums of squared gradients."""
WARNINGS = {
    "health/dormant": (0.5, "more than half of the units hardly react to any state"),
    "health/saturated": (0.95, "more than 95 % of the activations are at a bound, where no gradient passes"),
}
"""Metric -> the limit above which it is warned of, once, and what that means. The limits are ours."""
RISE = 0.2
"""A warning needs a rise by this much since the first row: some networks begin beyond a limit, and learn."""


class Health:
    """The health of the networks of one run.

    Args:
        networks: that learn, with their first weights.
        optimiser: of the online network's weights.
    """

    def __init__(self, networks: OnlineActor, optimiser: Optimizer) -> None:
        self._networks, self._optimiser = networks, optimiser
        self._first = [parameter.detach().clone() for parameter in networks.online.parameters()]
        self._at_first: dict[str, float] = {}
        self._warned: set[str] = set()

    @torch.no_grad()
    def metrics(self, observation: Tensor, mask: Tensor | None = None) -> dict[str, float]:
        """Return all metrics above that exist for these networks; no buffer, mode or random state changes.

        Args:
            observation: [B, C, H, W] uint8, of the last batch.
            mask: the legal actions, [B, A]; None where all are.
        """
        seen, legal = observation[:STATES], None if mask is None else mask[:STATES]
        with _recorded(self._networks.actor) as (layers, features):
            q_values = self._networks.actor(seen).q_values
        found = {
            **_dormant(layers),
            **_saturated(layers),
            "health/effective_rank": effective_rank(features[-1]),
            **_gaps(q_values, legal),
            **self._weak_gradients(),
            "health/distance": self._distance(),
        }
        if isinstance(self._networks, OnlineTargetActor):
            target = legal_values(self._networks.target(seen).q_values, legal).argmax(1)
            found["health/churn"] = (legal_values(q_values, legal).argmax(1) != target).float().mean()
        numbers = {name: float(value) for name, value in found.items()}
        self._warn(numbers)
        return numbers

    def _distance(self) -> Tensor:
        pairs = zip(self._networks.online.parameters(), self._first, strict=True)
        moved = torch.stack([(now.detach() - first).square().sum() for now, first in pairs]).sum()
        return (moved / torch.stack([first.square().sum() for first in self._first]).sum()).sqrt()

    def _weak_gradients(self) -> dict[str, Tensor]:
        """Return the share of units with weak gradients, in each layer and in all.

        There is none before the first update, nor for an optimiser that keeps no squared gradients.
        """
        weak = {}
        for name, module in self._networks.online.named_modules():
            weight = module.weight if isinstance(module, nn.Conv2d | nn.Linear) else None
            state: Mapping[str, Tensor] = self._optimiser.state.get(weight, {}) if weight is not None else {}
            for squared in (state[key] for key in SQUARED_GRADIENTS if key in state):
                weak[name] = _is_small(squared.flatten(1).mean(1).sqrt())
        return _shares("weak_gradients", weak)

    def _warn(self, numbers: Mapping[str, float]) -> None:
        for name, (limit, meaning) in WARNINGS.items():
            now = numbers.get(name, 0.0)
            if now > max(limit, self._at_first.setdefault(name, now) + RISE) and name not in self._warned:
                self._warned.add(name)
                logging.getLogger("rlvision").warning(
                    "expected %s to stay below %g, got %.2f: %s. If scores do not rise, try a smaller "
                    "optimiser.learning_rate or another network.activation (docs/metrics.md)",
                    name,
                    limit,
                    now,
                    meaning,
                )


def effective_rank(features: Tensor) -> Tensor:
    """Return the effective rank of features [B, F], []; 0 if all are zero."""
    values = torch.linalg.svdvals(features.float())
    share = values.cumsum(0) / values.sum().clamp_min(torch.finfo(values.dtype).tiny)
    return (share < RANK_SHARE).sum() + 1 if values.sum() > 0 else torch.zeros(())


def _is_small(score: Tensor) -> Tensor:
    """Return which units [U] have a score of at most `DORMANT` times the mean of their layer; all in a silent layer."""
    return score <= DORMANT * score.mean()


def _dormant(layers: Mapping[str, tuple[nn.Module, Tensor]]) -> dict[str, Tensor]:
    """Return the share of dormant units, in each layer and in all."""
    score = {name: output.abs().flatten(2).mean((0, 2)) for name, (_, output) in layers.items()}
    return _shares("dormant", {name: _is_small(units) for name, units in score.items()})


def _shares(metric: str, units: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the share of the marked units [U] of each layer, and of all; nothing without layers."""
    if not units:
        return {}
    shares = {f"health/{metric}/{name}": marked.float().mean() for name, marked in units.items()}
    return shares | {f"health/{metric}": torch.cat([*units.values()]).float().mean()}


def _saturated(layers: Mapping[str, tuple[nn.Module, Tensor]]) -> dict[str, Tensor]:
    """Return the share of activations at a bound."""
    at_bound = [_at_bound(module, output).flatten() for module, output in layers.values()]
    return {"health/saturated": torch.cat(at_bound).float().mean()} if at_bound else {}


def _at_bound(module: nn.Module, output: Tensor) -> Tensor:
    if isinstance(module, nn.Tanh):
        return output.abs() > 1 - BOUND
    if isinstance(module, nn.Sigmoid):
        return (output < BOUND) | (output > 1 - BOUND)
    return output == 0 if isinstance(module, nn.ReLU) else torch.zeros_like(output, dtype=torch.bool)


def _gaps(q_values: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
    """Return the action gap and the range over the states with two legal actions or more; nothing if there are none."""
    legal = torch.ones_like(q_values, dtype=torch.bool) if mask is None else mask.bool()
    chosen = legal.sum(1) > 1
    if not chosen.any():
        return {}
    kept, free = q_values[chosen], legal[chosen]
    first, second = kept.masked_fill(~free, -torch.inf).topk(2, dim=1).values.T
    worst = kept.masked_fill(~free, torch.inf).amin(1)
    return {"health/action_gap": (first - second).mean(), "health/q_range": (first - worst).mean()}


@contextmanager
def _recorded(network: QNetwork) -> Iterator[tuple[dict[str, tuple[nn.Module, Tensor]], list[Tensor]]]:
    """Record the outputs [B, U, ...] of the activations by name, and the features [B, F], in each forward."""
    layers: dict[str, tuple[nn.Module, Tensor]] = {}
    features: list[Tensor] = []

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        layers[names[module]] = module, output.float().unsqueeze(-1).clone()  # a later layer may write into it

    names: dict[nn.Module, str] = {
        module: name for name, module in network.named_modules() if isinstance(module, SLOPES)
    }
    with ExitStack() as hooks:
        last = network.encoder.register_forward_hook(lambda _, __, output: features.append(output))
        for hook in chain([last], (module.register_forward_hook(note) for module in names)):
            hooks.callback(hook.remove)
        yield layers, features
