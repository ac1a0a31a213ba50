"""Settings of the Q-network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rlvision.core.ranges import (
    CorrectionLimit,
    DropProbability,
    LayerWidth,
    NonEmptyStr,
    NonNegativeFloat,
    NonNegativeInt,
    UpdateWeight,
)

OWN_SIZES: Mapping[str, int] = {
    "dn": 77,
    "lenet5": 76,
    "ciresan": 83,
    "alexnet": 83,
    "overfeat": 85,
    "vgg": 80,
    "nin": 81,
    "inception": 83,
    "bottleneck": 83,
}
"""Height and width of frames of which the encoders of the chapter lose no pixel. These encoders take ``network.norm``,
``activation``, ``negative_slope`` and ``dropout``; others take ``network.kwargs``."""


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """The Q-network."""

    encoder: NonEmptyStr = "dn"
    """dn, another of the chapter's networks (rlvision networks), nature, impala, mlp, or package.module:Class."""
    norm: Literal[
        "renorm", "running", "batch", "joint", "fixed", "frozen", "recalibrated", "layer", "group", "none"
    ] = "renorm"
    """Normalisation of the chapter's networks (docs/network.md). renorm computes one function in both modes."""
    momentum: UpdateWeight | None = None
    """Weight of a new batch in the running statistics (PyTorch's convention). Unset: 0.9 for the norms running and
    batch, 0.1 for the others (docs/network.md)."""
    r_max: CorrectionLimit = 3.0
    """BatchRenorm: bound of the scale correction r."""
    d_max: NonNegativeFloat = 5.0
    """BatchRenorm: bound of the shift correction d."""
    calibration_batches: NonNegativeInt = 50
    """Batches that set the running statistics before the first update; 0 for none."""
    activation: Literal["relu", "leaky_relu", "tanh", "sigmoid"] = "relu"
    """Non-linearity after each normalisation (networks of the chapter)."""
    negative_slope: NonNegativeFloat = 0.01
    """Slope of a leaky ReLU for negative inputs."""
    max_pool: bool = False
    """Max-pooling after each convolution (DN)."""
    hidden: LayerWidth = 0
    """Units of a hidden linear layer before the Q-values; 0 for none."""
    dropout: DropProbability = 0.0
    """Probability of dropping a feature before the head while training (networks of the chapter)."""
    dueling: bool = False
    """Separate value and advantage streams (Wang et al. 2016)."""
    zero_init_head: bool = False
    """Start with all Q-values at zero."""
    noisy: bool = False
    """Noisy weights in the head, which explore instead of random actions (Fortunato et al. 2018)."""
    init: NonEmptyStr | None = None
    """Run folder, export or bundled agent whose weights a new run starts from. Its layers must be the same."""
    kwargs: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the encoder, as YAML or JSON."""

    @property
    def own_size(self) -> int:
        """Height and width of frames that suit the encoder: no built-in one loses a pixel of them (docs/network.md)."""
        return 84 if self.max_pool else OWN_SIZES.get(self.encoder, 84)

    @property
    def is_chapters(self) -> bool:
        """Whether the encoder is one of the chapter's, which have the normalisation and activation of the settings."""
        return self.encoder in OWN_SIZES
