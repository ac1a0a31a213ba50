"""Build the Q-network of the settings: an encoder, by name or import path, and a head."""

import inspect
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, cast

import torch
from torch import Tensor, nn

from rlvision.core.errors import ConfigError
from rlvision.core.imports import did_you_mean
from rlvision.core.types import EnvSpec
from rlvision.core.user_code import import_object
from rlvision.core.wording import where
from rlvision.nn.chapter_encoders import VGG, AlexNet, Bottleneck, Ciresan, Inception, LeNet5, NiN, OverFeat
from rlvision.nn.dn import DNEncoder
from rlvision.nn.encoder_base import Encoder
from rlvision.nn.heads import DuelingHead, LinearHead
from rlvision.nn.norm_variants import NORM_VARIANTS, NormVariant, resolve_momentum
from rlvision.nn.normalisation import BatchRenorm2d
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.settings import NetworkSettings
from rlvision.nn.standard_encoders import MLP, ImpalaCNN, NatureCNN

ENCODERS: Mapping[str, type[Encoder]] = {
    "dn": DNEncoder,
    "lenet5": LeNet5,
    "ciresan": Ciresan,
    "alexnet": AlexNet,
    "overfeat": OverFeat,
    "vgg": VGG,
    "nin": NiN,
    "inception": Inception,
    "bottleneck": Bottleneck,
    "nature": NatureCNN,
    "impala": ImpalaCNN,
    "mlp": MLP,
}


def make_q_network(settings: NetworkSettings, spec: EnvSpec, *, quantiles: int = 1) -> QNetwork:
    """Build the network of the settings on torch's default device, with weights from torch's global generator.

    Args:
        settings: of the encoder and the head.
        spec: of the environments.
        quantiles: K, the quantiles of each action's return; 1 for the Q-value alone.

    Raises:
        ConfigError: the encoder cannot be built.
    """
    is_dn = settings.encoder == "dn"
    encoder = build_encoder(settings.encoder, spec.observation_shape, **_encoder_options(settings))
    head = (DuelingHead if settings.dueling else LinearHead)(
        cast(int, encoder.features),  # checked by build_encoder
        spec.num_actions,
        hidden=0 if is_dn else settings.hidden,  # DN's encoder holds its hidden layer
        zero_init=settings.zero_init_head,
        quantiles=quantiles,
        noisy=settings.noisy,
    )
    network = QNetwork(encoder, head)
    for layer in network.modules():
        if isinstance(layer, BatchRenorm2d):
            layer.r_max, layer.d_max = settings.r_max, settings.d_max
    return network


def norm_variant(settings: NetworkSettings) -> NormVariant:
    """Return the normalisation of the settings; "none" for encoders that do not take ``network.norm``."""
    return NORM_VARIANTS[settings.norm if settings.is_chapters else "none"]


def _encoder_options(settings: NetworkSettings) -> dict[str, object]:
    options = dict(settings.kwargs)
    if settings.is_chapters:
        options |= {
            "norm": NORM_VARIANTS[settings.norm].layer,
            "momentum": resolve_momentum(settings.norm, settings.momentum),
            "activation": settings.activation,
            "negative_slope": settings.negative_slope,
            "dropout": settings.dropout,
        }
    if settings.encoder == "dn":
        options |= {"max_pool": settings.max_pool, "hidden": settings.hidden}
    return options


def build_encoder(name: str, observation_shape: tuple[int, int, int], **options: Any) -> nn.Module:
    """Build the encoder called ``name`` as ``Class(in_channels, height, width, **options)``.

    Args:
        name: One of `ENCODERS`, or "package.module:Class" for your own `torch.nn.Module`. It maps pixels in [0, 1],
            [B, C, H, W] in float32 or autocast's precision, to [B, features]. An integer attribute ``features`` holds
            the width; ``levels`` (`rlvision.nn.encoder_base.Encoder`) is optional.
        observation_shape: (C, H, W).
        options: Keyword arguments of the class.

    Raises:
        ConfigError: The class cannot be found, does not take the options, or is no encoder.
    """
    encoder_class = find_encoder(name)
    _require_accepted(encoder_class, name, options)
    try:
        encoder = encoder_class(*observation_shape, **options)
    except ConfigError:
        raise
    except Exception as error:  # a user's constructor may raise anything
        raise ConfigError(
            f"expected to build encoder {name!r} for {observation_shape} with {dict(options)}, got "
            f"{type(error).__name__} ({error}): change its options or its constructor; {where()}"
        ) from error
    if not isinstance(getattr(encoder, "features", None), int):
        raise ConfigError(
            f"expected encoder {name!r} to state the width of its output, got no integer attribute 'features': "
            "set self.features in its constructor"
        )
    if name not in ENCODERS:
        _require_features(encoder, name, observation_shape)
    return encoder


def find_encoder(name: str) -> type[nn.Module]:
    """Return the encoder class called ``name``, a built-in one or one with an import path.

    Raises:
        ConfigError: There is no such class, or it is not a `torch.nn.Module`.
    """
    if name in ENCODERS:
        return ENCODERS[name]
    if ":" not in name:
        near = did_you_mean(name, ENCODERS, "write your own as 'package.module:Class'")
        raise ConfigError(f"expected an encoder out of {', '.join(ENCODERS)}, got {name!r}: {near}")
    found = import_object(name, "encoder")
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise ConfigError(
            f"expected {name!r} to be a subclass of torch.nn.Module, got {found!r}: name the class itself"
        )
    return found


def _require_features(encoder: nn.Module, name: str, observation_shape: tuple[int, int, int]) -> None:
    """Refuse an encoder whose output is not as wide as it says, by a trial with a copy; not on the device meta."""
    observation = torch.zeros(2, *observation_shape)
    if observation.is_meta:
        return
    try:
        with torch.no_grad(), torch.random.fork_rng([observation.device] if observation.is_cuda else []):
            features = deepcopy(encoder).eval()(observation)
    except Exception as error:  # a user's network may raise anything
        raise ConfigError(
            f"expected encoder {name!r} to take pixels {list(observation.shape)}, got "
            f"{type(error).__name__} ({error}): change its layers; {where()}"
        ) from error
    expected, got = [2, encoder.features], list(features.shape) if isinstance(features, Tensor) else type(features)
    if got != expected:
        raise ConfigError(
            f"expected encoder {name!r} to return {expected} for pixels {list(observation.shape)}, as its attribute "
            f"'features' says, got {got}: correct self.features, or flatten the output"
        )


def _require_accepted(encoder_class: type[nn.Module], name: str, options: Mapping[str, Any]) -> None:
    try:
        inspect.signature(encoder_class).bind("C", "H", "W", **options)
    except TypeError as error:
        raise ConfigError(
            f"expected encoder {name!r} to take (in_channels, height, width, **{dict(options)}), got one that does not "
            f"({error}): change its options or its constructor"
        ) from error
