"""Looking into a network without touching it."""

import numpy as np
import torch
from torch import Tensor

from rlvision.errors import ConfigError
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.views import sharing_copy
from rlvision.types import UInt8Array


def evaluating_copy(network: QNetwork) -> QNetwork:
    """The network in evaluation mode over the same tensors, to hang hooks on.

    Evaluation writes to no buffer, so the network itself stays as it is whatever is done with the copy.
    """
    copy = sharing_copy(network)
    copy.pin_mode(training=False)
    return copy


def to_tensor(observation: UInt8Array, network: QNetwork) -> Tensor:
    """Pixels in [0, 1], [1, C, H, W] float32 of one observation [1, C, H, W] uint8, where the network is.

    Raises:
        ConfigError: the observation is of another shape or type.
    """
    if observation.ndim != 4 or len(observation) != 1 or observation.dtype != np.uint8:
        raise ConfigError(
            f"expected one observation [1, C, H, W] uint8, got {list(observation.shape)} {observation.dtype}: "
            "choose one with observation[i : i + 1]"
        )
    device = next(network.parameters()).device
    return torch.tensor(observation, device=device).float().div_(255)
