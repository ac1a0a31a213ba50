"""The Q-network of the settings: encoders by name, the built-in ones or a user's own by import path, and a head."""

import inspect
from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from rlvision.core.errors import ConfigError
from rlvision.core.imports import did_you_mean, import_object
from rlvision.core.types import EnvSpec
from rlvision.nn.dn import DNEncoder
from rlvision.nn.heads import DuelingHead, LinearHead
from rlvision.nn.norm_variants import NORM_VARIANTS, NormVariant, resolve_momentum
from rlvision.nn.normalisation import BatchRenorm2d
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.settings import NetworkSettings
from rlvision.nn.standard_encoders import MLP, ImpalaCNN, NatureCNN

ENCODERS: Mapping[str, type[nn.Module]] = {"dn": DNEncoder, "nature": NatureCNN, "impala": ImpalaCNN, "mlp": MLP}


def make_q_network(settings: NetworkSettings, spec: EnvSpec, *, quantiles: int = 1) -> QNetwork:
    """Make the network of the settings on torch's default device, from torch's own stream of random numbers.

    Args:
        settings: of the encoder and the head.
        spec: of the environments.
        quantiles: K, of each action's return; 1 for the Q-value alone.

    Raises:
        ConfigError: the encoder cannot be made.
    """
    is_dn = settings.encoder == "dn"
    encoder = build_encoder(settings.encoder, spec.observation_shape, **_encoder_options(settings))
    head = (DuelingHead if settings.dueling else LinearHead)(
        cast(int, encoder.features),  # build_encoder has checked it
        spec.num_actions,
        hidden=0 if is_dn else settings.hidden,  # DN has it in its encoder
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
    """Return how the network of the settings normalises; encoders without the setting do so as they like."""
    return NORM_VARIANTS[settings.norm if settings.encoder == "dn" else "none"]


def _encoder_options(settings: NetworkSettings) -> dict[str, object]:
    options = dict(settings.kwargs)
    if settings.encoder == "dn":
        options |= {
            "norm": NORM_VARIANTS[settings.norm].layer,
            "momentum": resolve_momentum(settings.norm, settings.momentum),
            "activation": settings.activation,
            "max_pool": settings.max_pool,
            "hidden": settings.hidden,
            "dropout": settings.dropout,
        }
    return options


def build_encoder(name: str, observation_shape: tuple[int, int, int], **options: Any) -> nn.Module:
    """The encoder called ``name``, built as ``Class(in_channels, height, width, **options)``.

    Args:
        name: "dn", "nature", "impala", "mlp", or "package.module:Class" for a `torch.nn.Module` of
            one's own that maps pixels in [0, 1], float32 or in autocast's precision, [B, C, H, W], to
            [B, features] and says so in an integer attribute ``features``; ``levels`` (see
            `rlvision.nn.encoder_base.Encoder`) is welcome.
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
    except Exception as error:  # a constructor of somebody's own raises whatever it does
        raise ConfigError(
            f"expected to make encoder {name!r} for {observation_shape} with {dict(options)}, got "
            f"{type(error).__name__} ({error}): change its options or its constructor; --debug shows where"
        ) from error
    if not isinstance(getattr(encoder, "features", None), int):
        raise ConfigError(
            f"expected encoder {name!r} to say the width of its output, got no integer attribute 'features': "
            "set self.features in its constructor"
        )
    return encoder


def find_encoder(name: str) -> type[nn.Module]:
    """The class called ``name``: of the built-in encoders, or by import path.

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


def _require_accepted(encoder_class: type[nn.Module], name: str, options: Mapping[str, Any]) -> None:
    try:
        inspect.signature(encoder_class).bind("C", "H", "W", **options)
    except TypeError as error:
        raise ConfigError(
            f"expected encoder {name!r} to take (in_channels, height, width, **{dict(options)}), got one that does not "
            f"({error}): change its options or its constructor"
        ) from error
