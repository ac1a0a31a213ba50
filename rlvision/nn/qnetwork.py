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
    """Q-values of observations.

    Under autocast the encoder may run in low precision; the head and its Q-values are float32.

    Args:
        encoder: Maps pixels in [0, 1], floating [B, C, H, W], to [B, features]; see `rlvision.nn.encoder_base.Encoder`.
        head: Maps features to a `QOutput`.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self._pinned: bool | None = None

    def forward(self, observation: Tensor) -> QOutput:
        """Q-values [B, A] float32 of observations [B, C, H, W] uint8."""
        return self.head(self.encoder(as_float(observation)))  # type: ignore[no-any-return]

    @property
    def levels(self) -> Mapping[str, Level]:
        """The encoder's feature levels, their modules named from here."""
        levels: Mapping[str, Level] = getattr(self.encoder, "levels", {})
        return {name: replace(level, module=f"encoder.{level.module}") for name, level in levels.items()}

    def pin_mode(self, training: bool) -> None:
        """Switch to training or evaluation mode for good: later ``train()`` and ``eval()`` change nothing."""
        self._pinned = training
        self.train(training)

    def train(self, mode: bool = True) -> Self:
        """As in torch, unless the mode is pinned."""
        return super().train(mode if self._pinned is None else self._pinned)

    def mean_network(self) -> "QNetwork":
        """Return a network that computes the same Q-values, within float32 rounding, as an ordinary Q-network.

        Its head is what the head's own ``mean_head()`` returns, where it has such a method; with the same head it is
        this network itself.
        """
        head: nn.Module = getattr(self.head, "mean_head", lambda: self.head)()
        if head is self.head:
            return self
        network = copy.deepcopy(self)
        network.head = head
        return network

    def reference_state_dict(self) -> dict[str, Tensor]:
        """The ``state_dict`` that loads into the chapter's class, strictly.

        Raises:
            ConfigError: The network does not compute what the chapter's does.
        """
        if not self.matches_reference:
            raise ConfigError(
                "expected the chapter's network (encoder dn with strides, ReLU, a batch normalisation and no hidden "
                "layer, a linear head without quantiles), "
                f"got {type(self.encoder).__name__} and {type(self.head).__name__} with others; "
                "use mean_network() where there are quantiles, and state_dict() for other networks"
            )
        return {key.removeprefix("encoder.").replace("head.q.", "head."): t for key, t in self.state_dict().items()}

    @property
    def matches_reference(self) -> bool:
        """Whether the evaluation forward is that of the chapter's class: the same layers in the same order."""
        head = self.head
        plain_head = isinstance(head, LinearHead) and type(head.q) is nn.Linear and head.quantiles == 1
        return plain_head and bool(getattr(self.encoder, "matches_reference", False))


def shared_weight_copy(network: QNetwork) -> QNetwork:
    """A second network over the same parameter and buffer tensors, with a mode of its own."""
    memo = {id(tensor): tensor for tensor in chain(network.parameters(), network.buffers())}
    return copy.deepcopy(network, memo)
