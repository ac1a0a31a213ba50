"""The Q-network: an encoder and a head."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from typing import Self

from torch import Tensor, nn

from rlvision.core.errors import ConfigError
from rlvision.core.types import QOutput
from rlvision.nn.encoder_base import Level, as_float
from rlvision.nn.heads import LinearHead


class QNetwork(nn.Module):
    """A network from observations to Q-values: an encoder, then a head.

    Under autocast the encoder may run in low precision; the head and its Q-values are float32.

    Args:
        encoder: Maps floating-point pixels in [0, 1], [B, C, H, W], to features [B, features]
            (`rlvision.nn.encoder_base.Encoder`).
        head: Maps features to a `QOutput`.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self._pinned: bool | None = None

    def forward(self, observation: Tensor) -> QOutput:
        """Return the Q-values [B, A] float32 of observations [B, C, H, W] uint8."""
        return self.head(self.encoder(as_float(observation)))  # type: ignore[no-any-return]

    @property
    def levels(self) -> Mapping[str, Level]:
        """The encoder's feature levels, with module names relative to this network."""
        levels: Mapping[str, Level] = getattr(self.encoder, "levels", {})
        return {name: replace(level, module=f"encoder.{level.module}") for name, level in levels.items()}

    def pin_mode(self, training: bool) -> None:
        """Fix training or evaluation mode: later calls of ``train()`` and ``eval()`` change nothing."""
        self._pinned = training
        self.train(training)

    def train(self, mode: bool = True) -> Self:
        """Set the mode as in torch, unless it is pinned."""
        return super().train(mode if self._pinned is None else self._pinned)

    def mean_network(self) -> "QNetwork":
        """Return an ordinary Q-network, without quantiles or noise, of the same Q-values within float32 rounding.

        A head with a method ``mean_head()`` is replaced by its result. If that is the same head, or there is no such
        method, return this network itself.
        """
        head: nn.Module = getattr(self.head, "mean_head", lambda: self.head)()
        if head is self.head:
            return self
        network = copy.deepcopy(self)
        network.head = head
        return network

    def reference_state_dict(self) -> dict[str, Tensor]:
        """Return a ``state_dict`` that loads strictly into the reference network, `rlvision.nn.DN`.

        Raises:
            ConfigError: The layers are not the reference's.
        """
        if not self.matches_reference:
            raise ConfigError(
                "expected the reference network (encoder dn with strides, ReLU, a batch normalisation and no hidden "
                "layer; a linear head without quantiles), "
                f"got {type(self.encoder).__name__} and {type(self.head).__name__} with other layers: "
                "use mean_network() for a head with quantiles, and state_dict() for other networks"
            )
        return {key.removeprefix("encoder.").replace("head.q.", "head."): t for key, t in self.state_dict().items()}

    @property
    def matches_reference(self) -> bool:
        """Whether the layers and their order are the reference network's, so that its evaluation is the same."""
        head = self.head
        plain_head = isinstance(head, LinearHead) and type(head.q) is nn.Linear and head.quantiles == 1
        return plain_head and bool(getattr(self.encoder, "matches_reference", False))


def shared_weight_copy(network: QNetwork) -> QNetwork:
    """Return a copy of a network that shares its parameters and buffers but has its own mode."""
    memo = {id(tensor): tensor for tensor in chain(network.parameters(), network.buffers())}
    return copy.deepcopy(network, memo)
